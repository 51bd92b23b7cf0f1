package datagen

import (
	"context"
	"fmt"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

// shards is the number of parts that the indices of the matched streams are
// divided into: shard k has every index i with i mod shards = k, and an offset of
// its own. The tasks divide the shards, task t of n taking k mod n = t, so that
// another number of tasks finds everything where the former tasks left it: nothing
// is left out, nothing comes twice. Offsets mean this number; it cannot change.
const shards = 16

// lane is a part of a stream that has an offset of its own.
type lane struct {
	partition data.Value
	next      int64 // its next iteration
	stride    int64 // from one of its iterations to the one after it
	moved     bool  // since it was marked last
}

// Names in source partitions, in source offsets and in the headers of records.
const (
	partitionShard   = "shard"
	offsetTask       = "task.id"
	offsetGeneration = "task.generation"
	offsetIteration  = "current.iteration"
	offsetSeed       = "random.seed"
	// The beginning of the day that a relative event.time.start counts from.
	offsetDay = "event.time.now"
)

func partitionOf(name string, n int) data.Value {
	return data.OfMap([]data.Value{data.OfString(name), data.OfInt64(int64(n))})
}

// lanes are the parts of the stream that the task has, at their beginnings.
func (c *Config) lanes() []lane {
	if !isMacd(c.Quickstart) {
		return []lane{{partition: partitionOf(offsetTask, c.TaskID), stride: 1}}
	}
	var own []lane
	for k := range shards {
		if k%max(c.Tasks, 1) == c.TaskID {
			own = append(own, lane{partition: partitionOf(partitionShard, k), next: int64(k), stride: shards})
		}
	}
	return own
}

// from lets the lane begin at the first of its iterations that is not below n.
func (l *lane) from(n int64) {
	if n > l.next {
		l.next += (n - l.next + l.stride - 1) / l.stride * l.stride
	}
}

// state is a stored offset: what is before the next record, not after the last one.
type state struct {
	generation, iteration, seed int64
	day                         time.Time // zero: not stored
}

func readState(stored data.Value, partition data.Value) (st state, err error) {
	for _, f := range []struct {
		name string
		into *int64
	}{{offsetGeneration, &st.generation}, {offsetIteration, &st.iteration}, {offsetSeed, &st.seed}} {
		v, ok := stored.Lookup(f.name)
		if !ok || !isWhole(v) {
			return st, fault.New(fault.Config, "datagen.offset", "The stored offset of %s has no whole number %q", show(partition), f.name).
				WithFix("stop the connector and delete its offsets (DELETE /connectors/<name>/offsets): it then begins anew")
		}
		*f.into = v.Int()
	}
	if v, ok := stored.Lookup(offsetDay); ok && isWhole(v) {
		st.day = time.UnixMilli(v.Int())
	}
	return st, nil
}

func isWhole(v data.Value) bool { return v.Kind() == data.Int64 || v.Kind() == data.Int32 }

// show writes a partition of ours, which has one name.
func show(partition data.Value) string {
	e := partition.Elems()
	return fmt.Sprintf("%s %d", e[0].Str(), e[1].Int())
}

// restore takes up the state that the stored offsets hold, and returns the seed.
func (s *Source) restore(ctx context.Context, offsets connectors.OffsetReader) (seed int64, err error) {
	seed = s.cfg.firstSeed()
	if offsets == nil {
		return seed, nil
	}
	if isMacd(s.cfg.Quickstart) {
		return seed, s.restoreShards(ctx, offsets)
	}
	states, err := load(ctx, offsets, []data.Value{s.lanes[0].partition})
	if err != nil || states[0] == nil {
		return seed, err
	}
	st := states[0]
	s.generation = st.generation
	s.lanes[0].next = st.iteration
	if !st.day.IsZero() {
		s.day = st.day
	}
	return st.seed, nil
}

// restoreShards looks at the offsets of all shards, for any of them may know the
// day that event time counts from, and at the offset of the layout before there
// were shards: one task, which had done all that is below its iteration. An offset
// of another seed is that of another stream, and says nothing about this one.
func (s *Source) restoreShards(ctx context.Context, offsets connectors.OffsetReader) error {
	partitions := []data.Value{partitionOf(offsetTask, 0)}
	for k := range shards {
		partitions = append(partitions, partitionOf(partitionShard, k))
	}
	states, err := load(ctx, offsets, partitions)
	if err != nil {
		return err
	}
	for i, st := range states {
		if st == nil || st.seed != s.cfg.Seed {
			continue
		}
		if !st.day.IsZero() {
			s.day = st.day
		}
		for k := range s.lanes {
			if l := &s.lanes[k]; i == 0 || l.partition.Equal(partitions[i]) {
				l.from(st.iteration)
				s.generation = max(s.generation, st.generation)
			}
		}
	}
	return nil
}

// load returns the states of partitions, nil where nothing is stored.
func load(ctx context.Context, offsets connectors.OffsetReader, partitions []data.Value) ([]*state, error) {
	stored, err := offsets.Load(ctx, partitions)
	if err != nil {
		return nil, fmt.Errorf("load the offsets of datagen: %w", err)
	}
	states := make([]*state, len(partitions))
	for i := range stored {
		if stored[i].IsNull() {
			continue
		}
		st, err := readState(stored[i], partitions[i])
		if err != nil {
			return nil, err
		}
		states[i] = &st
	}
	return states, nil
}

// ahead is the lane whose next iteration comes first.
func (s *Source) ahead() *lane {
	first := &s.lanes[0]
	for k := range s.lanes {
		if s.lanes[k].next < first.next {
			first = &s.lanes[k]
		}
	}
	return first
}

// mark puts the offsets of all lanes that have moved into the batch.
func (s *Source) mark(b *data.Batch) {
	for k := range s.lanes {
		l := &s.lanes[k]
		if !l.moved {
			continue
		}
		l.moved = false
		offset := []data.Value{
			data.OfString(offsetGeneration), data.OfInt64(s.generation + 1),
			data.OfString(offsetIteration), data.OfInt64(l.next),
			data.OfString(offsetSeed), data.OfInt64(s.stream.seed()),
		}
		if s.cfg.EventStart.relative {
			offset = append(offset, data.OfString(offsetDay), data.OfInt64(s.day.UnixMilli()))
		}
		b.Mark(l.partition, data.OfMap(offset))
	}
}
