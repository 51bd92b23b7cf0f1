package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// SinkConfig is what a sink task is made of. The functions open what the task
// then owns and closes.
type SinkConfig struct {
	Common
	Chain    Chain
	Open     func(ctx context.Context) (connectors.Sink, error)
	Consumer func(ctx context.Context) (Consumer, error)
	Group    func(ctx context.Context, c kafka.GroupConfig) (Group, error)
	Admin    func(ctx context.Context) (Admin, error)
	// Letters opens the producer of dead letters; used only with a dead letter topic.
	Letters func(ctx context.Context) (Producer, error)

	GroupID      string // connect-<name>
	InstanceID   string // group.instance.id
	Subscription Subscription
	// Reset is where a partition without a committed offset begins: kafka.Earliest
	// or kafka.Latest; 0 is auto.offset.reset=none, an error.
	Reset          int64
	MetadataMaxAge time.Duration // metadata.max.age.ms

	MaxRecords, MaxBytes int // bounds of a batch; 0: the defaults
}

// Bounds of a sink's batch, beside those of the connector.
const (
	sinkRecords = 500 // max.poll.records
	sinkBytes   = 4 << 20
)

// Sink runs one sink task: a member of the group connect-<name> that writes what
// its partitions deliver.
type Sink struct {
	cfg      SinkConfig
	limits   kafka.Limits
	gate     *gate
	retry    *retrier
	policy   *policy
	sub      *subscriber
	sink     connectors.Sink
	keeps    connectors.Checkpointer // the sink, if it keeps offsets; else nil
	prepares connectors.Preparer     // the sink, if it works ahead; else nil
	consumer Consumer
	letters  Producer
	admin    Admin
	group    Group

	hard context.Context // ends a while after the task was asked to stop
	fail context.CancelCauseFunc

	mu      sync.Mutex
	session *session // nil: no partitions

	tracker *tracker
}

// NewSink makes the task; Run does the work.
func NewSink(cfg SinkConfig) *Sink {
	if cfg.MaxRecords == 0 {
		cfg.MaxRecords = sinkRecords
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = sinkBytes
	}
	s := &Sink{cfg: cfg, gate: newGate(cfg.StartPaused, cfg.OnState), tracker: newTracker(&cfg.Common)}
	s.limits = kafka.Limits{Records: cfg.MaxRecords, Bytes: cfg.MaxBytes}
	s.retry = newRetrier(&cfg.Common, "sink")
	s.policy = newPolicy(&cfg.Common, &s.cfg.Chain, javaSinkTask)
	return s
}

// Pause stops the fetching; what was fetched is written and committed. The
// membership stays.
func (s *Sink) Pause() { s.gate.Pause() }

// Resume goes on.
func (s *Sink) Resume() { s.gate.Resume() }

// Run is a member of the group until ctx ends or something fails.
func (s *Sink) Run(ctx context.Context) (err error) {
	defer rescue(&err)
	defer s.gate.close()
	hard, kill := linger(ctx, s.cfg.Graceful)
	defer kill()
	work, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.hard, s.fail = hard, fail

	err = s.open(work)
	if err == nil {
		err = s.member(work)
	}
	if cause := context.Cause(work); ctx.Err() == nil && cause != nil {
		err = cause // a session failed
	}
	if se := s.endSession(hard); err == nil {
		err = se
	}
	s.close(hard)
	if ended(ctx, err) {
		return nil
	}
	return err
}

