package herder

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"culvert/fault"
	"culvert/runtime/store"
)

// statusQueue writes statuses in the order in which they were put, in one
// goroutine, so that neither the loop nor a task waits for the broker.
//
// While the broker keeps a write waiting, what the queue holds is presumed: this
// worker's users see that its tasks wait for Kafka, though Kafka cannot be told.
type statusQueue struct {
	store  store.Statuses
	log    *slog.Logger
	signal chan struct{}

	mu      sync.Mutex // guards the fields below
	items   []any
	writing []any // what the write under way is about; nil: there is none
	stuck   bool  // the write under way takes long
}

// stuckAfter is when a write that is under way takes long.
const stuckAfter = 500 * time.Millisecond

// What the queue holds, beside store.Update.
type (
	topicWrite struct {
		connector string
		use       store.TopicUse
	}
	topicReset struct{ connector string }
	barrier    struct{ reached chan struct{} }
)

func newStatusQueue(s store.Statuses, log *slog.Logger) *statusQueue {
	return &statusQueue{store: s, log: log, signal: make(chan struct{}, 1)}
}

func (q *statusQueue) put(item any) {
	q.mu.Lock()
	q.items = append(q.items, item)
	if q.stuck {
		q.presume(item)
	}
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// flush returns when everything that was put before is durable, or ctx ends. It has
// little patience with a write that takes long already: a worker that stops while
// Kafka is away flushes several times.
func (q *statusQueue) flush(ctx context.Context) {
	q.mu.Lock()
	stuck := q.stuck
	q.mu.Unlock()
	if stuck {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, stuckAfter)
		defer cancel()
	}
	b := barrier{make(chan struct{})}
	q.put(b)
	select {
	case <-b.reached:
	case <-ctx.Done():
		q.log.Warn("statuses not written in time; others may read old ones", "err", ctx.Err())
	}
}

// run writes until ctx ends.
func (q *statusQueue) run(ctx context.Context) {
	for {
		select {
		case <-q.signal:
		case <-ctx.Done():
			return
		}
		q.mu.Lock()
		items := q.items
		q.items, q.writing = nil, items
		q.mu.Unlock()
		timer := time.AfterFunc(stuckAfter, func() { q.late(items) })
		q.write(ctx, items)
		timer.Stop()
		q.mu.Lock()
		q.writing, q.stuck = nil, false
		q.mu.Unlock()
	}
}

// late presumes what a write that takes long is about, and what waits behind it. The
// write may have ended while the timer fired: then there is nothing to presume.
func (q *statusQueue) late(items []any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(items) == 0 || len(q.writing) == 0 || &q.writing[0] != &items[0] {
		return
	}
	q.stuck = true
	q.presume(q.writing...)
	q.presume(q.items...)
}

// presume is called with mu held.
func (q *statusQueue) presume(items ...any) {
	for _, item := range items {
		if u, ok := item.(store.Update); ok && !u.Delete {
			q.store.Presume(u)
		}
	}
}

// write sends neighbouring updates together.
func (q *statusQueue) write(ctx context.Context, items []any) {
	var updates []store.Update
	send := func() {
		if len(updates) > 0 {
			q.check(q.store.Write(ctx, updates...))
			updates = nil
		}
	}
	for _, item := range items {
		if u, ok := item.(store.Update); ok {
			updates = append(updates, u)
			continue
		}
		send()
		switch item := item.(type) {
		case topicWrite:
			if !q.known(item) {
				q.check(q.store.PutTopic(ctx, item.connector, item.use))
			}
		case topicReset:
			q.check(q.store.ResetTopics(ctx, item.connector))
		case barrier:
			close(item.reached)
		}
	}
	send()
}

// known reports whether the topic was written since it was put: several tasks meet
// a topic at the same time.
func (q *statusQueue) known(w topicWrite) bool {
	for _, u := range q.store.Topics(w.connector) {
		if u.Topic == w.use.Topic {
			return true
		}
	}
	return false
}

// check: a status that cannot be written stops no work. The store waits out what
// time heals.
func (q *statusQueue) check(err error) {
	if err != nil && !fault.Is(err, fault.Fenced) {
		q.log.Error("status not written", "err", err)
	}
}
