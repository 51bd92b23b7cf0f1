package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/state"
	"culvert/transforms"
)

// shard is the work on one partition number of a stream task: its windows, its
// transactional producer, its lanes. One goroutine runs it, beside one that
// commits.
type shard struct {
	st     *Stream
	number int32 // -1: all partitions
	tps    []data.TopicPartition
	log    *slog.Logger
	retry  *retrier

	lanes       []*lane
	byPartition map[data.TopicPartition]*lane
	wake        chan struct{}
	mu          sync.Mutex // guards what lane says it guards

	txn       Txn
	stateful  transforms.Stateful
	counted   transforms.Counts // of stateful, that the metrics know
	lag       atomic.Int64      // of the slowest lane
	windows   *state.Local
	restoring bool
	unfit     int  // records that failed in a restore
	all       bool // every partition of the inputs has an offset (note.All)

	in, out *data.Batch
	taken   []*lane // of each message of in
	times   []int64 // event time of each message of in
	codecs  *codecs
	before  pipeline
	after   pipeline
	primed  []map[uint32]bool // schema ids that are known, by side; keys and values
	last    []uint32          // the last of them
	checked []bool            // first keys were compared, by side
	letters []data.Message

	current   *flight // what the next transaction carries
	spare     *flight
	committer *committer
	dirty     bool // offsets have moved since the last transaction was begun
	lastBegun time.Time
	looked    time.Time // at the siblings' offsets

	checkpointed time.Time // when the windows last had their turn

	scratch       *data.Batch // for event times; the intake's
	scratchCodecs *codecs
	scratchSteps  []Step
}

// newShard makes a shard; run works.
func newShard(st *Stream, number int32, tps []data.TopicPartition, side func(topic string) int) (*shard, error) {
	sh := &shard{
		st: st, number: number, tps: tps, byPartition: map[data.TopicPartition]*lane{}, wake: make(chan struct{}, 1),
		log: st.cfg.Log.With("partition", number), retry: newRetrier(&st.cfg.Common, fmt.Sprintf("partition %d", number)),
		in: data.NewBatch(), out: data.NewBatch(), codecs: newCodecs(&st.cfg.Chain),
		primed: make([]map[uint32]bool, len(st.inputs)), last: make([]uint32, len(st.inputs)), checked: make([]bool, len(st.inputs)),
		current: &flight{}, spare: &flight{}, scratch: data.NewBatch(), scratchCodecs: newCodecs(&st.cfg.Chain),
	}
	for i := range sh.primed {
		sh.primed[i] = map[uint32]bool{}
	}
	for _, tp := range tps {
		l := &lane{tp: tp, side: side(tp.Topic)}
		if !st.cfg.Plan.ByTimestamp() {
			l.times = []int64{}
		}
		sh.lanes = append(sh.lanes, l)
		sh.byPartition[tp] = l
	}
	var err error
	if sh.before, err = sh.pipeline(st.cfg.Before); err != nil {
		return nil, err
	}
	if sh.after, err = sh.pipeline(st.cfg.After); err != nil {
		return nil, err
	}
	if !st.cfg.Plan.ByTimestamp() && st.cfg.Before != nil {
		if sh.scratchSteps, err = st.cfg.Before(); err != nil {
			return nil, err
		}
	}
	return sh, nil
}

func (sh *shard) pipeline(steps func() ([]Step, error)) (pipeline, error) {
	p := pipeline{policy: sh.st.policy, retry: sh.retry}
	if steps == nil {
		return p, nil
	}
	var err error
	p.steps, err = steps()
	return p, err
}

// errAgain ends the life of a shard that must begin anew from its committed
// offsets.
var errAgain = errors.New("begin anew")

// livesMax bounds how often a shard begins anew for the same lasting failure.
const livesMax = 5

// run lives until ctx ends. What it cannot repair in place it repairs by
// beginning anew: state and rows that are not committed are dropped, and both
// come back from the inputs.
func (sh *shard) run(ctx context.Context) error {
	for lives := 0; ; lives++ {
		begun := time.Now()
		err := sh.live(ctx)
		switch {
		case err == nil || ctx.Err() != nil && !errors.Is(err, errAgain) && ended(ctx, err):
			return nil
		case !errors.Is(err, errAgain):
			return err
		case ctx.Err() != nil:
			return nil
		}
		if time.Since(begun) > time.Minute {
			lives = 0
		}
		if lives >= livesMax && !fault.Is(err, fault.Retry) {
			return fmt.Errorf("partition %d: still failing after %d attempts: %w", sh.number, lives+1, err)
		}
		sh.log.Warn("the state is dropped and restored", "reason", err.Error())
		if err := sh.retry.wait(ctx, lives, err); err != nil {
			return nil
		}
	}
}

