package herder

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/runtime/group"
	"culvert/runtime/store"
)

// failing is a config whose task fails as long as node.fails says so.
func failing(attempts string) map[string]string {
	return source("file", "no/dir/out.txt", "culvert.restart.max.attempts", attempts)
}

// pass lets fake time go by.
func pass(d time.Duration) {
	time.Sleep(d) // in a bubble: no time at all
	settle()
}

func TestAutomaticRestart(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", failing("3"), "")
		n.expect("start c-0")
		pass(999 * time.Millisecond)
		n.expect("")
		pass(time.Millisecond)
		n.expect("stop c-0, start c-0")
		pass(1999 * time.Millisecond)
		n.expect("")
		pass(time.Millisecond)
		n.expect("stop c-0, start c-0")
		pass(4 * time.Second)
		n.expect("stop c-0, start c-0")
		w.expectStates("status-task-c-0", "FAILED RESTARTING FAILED RESTARTING FAILED RESTARTING FAILED")

		// The attempts are used up: it stays failed, until a user restarts it.
		pass(time.Hour)
		n.expect("")
		if got := n.AutoRestarts()[group.Task{Connector: "c"}]; got != 3 {
			t.Errorf("%d automatic restarts counted", got)
		}
		if err := n.RestartTask(ctx, "c", 0); err != nil {
			t.Fatal(err)
		}
		settle()
		n.expect("stop c-0, start c-0")
		pass(time.Second)
		n.expect("stop c-0, start c-0")

		// A connector that is gone is not restarted, and not counted.
		if err := n.Delete(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		settle()
		n.expect("stop c-0")
		pass(time.Hour)
		n.expect("")
		if got := n.AutoRestarts(); len(got) != 0 {
			t.Errorf("counts of what is gone: %v", got)
		}
	})
}

func TestNoAutomaticRestartUnlessAsked(t *testing.T) {
	inWorld(t, func(_ *world, n *node) {
		n.create("c", source("file", "no/dir/out.txt"), "")
		n.expect("start c-0")
		pass(time.Hour)
		n.expect("")
	})
}

// TestAutomaticRestartForgets: what ran long has all attempts again, and the wait
// is the first one.
func TestAutomaticRestartForgets(t *testing.T) {
	inWorld(t, func(_ *world, n *node) {
		starts := 0
		n.fails = func(group.Task) bool { starts++; return starts != 2 }
		n.create("c", failing("1"), "")
		n.expect("start c-0")
		pass(time.Second)
		n.expect("stop c-0, start c-0") // and this time it runs
		pass(healthyAfter)
		n.Report("c", 0, store.StateFailed, "later")
		pass(time.Second)
		n.expect("stop c-0, start c-0")
		pass(time.Hour)
		n.expect("")
	})
}

func TestAutomaticRestartWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.start("a:1", true)
		settle()
		n.create("c", failing("-1"), "")
		n.took()
		pass(time.Hour)
		// 1+2+4+8+16+32 s, then one each minute.
		if got := n.AutoRestarts()[group.Task{Connector: "c"}]; got < 60 || got > 66 {
			t.Errorf("%d restarts in an hour", got)
		}
		n.close()
	})
}

// TestTooManyTasks: task configs that another worker has committed fail when there
// are more than tasks.max allows, and none of them starts.
func TestTooManyTasks(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		two := []map[string]string{{"task.class": "x"}, {"task.class": "x"}}
		n.make = func(string, map[string]string) ([]map[string]string, error) { return two, nil }
		n.create("c", source("culvert.restart.max.attempts", "-1"), "")
		n.expect("")
		w.expectStates("status-task-c-1", "FAILED")
		pass(time.Minute)
		n.expect("") // and nobody tries again
		n.create("d", source("tasks.max.enforce", "false"), "")
		n.expect("start d-0, start d-1")
	})
}

// TestEveryStateHasItsVersion: also those between a stop and the start after it, which
// a client that restarts twice is shown.
func TestEveryStateHasItsVersion(t *testing.T) {
	inWorld(t, func(w *world, n *node) {
		n.create("c", source(), "")
		if err := n.RestartConnector(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		settle()
		if _, err := n.Restart(ctx, store.Restart{Connector: "c", IncludeTasks: true}); err != nil {
			t.Fatal(err)
		}
		settle()
		w.expectStates("status-connector-c", "RUNNING UNASSIGNED RUNNING UNASSIGNED RESTARTING RUNNING")
		w.status.mu.Lock()
		defer w.status.mu.Unlock()
		for _, m := range w.status.records {
			if m.Value != nil && strings.HasPrefix(string(m.Key), "status-") && !strings.Contains(string(m.Value), `"version":"4.3.1"`) {
				t.Errorf("%s: %s", m.Key, m.Value)
			}
		}
	})
}
