package task

import (
	"context"
	"time"

	"culvert/data"
)

// Bounds of one step of a shard.
const (
	stepRecords = 1000
	stepBytes   = 1 << 20
)

// How often a shard that holds records back looks whether the other input has
// come to its end.
const endCheck = 5 * time.Millisecond

// How long a restore waits for more of a lane whose end has only markers: an
// order of magnitude more than dealing out can take, since what is missed then
// would be missing in the windows.
const replayPatience = time.Second

// gather moves the next messages, merged by event time, from the lanes to in. It
// returns with none when wait is over, when stop is closed, when the committer has
// come back, or when ctx has ended (its error).
//
// The order is Kafka Streams' (max.task.idle.ms, KIP-695): the earliest of the
// heads goes first; while a lane is empty nothing goes, unless the lane is known
// to be at its end, for max.task.idle.ms at least; a negative idle never waits.
func (sh *shard) gather(ctx context.Context, in *data.Batch, wait time.Duration, stop <-chan struct{}) error {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	var held time.Time // since when records are held back
	for {
		resume, more, holding := sh.take(in, held)
		if len(resume) > 0 {
			sh.st.intake.consumer.Resume(resume...)
		}
		if more {
			return nil
		}
		var look <-chan time.Time
		if holding {
			if held.IsZero() {
				held = time.Now()
			}
			look = time.After(endCheck)
		} else {
			held = time.Time{}
		}
		select {
		case <-sh.wake:
		case <-look:
		case <-timer.C:
			return nil
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if sh.attention() {
			return nil
		}
	}
}

// take merges what can go now. Holding says that records wait for an empty lane.
func (sh *shard) take(in *data.Batch, held time.Time) (resume []data.TopicPartition, more, holding bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var waited time.Duration
	if !held.IsZero() {
		waited = time.Since(held)
	}
	size := 0
	for len(in.Inputs) < stepRecords && size < stepBytes {
		l, blocked := sh.next(waited)
		if l == nil {
			holding = blocked && len(in.Inputs) == 0
			break
		}
		sh.times = append(sh.times, l.headTime())
		sh.taken = append(sh.taken, l)
		m := l.pop()
		size += m.Bytes()
		in.Inputs = append(in.Inputs, m)
		if l.paused && l.bytes < laneLow {
			l.paused = false
			resume = append(resume, l.tp)
		}
	}
	return resume, len(in.Inputs) > 0, holding
}

// next is the lane whose head goes next; nil when there is none, blocked when
// that is only because an empty lane may still get an earlier record.
func (sh *shard) next(waited time.Duration) (best *lane, blocked bool) {
	waiting := false
	var first int64
	for _, l := range sh.lanes {
		if sh.restoring && sh.replayed(l) {
			continue
		}
		if l.empty() {
			waiting = waiting || !sh.skippable(l, waited)
			continue
		}
		if t := l.headTime(); best == nil || t < first {
			best, first = l, t
		}
	}
	if best != nil && waiting {
		return nil, true
	}
	return best, waiting && sh.restoring
}

// skippable reports whether the merge may go on without an empty lane.
func (sh *shard) skippable(l *lane, waited time.Duration) bool {
	idle := sh.st.cfg.MaxTaskIdle
	if idle < 0 {
		return true
	}
	if sh.restoring { // with less patience, replayed would take it for read back too soon
		return sh.st.intake.atEnd(l, replayPatience)
	}
	return sh.st.intake.atEnd(l, endCheck) && waited >= idle
}

// replayed reports whether a lane has been read back up to its committed offset.
// The last offsets before it may be control records, which nobody delivers: then
// a later message, or the end of the partition, says so.
func (sh *shard) replayed(l *lane) bool {
	if l.next >= l.committed {
		return true
	}
	if !l.empty() {
		return l.queue[l.head].Offset >= l.committed
	}
	return sh.st.intake.atEnd(l, replayPatience)
}

// reached notes that a lane has nothing to give before an offset.
func (sh *shard) reached(tp data.TopicPartition, offset int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.byPartition[tp]
	l.pushed = max(l.pushed, offset)
}

// push takes messages in; it reports whether the lane has enough now. Called by
// the intake.
func (sh *shard) push(tp data.TopicPartition, msgs []data.Message) (pause bool) {
	var times []int64
	l := sh.byPartition[tp]
	if !sh.st.cfg.Plan.ByTimestamp() {
		times = sh.eventTimes(l, msgs)
	}
	sh.mu.Lock()
	for i := range msgs {
		l.bytes += msgs[i].Bytes()
	}
	if l.head > 0 && len(l.queue)+len(msgs) > cap(l.queue) {
		n := copy(l.queue, l.queue[l.head:])
		clear(l.queue[n:])
		l.queue = l.queue[:n]
		if l.times != nil {
			l.times = l.times[:copy(l.times, l.times[l.head:])]
		}
		l.head = 0
	}
	l.queue = append(l.queue, msgs...)
	if times != nil {
		l.times = append(l.times, times...)
	}
	l.pushed = msgs[len(msgs)-1].Offset + 1
	if l.bytes >= laneHigh && !l.paused {
		l.paused, pause = true, true
	}
	sh.mu.Unlock()
	poke(sh.wake)
	return pause
}

// eventTimes asks the plan for the times of messages whose time is not their
// timestamp. What cannot be told counts as the timestamp: the transformation
// itself will fail the record.
func (sh *shard) eventTimes(l *lane, msgs []data.Message) []int64 {
	times := make([]int64, len(msgs))
	for i := range msgs {
		times[i] = msgs[i].Timestamp
		sh.scratch.Release()
		sh.scratch.Inputs = append(sh.scratch.Inputs, msgs[i])
		sh.scratchCodecs.wire(sh.scratch)
		for k := range sh.scratchSteps {
			if sh.scratchSteps[k].Apply(sh.st.life, sh.scratch) != nil {
				break
			}
		}
		if len(sh.scratch.Records) != 1 || len(sh.scratch.Failed()) > 0 {
			continue
		}
		if t, err := sh.st.cfg.Plan.EventTime(l.tp.Topic, &sh.scratch.Records[0], sh.scratch.Arena); err == nil {
			times[i] = t
		}
	}
	return times
}
