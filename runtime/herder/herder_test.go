package herder

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/store"
)

var ctx = context.Background()

func source(more ...string) map[string]string {
	props := map[string]string{"connector.class": "Source", "tasks.max": "1"}
	for i := 0; i+1 < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

func (n *node) create(name string, props map[string]string, initial store.Target) {
	n.w.t.Helper()
	if _, err := n.Create(ctx, name, props, initial); err != nil {
		n.w.t.Fatal(err)
	}
	settle()
}

func (n *node) target(name string, target store.Target) {
	n.w.t.Helper()
	if err := n.SetTarget(ctx, name, target); err != nil {
		n.w.t.Fatal(err)
	}
	settle()
}

func (n *node) expect(want string) {
	n.w.t.Helper()
	if got := n.took(); got != want {
		n.w.t.Errorf("worker %s: %q, want %q", n.id, got, want)
	}
}

func (w *world) expectRuns(want string) {
	w.t.Helper()
	if got := w.runs(); got != want {
		w.t.Errorf("running: %q, want %q", got, want)
	}
}

func (w *world) expectStates(key, want string) {
	w.t.Helper()
	if got := w.status.states(key); got != want {
		w.t.Errorf("%s: %q, want %q", key, got, want)
	}
}

// inWorld runs a test against a world of its own, standalone and distributed.
func inWorld(t *testing.T, f func(w *world, n *node)) {
	for _, standalone := range []bool{false, true} {
		name := "distributed"
		if standalone {
			name = "standalone"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.start("a:1", standalone)
				settle()
				if !n.Ready() {
					t.Fatal("not ready")
				}
				f(w, n)
				n.close()
				w.never2()
				w.expectRuns("")
			})
		})
	}
}

func TestLife(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source("tasks.max", "2"), "")
		n.expect("start c-0, start c-1")
		w.expectStates("status-connector-c", "RUNNING")
		w.expectStates("status-task-c-1", "RUNNING")
		n.target("c", store.Paused)
		n.expect("pause c-0, pause c-1")
		n.target("c", store.Started)
		n.expect("resume c-0, resume c-1")
		w.expectStates("status-task-c-0", "RUNNING PAUSED RUNNING")

		// Another connector does not disturb this one.
		n.create("d", source(), "")
		n.expect("start d-0")

		// A change of the config restarts the tasks with it.
		if _, created, err := n.Put(ctx, "c", source("tasks.max", "1", "x", "y")); err != nil || created {
			t.Fatal(created, err)
		}
		settle()
		n.expect("stop c-0, stop c-1, start c-0")
		w.expectStates("status-connector-c", "RUNNING PAUSED RUNNING UNASSIGNED RUNNING")
		w.expectStates("status-task-c-0", "RUNNING PAUSED RUNNING UNASSIGNED RUNNING")

		n.target("c", store.Stopped)
		n.expect("stop c-0")
		if s, err := n.Status("c"); err != nil || s.Connector.State != store.StateStopped || len(s.Tasks) != 0 {
			t.Errorf("stopped: %v %v", s, err)
		}
		n.target("c", store.Stopped)
		n.expect("")
		n.target("c", store.Paused)
		n.expect("")
		n.target("c", store.Started)
		n.expect("start c-0")

		if err := n.Delete(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Status("c"); !fault.Is(err, fault.NotFound) {
			t.Errorf("status right after delete: %v", err)
		}
		settle()
		n.expect("stop c-0")
		w.expectRuns("d-0@a:1")
		for _, key := range []string{"status-connector-c", "status-task-c-0", "status-task-c-1"} {
			if s := w.status.states(key); !strings.HasSuffix(s, "-") {
				w.t.Errorf("%s: %s", key, s)
			}
		}
		if got := n.Connectors(); len(got) != 1 || got[0] != "d" {
			t.Errorf("connectors %v", got)
		}
	})
}