// live takes the partition over and works: fence, read the offsets, restore,
// emit, in this order.
func (sh *shard) live(ctx context.Context) (err error) {
	st := sh.st
	id := st.transactionalID(sh.number)
	if err := sh.retry.do(ctx, "transactional id "+id, func() (err error) {
		sh.txn, err = st.cfg.Txn(ctx, id)
		return err
	}); err != nil {
		return err
	}
	sh.windows = st.cfg.State.Take(st.stateID(sh.number), st.retention...)
	sh.stateful = st.cfg.Plan.Make(sh.number)
	sh.begin()
	clean := false // also not after a panic
	defer func() {
		if stuck := sh.end(clean); err == nil || fault.Is(stuck, fault.Fenced) {
			err = stuck
		}
	}()

	starts, err := sh.takeOver(ctx)
	if err != nil {
		return err
	}
	if err := sh.restore(ctx, starts); err != nil {
		return err
	}
	if c, ok := sh.stateful.(transforms.Counting); ok {
		sh.counted = c.Counts()
	}
	sh.dirty = true // unchanged offsets are committed again, or they expire
	err = sh.loop(ctx)
	clean = err == nil
	return err
}

// begin makes what a life starts with.
func (sh *shard) begin() {
	if d, ok := sh.stateful.(transforms.Decoding); ok {
		keep := newCodecs(&sh.st.cfg.Chain)
		d.Decoders(func(topic string) (key, value data.Decoder) {
			cd := keep.of(topic)
			return cd.key, cd.value
		})
	}
	sh.current.reset()
	sh.in.Release()
	sh.out.Release()
	sh.taken, sh.times, sh.letters = sh.taken[:0], sh.times[:0], sh.letters[:0]
	sh.dirty, sh.lastBegun = false, time.Time{}
	sh.committer = startCommitter(sh)
}

// end closes what a life has opened and returns the error of a commit that was
// still under way. Only after a clean end is the state saved: else it may be ahead
// of what is committed.
func (sh *shard) end(clean bool) error {
	stuck := sh.committer.stop(sh.st.hard)
	_ = sh.st.intake.change(func() error { sh.st.intake.consumer.Remove(sh.tps...); return nil })
	sh.mu.Lock()
	for _, l := range sh.lanes {
		l.clear()
	}
	sh.mu.Unlock()
	if clean && stuck == nil && sh.committed() {
		if se := sh.windows.Save(sh.positions()); se != nil {
			sh.log.Warn("no snapshot of the join state; the next restore is longer", "error", fault.Explain(se))
		}
	}
	if ce := sh.windows.Close(); ce != nil {
		sh.log.Warn("close failed", "what", "join state", "error", ce)
	}
	if ce := sh.txn.Close(); ce != nil {
		sh.log.Warn("close failed", "what", "transactional producer", "error", ce)
	}
	return stuck
}

func (sh *shard) positions() data.Offsets {
	at := make(data.Offsets, len(sh.lanes))
	for _, l := range sh.lanes {
		at[l.tp] = l.next
	}
	return at
}

// committed reports whether everything processed is committed.
func (sh *shard) committed() bool {
	return !sh.dirty && sh.current.empty() && !sh.committer.busy
}

// loop processes and commits until ctx ends, then commits the rest.
func (sh *shard) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := sh.settleCommits(ctx); err != nil {
			return err
		}
		paused, changed := sh.st.gate.look()
		if paused {
			if err := sh.rest(ctx, changed); err != nil {
				return err
			}
			continue
		}
		if err := sh.gather(ctx, sh.in, sh.patience(), changed); err != nil {
			break // ctx has ended
		}
		if len(sh.in.Inputs) > 0 {
			if err := sh.step(ctx); err != nil {
				return err
			}
		}
	}
	return sh.flushAll()
}

// rest waits while the task is paused. Paused for days, the offsets still have to
// be kept from expiring.
func (sh *shard) rest(ctx context.Context, changed <-chan struct{}) error {
	if err := sh.flushAll(); err != nil {
		return err
	}
	timer := time.NewTimer(commitDaily)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
		sh.dirty = true
	case <-ctx.Done():
	}
	return nil
}

// step processes what gather has taken and adds the rows to the current flight.
//
// Invariant 6: a stateful transformation sees each input once. Its rows are kept
// as messages until their transaction has committed.
func (sh *shard) step(ctx context.Context) error {
	stats, inputs := sh.st.cfg.Stats, len(sh.in.Inputs)
	stats.Read(inputs, 0)
	defer stats.Done(inputs) // also when the life ends here: they come again
	if err := sh.prepare(ctx); err != nil {
		return err
	}
	if err := sh.settleInputs(); err != nil {
		return err
	}
	if err := sh.process(ctx); err != nil {
		return err
	}
	if err := sh.settleInputs(); err != nil {
		return err
	}
	if err := sh.emit(ctx); err != nil {
		return err
	}
	sh.advanceLanes()
	sh.dirty = true
	sh.countJoined()
	sh.countLag()
	sh.in.Release()
	sh.out.Release()
	return nil
}