func (s *Sink) open(ctx context.Context) error {
	err := s.retry.do(ctx, "start", func() (err error) {
		s.sink, err = s.cfg.Open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	s.keeps, _ = s.sink.(connectors.Checkpointer)
	s.prepares, _ = s.sink.(connectors.Preparer)
	s.limits = bounded(s.limits, s.sink)
	s.gate.start()
	if err := s.retry.do(ctx, "broker", func() (err error) {
		s.admin, err = s.cfg.Admin(ctx)
		return err
	}); err != nil {
		return err
	}
	if s.cfg.Errors.Letters != "" {
		if err := makeLetterTopic(ctx, s.admin, &s.cfg.Errors, s.retry); err != nil {
			return err
		}
		if s.letters, err = s.cfg.Letters(ctx); err != nil {
			return err
		}
	}
	s.consumer, err = s.cfg.Consumer(ctx)
	return err
}

// bounded narrows the limits to those of the connector.
func bounded(l kafka.Limits, sink connectors.Sink) kafka.Limits {
	if lim, ok := sink.(connectors.Limited); ok {
		want := lim.Limits()
		if want.MaxRecords > 0 {
			l.Records = min(l.Records, want.MaxRecords)
		}
		if want.MaxBytes > 0 {
			l.Bytes = min(l.Bytes, want.MaxBytes)
		}
	}
	return l
}

// member joins the group and stays in it.
func (s *Sink) member(ctx context.Context) error {
	s.sub = &subscriber{
		sub: s.cfg.Subscription, admin: s.admin, maxAge: s.cfg.MetadataMaxAge, retry: s.retry, log: s.cfg.Log,
		rejoin: func() { s.group.Rejoin() },
	}
	if err := s.retry.do(ctx, "topics", func() error {
		_, err := s.sub.look(ctx)
		return err
	}); err != nil {
		return err
	}
	var err error
	s.group, err = s.cfg.Group(ctx, kafka.GroupConfig{
		ID: s.cfg.GroupID, ProtocolType: "consumer", InstanceID: s.cfg.InstanceID, LeaveOnClose: true,
		Protocols: s.sub.protocols,
		Assign: func(_ string, members []kafka.GroupMember) (map[string][]byte, error) {
			return s.sub.assign(ctx, members)
		},
		Revoke: func(ctx context.Context) error { return guarded(func() error { return s.revoke(ctx) }) },
		Assigned: func(ctx context.Context, g kafka.Generation, raw []byte) error {
			return guarded(func() error { return s.assigned(ctx, g, raw) })
		},
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return guarded(func() error { return s.group.Run(ctx) }) })
	g.Go(func() error { return guarded(func() error { return s.sub.watch(ctx) }) })
	return g.Wait()
}

// assigned begins a session with the partitions of a new generation.
func (s *Sink) assigned(ctx context.Context, g kafka.Generation, raw []byte) error {
	tps, err := s.sub.standing(g, raw)
	if err != nil {
		return err
	}
	if err := s.endSession(ctx); err != nil { // Revoke has done it; a broker that skips it must not do harm
		return err
	}
	starts, err := s.positions(ctx, tps)
	if err != nil {
		return err
	}
	if a, ok := s.sink.(connectors.Assignable); ok {
		if err := a.Assigned(ctx, tps); err != nil {
			return err
		}
	}
	for _, tp := range tps {
		if err := s.consumer.Add(ctx, tp, starts[tp]); err != nil {
			return err
		}
	}
	s.cfg.Log.Info("partitions assigned", "generation", g.ID, "partitions", len(tps))
	ses := newSession(s, tps)
	s.mu.Lock()
	s.session = ses
	s.mu.Unlock()
	ses.start()
	return nil
}

// positions is where each partition goes on: where the sink says (offsets kept
// with the data), else at the committed offset, else as auto.offset.reset says.
func (s *Sink) positions(ctx context.Context, tps []data.TopicPartition) (data.Offsets, error) {
	committed, err := s.group.Committed(ctx, tps)
	if err != nil {
		return nil, err
	}
	var kept data.Offsets
	if s.keeps != nil {
		if err := s.retry.do(ctx, "offsets of the connector", func() (err error) {
			kept, err = s.keeps.Restore(ctx, tps)
			return err
		}); err != nil {
			return nil, err
		}
	}
	starts := make(data.Offsets, len(tps))
	for _, tp := range tps {
		if o, ok := kept[tp]; ok {
			starts[tp] = o
		} else if m, ok := committed[tp]; ok {
			starts[tp] = m.Offset
		} else if s.cfg.Reset == 0 {
			return nil, fault.New(fault.Config, "task.no_offset", "group %s has no offset for topic '%s', partition %d, and auto.offset.reset is none", s.cfg.GroupID, tp.Topic, tp.Partition).
				WithFix("Set consumer.override.auto.offset.reset to earliest or latest, or commit an offset.")
		} else {
			starts[tp] = s.cfg.Reset
		}
	}
	return starts, nil
}

// revoke ends the session: before a rebalance, and when membership is lost.
func (s *Sink) revoke(ctx context.Context) error { return s.endSession(ctx) }

// endSession stops the work on the partitions, commits what is done, and gives
// them back. It waits for a Write that is under way, for the grace period, and
// cancels it then.
//
// The old member may still be in Write when the new one begins at the committed
// offset: therefore Write has returned before the commit is made, else the new
// member would repeat the batch while it is still being written.
func (s *Sink) endSession(ctx context.Context) error {
	s.mu.Lock()
	ses := s.session
	s.session = nil
	s.mu.Unlock()
	if ses == nil {
		return nil
	}
	if err := ses.stop(ctx, s.cfg.Graceful); err != nil {
		return err
	}
	s.cfg.Stats.Idle() // what was fetched and not written is fetched again, by whoever comes next
	// The commit has a deadline of its own: ctx has ended already when the
	// membership is lost, and then the generation check refuses the commit.
	commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.FlushTimeout)
	defer cancel()
	ses.commit(commit)
	s.consumer.Remove(ses.tps...)
	if a, ok := s.sink.(connectors.Assignable); ok {
		if err := a.Revoked(commit, ses.tps); err != nil {
			s.cfg.Log.Warn("sink did not take the revocation", "error", fmt.Sprint(err))
		}
	}
	return nil
}

func (s *Sink) close(ctx context.Context) {
	warn := func(what string, err error) {
		if err != nil && !ended(ctx, err) {
			s.cfg.Log.Warn("close failed", "what", what, "error", err)
		}
	}
	if s.sink != nil {
		warn("sink", guarded(func() error { return s.sink.Close(ctx) }))
	}
	if s.group != nil {
		warn("group", s.group.Close())
	}
	if s.consumer != nil {
		warn("consumer", s.consumer.Close())
	}
	if s.letters != nil {
		warn("dead letter producer", s.letters.Close(ctx))
	}
	if s.admin != nil {
		warn("admin", s.admin.Close())
	}
}

// track reports topics that messages come from, once each.
