package task

import (
	"context"
	"sync"
	"sync/atomic"

	"culvert/data"
	"culvert/runtime/metrics"
)

// entry is one batch of a source on its way, with everything that lives until
// the last of its messages is acknowledged.
type entry struct {
	batch *data.Batch
	outgoing
	bytes int

	ring    *ring
	pending atomic.Int32
	failed  atomic.Bool // a message was not delivered, and the task stops
	done    bool        // guarded by ring.mu
}

// ring keeps the batches of a source in the order in which they were read, until
// they are acknowledged and their offsets are stored.
//
// Invariant 2: the stored offset of a source is never ahead of the contiguous
// prefix of acknowledged batches. Acknowledgements come in any order; marks are
// taken from the head only.
type ring struct {
	maxRecords, maxBytes int
	keep                 bool // acknowledged batches are kept until their marks are stored (connectors.Committer)
	stats                *metrics.Task

	mu      sync.Mutex
	queue   []*entry // in order of reading
	held    []*entry // acknowledged, not stored yet; only with keep
	free    []*entry
	records int
	bytes   int
	acked   []data.Mark // of the acknowledged prefix, not stored yet
	room    chan struct{}
	full    chan struct{} // asks for a flush when kept batches fill the ring
}

func newRing(maxRecords, maxBytes int, keep bool) *ring {
	return &ring{maxRecords: maxRecords, maxBytes: maxBytes, keep: keep, room: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// acquire returns an empty entry when the ring has room.
func (r *ring) acquire(ctx context.Context) (*entry, error) {
	for {
		r.mu.Lock()
		if r.records < r.maxRecords && r.bytes < r.maxBytes {
			e := r.takeFree()
			r.mu.Unlock()
			return e, nil
		}
		held := len(r.held) > 0
		r.mu.Unlock()
		if held {
			poke(r.full)
		}
		select {
		case <-r.room:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *ring) takeFree() *entry {
	if n := len(r.free); n > 0 {
		e := r.free[n-1]
		r.free = r.free[:n-1]
		return e
	}
	return &entry{batch: data.NewBatch(), ring: r}
}

// push puts an entry at the end; its messages are about to be sent.
func (r *ring) push(e *entry) {
	e.pending.Store(int32(len(e.msgs)))
	r.mu.Lock()
	r.queue = append(r.queue, e)
	r.records += len(e.msgs)
	r.bytes += e.bytes
	if len(e.msgs) == 0 {
		e.done = true
		r.advance()
	}
	r.mu.Unlock()
}

// ack counts one message of the entry as delivered or routed.
func (e *entry) ack() {
	if e.pending.Add(-1) > 0 || e.failed.Load() {
		return
	}
	r := e.ring
	r.stats.Acknowledged(len(e.msgs))
	r.mu.Lock()
	e.done = true
	r.advance()
	r.mu.Unlock()
	poke(r.room)
}

// advance takes the done entries from the head.
func (r *ring) advance() {
	n := 0
	for _, e := range r.queue {
		if !e.done {
			break
		}
		n++
		for _, m := range e.batch.Marks() {
			r.acked = mergeMark(r.acked, m)
		}
		if r.keep {
			r.held = append(r.held, e)
		} else {
			r.release(e)
		}
	}
	r.queue = append(r.queue[:0], r.queue[n:]...)
}

// release makes an entry ready for its next use.
func (r *ring) release(e *entry) {
	r.records -= len(e.msgs)
	r.bytes -= e.bytes
	e.batch.Release()
	clear(e.msgs)
	e.msgs, e.done, e.bytes = e.msgs[:0], false, 0
	clear(e.headers)
	e.headers = e.headers[:0]
	if cap(e.buf) > 1<<20 {
		e.buf = nil
	}
	e.buf = e.buf[:0]
	r.free = append(r.free, e)
}

// recycle gives an entry back that was never pushed.
func (r *ring) recycle(e *entry) {
	e.msgs, e.bytes = e.msgs[:0], 0
	r.mu.Lock()
	r.release(e)
	r.mu.Unlock()
}

// take returns the marks to store and the batches that they cover.
func (r *ring) take() ([]data.Mark, []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	marks, held := r.acked, r.held
	r.acked, r.held = nil, nil
	return marks, held
}

// giveBack undoes take after marks could not be stored. Newer marks stay.
func (r *ring) giveBack(marks []data.Mark, held []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, newer := range r.acked {
		marks = mergeMark(marks, newer)
	}
	r.acked = marks
	r.held = append(held, r.held...)
}

// stored releases kept batches after their marks were stored.
func (r *ring) stored(held []*entry) {
	r.mu.Lock()
	for _, e := range held {
		r.release(e)
	}
	r.mu.Unlock()
	poke(r.room)
}

// mergeMark replaces the mark of an equal partition or appends m.
func mergeMark(marks []data.Mark, m data.Mark) []data.Mark {
	for i := range marks {
		if marks[i].Partition.Equal(m.Partition) {
			marks[i] = m
			return marks
		}
	}
	return append(marks, m)
}

// poke wakes whoever waits on c, if nobody has yet.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
