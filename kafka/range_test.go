package kafka

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/data"
)

func tps(topic string, ps ...int32) []data.TopicPartition {
	out := []data.TopicPartition{}
	for _, p := range ps {
		out = append(out, data.TopicPartition{Topic: topic, Partition: p})
	}
	return out
}

// The cases are those of Java's RangeAssignorTest.
func TestRangeAssign(t *testing.T) {
	member := func(id string, topics ...string) RangeMember { return RangeMember{ID: id, Topics: topics} }
	static := func(id, instance string, topics ...string) RangeMember {
		return RangeMember{ID: id, InstanceID: instance, Topics: topics}
	}
	for _, c := range []struct {
		name       string
		members    []RangeMember
		partitions map[string]int
		want       map[string][]data.TopicPartition
	}{
		{"one consumer no topic", []RangeMember{member("c")}, nil, map[string][]data.TopicPartition{"c": {}}},
		{"one consumer nonexistent topic", []RangeMember{member("c", "t")}, map[string]int{}, map[string][]data.TopicPartition{"c": {}}},
		{"one consumer one topic", []RangeMember{member("c", "t")}, map[string]int{"t": 3},
			map[string][]data.TopicPartition{"c": tps("t", 0, 1, 2)}},
		{"only subscribed topics", []RangeMember{member("c", "t")}, map[string]int{"t": 3, "other": 3},
			map[string][]data.TopicPartition{"c": tps("t", 0, 1, 2)}},
		{"two consumers one topic one partition", []RangeMember{member("a", "t"), member("b", "t")}, map[string]int{"t": 1},
			map[string][]data.TopicPartition{"a": tps("t", 0), "b": {}}},
		{"two consumers two topics six partitions", []RangeMember{member("a", "t1", "t2"), member("b", "t1", "t2")},
			map[string]int{"t1": 3, "t2": 3},
			map[string][]data.TopicPartition{"a": slices.Concat(tps("t1", 0, 1), tps("t2", 0, 1)), "b": slices.Concat(tps("t1", 2), tps("t2", 2))}},
		{"mixed topics", []RangeMember{member("a", "t1"), member("b", "t1", "t2"), member("c", "t1")}, map[string]int{"t1": 3, "t2": 2},
			map[string][]data.TopicPartition{"a": tps("t1", 0), "b": slices.Concat(tps("t1", 1), tps("t2", 0, 1)), "c": tps("t1", 2)}},
		{"static members come first, by instance id", []RangeMember{member("a", "t"), static("z", "i1", "t"), static("y", "i2", "t")},
			map[string]int{"t": 4},
			map[string][]data.TopicPartition{"z": tps("t", 0, 1), "y": tps("t", 2), "a": tps("t", 3)}},
		{"a static member keeps its range under a new member id", []RangeMember{static("zz-new", "i1", "t"), static("y", "i2", "t")},
			map[string]int{"t": 3},
			map[string][]data.TopicPartition{"zz-new": tps("t", 0, 1), "y": tps("t", 2)}},
		{"more members than partitions", []RangeMember{member("a", "t"), member("b", "t"), member("c", "t")}, map[string]int{"t": 2},
			map[string][]data.TopicPartition{"a": tps("t", 0), "b": tps("t", 1), "c": {}}},
		{"a topic named twice counts once", []RangeMember{member("a", "t", "t"), member("b", "t")}, map[string]int{"t": 2},
			map[string][]data.TopicPartition{"a": tps("t", 0), "b": tps("t", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the order in which members come does not matter
				if diff := cmp.Diff(c.want, RangeAssign(c.members, c.partitions)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				slices.Reverse(c.members)
			}
		})
	}
}

func TestAssignRange(t *testing.T) {
	sub := ConsumerSubscription{Topics: []string{"t"}, Generation: -1}.Encode()
	members := []GroupMember{{ID: "b", Metadata: sub}, {ID: "a", Metadata: sub}}
	var asked []string
	got, err := AssignRange(members, func(topics []string) (map[string]int, error) {
		asked = topics
		return map[string]int{"t": 3}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"t"}, asked); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[string][]data.TopicPartition{"a": tps("t", 0, 1), "b": tps("t", 2)} {
		a, err := DecodeAssignment(got[id])
		if err != nil || !slices.Equal(a.Partitions, want) {
			t.Errorf("assignment of %s = %v %v, want %v", id, a.Partitions, err, want)
		}
	}
	if _, err := AssignRange([]GroupMember{{ID: "a", Metadata: []byte{0}}}, nil); err == nil {
		t.Error("a malformed subscription was accepted")
	}
	boom := errors.New("boom")
	if _, err := AssignRange(members, func([]string) (map[string]int, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Errorf("error = %v, want %v", err, boom)
	}
}
