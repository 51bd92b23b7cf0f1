package herder

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/fault"
	"culvert/runtime/store"
)

func TestTwoWorkersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		a.create("c", source("tasks.max", "3"), "")
		a.took()
		b := w.start("b:1", false)
		settle()
		// connector c: a; then c-0: b, c-1: a, c-2: b. The leader keeps what stays.
		w.expectRuns("c-0@b:1 c-1@a:1 c-2@b:1")
		a.expect("stop c-0, stop c-2")
		b.expect("start c-0, start c-2")

		// What only the leader, or only the owner, can do.
		var f interface{ ForwardURL() string }
		for _, err := range []error{b.Lead(), errOf(b.Create(ctx, "d", source(), "")), b.Delete(ctx, "c"), b.SetTarget(ctx, "c", store.Stopped), b.RestartTask(ctx, "c", 1)} {
			if !errors.As(err, &f) || f.ForwardURL() != "http://a:1" || !fault.Is(err, fault.Conflict) {
				t.Errorf("to the leader: %v", err)
			}
		}
		if err := a.RestartTask(ctx, "c", 2); !errors.As(err, &f) || f.ForwardURL() != "http://b:1" {
			t.Errorf("to the owner: %v", err)
		}
		if err := b.RestartTask(ctx, "c", 2); err != nil {
			t.Error(err)
		}
		settle()
		b.expect("stop c-2, start c-2")
		// Any worker pauses.
		b.target("c", store.Paused)
		a.expect("pause c-1")
		b.expect("pause c-0, pause c-2")
		b.target("c", store.Started)
		a.took()
		b.took()

		// A restart request reaches all.
		if _, err := a.Restart(ctx, store.Restart{Connector: "c", IncludeTasks: true}); err != nil {
			t.Error(err)
		}
		settle()
		a.expect("stop c-1, start c-1")
		if got := b.took(); strings.Count(got, "stop") != 2 || strings.Count(got, "start") != 2 {
			t.Errorf("b: %s", got)
		}

		b.close()
		settle()
		w.expectRuns("c-0@a:1 c-1@a:1 c-2@a:1")
		a.expect("start c-0, start c-2")
		if s, _ := a.TaskStatus("c", 0); s.State != store.StateRunning || s.WorkerID != "a:1" {
			t.Errorf("c-0 after its worker left: %v", s)
		}
		a.close()
		w.never2()
	})
}

func errOf[T any](_ T, err error) error { return err }

// TestLeaderGoes: the follower becomes the leader and makes the task configs.
func TestLeaderGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		b := w.start("b:1", false)
		settle()
		a.create("c", source("tasks.max", "2"), "")
		a.close()
		settle()
		w.expectRuns("c-0@b:1 c-1@b:1")
		b.create("d", source(), "")
		w.expectRuns("c-0@b:1 c-1@b:1 d-0@b:1")
		b.close()
		w.never2()
	})
}

// TestFrozen: a worker is thrown out and does not notice. Its work goes to the
// other; when it wakes up it stops all before it takes up anything.
func TestFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		b := w.start("b:1", false)
		settle()
		a.create("c", source("tasks.max", "4"), "")
		w.expectRuns("c-0@b:1 c-1@a:1 c-2@b:1 c-3@a:1")
		b.took()
		b.seat.freeze()
		settle()
		w.expectRuns("c-0@b:1+a:1 c-1@a:1 c-2@b:1+a:1 c-3@a:1")
		w.mu.Lock()
		w.doubled = nil // b is frozen: its tasks are fenced or harmless
		w.mu.Unlock()
		// Before a started them it said what had become of them.
		if got := w.status.states("status-task-c-0"); !strings.HasSuffix(got, "RUNNING UNASSIGNED RUNNING") {
			t.Errorf("c-0: %s", got)
		}
		a.took()
		b.seat.thaw()
		settle()
		w.expectRuns("c-0@b:1 c-1@a:1 c-2@b:1 c-3@a:1")
		b.expect("stop c-0, stop c-2, start c-0, start c-2")
		a.expect("stop c-0, stop c-2")
		// b's late UNASSIGNED did not overwrite anything.
		if s, _ := a.TaskStatus("c", 0); s.State != store.StateRunning || s.WorkerID != "b:1" {
			t.Errorf("c-0: %v", s)
		}
		b.close()
		a.close()
		w.never2()
	})
}

