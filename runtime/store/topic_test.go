package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/data"
	"culvert/kafka"
)

// TestTopic has the stores on an embedded broker: what one writes it reads back at
// once, another reads it after Sync, and every record lies in the partition in which
// Java's has been recorded.
func TestTopic(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var places sync.Map // key -> partition
	open := func(topic string, partitions int32) Open {
		inner := Topic(kafka.Settings{Props: map[string]string{"bootstrap.servers": broker.ListenAddrs()[0]}, Log: quiet()},
			kafka.TableConfig{Topic: topic, Create: kafka.TopicSpec{Partitions: partitions, Replication: 1}})
		return func(ctx context.Context, apply func(data.Message)) (Table, error) {
			return inner(ctx, func(m data.Message) { places.Store(string(m.Key), m.Partition); apply(m) })
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	one, err := OpenConfig(ctx, open("configs", 1), quiet())
	check(err)
	check(one.PutConnector(ctx, "a", map[string]string{"k": "v"}, Paused))
	check(one.PutTasks(ctx, "a", []map[string]string{{"t": "0"}, {"t": "1"}}))
	c := one.Snapshot().Connectors["a"]
	if c == nil || c.Target != Paused || len(c.Tasks) != 2 {
		t.Fatalf("not read back: %v", c)
	}
	two, err := OpenConfig(ctx, open("configs", 1), quiet())
	check(err)
	if d := cmp.Diff(one.Snapshot(), two.Snapshot()); d != "" {
		t.Errorf("a second reader: %s", d)
	}
	check(one.Delete(ctx, "a"))
	check(two.Sync(ctx))
	if len(two.Snapshot().Connectors) != 0 {
		t.Error("the second reader is behind after Sync")
	}

	offsets, err := OpenOffsets(ctx, open("offsets", 25), quiet())
	check(err)
	in := strs("filename", "in.txt")
	check(offsets.Commit(ctx, "src", []data.Mark{{Partition: in, Next: position(14)}, {Partition: strs("filename", "other.txt"), Next: position(1)}}))
	got, err := offsets.Load(ctx, "src", []data.Value{in})
	check(err)
	if string(appendValue(nil, got[0])) != `{"position":14}` {
		t.Errorf("offset %v", got[0])
	}
	check(offsets.Close())
	statuses, err := OpenStatuses(ctx, open("status", 5), quiet())
	check(err)
	for _, r := range readTopic(t, "status") {
		check(writeAgain(ctx, statuses, r))
	}
	check(statuses.Sync(ctx))
	check(statuses.Close())
	check(one.Close())
	check(two.Close())

	for _, name := range []string{"offset", "status"} {
		for _, r := range readTopic(t, name) {
			if p, _ := places.Load(r.Key); p != r.Partition {
				t.Errorf("%s is in partition %v, want %d", r.Key, p, r.Partition)
			}
		}
	}
}
