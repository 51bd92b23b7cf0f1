package kafka

import (
	"context"

	"culvert/data"
)

// Positions for ListOffsets and Consumer.Add; ListOffsets takes a timestamp in
// milliseconds as well.
const (
	Latest   int64 = -1
	Earliest int64 = -2
	// LatestCommitted is the last stable offset: where a read_committed reader ends.
	LatestCommitted int64 = -1000
)

// TopicInfo is what the cluster says of a topic that exists.
type TopicInfo struct {
	Partitions  int
	Replication int16
}

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int32 // -1: the broker's default
	Replication int16 // -1: the broker's default
	Configs     map[string]string
}

// OffsetMeta is a committed offset with its metadata field.
type OffsetMeta struct {
	Offset   int64
	Metadata string
}

// Admin looks at the cluster and changes topics and offsets. All calls are safe
// for concurrent use. An error of class Retry means that the cluster did not
// answer in time: ask again.
type Admin struct{}

// OpenAdmin connects. When no broker answers within the request timeout the
// error is of class Retry.
func OpenAdmin(ctx context.Context, s Settings) (*Admin, error) { return nil, errTodo }

// ClusterID returns the id that GET / shows.
func (a *Admin) ClusterID(ctx context.Context) (string, error) { return "", errTodo }

// Topics describes the named topics. One that does not exist is absent from the
// answer, and is not created by asking.
func (a *Admin) Topics(ctx context.Context, names ...string) (map[string]TopicInfo, error) {
	return nil, errTodo
}

// AllTopics lists the names of all topics that this principal may see, sorted.
func (a *Admin) AllTopics(ctx context.Context) ([]string, error) { return nil, errTodo }

// TopicConfigs returns all configs of a topic with the values in force, defaults
// included.
func (a *Admin) TopicConfigs(ctx context.Context, topic string) (map[string]string, error) {
	return nil, errTodo
}

// CreateTopic creates a topic. One that exists is false, nil.
func (a *Admin) CreateTopic(ctx context.Context, spec TopicSpec) (created bool, err error) {
	return false, errTodo
}

// ListOffsets gives for each partition the offset at Earliest, Latest,
// LatestCommitted, or that of the first record with at least the given timestamp
// (milliseconds); the end where there is none.
func (a *Admin) ListOffsets(ctx context.Context, tps []data.TopicPartition, at int64) (data.Offsets, error) {
	return nil, errTodo
}

// GroupOffsets returns the committed offsets of a group, for the given
// partitions or, with nil, for all. A partition without one is absent. Stable
// waits until no transaction has an open commit on them.
func (a *Admin) GroupOffsets(ctx context.Context, group string, tps []data.TopicPartition, stable bool) (map[data.TopicPartition]OffsetMeta, error) {
	return nil, errTodo
}

// CommitGroupOffsets commits for a group that has no members. With members the
// error is of class Conflict.
func (a *Admin) CommitGroupOffsets(ctx context.Context, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	return errTodo
}

// DeleteGroup deletes a group with its offsets. A group that does not exist is
// no error; one with members is Conflict.
func (a *Admin) DeleteGroup(ctx context.Context, group string) error { return errTodo }

// DeleteGroupOffsets forgets committed offsets of single partitions. Partitions
// that a live member subscribes to are Conflict.
func (a *Admin) DeleteGroupOffsets(ctx context.Context, group string, tps []data.TopicPartition) error {
	return errTodo
}

// Close ends the connections. It may be called twice.
func (a *Admin) Close() error { return nil }
