package task

import (
	"context"
	"fmt"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/runtime/metrics"
)

// SourceConfig is what a source task is made of. The functions open what the task
// then owns and closes.
type SourceConfig struct {
	Common
	Chain    Chain
	Open     func(ctx context.Context) (connectors.Source, error)
	Producer func(ctx context.Context) (Producer, error)
	Admin    func(ctx context.Context) (Admin, error)
	Groups   []TopicGroup // topic.creation.*
	// Store writes source offsets and returns after the broker's acknowledgement.
	Store func(ctx context.Context, marks []data.Mark) error

	MaxRecords, MaxBytes int // bounds on what is under way; 0: the defaults
}

// Bounds on what a source has read and not yet had acknowledged.
const (
	sourceRecords = 20_000
	sourceBytes   = 16 << 20
)

// Source runs one source task.
type Source struct {
	cfg      SourceConfig
	gate     *gate
	retry    *retrier
	policy   *policy
	pipeline pipeline
	encoder  encoder
	creator  TopicCreator

	source   connectors.Source
	producer Producer
	ring     *ring
	tracker  *tracker
	fail     context.CancelCauseFunc
}

// NewSource makes the task; Run does the work.
func NewSource(cfg SourceConfig) *Source {
	if cfg.MaxRecords == 0 {
		cfg.MaxRecords = sourceRecords
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = sourceBytes
	}
	s := &Source{cfg: cfg, gate: newGate(cfg.StartPaused, cfg.OnState), tracker: newTracker(&cfg.Common)}
	s.retry = newRetrier(&cfg.Common, "source")
	s.policy = newPolicy(&cfg.Common, &s.cfg.Chain, javaSourceTask)
	s.policy.Letters = "" // dead letter topics are for sinks
	s.pipeline = pipeline{steps: cfg.Chain.Steps, policy: s.policy, retry: s.retry}
	s.encoder = encoder{codecs: newCodecs(&s.cfg.Chain), retry: s.retry, policy: s.policy}
	return s
}

// Pause stops reading; what was read is produced.
func (s *Source) Pause() { s.gate.Pause() }

// Resume goes on reading.
func (s *Source) Resume() { s.gate.Resume() }

// Run reads until ctx ends or something fails. What was read before is produced
// and its offset stored either way.
func (s *Source) Run(ctx context.Context) (err error) {
	defer rescue(&err)
	defer s.gate.close()
	hard, kill := linger(ctx, s.cfg.Graceful)
	defer kill()
	work, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.fail = fail

	if err := s.open(work); err != nil {
		s.close(hard)
		if ended(ctx, err) {
			return nil
		}
		return err
	}
	flushed := make(chan error, 1)
	stopFlush := make(chan struct{})
	go func() { flushed <- guarded(func() error { s.flushEvery(hard, stopFlush); return nil }) }()

	err = guarded(func() error { return s.read(work, hard) })
	if cause := context.Cause(work); ctx.Err() == nil && cause != nil {
		err = cause // a message that could not be delivered
	}
	if fe := s.producer.Flush(hard); fe != nil && !ended(hard, fe) && err == nil {
		err = fe
	}
	close(stopFlush)
	if fe := <-flushed; err == nil {
		err = fe
	}
	s.flush(hard)
	s.cfg.Stats.Idle()
	s.close(hard)
	if ended(ctx, err) {
		return nil
	}
	return err
}