// settleInputs routes the failed inputs. One that only a wait can cure begins the
// life anew: the windows may have taken half of it.
func (sh *shard) settleInputs() error {
	if len(sh.in.Failed()) == 0 {
		return nil
	}
	if err := sh.waitOut(); err != nil {
		return err
	}
	for i, all := 0, sh.in.Failed(); i < len(all); i++ {
		if all[i].By == "" && all[i].Stage == data.StageTransformation {
			all[i].By = sh.st.cfg.Class
		}
	}
	var err error
	sh.letters, err = sh.st.policy.settle(sh.in, sh.letters)
	return err
}

// waitOut turns a failure of class Retry into a new life.
func (sh *shard) waitOut() error {
	if wait := waits(sh.in); wait != nil {
		return fmt.Errorf("%w: %w", errAgain, wait)
	}
	return nil
}

// prepare makes records of the inputs and runs what stands before the stateful
// transformation.
func (sh *shard) prepare(ctx context.Context) error {
	sh.codecs.wire(sh.in)
	if err := sh.prime(ctx); err != nil {
		return err
	}
	var err error
	sh.letters, err = sh.before.apply(ctx, sh.in, sh.letters)
	if sh.restoring {
		sh.letters = sh.letters[:0]
	}
	if err != nil || len(sh.before.steps) == 0 || !sh.st.cfg.Plan.Copartitioned() {
		return err
	}
	return sh.madeKeys()
}

