package task

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/state"
	"culvert/transforms"
)

// StreamConfig is what a sink task with a stateful transformation, or with a
// Transactional sink, is made of. The functions open what the task then owns and
// closes.
type StreamConfig struct {
	Common
	// Chain holds the converters; its Steps are not used.
	Chain Chain
	// Plan is the stateful transformation; nil: there is none, and the records of
	// Topics pass.
	Plan   transforms.Plan
	Topics []string
	Name   string // alias of the stateful transformation
	Class  string // its Java-style class
	// Prepared is a print of what records go through before the stateful
	// transformation keeps them. What was kept behind something else is not used.
	Prepared string
	// Before and After make the stateless transformations around it, one set for
	// each call.
	Before, After func() ([]Step, error)

	Open     func(ctx context.Context) (connectors.Sink, error)
	Consumer func(ctx context.Context) (Consumer, error)
	Admin    func(ctx context.Context) (Admin, error)
	Txn      func(ctx context.Context, transactionalID string) (Txn, error)
	State    *state.Store

	GroupID      string // connect-<name>
	ClusterGroup string // group.id of the workers; part of the transactional ids
	Tasks        int    // number of tasks of the connector
	Reset        int64  // as in SinkConfig
	// MaxTaskIdle is max.task.idle.ms of Kafka Streams: how long the merge waits for
	// an input that is at its end; negative: it never waits.
	MaxTaskIdle    time.Duration
	MetadataMaxAge time.Duration
}

// Stream runs one task of a sink with a stateful transformation. It is no member
// of a group: task i of n owns the partition numbers p with p mod n = i of every
// input, and a transactional id for each fences whoever owned it before.
//
// Behind a Transactional sink without a stateful transformation it does the same
// with nothing to keep.
type Stream struct {
	cfg       StreamConfig
	gate      *gate
	retry     *retrier
	policy    *policy
	silent    *policy // of a restore: what failed then was settled then
	inputs    []string
	retention []int64 // by input
	keys      *copartition
	pass      bool // no stateful transformation

	sink   connectors.Sink
	sinkMu sync.Mutex // a connector is not made for concurrent use; shards are many
	admin  Admin
	intake *intake
	all    []data.TopicPartition // of all inputs

	shards []*shard

	hard context.Context
	life context.Context

	tracker *tracker
}

// NewStream makes the task; Run does the work.
func NewStream(cfg StreamConfig) *Stream {
	pass := cfg.Plan == nil
	if pass {
		cfg.Plan = &passing{cfg.Topics}
		cfg.MaxTaskIdle = -1 // no order between topics
		cfg.State = state.Open(state.Options{Log: cfg.Log})
	}
	st := &Stream{cfg: cfg, pass: pass, gate: newGate(cfg.StartPaused, cfg.OnState), inputs: cfg.Plan.Inputs(), tracker: newTracker(&cfg.Common)}
	for _, t := range st.inputs {
		st.retention = append(st.retention, cfg.Plan.Retention(t))
	}
	st.retry = newRetrier(&cfg.Common, "task")
	st.policy = newPolicy(&cfg.Common, &st.cfg.Chain, javaSinkTask)
	st.silent = newPolicy(&cfg.Common, &st.cfg.Chain, javaSinkTask)
	st.silent.Errors = Errors{Tolerate: true}
	return st
}

// Pause stops processing; what was processed is committed.
func (st *Stream) Pause() { st.gate.Pause() }

// Resume goes on.
func (st *Stream) Resume() { st.gate.Resume() }

// transactionalID is the id that whoever owns the partition number opens.
func (st *Stream) transactionalID(number int32) string {
	p := strconv.Itoa(int(number))
	if number < 0 {
		p = "all"
	}
	return fmt.Sprintf("%s-%s-p%s", st.cfg.ClusterGroup, st.cfg.ID.Connector, p)
}

// kept is the print of what the windows hold: which records under which keys, for
// how long. Never 0, which notes have that say nothing of it.
func (st *Stream) kept() uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, st.stateID(0).Shape, st.retention)
	return h.Sum32() | 1
}

func (st *Stream) stateID(number int32) state.ID {
	id := state.ID{Connector: st.cfg.ID.Connector, Partition: number}
	if s, ok := st.cfg.Plan.(transforms.Shaped); ok {
		id.Shape = strings.TrimSpace(s.Shape() + " " + st.cfg.Prepared)
	}
	return id
}

