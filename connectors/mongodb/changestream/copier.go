package changestream

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// copier reads what is in the collections already as insert events, some collections side
// by side: MongoCopyDataManager. The goroutine that calls Read owns it. Each collection in
// hand has a goroutine, which reads one answer of the server ahead and ends with its
// collection, or with stop.
type copier struct {
	existing
	threads int // goroutines that there may be
	size    int // documents in one answer
	bytes   int // of the documents in one answer, about

	todo  []namespace
	free  int        // goroutines that may be started
	batch []bson.Raw // events at hand

	batches chan []bson.Raw
	ended   chan ending // has room for all goroutines
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// ending is the end of a goroutine.
type ending struct {
	ns     namespace
	err    error
	broken any // what it has panicked with
}

const (
	firstAnswer = 101      // documents, as servers do by themselves
	aheadBytes  = 64 << 20 // of all answers that are read ahead, about; one has 16 MB at most
)

// newCopier finds the namespaces to copy. The first fill begins.
func newCopier(ctx context.Context, e existing) (*copier, error) {
	todo, err := e.wanted(ctx)
	if err != nil {
		return nil, err
	}
	n := max(1, min(len(todo), e.cfg.CopyThreads.number()))
	c := &copier{existing: e, todo: todo, threads: n, free: n, size: max(1, e.cfg.CopyQueue.number()/n), bytes: aheadBytes / n,
		batches: make(chan []bson.Raw), ended: make(chan ending, n)}
	// A Read may end while what it has begun goes on for the next: stop ends it.
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return c, nil
}

// fill waits until two events are at hand, or all that are left: only then is it known
// whether the first is the last one. After an error the collection that failed is begun
// again, behind those that nobody has begun: what was read of it comes twice.
func (c *copier) fill(ctx context.Context) error {
	for len(c.batch) < 2 && !c.over() {
		for len(c.todo) > 0 && c.free > 0 {
			c.start(c.todo[0])
			c.todo = c.todo[1:]
		}
		select {
		case more := <-c.batches:
			c.batch = append(c.batch, more...)
		case e := <-c.ended:
			if err := c.end(e); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ready reports whether there is an event of which it is known whether it is the last.
func (c *copier) ready() bool { return len(c.batch) > 1 || len(c.batch) == 1 && c.over() }

// take forgets the first event.
func (c *copier) take() {
	c.batch[0] = nil
	c.batch = c.batch[1:]
}

// over reports whether all has been read; events may be left at hand.
func (c *copier) over() bool { return len(c.todo) == 0 && c.free == c.threads }

func (c *copier) start(ns namespace) {
	c.free--
	c.running.Go(func() {
		e := ending{ns: ns}
		defer func() {
			e.broken = recover() // it is the task's, not the process's
			c.ended <- e
		}()
		e.err = c.read(ns)
	})
}

// end takes ends in. An outage, which ends many collections at once, is one error.
func (c *copier) end(e ending) error {
	var first error
	for {
		if e.broken != nil {
			panic(e.broken)
		}
		c.free++
		if e.err != nil {
			c.todo = append(c.todo, e.ns)
			if first == nil {
				first = e.err
			}
		}
		select {
		case e = <-c.ended:
		default:
			return first
		}
	}
}

// read hands over a collection, answer by answer.
func (c *copier) read(ns namespace) error {
	cur, err := c.open(c.ctx, ns, min(firstAnswer, c.size))
	if err != nil {
		return err
	}
	defer cur.close(c.ctx)
	for {
		next := c.ahead(cur.batch)
		if len(cur.batch) > 0 {
			select {
			case c.batches <- cur.batch:
				cur.batch = nil
			case <-c.ctx.Done():
				return c.ctx.Err()
			}
		}
		if cur.id == 0 {
			return nil
		}
		if err := cur.fetch(c.ctx, 0, next); err != nil {
			return err
		}
	}
}

// ahead is how many documents the answer after this one may have: what the queue's size
// leaves to each collection, or fewer where documents are large.
func (c *copier) ahead(batch []bson.Raw) int {
	sum := 0
	for _, doc := range batch {
		sum += len(doc)
	}
	if sum == 0 {
		return c.size
	}
	return max(1, min(c.size, c.bytes/max(1, sum/len(batch))))
}

// stop ends the goroutines and waits for them. It may be called twice.
func (c *copier) stop() {
	c.cancel()
	c.running.Wait()
}
