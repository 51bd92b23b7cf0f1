package herder

import (
	"maps"
	"sync"
	"time"

	"culvert/runtime/group"
)

// Automatic restart of failed tasks (culvert.restart.max.attempts), which Java's
// worker does not have: there a failed task stays as it is until a user comes.

const (
	// firstRestart is the wait before the first attempt; each further one doubles it.
	firstRestart = time.Second
	// lastRestart bounds the wait.
	lastRestart = time.Minute
	// healthyAfter is how long a task has to run before its earlier failures are
	// forgotten: longer than any wait, so that a task that fails at once does not
	// look healthy.
	healthyAfter = 10 * time.Minute
)

// attempts is what the loop remembers of the automatic restarts of a task.
type attempts struct {
	seq   int64 // of the task config; another one begins anew
	made  int
	since time.Time // of the last one
}

// restartLater plans the next automatic restart of a task that has just failed.
func (h *Herder) restartLater(t group.Task, r *taskRun) {
	c := h.s.Config.Snapshot().Connectors[t.Connector]
	if c == nil || r.refused || h.s.MaxRestarts == nil || h.closing {
		return
	}
	limit := h.s.MaxRestarts(c.Config)
	if limit == 0 {
		return
	}
	a := h.attempts[t]
	if a == nil || a.seq != r.seq || time.Since(a.since) >= healthyAfter {
		a = &attempts{seq: r.seq}
		h.attempts[t] = a
	}
	if limit > 0 && a.made >= limit {
		h.log.Error("task stays failed: its automatic restarts are used up", "connector", t.Connector, "task", t.Task, "attempts", a.made,
			"culvert.restart.max.attempts", limit)
		return
	}
	wait := min(firstRestart<<min(a.made, 10), lastRestart)
	h.log.Warn("task failed and is restarted", "connector", t.Connector, "task", t.Task, "attempt", a.made+1, "of", limit, "after", wait)
	h.after(wait, func() {
		// Somebody may have restarted, changed or moved it meanwhile.
		if h.tasks[t] != r || r.stopped != nil || !r.failed || h.attempts[t] != a {
			return
		}
		a.made++
		a.since = time.Now()
		h.restarted.add(t)
		h.restartTask(t, true)
	})
}

// forgetAttempts gives a task all its attempts again: a user has restarted it, or
// it is gone.
func (h *Herder) forgetAttempts(t group.Task) { delete(h.attempts, t) }

// restartCounts counts automatic restarts for the metrics.
type restartCounts struct {
	mu sync.Mutex
	by map[group.Task]int64 // guarded by mu
}

func (c *restartCounts) add(t group.Task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[group.Task]int64{}
	}
	c.by[t]++
}

func (c *restartCounts) forget(t group.Task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, t)
}

// AutoRestarts counts the automatic restarts of each task of this worker that had
// any. A task that no longer exists is left out.
func (h *Herder) AutoRestarts() map[group.Task]int64 {
	h.restarted.mu.Lock()
	defer h.restarted.mu.Unlock()
	return maps.Clone(h.restarted.by)
}
