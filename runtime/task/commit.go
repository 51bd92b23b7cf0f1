package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// When a shard commits. Rows wait a little for company, so that under load a
// transaction carries hundreds of them; offsets alone wait longer, since a
// restart without them only repeats work that emits nothing.
const (
	commitRows    = 30 * time.Millisecond
	commitOffsets = time.Second
	commitDaily   = 24 * time.Hour

	flightRecords = 10_000
	flightBytes   = 4 << 20
)

// flight is what one transaction carries.
//
// Invariant 4: rows of a join and the offsets of the inputs that made them are in
// one transaction.
type flight struct {
	msgs    []data.Message
	bytes   int
	offsets map[data.TopicPartition]kafka.OffsetMeta
	begun   time.Time // of the first message
}

func (f *flight) empty() bool { return len(f.msgs) == 0 }
func (f *flight) full() bool  { return len(f.msgs) >= flightRecords || f.bytes >= flightBytes }

// count accounts for the messages from index i on.
func (f *flight) count(i int) {
	if i == len(f.msgs) {
		return
	}
	if f.begun.IsZero() {
		f.begun = time.Now()
	}
	for ; i < len(f.msgs); i++ {
		f.bytes += f.msgs[i].Bytes()
	}
}

func (f *flight) add(msgs []data.Message) {
	i := len(f.msgs)
	f.msgs = append(f.msgs, msgs...)
	f.count(i)
}

func (f *flight) reset() {
	clear(f.msgs)
	f.msgs, f.bytes, f.begun, f.offsets = f.msgs[:0], 0, time.Time{}, nil
}

// committer sends one flight at a time, beside the shard's goroutine.
type committer struct {
	sh     *shard
	jobs   chan *flight
	result chan error
	busy   bool // the shard's: a flight is out
	cancel context.CancelFunc
}

func startCommitter(sh *shard) *committer {
	c := &committer{sh: sh, jobs: make(chan *flight), result: make(chan error, 1)}
	ctx, cancel := context.WithCancel(sh.st.hard)
	c.cancel = cancel
	go func() {
		for f := range c.jobs {
			c.result <- guarded(func() error { return c.send(ctx, f) })
			poke(sh.wake)
		}
	}()
	return c
}

// send commits a flight for as long as it takes. A transaction never stays open
// across a wait: Run has aborted it, and the same flight goes out in a new one.
func (c *committer) send(ctx context.Context, f *flight) error {
	sh := c.sh
	begun := time.Now()
	err := newRetrier(&sh.st.cfg.Common, fmt.Sprintf("commit of partition %d", sh.number)).do(ctx, "transaction", func() error {
		return sh.txn.Run(ctx, f.msgs, sh.st.cfg.GroupID, f.offsets)
	})
	sh.st.cfg.Stats.Committed(time.Since(begun), err)
	sh.st.cfg.Stats.Transaction(len(f.msgs))
	switch fault.ClassOf(err) {
	case fault.Record:
		return refused(f, err)
	case fault.Fatal:
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", errAgain, err)
		}
	}
	return err
}

// refused is the error of a flight with a message that cannot be written: a row or
// a dead letter. The task stops with nothing of the flight committed; without that
// message the others would be right, but it would be lost.
func refused(f *flight, err error) error {
	m := &f.msgs[0]
	if r := (*kafka.RecordError)(nil); errors.As(err, &r) && r.Index < len(f.msgs) {
		m = &f.msgs[r.Index]
	}
	return fault.New(fault.Fatal, "join.row_refused", "a message of %d bytes for topic '%s', key %s, cannot be written: %w", m.Bytes(), m.Topic, show(m.Key), err).
		WithFix("%s", fixOf(err))
}

// stop ends the committer; a flight that is out is waited for until ctx ends.
func (c *committer) stop(ctx context.Context) error {
	defer c.cancel()
	var err error
	if c.busy {
		select {
		case err = <-c.result:
			c.busy = false
		case <-ctx.Done():
			c.cancel()
			err = <-c.result
		}
	}
	close(c.jobs)
	return err
}

