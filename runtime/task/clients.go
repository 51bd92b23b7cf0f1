package task

import (
	"context"

	"culvert/data"
	"culvert/kafka"
)

// What a task needs of Kafka; package kafka's clients are these. Their doc
// comments hold here too.
type (
	// Consumer fetches the partitions that the task owns.
	Consumer interface {
		Add(ctx context.Context, tp data.TopicPartition, offset int64) error
		Remove(tps ...data.TopicPartition)
		Pause(tps ...data.TopicPartition)
		Resume(tps ...data.TopicPartition)
		Poll(ctx context.Context, max kafka.Limits, into []data.Message) ([]data.Message, error)
		Position(tp data.TopicPartition) (int64, bool)
		Done(tp data.TopicPartition, before int64)
		AtEnd(tp data.TopicPartition) bool
		Close() error
	}
	// Producer sends and acknowledges.
	Producer interface {
		Send(ctx context.Context, msgs []data.Message, done func(i int, partition int32, offset int64, err error)) error
		Flush(ctx context.Context) error
		Close(ctx context.Context) error
	}
	// Group is one membership.
	Group interface {
		Run(ctx context.Context) error
		Rejoin()
		Commit(ctx context.Context, offsets map[data.TopicPartition]kafka.OffsetMeta) error
		Committed(ctx context.Context, tps []data.TopicPartition) (map[data.TopicPartition]kafka.OffsetMeta, error)
		Close() error
	}
	// Txn is one transactional producer.
	Txn interface {
		Run(ctx context.Context, msgs []data.Message, group string, offsets map[data.TopicPartition]kafka.OffsetMeta) error
		Close() error
	}
	// Admin looks at topics and offsets.
	Admin interface {
		Topics(ctx context.Context, names ...string) (map[string]kafka.TopicInfo, error)
		TopicConfigs(ctx context.Context, topic string) (map[string]string, error)
		AllTopics(ctx context.Context) ([]string, error)
		CreateTopic(ctx context.Context, spec kafka.TopicSpec) (created bool, err error)
		ListOffsets(ctx context.Context, tps []data.TopicPartition, at int64) (data.Offsets, error)
		GroupOffsets(ctx context.Context, group string, tps []data.TopicPartition, stable bool) (map[data.TopicPartition]kafka.OffsetMeta, error)
		Close() error
	}
)

var (
	_ Consumer = (*kafka.Consumer)(nil)
	_ Producer = (*kafka.Producer)(nil)
	_ Group    = (*kafka.Group)(nil)
	_ Txn      = (*kafka.Txn)(nil)
	_ Admin    = (*kafka.Admin)(nil)
)
