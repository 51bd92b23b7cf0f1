package boot

import (
	"cmp"
	"context"
	"slices"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
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
	for _, m := range marks {
		topic, _ := m.Partition.Lookup("kafka_topic")
		partition, ok := m.Partition.Lookup("kafka_partition")
		if topic.Kind() != data.String || !ok {
			return fault.New(fault.Config, "offsets.shape", "the partition of a sink offset must have kafka_topic and kafka_partition")
		}
		tp := data.TopicPartition{Topic: topic.Str(), Partition: int32(partition.Int())}
		if m.Next.IsNull() {
			forget = append(forget, tp)
			continue
		}
		offset, ok := m.Next.Lookup("kafka_offset")
		if !ok {
			return fault.New(fault.Config, "offsets.shape", "the offset of a sink must have kafka_offset")
		}
		set[tp] = kafka.OffsetMeta{Offset: offset.Int()}
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
