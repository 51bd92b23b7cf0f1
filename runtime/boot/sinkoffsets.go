package boot

import (
	"cmp"
	"context"
	"slices"

	"culvert/data"
	"culvert/kafka"
	"culvert/runtime/store"
)

// sinkOffsets reads and changes the offsets of sinks' consumer groups, in the
// form of KIP-875: partition {kafka_topic, kafka_partition}, offset {kafka_offset}.
type sinkOffsets struct{ admin *kafka.Admin }

func (s sinkOffsets) All(ctx context.Context, group string) ([]data.Mark, error) {
	offsets, err := s.admin.GroupOffsets(ctx, group, nil, false)
	if err != nil {
		return nil, err
	}
	tps := make([]data.TopicPartition, 0, len(offsets))
	for tp := range offsets {
		tps = append(tps, tp)
	}
	slices.SortFunc(tps, func(a, b data.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	marks := make([]data.Mark, len(tps))
	for i, tp := range tps {
		marks[i] = data.Mark{
			Partition: data.OfMap([]data.Value{
				data.OfString("kafka_topic"), data.OfString(tp.Topic), data.OfString("kafka_partition"), data.OfInt32(tp.Partition),
			}),
			Next: data.OfMap([]data.Value{data.OfString("kafka_offset"), data.OfInt64(offsets[tp].Offset)}),
		}
	}
	return marks, nil
}

func (s sinkOffsets) Alter(ctx context.Context, group string, marks []data.Mark) error {
	set := map[data.TopicPartition]kafka.OffsetMeta{}
	var forget []data.TopicPartition
	parsed, err := store.ParseSinkOffsets(marks)
	if err != nil {
		return err
	}
	for tp, offset := range parsed {
		if offset == nil {
			forget = append(forget, tp)
			continue
		}
		set[tp] = kafka.OffsetMeta{Offset: *offset}
	}
	if len(set) > 0 {
		if err := s.admin.CommitGroupOffsets(ctx, group, set); err != nil {
			return err
		}
	}
	if len(forget) > 0 {
		return s.admin.DeleteGroupOffsets(ctx, group, forget)
	}
	return nil
}

func (s sinkOffsets) Reset(ctx context.Context, group string) error {
	return s.admin.DeleteGroup(ctx, group)
}
