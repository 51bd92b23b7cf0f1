package herder

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"culvert/kafka"
	"culvert/runtime/store"
)

// The same herder over the clients of kafka and an embedded broker: what the
// world's hub and topics stand for. Time is real here; the tests wait for events.

type kafkaNode struct {
	*node
	group  *kafka.Group
	events chan string
	close  func() error
}

func startKafka(t *testing.T, ctx context.Context, w *world, bootstrap, id string) *kafkaNode {
	t.Helper()
	settings := func(name string) kafka.Settings {
		return kafka.Settings{Props: map[string]string{"bootstrap.servers": bootstrap}, ClientID: name, Log: slog.New(slog.DiscardHandler)}
	}
	open := func(topic string, partitions int32) store.Open {
		return store.Topic(settings(topic), kafka.TableConfig{Topic: topic, Create: kafka.TopicSpec{Partitions: partitions, Replication: 1}})
	}
	conf, err := store.OpenConfig(ctx, open("configs", 1), w.log)
	if err != nil {
		t.Fatal(err)
	}
	statuses, err := store.OpenStatuses(ctx, open("status", 5), w.log)
	if err != nil {
		t.Fatal(err)
	}
	offsets, err := store.OpenOffsets(ctx, open("offsets", 25), w.log)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	k := &kafkaNode{events: make(chan string, 1000)}
	k.node = w.node(id, stop)
	k.node.told = k.events
	k.Herder, err = NewDistributed(Settings{WorkerID: id, URL: "http://" + id + "/", Config: conf, Statuses: statuses, Offsets: offsets,
		Worker: k.node, Plugin: plugin, Log: w.log},
		kafka.GroupConfig{ID: "workers", SessionTimeout: 5 * time.Minute, RebalanceTimeout: 10 * time.Second, HeartbeatInterval: 50 * time.Millisecond},
		func(c kafka.GroupConfig) (Group, error) {
			g, err := kafka.OpenGroup(ctx, settings("group"), c)
			k.group = g
			return g, err
		})
	if err != nil {
		t.Fatal(err)
	}
	go func() { k.done <- k.Run(running) }()
	k.close = func() error {
		stop()
		err := <-k.done
		for _, c := range []interface{ Close() error }{conf, statuses, offsets} {
			if cerr := c.Close(); err == nil {
				err = cerr
			}
		}
		return err
	}
	return k
}

// expect waits for the calls that the worker gets, in any order.
func (k *kafkaNode) expect(ctx context.Context, t *testing.T, calls ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, c := range calls {
		left[c] = true
	}
	for len(left) > 0 {
		select {
		case got := <-k.events:
			if !left[got] {
				t.Fatalf("worker %s: %q, want %v", k.id, got, left)
			}
			delete(left, got)
		case <-ctx.Done():
			t.Fatalf("worker %s: still waiting for %v", k.id, left)
		}
	}
}

// leads waits until the worker leads.
func (k *kafkaNode) leads(ctx context.Context, t *testing.T) {
	t.Helper()
	if !until(ctx, func() bool { return k.Lead() == nil }) {
		t.Fatalf("worker %s does not lead: %v", k.id, k.Lead())
	}
}

// until asks again and again; it reports whether ok came true before ctx ended.
func until(ctx context.Context, ok func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// says waits until a task has said that it is in a state: it says so after it was started.
func (k *kafkaNode) says(ctx context.Context, t *testing.T, connector string, task int, state string) (s store.Status) {
	t.Helper()
	var err error
	if !until(ctx, func() bool {
		s, err = k.TaskStatus(connector, task)
		return err == nil && s.State == state
	}) {
		t.Fatalf("worker %s: %s-%d is %v, %v, want %s", k.id, connector, task, s, err, state)
	}
	return s
}

func TestOnKafka(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bootstrap := strings.Join(c.ListenAddrs(), ",")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w := newWorld(t)

	a := startKafka(t, ctx, w, bootstrap, "a:1")
	a.leads(ctx, t)
	if _, err := a.Create(ctx, "c", source("tasks.max", "2"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Connector("c"); err != nil { // at once
		t.Fatal(err)
	}
	a.expect(ctx, t, "start c-0", "start c-1")
	// Another connector, another generation: the first is not disturbed.
	if _, err := a.Create(ctx, "d", source(), ""); err != nil {
		t.Fatal(err)
	}
	a.expect(ctx, t, "start d-0")

	// A second worker: connectors c a, d b; tasks c-0 a, c-1 b, d-0 a.
	b := startKafka(t, ctx, w, bootstrap, "b:1")
	a.expect(ctx, t, "stop c-1")
	b.expect(ctx, t, "start c-1")
	if err := b.SetTarget(ctx, "c", store.Paused); err != nil {
		t.Fatal(err)
	}
	a.expect(ctx, t, "pause c-0")
	b.expect(ctx, t, "pause c-1")
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	b.expect(ctx, t, "stop c-1")
	a.expect(ctx, t, "start c-1")

	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	a.expect(ctx, t, "stop c-0", "stop c-1", "stop d-0")
	// A new process finds everything.
	a = startKafka(t, ctx, w, bootstrap, "a:1")
	a.expect(ctx, t, "start c-0", "start c-1", "start d-0")
	if got, _ := a.Connector("c"); got.Target != store.Paused {
		t.Errorf("target %s", got.Target)
	}
	if s := a.says(ctx, t, "c", 1, store.StatePaused); s.WorkerID != "a:1" || s.Generation < 5 {
		t.Errorf("status %v", s)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	w.never2()
}

// TestKilledOnKafka: kill -9 and a new start. The static member gets its
// assignment back without waiting for the session timeout, which is longer than the
// test may take.
func TestKilledOnKafka(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bootstrap := strings.Join(c.ListenAddrs(), ",")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	old := newWorld(t)
	a := startKafka(t, ctx, old, bootstrap, "a:1")
	a.leads(ctx, t)
	if _, err := a.Create(ctx, "c", source("tasks.max", "2"), ""); err != nil {
		t.Fatal(err)
	}
	a.expect(ctx, t, "start c-0", "start c-1")
	// The old process is not told anything: it is as good as frozen, and finds out
	// when its heartbeat is refused.
	b := startKafka(t, ctx, newWorld(t), bootstrap, "a:1")
	b.expect(ctx, t, "start c-0", "start c-1")
	a.expect(ctx, t, "stop c-0", "stop c-1")
	if err := <-a.done; err == nil {
		t.Error("the former self goes on")
	}
	if _, err := b.Create(ctx, "d", source(), ""); err != nil {
		t.Error(err)
	}
	b.expect(ctx, t, "start d-0")
	if err := b.close(); err != nil {
		t.Error(err)
	}
}
