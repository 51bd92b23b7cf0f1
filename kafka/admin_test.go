package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/fault"
)

func TestAdminTopics(t *testing.T) {
	cluster := fakeCluster(t, kfake.ClusterID("the-cluster"))
	ctx, s := within(t), settings(cluster)
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if id, err := a.ClusterID(ctx); err != nil || id != "the-cluster" {
		t.Errorf("ClusterID = %q, %v", id, err)
	}
	spec := TopicSpec{Name: "new", Partitions: 4, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	for i, want := range []bool{true, false} {
		if created, err := a.CreateTopic(ctx, spec); err != nil || created != want {
			t.Errorf("CreateTopic %d = %v, %v", i, created, err)
		}
	}
	found, err := a.Topics(ctx, "new", "t", "missing")
	if diff := cmp.Diff(map[string]TopicInfo{"new": {4, 1}, "t": {3, found["t"].Replication}}, found); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if names, err := a.AllTopics(ctx); err != nil || !cmp.Equal(names, []string{"new", "single", "t"}) {
		t.Errorf("AllTopics = %v, %v", names, err)
	}
	if c, err := a.TopicConfigs(ctx, "new"); err != nil || c["cleanup.policy"] != "compact" || c["retention.ms"] == "" {
		t.Errorf("TopicConfigs = %v, %v", c, err)
	}
	if _, err := a.TopicConfigs(ctx, "missing"); !fault.Is(err, fault.NotFound) {
		t.Errorf("TopicConfigs of a missing topic = %v", err)
	}
	if _, err := a.CreateTopic(ctx, TopicSpec{Name: "bad", Partitions: 1, Replication: 9}); err == nil || fault.Is(err, fault.Retry) {
		t.Errorf("nine replicas on two brokers gave %v", err)
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.NotController, Count: 2})
	if created, err := a.CreateTopic(ctx, TopicSpec{Name: "newer", Partitions: 1, Replication: 1}); err != nil || !created {
		t.Errorf("CreateTopic after NOT_CONTROLLER = %v, %v", created, err)
	}
}

func TestAdminOffsets(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	fill(ctx, t, s, 10) // timestamps 1700000000000 to …009
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	parts := tps("t", 0, 2)
	for at, want := range map[int64]int64{Earliest: 0, Latest: 10, LatestCommitted: 10, 1700000000004: 4, 1: 0, 1800000000000: 10} {
		got, err := a.ListOffsets(ctx, parts, at)
		if diff := cmp.Diff(data.Offsets{parts[0]: want, parts[1]: want}, got); diff != "" || err != nil {
			t.Errorf("at %d: %v %s", at, err, diff)
		}
	}
	offsets := map[data.TopicPartition]OffsetMeta{parts[0]: {3, "m"}, parts[1]: {4, ""}}
	if got, err := a.GroupOffsets(ctx, "nobody", nil, false); err != nil || len(got) != 0 {
		t.Errorf("offsets of an unknown group = %v, %v", got, err)
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator, Count: 2})
	if err := a.CommitGroupOffsets(ctx, "g", offsets); err != nil {
		t.Fatal(err)
	}
	if got, err := a.GroupOffsets(ctx, "g", nil, true); err != nil || !cmp.Equal(got, offsets) {
		t.Errorf("all offsets = %v, %v", got, err)
	}
	if got, err := a.GroupOffsets(ctx, "g", tps("t", 0, 1), false); err != nil || len(got) != 1 || got[parts[0]].Offset != 3 {
		t.Errorf("some offsets = %v, %v", got, err)
	}
	if err := a.DeleteGroupOffsets(ctx, "g", parts[:1]); err != nil {
		t.Fatal(err)
	}
	if got, err := a.GroupOffsets(ctx, "g", nil, false); err != nil || len(got) != 1 {
		t.Errorf("offsets after deleting one = %v, %v", got, err)
	}
	for range 2 {
		if err := a.DeleteGroup(ctx, "g"); err != nil {
			t.Error(err)
		}
	}

	m := member(ctx, t, s, "")
	m.expect(ctx, t, "assigned [0 1 2]")
	for name, err := range map[string]error{"commit": a.CommitGroupOffsets(ctx, "g", offsets), "delete": a.DeleteGroup(ctx, "g"),
		"delete offsets": a.DeleteGroupOffsets(ctx, "g", parts)} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s with a member = %v", name, err)
		}
	}
}

func TestAdminUnreachable(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, cluster *kfake.Cluster, s Settings) {
		cluster.Close()
		begun := time.Now()
		if _, err := OpenAdmin(ctx, with(s, "request.timeout.ms", "300")); !fault.Is(err, fault.Retry) {
			t.Errorf("without a broker OpenAdmin gave %v", err)
		}
		if d := time.Since(begun); d > time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
