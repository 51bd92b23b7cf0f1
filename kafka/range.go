package kafka

import "culvert/data"

// RangeMember is a member as the range assignor sees it.
type RangeMember struct {
	ID         string
	InstanceID string // empty: a dynamic member
	Topics     []string
	Rack       string
}

// RangeAssign divides the partitions of each topic as Java's RangeAssignor does
// (kafka-clients 4.3): static members in order of instance id come before dynamic
// ones in order of member id. Partitions gives the partition count of each topic;
// a topic that is missing there, or 0, is left out.
func RangeAssign(members []RangeMember, partitions map[string]int) map[string][]data.TopicPartition {
	return nil
}

// AssignRange is RangeAssign for a GroupConfig.Assign of protocol "range": it
// decodes the subscriptions, asks for the partition counts of all topics in them,
// and encodes the assignments.
func AssignRange(members []GroupMember, partitions func(topics []string) (map[string]int, error)) (map[string][]byte, error) {
	return nil, errTodo
}
