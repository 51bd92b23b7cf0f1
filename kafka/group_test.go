package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/fault"
)

// joined is one member under test: it subscribes to "t" by range and records what
// happens to it.
type joined struct {
	*Group
	events chan string // "assigned 1 [0 1 2]", "revoked"
	end    chan error  // of Run
	stop   context.CancelFunc

	mu  sync.Mutex
	gen Generation
}

func member(ctx context.Context, t *testing.T, s Settings, instance string, change ...func(*GroupConfig)) *joined {
	t.Helper()
	j := &joined{events: make(chan string, 100), end: make(chan error, 1)}
	admin, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	config := GroupConfig{ID: "g", ProtocolType: "consumer", InstanceID: instance, SessionTimeout: 6 * time.Second,
		RebalanceTimeout: 6 * time.Second, HeartbeatInterval: 50 * time.Millisecond, LeaveOnClose: true,
		Protocols: func() []GroupProtocol {
			return []GroupProtocol{{"range", ConsumerSubscription{Topics: []string{"t"}, Generation: -1}.Encode()}}
		},
		Assign: func(_ string, members []GroupMember) (map[string][]byte, error) {
			return AssignRange(members, func(topics []string) (map[string]int, error) {
				found, err := admin.Topics(ctx, topics...)
				counts := map[string]int{}
				for name, info := range found {
					counts[name] = info.Partitions
				}
				return counts, err
			})
		},
		Revoke: func(context.Context) error { j.events <- "revoked"; return nil },
		Assigned: func(_ context.Context, g Generation, b []byte) error {
			a, err := DecodeAssignment(b)
			if err != nil {
				return err
			}
			ps := []int32{}
			for _, tp := range a.Partitions {
				ps = append(ps, tp.Partition)
			}
			j.mu.Lock()
			j.gen = g
			j.mu.Unlock()
			j.events <- fmt.Sprintf("assigned %v", ps)
			return nil
		},
	}
	for _, f := range change {
		f(&config)
	}
	if j.Group, err = OpenGroup(ctx, s, config); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	j.stop = stop
	go func() { j.end <- j.Run(running); close(j.end) }()
	t.Cleanup(func() {
		stop()
		<-j.end
		_ = j.Close()
		_ = admin.Close()
	})
	return j
}

func (j *joined) generation() Generation {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.gen
}

// expect waits for the next events; those not listed fail the test.
func (j *joined) expect(ctx context.Context, t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-j.events:
			if got != w {
				t.Fatalf("event %q, want %q", got, w)
			}
		case err := <-j.end:
			t.Fatalf("Run ended with %v while waiting for %q", err, w)
		case <-ctx.Done():
			t.Fatalf("no event, want %q", w)
		}
	}
}

// reach skips events until one comes.
func (j *joined) reach(ctx context.Context, t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case got := <-j.events:
			if got == want {
				return
			}
		case <-ctx.Done():
			t.Fatalf("event %q did not come", want)
		}
	}
}

func TestGroupAloneAndTwo(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	one := member(ctx, t, s, "")
	one.expect(ctx, t, "assigned [0 1 2]")
	if g := one.generation(); !g.Leader || g.Protocol != "range" || g.MemberID == "" {
		t.Errorf("generation = %+v", g)
	}
	if err := one.Commit(ctx, map[data.TopicPartition]OffsetMeta{{Topic: "t"}: {5, "m"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := one.Committed(ctx, tps("t", 0, 1)); err != nil || len(got) != 1 || got[data.TopicPartition{Topic: "t"}] != (OffsetMeta{5, "m"}) {
		t.Errorf("Committed = %v, %v", got, err)
	}
	two := member(ctx, t, s, "")
	one.expect(ctx, t, "revoked")
	shares := map[string]bool{<-one.events: true, <-two.events: true}
	if !shares["assigned [0 1]"] || !shares["assigned [2]"] {
		t.Errorf("shares = %v", shares)
	}
	two.stop()
	one.reach(ctx, t, "revoked")
	one.expect(ctx, t, "assigned [0 1 2]") // two left by name: no session timeout
	if err := <-two.end; err != nil {
		t.Errorf("Run of who was stopped = %v", err)
	}
	if got := <-two.events; got != "revoked" {
		t.Errorf("before Run ended: %q", got)
	}
}

func TestGroupRejoin(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	one := member(ctx, t, s, "w")
	one.expect(ctx, t, "assigned [0 1 2]")
	was := one.generation().ID
	one.Rejoin()
	one.expect(ctx, t, "revoked", "assigned [0 1 2]")
	if now := one.generation().ID; now <= was {
		t.Errorf("generation %d after %d: a leader's rejoin is a rebalance", now, was)
	}
}

// A static member that comes back takes its work over at once, without a rebalance
// for the others, and its former self is fenced.
func TestGroupStaticRestart(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, _ *kfake.Cluster, s Settings) {
		a := member(ctx, t, s, "a", func(c *GroupConfig) { c.LeaveOnClose = false })
		a.expect(ctx, t, "assigned [0 1 2]")
		b := member(ctx, t, s, "b")
		a.reach(ctx, t, "assigned [0 1]")
		b.expect(ctx, t, "assigned [2]")
		old := a.generation()
		begun := time.Now()
		again := member(ctx, t, s, "a")
		again.expect(ctx, t, "assigned [0 1]")
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("the static member had to wait %v", d)
		}
		now := again.generation()
		if now.MemberID == old.MemberID || now.ID < old.ID {
			t.Errorf("generation %+v after %+v", now, old)
		}
		if now.Leader != old.Leader {
			t.Errorf("the member leads: %v, before it was killed: %v", now.Leader, old.Leader)
		}
		err := a.Commit(ctx, map[data.TopicPartition]OffsetMeta{{Topic: "t"}: {5, ""}})
		if !fault.Is(err, fault.Fenced) {
			t.Errorf("a commit of the former self = %v", err)
		}
		if err := <-a.end; !fault.Is(err, fault.Fenced) {
			t.Errorf("Run of the former self = %v", err)
		}
		if err := again.Commit(ctx, map[data.TopicPartition]OffsetMeta{{Topic: "t"}: {7, ""}}); err != nil {
			t.Errorf("a commit of the new self = %v", err)
		}
	})
}