// Run works until ctx ends or something fails.
func (st *Stream) Run(ctx context.Context) (err error) {
	defer rescue(&err)
	defer st.gate.close()
	hard, kill := linger(ctx, st.cfg.Graceful)
	defer kill()
	st.hard, st.life = hard, ctx
	defer st.close(hard)
	defer st.cfg.Stats.Partitions(0)
	defer st.cfg.Stats.Idle()
	shards, err := st.open(ctx)
	if err == nil {
		err = st.work(ctx, shards)
	}
	if ended(ctx, err) {
		return nil
	}
	return err
}

func (st *Stream) open(ctx context.Context) ([]*shard, error) {
	err := st.retry.do(ctx, "start", func() (err error) {
		st.sink, err = st.cfg.Open(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	st.gate.start()
	if err := st.retry.do(ctx, "broker", func() (err error) {
		st.admin, err = st.cfg.Admin(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	if st.cfg.Errors.Letters != "" {
		if err := makeLetterTopic(ctx, st.admin, &st.cfg.Errors, st.retry); err != nil {
			return nil, err
		}
	}
	partitions, err := st.inspect(ctx)
	if err != nil {
		return nil, err
	}
	consumer, err := st.cfg.Consumer(ctx)
	if err != nil {
		return nil, err
	}
	st.intake = newIntake(consumer, st.tracker.note)
	st.keys = newCopartition(st.inputs, partitions[st.inputs[0]], st.cfg.Chain.class(data.StageKeyConverter))
	st.keys.prefix = "transforms." + st.cfg.Name + "."
	return st.divide(partitions)
}

// inspect waits until all inputs exist and fit, and returns their partition
// counts. That a topic is missing, or the cluster does not answer, is waited out.
func (st *Stream) inspect(ctx context.Context) (map[string]int, error) {
	var partitions map[string]int
	err := st.retry.do(ctx, "inputs", func() (err error) {
		if st.pass {
			partitions, err = inspectPassing(ctx, st.admin, st.inputs)
		} else {
			partitions, err = CheckInputs(ctx, st.admin, st.cfg.Plan, st.cfg.Name)
		}
		return err
	})
	return partitions, err
}

// divide makes the shards of this task.
func (st *Stream) divide(partitions map[string]int) ([]*shard, error) {
	side := func(topic string) int {
		for i, t := range st.inputs {
			if t == topic {
				return i
			}
		}
		return -1
	}
	for _, t := range st.inputs {
		for p := range partitions[t] {
			st.all = append(st.all, data.TopicPartition{Topic: t, Partition: int32(p)})
		}
	}
	if !st.pass && !st.cfg.Plan.Copartitioned() {
		if st.cfg.ID.Task != 0 {
			return nil, fault.New(fault.Config, "join.tasks", "task %d of a join that is not copartitioned: one task owns all partitions", st.cfg.ID.Task).
				WithFix("Set tasks.max=1.")
		}
		sh, err := newShard(st, -1, st.all, side)
		return []*shard{sh}, err
	}
	numbers := 0
	for _, n := range partitions {
		numbers = max(numbers, n)
	}
	var shards []*shard
	for p := st.cfg.ID.Task; p < numbers; p += max(st.cfg.Tasks, 1) {
		var tps []data.TopicPartition
		for _, t := range st.inputs {
			if p < partitions[t] {
				tps = append(tps, data.TopicPartition{Topic: t, Partition: int32(p)})
			}
		}
		sh, err := newShard(st, int32(p), tps, side)
		if err != nil {
			return nil, err
		}
		shards = append(shards, sh)
	}
	return shards, nil
}

// work runs the shards, the intake, and a look at the inputs now and then.
func (st *Stream) work(ctx context.Context, shards []*shard) error {
	st.shards = shards
	for _, sh := range shards {
		for _, tp := range sh.tps {
			st.intake.shards[tp] = sh
		}
	}
	st.cfg.Stats.Partitions(len(st.intake.shards))
	// The intake outlives the shards: they remove their partitions from it.
	fetch, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	fetched := make(chan error, 1)
	g, work := errgroup.WithContext(ctx)
	go func() {
		err := guarded(func() error { return st.intake.run(fetch) })
		fetched <- err
	}()
	g.Go(func() error {
		select {
		case err := <-fetched:
			fetched <- err
			return err
		case <-work.Done():
			return nil
		}
	})
	for _, sh := range shards {
		g.Go(func() error { return guarded(func() error { return sh.run(work) }) })
	}
	g.Go(func() error { return guarded(func() error { return st.watch(work) }) })
	err := g.Wait()
	stop()
	<-fetched
	return err
}

// ErrAnew is the end of a task that has to begin anew at once: its topics have
// changed.
var ErrAnew = errors.New("the topics have changed")

// watch ends the task when the inputs are no longer what they were. A join fails
// then: an input with more partitions has moved keys between them.
func (st *Stream) watch(ctx context.Context) error {
	have := map[string]int{}
	for _, tp := range st.all {
		have[tp.Topic]++
	}
	for {
		if err := pause(ctx, st.cfg.MetadataMaxAge); err != nil {
			return nil
		}
		infos, err := st.admin.Topics(ctx, st.inputs...)
		if err != nil {
			continue // the clients that wait for the broker say so
		}
		for _, t := range st.inputs {
			info, ok := infos[t]
			if ok && info.Partitions != have[t] && st.pass {
				return ErrAnew
			}
			if ok && info.Partitions != have[t] {
				return fault.New(fault.Fatal, "join.partitions_changed", "topic '%s' had %d partitions when the join began and has %d now: keys have moved between partitions, and what was read before no longer fits",
					t, have[t], info.Partitions).
					WithFix("Give the connector a new name to begin anew, with the same number of partitions in all inputs.")
			}
		}
	}
}

func (st *Stream) close(ctx context.Context) {
	warn := func(what string, err error) {
		if err != nil && !ended(ctx, err) {
			st.cfg.Log.Warn("close failed", "what", what, "error", err)
		}
	}
	if st.sink != nil {
		warn("sink", guarded(func() error { return st.sink.Close(ctx) }))
	}
	if st.intake != nil {
		warn("consumer", st.intake.consumer.Close())
	}
	if st.admin != nil {
		warn("admin", st.admin.Close())
	}
}

// CheckInputs looks whether the inputs of a stateful transformation can be
// worked with and returns their partition counts. An error of class Config says
// what does not fit, with both numbers; Retry says what is missing yet. It is
// called when a connector is created and when a task starts.
func CheckInputs(ctx context.Context, admin Admin, plan transforms.Plan, alias string) (map[string]int, error) {
	inputs := plan.Inputs()
	infos, err := admin.Topics(ctx, inputs...)
	if err != nil {
		return nil, err
	}
	prefix := "transforms." + alias + "."
	partitions := map[string]int{}
	var missing []string
	for _, t := range inputs {
		info, ok := infos[t]
		if !ok {
			missing = append(missing, t)
			continue
		}
		partitions[t] = info.Partitions
		if err := checkRetention(ctx, admin, plan, t); err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return nil, fault.New(fault.Retry, "join.topic_missing", "topic '%s' does not exist yet", strings.Join(missing, "', '")).
			WithFix("Create it, or start what writes to it; all inputs of a join need the same number of partitions.")
	}
	if plan.Copartitioned() {
		first := inputs[0]
		for _, t := range inputs[1:] {
			if partitions[t] != partitions[first] {
				return nil, fault.New(fault.Config, "join.partitions", "topic '%s' has %d partitions and topic '%s' has %d: a join by key needs equal numbers",
					first, partitions[first], t, partitions[t]).
					WithField(prefix+"copartitioned").
					WithFix("Give both topics the same number of partitions, or set %scopartitioned=false and tasks.max=1.", prefix)
			}
		}
	}
	return partitions, nil
}

// checkRetention refuses an input that forgets what the windows still need: the
// inputs are what state is restored from.
func checkRetention(ctx context.Context, admin Admin, plan transforms.Plan, topic string) error {
	configs, err := admin.TopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	if policy := configs["cleanup.policy"]; strings.Contains(policy, "compact") {
		return fault.New(fault.Config, "join.compacted", "topic '%s' has cleanup.policy=%s: a compacted topic forgets records that the join still needs", topic, policy).
			WithFix("Set cleanup.policy=delete on the topic.")
	}
	need := plan.Retention(topic)
	if keep, err := strconv.ParseInt(configs["retention.ms"], 10, 64); err == nil && keep >= 0 && keep < need {
		return fault.New(fault.Config, "join.retention", "topic '%s' keeps records for retention.ms=%d, the join needs %d ms (before + after + grace) to restore its state", topic, keep, need).
			WithFix("Set retention.ms of the topic to at least %d, or make the window smaller.", need)
	}
	return nil
}
