package kafka

import (
	"cmp"
	"fmt"
	"slices"

	"culvert/data"
)

// RangeMember is a member as the range assignor sees it.
type RangeMember struct {
	ID         string
	InstanceID string // empty: a dynamic member
	Topics     []string
}

// RangeAssign divides the partitions of each topic as Java's RangeAssignor does
// (kafka-clients 4.3, without racks): consecutive ranges, the first members get one
// more where it does not come out even. Static members in order of instance id
// come before dynamic ones in order of member id; so a static member keeps its
// range over restarts. Partitions gives the partition count of each topic; a topic
// that is missing there, or 0, is left out. Every member is in the answer.
func RangeAssign(members []RangeMember, partitions map[string]int) map[string][]data.TopicPartition {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, compareMembers)
	subscribers := map[string][]string{}
	shares := make(map[string][]data.TopicPartition, len(members))
	for _, m := range sorted {
		shares[m.ID] = []data.TopicPartition{}
		for _, t := range slices.Compact(slices.Sorted(slices.Values(m.Topics))) {
			subscribers[t] = append(subscribers[t], m.ID)
		}
	}
	topics := make([]string, 0, len(subscribers))
	for t := range subscribers {
		topics = append(topics, t)
	}
	slices.Sort(topics)
	for _, t := range topics {
		ids := subscribers[t]
		each, more := partitions[t]/len(ids), partitions[t]%len(ids)
		next := 0
		for i, id := range ids {
			n := each
			if i < more {
				n++
			}
			for range n {
				shares[id] = append(shares[id], data.TopicPartition{Topic: t, Partition: int32(next)})
				next++
			}
		}
	}
	return shares
}

// compareMembers is AbstractPartitionAssignor.MemberInfo.compareTo.
func compareMembers(a, b RangeMember) int {
	switch {
	case a.InstanceID != "" && b.InstanceID != "":
		return cmp.Compare(a.InstanceID, b.InstanceID)
	case a.InstanceID != "":
		return -1
	case b.InstanceID != "":
		return 1
	}
	return cmp.Compare(a.ID, b.ID)
}

// AssignRange is RangeAssign for a GroupConfig.Assign of protocol "range": it
// decodes the subscriptions, asks for the partition counts of all topics in them,
// and encodes the assignments.
func AssignRange(members []GroupMember, partitions func(topics []string) (map[string]int, error)) (map[string][]byte, error) {
	var topics []string
	ranged := make([]RangeMember, 0, len(members))
	for _, m := range members {
		s, err := DecodeSubscription(m.Metadata)
		if err != nil {
			return nil, fmt.Errorf("subscription of member %s: %w", m.ID, err)
		}
		ranged = append(ranged, RangeMember{ID: m.ID, InstanceID: m.InstanceID, Topics: s.Topics})
		topics = append(topics, s.Topics...)
	}
	slices.Sort(topics)
	counts, err := partitions(slices.Compact(topics))
	if err != nil {
		return nil, err
	}
	encoded := make(map[string][]byte, len(members))
	for id, tps := range RangeAssign(ranged, counts) {
		encoded[id] = ConsumerAssignment{Partitions: tps}.Encode()
	}
	return encoded, nil
}