// madeKeys refuses a key that a transformation has given to a record without one:
// it says nothing about the partition.
func (sh *shard) madeKeys() error {
	for i := range sh.in.Records {
		r := &sh.in.Records[i]
		if m := &sh.in.Inputs[r.Input]; m.Key == nil && !r.Key.IsNull() {
			if err := sh.st.keys.made(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// prime makes sure that the schemas of all records are in the converters' caches
// before the stateful transformation sees them: a registry outage is waited out
// here, where nothing has been changed yet. It also checks keys and partitions.
func (sh *shard) prime(ctx context.Context) error {
	for i := range sh.in.Records {
		l, r := sh.taken[i], &sh.in.Records[i]
		m := &sh.in.Inputs[i]
		if id, ok := frame(m.Value); ok && id != sh.last[l.side] {
			if err := sh.known(ctx, l.side, id, &r.Value); err != nil {
				return err
			}
			sh.last[l.side] = id
		}
		if !sh.st.cfg.Plan.Copartitioned() || m.Key == nil {
			continue
		}
		if err := sh.st.keys.key(l.side, m); err != nil {
			return err
		}
		if sh.checked[l.side] {
			continue
		}
		sh.checked[l.side] = true
		if err := sh.retry.do(ctx, "schema of the keys of topic "+m.Topic, func() error { return decode(&r.Key, sh.in.Arena) }); err != nil {
			if ctx.Err() != nil {
				return err
			}
			continue // a bad key; the transformation will say so
		}
		v, _, _ := r.Key.Value(sh.in.Arena)
		if err := sh.st.keys.first(l.side, m, v.Kind()); err != nil {
			return err
		}
	}
	return nil
}

// known decodes the first value of each schema id.
func (sh *shard) known(ctx context.Context, side int, id uint32, c *data.Cell) error {
	if sh.primed[side][id] {
		return nil
	}
	err := sh.retry.do(ctx, "schema "+fmt.Sprint(id), func() error { return decode(c, sh.in.Arena) })
	if err != nil && ctx.Err() != nil {
		return err
	}
	sh.primed[side][id] = err == nil // a bad record is no proof that the schema is known
	return nil
}

// decode asks for the value of a cell, again if the last answer was a wait.
func decode(c *data.Cell, a *data.Arena) error {
	if fault.Is(c.Err(), fault.Retry) {
		c.Forget()
	}
	_, _, err := c.Value(a)
	return err
}

// process runs the stateful transformation. What asks for a wait is called again
// with the same batches; windows that are lost begin the life anew.
func (sh *shard) process(ctx context.Context) error {
	sh.out.Inputs = sh.in.Inputs // shared: Record.Input of the rows counts in them
	err := sh.again(ctx, func() error { return sh.stateful.Process(sh.in, sh.out, sh.windows) })
	if err != nil {
		return err
	}
	highest := int64(-1)
	for _, l := range sh.lanes {
		highest = max(highest, l.time)
	}
	for _, t := range sh.times {
		highest = max(highest, t)
	}
	if highest < 0 {
		return nil
	}
	return sh.again(ctx, func() error { return sh.stateful.Advance(highest, sh.out, sh.windows) })
}

// again calls f until it no longer asks for a wait.
func (sh *shard) again(ctx context.Context, f func() error) error {
	lost := error(nil)
	err := sh.retry.do(ctx, sh.st.cfg.Name, func() error {
		err := f()
		if state.IsLost(err) {
			lost = err
			return nil
		}
		return err
	})
	if lost != nil {
		return fmt.Errorf("%w: %w", errAgain, lost)
	}
	return err
}

// advanceLanes notes that the inputs of this step are processed. A record that the
// windows did not take, because it is bad or has no value, may claim a time far
// ahead; nothing is kept for it, so it counts as of the windows' own time: else a
// restore would begin at that record for ever.
func (sh *shard) advanceLanes() {
	for i := range sh.in.Inputs {
		l, t := sh.taken[i], sh.times[i]
		kept, any := sh.windows.StreamTime(l.side)
		if !any {
			kept = -1
		}
		t = min(t, kept)
		o := sh.in.Inputs[i].Offset
		l.next = o + 1
		l.time = max(l.time, t)
		l.trail.add(o, t)
	}
	sh.taken, sh.times = sh.taken[:0], sh.times[:0]
}

// emit takes the rows: a Transactional sink turns them into messages of the
// current flight, any other sink writes them now.
func (sh *shard) emit(ctx context.Context) error {
	if len(sh.out.Records) > 0 {
		var err error
		if sh.letters, err = sh.after.apply(ctx, sh.out, sh.letters); err != nil {
			return err
		}
	}
	sh.st.cfg.Stats.Sent(len(sh.out.Records))
	if len(sh.out.Records) > 0 {
		var err error
		if t, ok := sh.st.sink.(connectors.Transactional); ok {
			err = sh.encode(ctx, t)
		} else {
			err = sh.write(ctx)
		}
		if err != nil {
			return err
		}
	}
	if len(sh.letters) > 0 {
		sh.current.add(sh.letters)
		sh.letters = sh.letters[:0]
	}
	return nil
}

// countJoined tells the metrics what the transformation has counted since the last
// step. What it did in a restore is not news.
func (sh *shard) countJoined() {
	c, ok := sh.stateful.(transforms.Counting)
	if !ok {
		return
	}
	now := c.Counts()
	sh.st.cfg.Stats.Joined(now.Rows-sh.counted.Rows, now.Skipped-sh.counted.Skipped, now.Late-sh.counted.Late)
	sh.counted = now
}

// countLag tells the metrics how far the slowest lane of all shards is behind what
// was fetched for it.
func (sh *shard) countLag() {
	lag := int64(0)
	sh.mu.Lock()
	for _, l := range sh.lanes {
		if !l.empty() {
			lag = max(lag, l.pushed-l.next)
		}
	}
	sh.mu.Unlock()
	sh.lag.Store(lag)
	for _, other := range sh.st.shards {
		lag = max(lag, other.lag.Load())
	}
	sh.st.cfg.Stats.Lag(lag)
}

// encode appends the rows' messages to the current flight.
func (sh *shard) encode(ctx context.Context, t connectors.Transactional) error {
	before := len(sh.current.msgs)
	err := sh.retry.do(ctx, "encoding", func() error {
		sh.current.msgs = sh.current.msgs[:before]
		sh.out.ClearFailed()
		for i := range sh.out.Records {
			forget(&sh.out.Records[i])
		}
		var err error
		sh.st.sinkMu.Lock()
		sh.current.msgs, err = t.Encode(ctx, sh.out, sh.current.msgs)
		sh.st.sinkMu.Unlock()
		if err != nil {
			return err
		}
		return waits(sh.out)
	})
	if err != nil {
		return err
	}
	sh.current.count(before)
	sh.letters, err = sh.st.policy.settle(sh.out, sh.letters)
	return err
}

// write writes the rows to a sink that is not Kafka, for as long as it takes.
// Their offsets follow in a transaction of their own; a crash between the two
// repeats the rows, which converge by their ids.
func (sh *shard) write(ctx context.Context) error {
	begun := time.Now()
	return sh.retry.do(ctx, "sink", func() error {
		for i := range sh.out.Records {
			forget(&sh.out.Records[i])
		}
		if len(sh.out.Records) == 0 {
			return nil
		}
		sh.st.sinkMu.Lock()
		put := time.Now()
		err := sh.st.sink.Write(sh.st.hard, sh.out)
		sh.st.cfg.Stats.Put(time.Since(put))
		sh.st.sinkMu.Unlock()
		if err != nil {
			sh.letters, err = stopped(sh.st.policy, sh.out, sh.letters, err)
			return err
		}
		var wait error
		sh.letters, wait, err = settleWritten(sh.st.policy, sh.out, sh.letters, begun)
		if err != nil {
			return err
		}
		return wait
	})
}