func TestRestarts(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source("tasks.max", "2"), "")
		n.took()
		if err := n.RestartConnector(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		settle()
		n.expect("")
		w.expectStates("status-connector-c", "RUNNING UNASSIGNED RUNNING")
		if err := n.RestartTask(ctx, "c", 1); err != nil {
			t.Fatal(err)
		}
		settle()
		n.expect("stop c-1, start c-1")
		w.expectStates("status-task-c-1", "RUNNING UNASSIGNED RUNNING")

		// c-0 fails, and only it is restarted.
		n.Report("c", 0, store.StateFailed, "why")
		settle()
		plan, err := n.Restart(ctx, store.Restart{Connector: "c", IncludeTasks: true, OnlyFailed: true})
		if err != nil || plan.Connector.State != store.StateRunning || plan.Tasks[0].State != store.StateRestarting || plan.Tasks[1].State != store.StateRunning {
			t.Errorf("plan %v %v", plan, err)
		}
		settle()
		n.expect("stop c-0, start c-0")
		w.expectStates("status-task-c-0", "RUNNING FAILED RESTARTING RUNNING")

		plan, err = n.Restart(ctx, store.Restart{Connector: "c", IncludeTasks: true})
		if err != nil || plan.Connector.State != store.StateRestarting || plan.Tasks[1].State != store.StateRestarting {
			t.Errorf("plan %v %v", plan, err)
		}
		settle()
		w.expectStates("status-connector-c", "RUNNING UNASSIGNED RUNNING UNASSIGNED RESTARTING RUNNING")
		w.expectStates("status-task-c-1", "RUNNING UNASSIGNED RUNNING UNASSIGNED RESTARTING RUNNING")

		for want, err := range map[string]error{
			"Unknown connector: x":   n.RestartConnector(ctx, "x"),
			"Unknown task: c-2":      n.RestartTask(ctx, "c", 2),
			"Unknown task: c--1":     n.RestartTask(ctx, "c", -1),
			"Unknown connector x":    n.SetTarget(ctx, "x", store.Paused),
			"Connector x not found":  n.Delete(ctx, "x"),
			"Unknown connector:  x ": n.RestartTask(ctx, " x ", 0),
		} {
			if !fault.Is(err, fault.NotFound) || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		if _, err := n.Create(ctx, "c", source(), ""); !fault.Is(err, fault.Conflict) || err.Error() != "Connector c already exists" {
			t.Error(err)
		}
	})
}

func TestInitialStates(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("p", source(), store.Paused)
		n.create("s", source(), store.Stopped)
		n.expect("")
		w.expectStates("status-connector-p", "PAUSED")
		w.expectStates("status-connector-s", "STOPPED")
		if c, _ := n.Connector("p"); c.TaskCount != -1 {
			t.Errorf("a paused connector has %d tasks", c.TaskCount)
		}
		n.target("p", store.Started)
		n.target("s", store.Started)
		n.expect("start p-0, start s-0")
	})
}

func TestWaitingTaskSaysWhy(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source(), "")
		for range 3 {
			n.Report("c", 0, store.StateRunning, "MongoDB at x does not answer")
		}
		n.Report("c", 0, store.StateRunning, "")
		settle()
		w.expectStates("status-task-c-0", "RUNNING RUNNING RUNNING")
		if !strings.Contains(string(w.status.records[2].Value), "does not answer") {
			t.Errorf("the reason is not in %s", w.status.records[2].Value)
		}
	})
}

func TestUnknownClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		// A Java worker has left a connector of a class that we lack, with a task.
		for _, kv := range []store.KV{
			{Key: []byte("connector-odd"), Value: []byte(`{"properties":{"connector.class":"com.example.Odd","name":"odd"}}`)},
			{Key: []byte("task-odd-0"), Value: []byte(`{"properties":{"task.class":"com.example.OddTask"}}`)},
			{Key: []byte("commit-odd"), Value: []byte(`{"tasks":1}`)},
			{Key: []byte("connector-c"), Value: []byte(`{"properties":{"connector.class":"Source"}}`)},
		} {
			if err := w.config.Write(ctx, kv); err != nil {
				t.Fatal(err)
			}
		}
		n := w.start("a:1", false)
		settle()
		n.expect("start c-0")
		s, err := n.Status("odd")
		if err != nil || s.Connector.State != store.StateFailed || s.Tasks[0].State != store.StateFailed {
			t.Fatalf("%v %v", s, err)
		}
		for _, trace := range []string{s.Connector.Trace, s.Tasks[0].Trace} {
			if !strings.Contains(trace, "com.example.Odd") || !strings.Contains(trace, "Source, Sink") {
				t.Errorf("trace %q", trace)
			}
		}
		n.target("odd", store.Paused)
		if err := n.RestartTask(ctx, "odd", 0); err != nil {
			t.Error(err)
		}
		settle()
		n.expect("")
		for _, m := range w.config.records[4:] {
			if strings.HasSuffix(string(m.Key), "odd-0") || string(m.Key) == "connector-odd" || string(m.Key) == "commit-odd" {
				t.Errorf("rewritten: %s %s", m.Key, m.Value)
			}
		}
		n.close()
	})
}

func TestTaskConfigsFail(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		bad := errors.New("the topic has three partitions and the other four")
		n.make = func(string, map[string]string) ([]map[string]string, error) { return nil, bad }
		n.create("c", source(), "")
		s, _ := n.Status("c")
		if s.Connector.State != store.StateFailed || !strings.Contains(s.Connector.Trace, bad.Error()) {
			t.Errorf("%v", s)
		}
		n.make = func(string, map[string]string) ([]map[string]string, error) { panic("plugin") }
		if _, _, err := n.Put(ctx, "c", source("x", "1")); err != nil {
			t.Fatal(err)
		}
		settle()
		if s, _ = n.Status("c"); s.Connector.State != store.StateFailed || !strings.Contains(s.Connector.Trace, "panic: plugin") {
			t.Errorf("%v", s)
		}
		n.make = nil
		if err := n.RestartConnector(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		settle()
		n.expect("start c-0")
		if s, _ = n.Status("c"); s.Connector.State != store.StateRunning {
			t.Errorf("%v", s)
		}
	})
}

// TestTaskConfigsRetry: a plugin that could not is asked again, with back-off.
func TestTaskConfigsRetry(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		began := time.Now()
		var calls atomic.Int32
		n.make = func(name string, props map[string]string) ([]map[string]string, error) {
			if calls.Add(1); time.Since(began) < 10*time.Second {
				return nil, errors.New("not yet")
			}
			return []map[string]string{props}, nil
		}
		n.create("c", source(), "")
		n.expect("")
		time.Sleep(time.Minute) // of the bubble's clock: the timer has to do it
		settle()
		n.expect("start c-0")
		if n := calls.Load(); n > 20 { // of the leader and of the owner
			t.Errorf("%d calls", n)
		}
		if s, _ := n.Status("c"); s.Connector.State != store.StateRunning {
			t.Errorf("the connector is still %v", s.Connector)
		}
	})
}

// TestComesBack: after kill -9 a new process with the same topics runs all as before,
// and writes no task configs.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("a:1", false)
		settle()
		n.create("c", source("tasks.max", "2"), "")
		n.create("p", source(), "")
		n.target("p", store.Paused)
		n.create("s", source(), store.Stopped)
		n.close()
		w.expectStates("status-task-c-0", "RUNNING UNASSIGNED")
		w.expectStates("status-connector-s", "STOPPED UNASSIGNED")
		records := len(w.config.records)
		n = w.start("a:1", false)
		settle()
		n.expect("start c-0, start c-1, start p-0")
		w.expectStates("status-task-p-0", "RUNNING PAUSED UNASSIGNED PAUSED")
		if got := len(w.config.records); got != records {
			t.Errorf("%d records more in the config topic", got-records)
		}
		n.close()
	})
}