// A static member that stops for good leaves by name, and others take over at once.
func TestGroupStaticLeave(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	a := member(ctx, t, s, "a")
	a.expect(ctx, t, "assigned [0 1 2]")
	b := member(ctx, t, s, "b")
	b.expect(ctx, t, "assigned [2]")
	a.stop()
	b.expect(ctx, t, "revoked", "assigned [0 1 2]")
	if !b.generation().Leader {
		t.Error("who is left alone does not lead")
	}
}

// Members that the coordinator has forgotten, or that are of an old generation, give
// their work back and join again.
func TestGroupLost(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.RebalanceInProgress} {
		t.Run(e.Message, func(t *testing.T) {
			cluster := fakeCluster(t)
			ctx, s := within(t), settings(cluster)
			stood := make(chan bool, 10)
			var one *joined
			one = member(ctx, t, s, "", func(c *GroupConfig) {
				revoke := c.Revoke
				c.Revoke = func(ctx context.Context) error {
					_, ok := one.Generation()
					stood <- ok
					return revoke(ctx)
				}
			})
			one.expect(ctx, t, "assigned [0 1 2]")
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: "g", Err: e})
			one.expect(ctx, t, "revoked", "assigned [0 1 2]")
			if got := <-stood; got != (e == kerr.RebalanceInProgress) {
				t.Errorf("in Revoke the membership stood: %v", got)
			}
		})
	}
}

// What only means that the coordinator is away does not touch the membership.
func TestGroupOutage(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	one := member(ctx, t, s, "")
	one.expect(ctx, t, "assigned [0 1 2]")
	handle := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: "g", Err: kerr.CoordinatorNotAvailable, Count: 5},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: "g", Err: kerr.NotCoordinator, Count: 5},
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: "g", Err: kerr.NotCoordinator, Count: 3},
		kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: "g", Err: kerr.CoordinatorNotAvailable, Count: 3})
	if err := one.Commit(ctx, map[data.TopicPartition]OffsetMeta{{Topic: "t"}: {5, ""}}); err != nil {
		t.Errorf("Commit = %v", err)
	}
	if err := handle.Wait(ctx, 16); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-one.events:
		t.Errorf("event %q in an outage", e)
	default:
	}
}

func TestGroupJoinFaults(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: "g", Err: kerr.CoordinatorLoadInProgress, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: "g", Err: kerr.UnknownMemberID, Count: 1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Group: "g", Err: kerr.RebalanceInProgress, Count: 1},
		kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Group: "g", Err: kerr.NotCoordinator, Count: 1})
	member(ctx, t, s, "").expect(ctx, t, "assigned [0 1 2]")

	wrong := member(ctx, t, s, "", func(c *GroupConfig) { c.ProtocolType = "connect" })
	if err := <-wrong.end; !fault.Is(err, fault.Config) {
		t.Errorf("a group of another protocol type gave %v", err)
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: "g", Err: kerr.GroupAuthorizationFailed, Count: -1})
	denied := member(ctx, t, s, "")
	if err := <-denied.end; err == nil || fault.Of(err).Code != "kafka.unauthorized" {
		t.Errorf("without rights Run gave %v", err)
	}
}

// A failing callback: what may pass is tried again, what may not ends Run.
func TestGroupCallbacks(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	fails := 2
	one := member(ctx, t, s, "", func(c *GroupConfig) {
		assigned, assign := c.Assigned, c.Assign
		c.Assign = func(p string, m []GroupMember) (map[string][]byte, error) {
			if fails--; fails == 0 {
				return nil, errors.New("no metadata yet")
			}
			return assign(p, m)
		}
		c.Assigned = func(ctx context.Context, g Generation, b []byte) error {
			if fails > 0 {
				return fault.New(fault.Retry, "test", "not now")
			}
			return assigned(ctx, g, b)
		}
	})
	one.expect(ctx, t, "revoked", "assigned [0 1 2]")
	one.stop()
	<-one.end

	boom := fault.New(fault.Fatal, "test", "boom")
	two := member(ctx, t, s, "", func(c *GroupConfig) {
		c.Assigned = func(context.Context, Generation, []byte) error { return boom }
	})
	if err := <-two.end; !errors.Is(err, boom) {
		t.Errorf("Run = %v, want %v", err, boom)
	}
	if got := <-two.events; got != "revoked" {
		t.Errorf("before Run ended: %q", got)
	}
}

// Assigned may take long; the next rebalance interrupts it.
func TestGroupInterruptsAssigned(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	busy := make(chan struct{})
	first := true
	one := member(ctx, t, s, "1", func(c *GroupConfig) {
		assigned := c.Assigned
		c.Assigned = func(ctx context.Context, g Generation, b []byte) error {
			if first {
				first = false
				close(busy)
				<-ctx.Done()
				return ctx.Err()
			}
			return assigned(ctx, g, b)
		}
	})
	<-busy
	two := member(ctx, t, s, "2")
	two.expect(ctx, t, "assigned [2]")
	one.expect(ctx, t, "revoked", "assigned [0 1]")
}