// open opens the plugin, then Kafka, waiting out what is away.
func (s *Source) open(ctx context.Context) error {
	err := s.retry.do(ctx, "start", func() (err error) {
		s.source, err = s.cfg.Open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	s.gate.start()
	_, keep := s.source.(connectors.Committer)
	s.ring = newRing(s.cfg.MaxRecords, s.cfg.MaxBytes, keep)
	s.ring.stats = s.cfg.Stats
	s.creator = TopicCreator{Groups: s.cfg.Groups, retry: s.retry}
	if err := s.retry.do(ctx, "broker", func() (err error) {
		s.creator.admin, err = s.cfg.Admin(ctx)
		return err
	}); err != nil {
		return err
	}
	s.producer, err = s.cfg.Producer(ctx)
	return err
}

func (s *Source) close(ctx context.Context) {
	warn := func(what string, err error) {
		if err != nil && !ended(ctx, err) {
			s.cfg.Log.Warn("close failed", "what", what, "error", err)
		}
	}
	if s.source != nil {
		warn("source", guarded(func() error { return s.source.Close(ctx) }))
	}
	if s.producer != nil {
		warn("producer", s.producer.Close(ctx))
	}
	if s.creator.admin != nil {
		warn("admin", s.creator.admin.Close())
	}
}

// read is the loop: steps 1 to 4 of the way of a record.
func (s *Source) read(ctx, hard context.Context) error {
	for attempt := 0; ; {
		e, err := s.ring.acquire(ctx)
		if err != nil {
			return err
		}
		period, err := s.gate.enter(ctx, s.idle)
		if err != nil {
			s.ring.recycle(e)
			return err
		}
		begun := time.Now()
		readErr := s.source.Read(period, e.batch)
		if n := len(e.batch.Records); n > 0 {
			s.cfg.Stats.Read(n, time.Since(begun))
		}
		// What Read appended before it was interrupted counts as read: the source has
		// moved on, and dropping it would skip it.
		again := readErr == nil || ended(period, readErr) || fault.Is(readErr, fault.Retry)
		if len(e.batch.Records) == 0 || !again {
			marks := again && len(e.batch.Marks()) > 0
			if !marks {
				s.ring.recycle(e)
			} else {
				s.ring.push(e)
			}
		} else if err := s.produce(ctx, hard, e); err != nil {
			return err
		}
		switch {
		case readErr == nil, ended(period, readErr):
			if attempt > 0 {
				s.retry.waiting("")
			}
			attempt = 0
		case fault.Is(readErr, fault.Retry):
			if attempt == 0 {
				s.cfg.Log.Warn("waiting", "for", "source", "reason", readErr.Error())
			}
			s.retry.waiting("source: " + fault.Explain(readErr))
			if err := s.retry.wait(ctx, attempt, readErr); err != nil {
				return err
			}
			attempt++
		default:
			return readErr
		}
	}
}

// idle runs when the loop is about to pause: what is acknowledged is stored.
func (s *Source) idle() { poke(s.ring.full) }

// produce transforms, encodes and sends one batch. ctx ends with the task, hard
// a while later: what is read is sent within it.
func (s *Source) produce(ctx, hard context.Context, e *entry) error {
	b := e.batch
	read := len(b.Records)
	if _, err := s.pipeline.apply(hard, b, nil); err != nil {
		return err
	}
	if err := s.encoder.encode(hard, b, &e.outgoing); err != nil {
		return err
	}
	if err := s.dropFailed(e); err != nil {
		return err
	}
	last := ""
	for i := range e.msgs {
		m := &e.msgs[i]
		e.bytes += m.Bytes()
		if m.Topic != last {
			last = m.Topic
			if err := s.creator.ensure(ctx, m.Topic); err != nil {
				return err
			}
		}
	}
	s.cfg.Stats.Sent(len(e.msgs))
	s.cfg.Stats.Filtered(read - len(e.msgs))
	s.ring.push(e)
	if len(e.msgs) == 0 {
		return nil
	}
	s.tracker.note(e.msgs)
	s.cfg.Log.Debug("batch sent", "records", len(e.msgs), "bytes", e.bytes)
	return s.producer.Send(hard, e.msgs, func(i int, _ int32, _ int64, err error) { s.acked(e, i, err) })
}

// dropFailed settles what could not be encoded, and its messages with it.
func (s *Source) dropFailed(e *entry) error {
	failed := e.batch.Failed()
	if len(failed) == 0 {
		return nil
	}
	bad := make([]bool, len(e.msgs))
	for _, f := range failed {
		bad[f.Index] = true
	}
	n := 0
	for i := range e.msgs {
		if !bad[i] {
			e.msgs[n] = e.msgs[i]
			n++
		}
	}
	clear(e.msgs[n:])
	e.msgs = e.msgs[:n]
	_, err := s.policy.settle(e.batch, nil)
	return err
}

// acked is called by the producer for each message. It must not block.
func (s *Source) acked(e *entry, i int, err error) {
	if err == nil {
		e.ack()
		return
	}
	// Only a bad record is tolerated (KIP-779); what fails otherwise fails for the
	// ones behind it too.
	if s.policy.Tolerate && fault.Is(err, fault.Record) {
		f := data.Failure{Index: i, Stage: data.StageKafkaProduce, By: javaSourceTask, Err: err}
		s.cfg.Stats.Failed(metrics.Errors{Failures: 1, Errors: 1, Skipped: 1})
		s.policy.report(&f, &data.Record{Topic: e.msgs[i].Topic, Timestamp: e.msgs[i].Timestamp}, nil)
		e.ack()
		return
	}
	e.failed.Store(true)
	switch {
	case fault.Is(err, fault.Fenced):
		s.fail(err)
	default:
		s.fail(fault.New(fault.ClassOf(err), "task.produce", "Unrecoverable exception from producer send callback: topic '%s': %w", e.msgs[i].Topic, err).
			WithFix("%s", fixOf(err)))
	}
}

// fixOf is the remedy that err carries.
func fixOf(err error) string {
	if e := fault.Of(err); e != nil {
		return e.Fix
	}
	return ""
}

// flushEvery stores offsets at the interval, when kept batches fill the ring, and
// when the task pauses.
func (s *Source) flushEvery(ctx context.Context, stop <-chan struct{}) {
	ticker := time.NewTicker(s.cfg.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.ring.full:
		case <-stop:
			return
		}
		s.flush(ctx)
	}
}

// flush stores the marks of the acknowledged prefix.
//
// Invariant 1: a source offset is stored only after the broker has acknowledged
// every record that it covers. A flush that fails is tried again with the next.
func (s *Source) flush(ctx context.Context) {
	marks, held := s.ring.take()
	if len(marks) == 0 && len(held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.FlushTimeout)
	defer cancel()
	if len(marks) > 0 {
		begun := time.Now()
		err := s.cfg.Store(ctx, marks)
		s.cfg.Stats.Committed(time.Since(begun), err)
		if err != nil {
			s.ring.giveBack(marks, held)
			s.cfg.Log.Error("offsets not stored", "error", fmt.Sprint(err))
			return
		}
	}
	s.cfg.Log.Debug("offsets stored", "partitions", len(marks))
	committer, _ := s.source.(connectors.Committer)
	for _, e := range held {
		if err := committer.Committed(ctx, e.batch); err != nil {
			s.cfg.Log.Warn("source did not take the commit", "error", fmt.Sprint(err))
		}
	}
	s.ring.stored(held)
}
