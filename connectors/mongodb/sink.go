package mongodb

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"culvert/connectors"
	"culvert/data"
)

// Sink writes the records of a task to MongoDB. It is used by one goroutine; another
// one may be in Prepare.
type Sink struct {
	cfg    *config
	env    connectors.Env
	log    *slog.Logger
	server server
	hosts  string // names the server in messages, without credentials

	frameworkReports bool // a dead letter topic or errors.log.enable is set

	patience time.Duration
	retry    retries
	work     work
	series   map[namespace]bool // time series collections that are there

	converges bool // culvert.exactly.once=idempotent
	inside    bool // a transaction is open
	broken    bool // and one of its statements has failed

	planner planner
	plan    *plan // of the batch that is written, or was not finished; else nil
	wire
	closed bool
}

// wire is one command under way.
type wire struct {
	sent     []int // its models
	cmd      []byte
	building command
}

// newSink makes a sink on a server.
func newSink(cfg *config, env connectors.Env, srv server) *Sink {
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if env.Worked == nil {
		env.Worked = func(*connectors.SinkWork) {}
	}
	if env.Waiting == nil {
		env.Waiting = func(string) {}
	}
	return &Sink{
		cfg: cfg, env: env, log: log, server: srv, hosts: hostsOf(cfg.URI), patience: patience,
		planner:          planner{cfg: cfg, tolerates: strings.EqualFold(cfg.props["errors.tolerance"], "all")},
		frameworkReports: cfg.props["errors.deadletterqueue.topic.name"] != "" || strings.EqualFold(cfg.props["errors.log.enable"], "true"),
	}
}

// patience is how long a write may take before the status says what it waits for.
const patience = 2 * time.Second

// Write writes the batch. After a Retry error the batch, when it comes again, is
// taken up where it stopped: what was confirmed is not sent again, and what was
// sent without an answer is sent again with the same ids.
func (s *Sink) Write(ctx context.Context, b *data.Batch) error {
	s.work.begin(b)
	defer func() { s.env.Worked(s.work.end()) }()
	if err := s.take(b); err != nil {
		return err
	}
	if err := s.retry.wait(ctx); err != nil {
		return err
	}
	over := s.watch()
	err := s.write(ctx)
	over()
	if err != nil {
		return err
	}
	s.report(b)
	s.finish()
	return nil
}

// Prepare is connectors.Preparer: it makes the plan of the batch.
func (s *Sink) Prepare(b *data.Batch) { b.Prepared = s.planner.build(b) }

// take takes up the plan of the batch where the last attempt left it, also where the
// batch was read again meanwhile; else it is that of Prepare, or a new one.
func (s *Sink) take(b *data.Batch) error {
	p, _ := b.Prepared.(*plan)
	b.Prepared = nil
	again := s.plan != nil && s.plan.resume(b)
	switch {
	case p == nil && again:
		return nil
	case p == nil:
		p = s.planner.build(b)
	}
	s.work.Processing.Add(p.took)
	if err := p.err; err != nil || again {
		s.planner.done(p)
		return err
	}
	s.finish()
	s.plan = p
	return nil
}

// finish forgets the batch.
func (s *Sink) finish() {
	s.retry = retries{}
	if s.plan != nil {
		s.planner.done(s.plan)
		s.plan = nil
	}
}

// watch shows in the status that a write takes long; over ends it.
//
// The timer may fire while over runs: without the lock the reason could be shown
// after it was taken back, and would stand there for ever.
func (s *Sink) watch() (over func()) {
	var mu sync.Mutex
	ended, shown := false, false
	timer := time.AfterFunc(s.patience, func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			shown = true
			s.env.Waiting("MongoDB at " + s.hosts + " has not answered for " + s.patience.String())
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		ended = true
		if shown {
			s.env.Waiting("")
		}
	}
}

func (s *Sink) write(ctx context.Context) error {
	if lanes := s.lanes(); len(lanes) > 1 {
		return s.writeLanes(ctx, lanes)
	}
	for i := range s.plan.chunks {
		c := &s.plan.chunks[i]
		if s.isDone(c) {
			continue
		}
		if err := s.prepare(ctx, c); err != nil {
			return s.retry.after(err, c.topic)
		}
		begun := time.Now()
		err := s.writeChunk(ctx, c)
		s.work.wrote(s.plan.list[c.from:c.to], time.Since(begun), err)
		if err != nil {
			return s.retry.after(err, c.topic)
		}
		if c.topic.limiter.due() {
			if err := pause(ctx, c.topic.limiter.wait); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Sink) isDone(c *chunk) bool {
	for i := c.from; i < c.to; i++ {
		if s.plan.list[i].state == pending {
			return false
		}
	}
	return true
}

// report marks the records that were not written.
func (s *Sink) report(b *data.Batch) {
	for _, f := range s.plan.failures {
		s.fail(b, f.rec, f.topic, f.err)
	}
	for i := range s.plan.chunks {
		c := &s.plan.chunks[i]
		for k := c.from; k < c.to; k++ {
			if m := &s.plan.list[k]; m.state == failed {
				s.fail(b, m.rec, c.topic, m.err)
			}
		}
	}
}

// fail marks record i. Where the connector tolerates a failure that the framework
// does not, and nobody asked for dead letters, the record is skipped as in Java,
// which then has no error reporter.
func (s *Sink) fail(b *data.Batch, i int, t *topicConfig, err error) {
	if d := (*decodeError)(nil); errors.As(err, &d) {
		b.Fail(i, d.stage, d.err)
		return
	}
	if !s.planner.tolerates && !s.frameworkReports {
		r := &b.Records[i]
		s.log.Warn("record skipped", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
		return
	}
	b.Fail(i, data.StagePut, err)
}

// logFailure logs a tolerated failure where mongo.errors.log.enable asks for it.
func (s *Sink) logFailure(c *chunk, i int, err error) {
	if !c.topic.logs() {
		return
	}
	r := s.plan.records[s.plan.list[i].rec]
	s.log.Error("record not written", "topic", r.topic, "partition", r.partition, "offset", r.offset, "namespace", c.ns.String(), "error", err)
}

// Close ends the connections. It may be called twice.
func (s *Sink) Close(ctx context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.server.close(ctx)
}

var (
	_ connectors.Sink     = (*Sink)(nil)
	_ connectors.Preparer = (*Sink)(nil)
)
