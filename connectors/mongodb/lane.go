package mongodb

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// lane is the chunks of one namespace that are left. Lanes are written side by side,
// and each in order: at most one command of a namespace is under way.
type lane struct {
	wire
	chunks []*chunk
	begun  time.Time // of the first chunk; zero: not begun
	err    error     // the answer to the command
	broken any       // what the driver panicked with
}

// maxLanes is how many commands are under way at most, each on a connection of its own.
const maxLanes = 8

// lanes sorts the chunks that are left by namespace; none where they have to be written
// one after the other: a limit of the rate counts them.
func (s *Sink) lanes() []*lane {
	chunks := s.plan.chunks
	if len(chunks) < 2 {
		return nil
	}
	var lanes []*lane
	of := map[namespace]*lane{}
	for i := range chunks {
		c := &chunks[i]
		if c.topic.limiter.every > 0 {
			return nil
		}
		if s.isDone(c) {
			continue
		}
		if of[c.ns] == nil {
			of[c.ns] = &lane{}
			lanes = append(lanes, of[c.ns])
		}
		of[c.ns].chunks = append(of[c.ns].chunks, c)
	}
	return lanes
}

// writeLanes writes in rounds: commands are made one after the other, sent together,
// and their answers are taken one after the other, so that only the waiting is shared
// out. After an error what the others have written is known all the same.
func (s *Sink) writeLanes(ctx context.Context, lanes []*lane) error {
	for len(lanes) > 0 {
		round := lanes[:min(len(lanes), maxLanes)]
		for _, l := range round {
			if err := s.load(ctx, l); err != nil {
				return err
			}
		}
		s.send(ctx, round)
		var stop error
		for _, l := range round {
			if len(l.chunks) == 0 {
				continue
			}
			c := l.chunks[0]
			if err := s.hold(l, func() error { return s.answered(ctx, c, l.err) }); err != nil {
				s.work.wrote(s.plan.list[c.from:c.to], time.Since(l.begun), err)
				if stop == nil {
					stop = s.retry.after(err, c.topic)
				}
			}
		}
		if stop != nil {
			return stop
		}
		lanes = slices.DeleteFunc(lanes, func(l *lane) bool { return len(l.chunks) == 0 })
	}
	return nil
}

// hold lets f work on the lane's command.
func (s *Sink) hold(l *lane, f func() error) error {
	s.wire, l.wire = l.wire, s.wire
	defer func() { s.wire, l.wire = l.wire, s.wire }()
	return f()
}

// load makes the lane's next command; a lane that is finished has no chunks then.
func (s *Sink) load(ctx context.Context, l *lane) error {
	for len(l.chunks) > 0 {
		c := l.chunks[0]
		if l.begun.IsZero() {
			if err := s.prepare(ctx, c); err != nil {
				return s.retry.after(err, c.topic)
			}
			l.begun = time.Now()
		}
		i, ok := s.next(c)
		if !ok {
			s.work.wrote(s.plan.list[c.from:c.to], time.Since(l.begun), nil)
			l.chunks, l.begun = l.chunks[1:], time.Time{}
			continue
		}
		if err := s.hold(l, func() error { return s.compose(c, i) }); err != nil {
			s.work.wrote(s.plan.list[c.from:c.to], time.Since(l.begun), err)
			return s.retry.after(err, c.topic)
		}
		if len(l.sent) > 0 {
			return nil
		}
	}
	return nil
}

// send runs the commands of the lanes and waits for all of them.
func (s *Sink) send(ctx context.Context, lanes []*lane) {
	var sent sync.WaitGroup
	for _, l := range lanes {
		if len(l.chunks) == 0 {
			continue
		}
		sent.Go(func() {
			defer func() { l.broken = recover() }()
			l.err = s.server.run(ctx, l.chunks[0].ns.db, bson.Raw(l.cmd))
		})
	}
	sent.Wait()
	for _, l := range lanes {
		if l.broken != nil {
			panic(l.broken) // the task's: it fails, and nothing else
		}
	}
}
