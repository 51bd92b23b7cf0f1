package herder

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"culvert/runtime/group"
	"culvert/runtime/store"

	"github.com/google/go-cmp/cmp"
)

func tk(c string, n int) group.Task { return group.Task{Connector: c, Task: n} }

func TestDiff(t *testing.T) {
	running := func(seq int64) haveTask { return haveTask{wantTask: wantTask{seq: seq}} }
	conn := func(seq int64, target store.Target) wantConnector { return wantConnector{seq, target} }
	for name, c := range map[string]struct {
		want  want
		have  have
		still bool // not mayStart
		out   []action
	}{
		"nothing": {},
		"new work starts, the connector first": {
			want: want{map[string]wantConnector{"a": conn(1, store.Started)}, map[group.Task]wantTask{tk("a", 0): {seq: 2}, tk("a", 10): {seq: 2}, tk("a", 9): {seq: 2}}},
			out:  []action{{startConnector, "a", 0}, {startTask, "a", 0}, {startTask, "a", 9}, {startTask, "a", 10}},
		},
		"nothing starts during a rebalance": {
			want:  want{map[string]wantConnector{"a": conn(1, store.Started)}, map[group.Task]wantTask{tk("a", 0): {seq: 2}}},
			still: true,
		},
		"what is not wanted stops, also during a rebalance": {
			have:  have{map[string]wantConnector{"a": conn(1, store.Started)}, map[group.Task]haveTask{tk("a", 0): running(2)}},
			still: true,
			out:   []action{{stopTask, "a", 0}, {stopConnector, "a", 0}},
		},
		"a task of an older commit stops first": {
			want: want{tasks: map[group.Task]wantTask{tk("a", 0): {seq: 5}}},
			have: have{tasks: map[group.Task]haveTask{tk("a", 0): running(2)}},
			out:  []action{{stopTask, "a", 0}},
		},
		"a task that stops is left alone": {
			want: want{tasks: map[group.Task]wantTask{tk("a", 0): {seq: 5}}},
			have: have{tasks: map[group.Task]haveTask{tk("a", 0): {wantTask{seq: 2}, true}, tk("a", 1): {wantTask{seq: 2}, true}}},
		},
		"pause and resume": {
			want: want{tasks: map[group.Task]wantTask{tk("a", 0): {seq: 2, paused: true}, tk("b", 0): {seq: 3}}},
			have: have{tasks: map[group.Task]haveTask{tk("a", 0): running(2), tk("b", 0): {wantTask: wantTask{seq: 3, paused: true}}}},
			out:  []action{{pauseTask, "a", 0}, {resumeTask, "b", 0}},
		},
		"a connector's target and its config": {
			want: want{connectors: map[string]wantConnector{"a": conn(1, store.Paused), "b": conn(3, store.Paused)}},
			have: have{connectors: map[string]wantConnector{"a": conn(1, store.Started), "b": conn(2, store.Started)}},
			out:  []action{{changeConnector, "b", 0}, {setConnector, "a", 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.out, diff(c.want, c.have, !c.still), cmp.AllowUnexported(action{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// perform does at once what actions say.
func perform(h have, w want, actions []action) {
	for _, a := range actions {
		t := tk(a.connector, a.task)
		switch a.verb {
		case startTask:
			h.tasks[t] = haveTask{wantTask: w.tasks[t]}
		case stopTask:
			delete(h.tasks, t)
		case pauseTask, resumeTask:
			r := h.tasks[t]
			r.paused = a.verb == pauseTask
			h.tasks[t] = r
		case startConnector, changeConnector, setConnector:
			h.connectors[a.connector] = w.connectors[a.connector]
		case stopConnector:
			delete(h.connectors, a.connector)
		}
	}
}

// TestDiffProperties: from anything to anything, two rounds bring what is wanted;
// nothing starts that is there; nothing starts when it must not; the same input
// gives the same list.
func TestDiffProperties(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	targets := []store.Target{store.Started, store.Paused, store.Stopped}
	for range 2000 {
		w := want{map[string]wantConnector{}, map[group.Task]wantTask{}}
		h := have{map[string]wantConnector{}, map[group.Task]haveTask{}}
		for i := range r.IntN(6) {
			name := fmt.Sprint("c", i%3)
			if r.IntN(2) == 0 {
				w.connectors[name] = wantConnector{r.Int64N(2), targets[r.IntN(3)]}
				w.tasks[tk(name, r.IntN(3))] = wantTask{r.Int64N(2), r.IntN(2) == 0}
			}
			if r.IntN(2) == 0 {
				h.connectors[name] = wantConnector{r.Int64N(2), targets[r.IntN(3)]}
				h.tasks[tk(name, r.IntN(3))] = haveTask{wantTask{r.Int64N(2), r.IntN(2) == 0}, r.IntN(4) == 0}
			}
		}
		may := r.IntN(2) == 0
		first := diff(w, h, may)
		if d := cmp.Diff(first, diff(w, h, may), cmp.AllowUnexported(action{})); d != "" {
			t.Fatalf("seed %d: not the same twice: %s", seed, d)
		}
		for _, a := range first {
			task := h.tasks[tk(a.connector, a.task)]
			_, there := h.tasks[tk(a.connector, a.task)]
			if (a.verb == startTask || a.verb == startConnector) && (!may || a.verb == startTask && there) {
				t.Fatalf("seed %d: %v with %v of %v", seed, a, may, h)
			}
			if task.stopping && (a.verb == stopTask || a.verb == pauseTask || a.verb == resumeTask) {
				t.Fatalf("seed %d: %v for a task that stops", seed, a)
			}
		}
		perform(h, w, first)
		// What was stopping has stopped.
		maps.DeleteFunc(h.tasks, func(_ group.Task, x haveTask) bool { return x.stopping })
		perform(h, w, diff(w, h, true))
		got := map[group.Task]wantTask{}
		for task, x := range h.tasks {
			got[task] = x.wantTask
		}
		if d := cmp.Diff(w.tasks, got, cmp.AllowUnexported(wantTask{})); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		if d := cmp.Diff(w.connectors, h.connectors, cmp.AllowUnexported(wantConnector{})); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		if rest := diff(w, h, true); len(rest) != 0 {
			t.Fatalf("seed %d: never done: %v", seed, rest)
		}
	}
}

func TestDesired(t *testing.T) {
	cluster := &store.Cluster{Offset: 20, WorkSeq: 12, Connectors: map[string]*store.Connector{
		"run":     {Name: "run", Target: store.Started, ConfigSeq: 3, TaskSeq: 5, Tasks: make([]map[string]string, 2)},
		"pause":   {Name: "pause", Target: store.Paused, ConfigSeq: 4, TaskSeq: 6, Tasks: make([]map[string]string, 1)},
		"stop":    {Name: "stop", Target: store.Stopped, ConfigSeq: 4, TaskSeq: 7, Tasks: make([]map[string]string, 1)},
		"younger": {Name: "younger", Target: store.Started, ConfigSeq: 4, TaskSeq: 12, Tasks: make([]map[string]string, 1)},
	}}
	a := &group.Assignment{Offset: 12, Connectors: []string{"run", "stop", "gone"},
		Tasks: []group.Task{tk("run", 0), tk("run", 2), tk("pause", 0), tk("stop", 0), tk("younger", 0), tk("gone", 0)}}
	w := desired(cluster, a)
	if got := slices.Sorted(maps.Keys(w.connectors)); !slices.Equal(got, []string{"run", "stop"}) {
		t.Errorf("connectors %v", got)
	}
	want := map[group.Task]wantTask{tk("run", 0): {5, false}, tk("pause", 0): {6, true}}
	if d := cmp.Diff(want, w.tasks, cmp.AllowUnexported(wantTask{})); d != "" {
		t.Error(d)
	}
	if !stale(cluster, a) || stale(cluster, &group.Assignment{Offset: 13}) || stale(cluster, nil) {
		t.Error("stale")
	}
	if w := desired(cluster, nil); len(w.connectors)+len(w.tasks) != 0 {
		t.Error("work without an assignment")
	}
}