// TestFrozenLeader: the same for the leader, which is not one any more when it
// comes back, and must not keep its tasks through the join.
func TestFrozenLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		b := w.start("b:1", false)
		settle()
		a.create("c", source("tasks.max", "2"), "")
		a.took()
		a.seat.freeze()
		settle()
		w.mu.Lock()
		w.doubled = nil
		w.mu.Unlock()
		if err := b.Lead(); err != nil {
			t.Errorf("b does not lead: %v", err)
		}
		a.seat.thaw()
		settle()
		if got := a.took(); !strings.HasPrefix(got, "stop c-1") {
			t.Errorf("a: %s", got)
		}
		if err := a.Lead(); !fault.Is(err, fault.Conflict) {
			t.Error("two leaders")
		}
		w.expectRuns("c-0@b:1 c-1@a:1")
		a.close()
		b.close()
		w.never2()
	})
}

// TestSlowTask: a task that does not stop in time holds the rebalance up; nobody
// starts it before it has stopped.
func TestSlowTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		a.create("c", source("tasks.max", "3"), "")
		a.took()
		release := make(chan struct{})
		a.mu.Lock()
		a.hold = release
		a.mu.Unlock()
		b := w.start("b:1", false)
		time.Sleep(20 * time.Second)
		settle()
		w.expectRuns("c-0@a:1 c-1@a:1 c-2@a:1")
		b.expect("")
		close(release)
		time.Sleep(20 * time.Second)
		settle()
		w.expectRuns("c-0@b:1 c-1@a:1 c-2@b:1")
		a.expect("stop c-0, stop c-2")
		a.close()
		b.close()
		w.never2()
	})
}

// TestReconfigureIsABarrier: with new task configs no task of the connector starts
// before all old ones have stopped, on all workers.
func TestReconfigureIsABarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a:1", false)
		settle()
		b := w.start("b:1", false)
		settle()
		a.create("c", source("tasks.max", "2"), "")
		a.took()
		b.took()
		release := make(chan struct{})
		b.mu.Lock()
		b.hold = release
		b.mu.Unlock()
		if _, _, err := a.Put(ctx, "c", source("tasks.max", "2", "x", "y")); err != nil {
			t.Fatal(err)
		}
		settle()
		a.expect("stop c-1")
		w.expectRuns("c-0@b:1")
		close(release)
		settle()
		a.expect("start c-1")
		w.expectRuns("c-0@b:1 c-1@a:1")
		a.close()
		b.close()
		w.never2()
	})
}

// TestStatusOfDeadWorkers: a cluster of two died; one comes back. What the other
// had is taken over, and its last words do not stand.
func TestStatusOfDeadWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, kv := range []store.KV{
			{Key: []byte("connector-c"), Value: []byte(`{"properties":{"connector.class":"Source"}}`)},
			{Key: []byte("task-c-0"), Value: []byte(`{"properties":{"connector.class":"Source","task.class":""}}`)},
			{Key: []byte("commit-c"), Value: []byte(`{"tasks":1}`)},
		} {
			_ = w.config.Write(ctx, kv)
		}
		for _, key := range []string{"status-connector-c", "status-task-c-0", "status-task-c-1", "status-task-old-0", "status-connector-old"} {
			_ = w.status.Write(ctx, store.KV{Key: []byte(key), Value: []byte(`{"state":"RUNNING","trace":null,"worker_id":"dead:1","generation":70,"version":null}`)})
		}
		a := w.start("a:1", false)
		settle()
		w.expectStates("status-connector-c", "RUNNING UNASSIGNED RUNNING")
		w.expectStates("status-task-c-0", "RUNNING UNASSIGNED RUNNING")
		w.expectStates("status-task-c-1", "RUNNING UNASSIGNED -")
		w.expectStates("status-task-old-0", "RUNNING UNASSIGNED -")
		w.expectStates("status-connector-old", "RUNNING UNASSIGNED -")
		if s, _ := a.TaskStatus("c", 0); s.WorkerID != "a:1" {
			t.Errorf("%v", s)
		}
		a.close()
	})
}