// attention reports whether the committer has come back.
func (sh *shard) attention() bool { return len(sh.committer.result) > 0 }

// patience is how long gather may wait before something is due.
func (sh *shard) patience() time.Duration {
	at := time.Now().Add(10 * time.Second) // let the windows save themselves
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	switch {
	case sh.committer.busy: // it will wake the shard
	case !sh.current.empty():
		sooner(sh.current.begun.Add(commitRows))
	case sh.dirty:
		sooner(sh.lastBegun.Add(commitOffsets))
	case !sh.all && !sh.st.pass:
		sooner(sh.looked.Add(commitOffsets))
	default:
		sooner(sh.lastBegun.Add(commitDaily))
	}
	if sh.committed() && sh.windows.Urgent() { // also when no more input comes
		sooner(sh.checkpointed.Add(checkpointEvery))
	}
	return time.Until(at)
}

// settleCommits takes the committer's answer, does what waits for everything to
// be committed, and sends the next flight if it is due.
func (sh *shard) settleCommits(ctx context.Context) error {
	c := sh.committer
	for {
		if c.busy {
			block := sh.current.full() || sh.windowsDue()
			if err := sh.collect(block); err != nil {
				return err
			}
			if c.busy {
				return nil
			}
		}
		if sh.committed() && sh.windowsDue() {
			if err := sh.checkpoint(ctx, sh.positions()); err != nil {
				return err
			}
		}
		if !sh.all && !sh.st.pass && sh.committed() && time.Since(sh.looked) >= commitOffsets {
			sh.looked = time.Now()
			sh.siblings(ctx)
		}
		if !sh.due() {
			return nil
		}
		sh.launch()
		if !sh.current.full() && !sh.windowsDue() {
			return nil
		}
	}
}

// collect takes the committer's answer if there is one; block waits for it.
func (sh *shard) collect(block bool) error {
	c := sh.committer
	if !block && len(c.result) == 0 {
		return nil
	}
	err := <-c.result
	c.busy = false
	sh.spare.reset()
	return err
}

// due reports whether a transaction is to be sent now.
func (sh *shard) due() bool {
	switch {
	case sh.current.full():
		return true
	case !sh.current.empty():
		return time.Since(sh.current.begun) >= commitRows
	case sh.dirty:
		return time.Since(sh.lastBegun) >= commitOffsets
	}
	return time.Since(sh.lastBegun) >= commitDaily
}

// launch hands the current flight to the committer.
func (sh *shard) launch() {
	f := sh.current
	f.offsets = sh.offsets()
	sh.current, sh.spare = sh.spare, f
	sh.dirty, sh.lastBegun = false, time.Now()
	sh.committer.busy = true
	sh.committer.jobs <- f
}

// flushAll commits everything that was processed and waits for it.
func (sh *shard) flushAll() error {
	if sh.committer.busy {
		if err := sh.collect(true); err != nil {
			return err
		}
	}
	if !sh.dirty && sh.current.empty() {
		return nil
	}
	sh.launch()
	return sh.collect(true)
}

// windowsDue paces the checkpoints: they need a moment in which everything
// processed is committed, which under load has to be waited for.
func (sh *shard) windowsDue() bool { return time.Since(sh.checkpointed) >= checkpointEvery }

// checkpointEvery is how often the windows may spill or save themselves.
const checkpointEvery = time.Second

// checkpoint lets the windows spill and save themselves. While they are over
// their bound and the disk refuses, nothing more is taken in.
func (sh *shard) checkpoint(ctx context.Context, at data.Offsets) error {
	sh.checkpointed = time.Now()
	err := sh.windows.Checkpoint(at)
	if fault.Is(err, fault.Retry) {
		return sh.retry.again(ctx, "join state", err, func() error { return sh.windows.Checkpoint(at) })
	}
	return err
}