func TestTopics(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source(), "")
		for range 3 {
			n.ReportTopic("c", 0, "orders")
			n.ReportTopic("c", 0, "a")
		}
		settle()
		if got := strings.Join(n.Topics("c"), " "); got != "a orders" {
			t.Errorf("topics %q", got)
		}
		if got := w.status.states("status-topic-orders:connector-c"); strings.Count(got, " ") != 0 {
			t.Errorf("written %q", got)
		}
		if err := n.ResetTopics(ctx, "c"); err != nil || len(n.Topics("c")) != 0 {
			t.Error(err, n.Topics("c"))
		}
		n.ReportTopic("c", 0, "orders")
		settle()
		if err := n.Delete(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		settle()
		if got := n.Topics("c"); len(got) != 0 {
			t.Errorf("topics after delete %v", got)
		}
	})
}

func TestBeforeTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		blocker := w.hub.seat(groupConfig("b:1")) // holds the round up, for it never joins again
		w.hub.seats["b"] = blocker
		n := w.start("a:1", false)
		settle()
		if n.Ready() {
			t.Error("ready without an assignment")
		}
		if _, err := n.Create(ctx, "c", source(), ""); !fault.Is(err, fault.Conflict) || err.Error() != "Request cannot be completed because a rebalance is expected" {
			t.Error(err)
		}
		if err := n.Health(ctx); err != nil {
			t.Error(err)
		}
		w.hub.remove("b")
		settle()
		n.create("c", source(), "")
		n.expect("start c-0")
		n.close()
		if err := n.RestartTask(ctx, "c", 0); err == nil {
			t.Error("restart after the end")
		}
	})
}

func TestOffsetsOfStopped(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source(), "")
		if _, err := n.ResetOffsets(ctx, "c"); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "'/connectors/c/stop' endpoint") {
			t.Error(err)
		}
		n.target("c", store.Stopped)
		if msg, err := n.ResetOffsets(ctx, "c"); err != nil || msg != "The offsets for this connector have been reset successfully" {
			t.Error(msg, err)
		}
		n.create("s", map[string]string{"connector.class": "External"}, store.Stopped)
		want := "The Connect framework-managed offsets for this connector have been reset successfully. However, if this connector manages " +
			"offsets externally, they will need to be manually reset in the system that the connector uses."
		if msg, err := n.ResetOffsets(ctx, "s"); err != nil || msg != want {
			t.Error(msg, err)
		}
	})
}

// failingOffsets are the offsets of a group that cannot be changed.
type failingOffsets struct{ err error }

func (f failingOffsets) All(context.Context, string) ([]data.Mark, error) { return nil, f.err }
func (f failingOffsets) Alter(context.Context, string, []data.Mark) error { return f.err }
func (f failingOffsets) Reset(context.Context, string) error              { return f.err }

// TestSinkOffsetsThatCannotBeChanged: Java's sentences, with Java's status.
func TestSinkOffsetsThatCannotBeChanged(t *testing.T) {
	inWorld(t, func(_ *world, n *node) {
		n.create("c", map[string]string{"connector.class": "Sink"}, store.Stopped)
		for _, c := range []struct {
			err          error
			alter, reset string
		}{
			{fault.New(fault.Conflict, kafka.CodeGroupHasMembers, "the group has members"),
				"Failed to alter consumer group offsets for connector c either because its tasks haven't stopped completely yet or the connector was resumed before the request to alter its offsets could be successfully completed. If",
				"Failed to reset consumer group offsets for connector c either because its tasks haven't stopped completely yet or the connector was resumed before the request to reset its offsets could be successfully completed. If"},
			{errors.New("no answer"), "Failed to alter consumer group offsets for connector c", "Failed to reset consumer group offsets for sink connector c"},
			{fault.New(fault.Config, "x", "a wrong partition"), "a wrong partition", "a wrong partition"},
		} {
			n.s.SinkOffsets = failingOffsets{c.err}
			if _, err := n.AlterOffsets(ctx, "c", nil); err == nil || !strings.HasPrefix(err.Error(), c.alter) || fault.Is(err, fault.Conflict) {
				t.Errorf("%v, want %s", err, c.alter)
			}
			if _, err := n.ResetOffsets(ctx, "c"); err == nil || !strings.HasPrefix(err.Error(), c.reset) {
				t.Errorf("%v, want %s", err, c.reset)
			}
		}
	})
}