// TestChaos does random things in a cluster of up to three workers. Whenever it
// rests, exactly what is configured runs, each task once; and never did a task run
// twice.
func TestChaos(t *testing.T) {
	for range 15 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	nodes := map[string]*node{"a:1": w.start("a:1", false)}
	want := map[string]struct {
		tasks  int
		target store.Target
	}{}
	leader := func() *node {
		for _, n := range nodes {
			if n.Lead() == nil {
				return n
			}
		}
		return nil
	}
	for range 60 {
		if r.IntN(2) == 0 {
			settle()
		}
		id, name := fmt.Sprint([]string{"a", "b", "c"}[r.IntN(3)], ":1"), fmt.Sprint("x", r.IntN(4))
		l := leader()
		switch r.IntN(7) {
		case 0:
			if nodes[id] == nil {
				nodes[id] = w.start(id, false)
			}
		case 1:
			if nodes[id] != nil && len(nodes) > 1 {
				nodes[id].close()
				delete(nodes, id)
			}
		case 2, 3:
			n := 1 + r.IntN(4)
			if l != nil {
				if _, _, err := l.Put(ctx, name, source("tasks.max", fmt.Sprint(n), "v", fmt.Sprint(r.IntN(3)))); err == nil {
					c := want[name]
					if c.target == "" {
						c.target = store.Started
					}
					c.tasks = n
					want[name] = c
				}
			}
		case 4:
			target := []store.Target{store.Started, store.Paused, store.Stopped}[r.IntN(3)]
			if c, ok := want[name]; ok && l != nil && l.SetTarget(ctx, name, target) == nil {
				c.target = target
				want[name] = c
			}
		case 5:
			if l != nil && l.Delete(ctx, name) == nil {
				delete(want, name)
			}
		case 6:
			if l != nil {
				_, _ = l.Restart(ctx, store.Restart{Connector: name, IncludeTasks: true})
			}
		}
	}
	time.Sleep(time.Minute) // whoever waits for a back-off
	settle()
	if leader() == nil {
		t.Fatal("nobody leads")
	}
	for name, c := range want {
		if c.target != store.Started { // a paused one keeps what tasks it had
			if err := leader().SetTarget(ctx, name, store.Started); err != nil {
				t.Fatal(err)
			}
		}
	}
	settle()
	time.Sleep(time.Minute)
	settle()
	var all []string
	for name, c := range want {
		for i := range c.tasks {
			all = append(all, fmt.Sprintf("%s-%d", name, i))
		}
	}
	slices.Sort(all)
	var got []string
	for _, run := range strings.Fields(w.runs()) {
		task, worker, _ := strings.Cut(run, "@")
		got = append(got, task)
		name, _, _ := strings.Cut(task, "-")
		if s, err := nodes[worker].Status(name); err != nil || s.Connector.State != store.StateRunning {
			t.Errorf("%s runs, its connector is %v %v", run, s.Connector, err)
		}
	}
	if !slices.Equal(got, all) {
		t.Errorf("running %v, want %v", got, all)
	}
	for _, name := range leader().s.Statuses.Connectors() {
		if _, ok := want[name]; !ok {
			t.Errorf("a status of %s is left", name)
		}
	}
	for _, n := range nodes {
		n.close()
	}
	w.never2()
	w.expectRuns("")
}

// TestGoldenOperations carries out the recorded operations as a user would and
// compares what the worker writes with what Java's wrote: every record of the config
// topic, and the states of every key of the status topic.
func TestGoldenOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("127.0.0.1:18089", false)
		settle()
		n.make = fileTasks
		var operations []struct {
			Request struct {
				Method, Path string
				Body         json.RawMessage
			}
		}
		readGolden(t, "operations", &operations)
		for i, op := range operations {
			if err := operate(n, op.Request.Method, op.Request.Path, op.Request.Body); err != nil {
				t.Fatalf("operation %d: %v", i+1, err)
			}
			settle()
		}
		compareConfig(t, w)
		compareStatus(t, w)
		n.close()
	})
}

// fileTasks makes the tasks of the file connectors: the connector's own properties
// and those of the framework, without the name in the sink's first recording.
func fileTasks(_ string, props map[string]string) ([]map[string]string, error) {
	n := 1
	class := "org.apache.kafka.connect.file.FileStreamSourceTask"
	if props["connector.class"] == "FileStreamSink" {
		class = "org.apache.kafka.connect.file.FileStreamSinkTask"
		_, _ = fmt.Sscan(props["tasks.max"], &n)
	}
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = map[string]string{"task.class": class}
		for k, v := range props {
			out[i][k] = v
		}
	}
	return out, nil
}

func operate(n *node, method, path string, body json.RawMessage) error {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "admin" {
		return n.SetClusterLevel(ctx, "com.example.a", "DEBUG")
	}
	if len(parts) == 1 {
		var c struct {
			Name    string
			Config  map[string]string
			Initial string `json:"initial_state"`
		}
		if err := json.Unmarshal(body, &c); err != nil {
			return err
		}
		c.Config["name"] = c.Name
		target := map[string]store.Target{"RUNNING": store.Started, "PAUSED": store.Paused, "STOPPED": store.Stopped}[c.Initial]
		return errOf(n.Create(ctx, c.Name, c.Config, target))
	}
	conn := strings.ReplaceAll(parts[1], "%C3%A9%20b", "é b")
	switch rest := strings.Join(parts[2:], "/"); {
	case method == "DELETE" && rest == "":
		return n.Delete(ctx, conn)
	case rest == "config":
		config := map[string]string{}
		if err := json.Unmarshal(body, &config); err != nil {
			return err
		}
		config["name"] = conn
		_, _, err := n.Put(ctx, conn, config)
		return err
	case rest == "pause":
		return n.SetTarget(ctx, conn, store.Paused)
	case rest == "resume":
		return n.SetTarget(ctx, conn, store.Started)
	case rest == "stop":
		return n.SetTarget(ctx, conn, store.Stopped)
	case rest == "restart":
		return n.RestartConnector(ctx, conn)
	case strings.HasPrefix(rest, "restart?"):
		return errOf(n.Restart(ctx, store.Restart{Connector: conn, IncludeTasks: true, OnlyFailed: strings.Contains(rest, "onlyFailed=true")}))
	case rest == "tasks/1/restart":
		return n.RestartTask(ctx, conn, 1)
	}
	return nil // offsets and topics: store's tests
}

type goldenRecord struct {
	Key   string
	Value *string
}

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("../store/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func compareConfig(t *testing.T, w *world) {
	t.Helper()
	var golden struct{ Records []goldenRecord }
	readGolden(t, "config-topic", &golden)
	want := golden.Records[1:] // the session key: not under the eager protocol
	for i, m := range w.config.records {
		if i >= len(want) {
			t.Errorf("record %d too many: %s %s", i, m.Key, m.Value)
			continue
		}
		if string(m.Key) != want[i].Key || !sameJSON(m.Value, want[i].Value) {
			t.Errorf("record %d: %s %s, want %s %v", i, m.Key, m.Value, want[i].Key, *want[i].Value)
		}
	}
	if len(w.config.records) < len(want) {
		t.Errorf("%d records, want %d", len(w.config.records), len(want))
	}
}

func sameJSON(got []byte, want *string) bool {
	if got == nil || want == nil {
		return (got == nil) == (want == nil)
	}
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(*want), &b) != nil {
		return false
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func compareStatus(t *testing.T, w *world) {
	t.Helper()
	var golden struct{ Records []goldenRecord }
	readGolden(t, "status-topic", &golden)
	java := &topic{}
	var keys []string
	for _, r := range golden.Records {
		kv := store.KV{Key: []byte(r.Key)}
		if r.Value != nil {
			kv.Value = []byte(*r.Value)
		}
		_ = java.Write(ctx, kv)
		if !slices.Contains(keys, r.Key) && !strings.HasPrefix(r.Key, "status-topic-") {
			keys = append(keys, r.Key)
		}
	}
	for _, key := range keys {
		// Tombstones come once or more in a row, in Java too.
		got, want := squeeze(w.status.states(key)), squeeze(java.states(key))
		if got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func squeeze(states string) string {
	for strings.Contains(states, "- -") {
		states = strings.ReplaceAll(states, "- -", "-")
	}
	return states
}
