package herder

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"culvert/fault"
	"culvert/runtime/group"
	"culvert/runtime/store"
)

// taskRun is a task of this worker, from StartTask until it has stopped.
type taskRun struct {
	wantTask
	version string
	said    store.Status // the last one that was written
	// failed: it stays here so that it is not started again before its config, its
	// owner or a user wants it.
	failed     bool
	refused    bool            // of a class that this worker lacks, or one of too many; it never saw the worker
	restarting bool            // stopped by a restart request, which says RESTARTING
	stopped    <-chan struct{} // of StopTask; nil: not asked to stop
	done       chan struct{}   // closed when the loop has dealt with the end
}

func (h *Herder) startTask(t group.Task, c *store.Connector) {
	r := &taskRun{wantTask: wantTask{seq: c.TaskSeq, paused: c.Target == store.Paused}, done: make(chan struct{})}
	h.tasks[t] = r
	p, err := h.plugin(c)
	if err != nil {
		// Another worker's class: nothing to run here, and nothing to rewrite.
		r.refused = true
		h.taskReported(t, store.StateFailed, fault.Explain(err))
		return
	}
	if h.s.CheckTasks != nil {
		if err := h.s.CheckTasks(t.Connector, c.Applied, len(c.Tasks)); err != nil {
			r.refused = true
			h.taskReported(t, store.StateFailed, fault.Explain(err))
			return
		}
	}
	r.version = p.Version
	h.s.Worker.StartTask(t.Connector, t.Task, c.Applied, c.Tasks[t.Task], r.paused)
}

var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// stopTask asks the worker; the rest happens when the task has stopped.
func (h *Herder) stopTask(t group.Task) {
	r := h.tasks[t]
	if r.stopped != nil {
		return
	}
	if r.stopped = closed; !r.refused {
		r.stopped = h.s.Worker.StopTask(t.Connector, t.Task)
	}
	h.job(func(context.Context) func() {
		<-r.stopped // the worker closes it in bounded time
		return func() { h.taskStopped(t, r) }
	})
}

func (h *Herder) pauseTask(t group.Task) {
	r := h.tasks[t]
	r.paused = true
	if !r.failed {
		h.s.Worker.PauseTask(t.Connector, t.Task)
	}
}

func (h *Herder) resumeTask(t group.Task) {
	r := h.tasks[t]
	r.paused = false
	if !r.failed {
		h.s.Worker.ResumeTask(t.Connector, t.Task)
	}
}

// taskStopped ends a run: UNASSIGNED, unless the task had failed, and then a
// tombstone if the task is no more.
func (h *Herder) taskStopped(t group.Task, r *taskRun) {
	if h.tasks[t] != r {
		return
	}
	delete(h.tasks, t)
	if !r.failed {
		h.say(t.Connector, t.Task, store.StateUnassigned, "", r.version)
	}
	c := h.s.Config.Snapshot().Connectors[t.Connector]
	switch {
	case c == nil || t.Task >= len(c.Tasks):
		h.statuses.put(store.Update{Connector: t.Connector, Task: t.Task, Delete: true})
		h.forgetAttempts(t)
		h.restarted.forget(t)
	case r.restarting:
		h.say(t.Connector, t.Task, store.StateRestarting, "", r.version)
	}
	h.forgetTopics(t.Connector, c)
	close(r.done)
}

// taskReported takes a state that a task says of itself.
func (h *Herder) taskReported(t group.Task, state, trace string) {
	r := h.tasks[t]
	if r == nil || r.stopped != nil || r.said.State == state && r.said.Trace == trace {
		return
	}
	r.failed = state == store.StateFailed
	r.said = store.Status{State: state, Trace: trace}
	h.say(t.Connector, t.Task, state, trace, r.version)
	if r.failed {
		h.restartLater(t, r)
	}
}

// say queues a status of ours. What may come too late is written safely.
func (h *Herder) say(connector string, task int, state, trace, version string) {
	h.statuses.put(store.Update{Connector: connector, Task: task,
		Safe: state == store.StateUnassigned || state == store.StateFailed,
		Status: store.Status{State: state, Trace: trace, WorkerID: h.s.WorkerID,
			Generation: h.generation.Load(), Version: version}})
}

// forgetTopics resets the topics of a deleted connector when nothing of it is left
// here; a task that still ran could write one again.
func (h *Herder) forgetTopics(connector string, c *store.Connector) {
	if c != nil || !h.s.TrackTopics || h.connectors[connector] != nil {
		return
	}
	for t := range h.tasks {
		if t.Connector == connector {
			return
		}
	}
	h.statuses.put(topicReset{connector})
}

// connectorRun is a connector of this worker. A connector runs no code of its own
// here, unlike Java's: it is checked, and it has a status.
type connectorRun struct {
	wantConnector
	version string // of the plugin; empty for a class that this worker lacks
}

// startConnector checks the connector and says how it is. The class is looked up
// whatever the target state: a connector that this worker knows nothing of is
// FAILED, and otherwise left as it is.
func (h *Herder) startConnector(c *store.Connector) {
	r := &connectorRun{wantConnector: wantConnector{seq: c.ConfigSeq, target: c.Target}}
	h.connectors[c.Name] = r
	p, err := h.plugin(c)
	if err != nil {
		h.s.Stats.ConnectorStarted(err)
		h.say(c.Name, store.ConnectorTask, store.StateFailed, fault.Explain(err), "")
		return
	}
	r.version = p.Version
	if c.Target == store.Paused || c.Target == store.Stopped {
		h.s.Stats.ConnectorStarted(nil)
	}
	h.sayConnector(c, r, p.Version)
}

// setConnector follows a new target state.
func (h *Herder) setConnector(c *store.Connector) {
	r := h.connectors[c.Name]
	r.target = c.Target
	if p, err := h.plugin(c); err == nil {
		h.sayConnector(c, r, p.Version)
	}
}

func (h *Herder) sayConnector(c *store.Connector, r *connectorRun, version string) {
	switch c.Target {
	case store.Paused:
		h.say(c.Name, store.ConnectorTask, store.StatePaused, "", version)
	case store.Stopped:
		h.say(c.Name, store.ConnectorTask, store.StateStopped, "", version)
	default:
		h.checkConnector(c, r, version, 0)
	}
}

// checkConnector has the plugin make task configs, beside the loop: a connector
// that cannot is FAILED, with the reason, until it can: it is tried again as the
// leader does, who makes the task configs that count.
func (h *Herder) checkConnector(c *store.Connector, r *connectorRun, version string, backoff time.Duration) {
	as := r.wantConnector
	h.job(func(context.Context) func() {
		_, err := taskConfigs(h.s.Worker, c)
		return func() {
			if h.connectors[c.Name] != r || r.wantConnector != as {
				return // stopped or changed meanwhile
			}
			if backoff == 0 {
				h.s.Stats.ConnectorStarted(err)
			}
			if err == nil {
				h.say(c.Name, store.ConnectorTask, store.StateRunning, "", version)
				return
			}
			if backoff == 0 {
				h.log.Error("connector failed", "connector", c.Name, "code", code(err), "err", err)
				h.say(c.Name, store.ConnectorTask, store.StateFailed, fault.Explain(err), version)
			}
			next := nextBackoff(backoff)
			h.after(next, func() {
				if h.connectors[c.Name] == r && r.wantConnector == as {
					h.checkConnector(c, r, version, next)
				}
			})
		}
	})
}

// taskConfigs calls the plugin; its panic is an error.
func taskConfigs(w Worker, c *store.Connector) (tasks []map[string]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.Fatal, "herder.panic", "task configs of connector %s: panic: %v\n%s", c.Name, p, debug.Stack())
		}
	}()
	if tasks, err = w.TaskConfigs(c.Name, c.Config); err != nil {
		return nil, fmt.Errorf("task configs of connector %s: %w", c.Name, err)
	}
	return tasks, nil
}

func code(err error) string {
	if e := fault.Of(err); e != nil {
		return e.Code
	}
	return fault.Unclassified
}

func (h *Herder) stopConnector(name string) {
	version := h.connectors[name].version
	delete(h.connectors, name)
	h.say(name, store.ConnectorTask, store.StateUnassigned, "", version)
	c := h.s.Config.Snapshot().Connectors[name]
	if c == nil {
		h.statuses.put(store.Update{Connector: name, Task: store.ConnectorTask, Delete: true})
	}
	h.forgetTopics(name, c)
}

// restartRequested carries out requests of the config topic for what runs here.
// What is to be restarted follows from the statuses, as in Java's RestartPlan.
func (h *Herder) restartRequested(requests []store.Restart) {
	for _, req := range requests {
		status, ok := h.s.Statuses.Connector(req.Connector)
		if !ok {
			continue
		}
		if r := h.connectors[req.Connector]; r != nil && restarts(req, status, false) {
			h.restartConnector(req.Connector, true)
		}
		for t := range h.tasks {
			status, ok := h.s.Statuses.Task(t.Connector, t.Task)
			if t.Connector == req.Connector && ok && restarts(req, status, true) {
				h.forgetAttempts(t)
				h.restartTask(t, true)
			}
		}
	}
}

// restarts reports whether a request means what has this status.
func restarts(r store.Restart, s store.Status, task bool) bool {
	return (r.IncludeTasks || !task) && (!r.OnlyFailed || s.State == store.StateFailed)
}

// restartConnector stops a connector of this worker and starts it again; requested
// ones say RESTARTING in between.
func (h *Herder) restartConnector(name string, requested bool) bool {
	c := h.s.Config.Snapshot().Connectors[name]
	if h.connectors[name] == nil || c == nil {
		return false
	}
	version := h.connectors[name].version
	h.stopConnector(name)
	if requested {
		h.say(name, store.ConnectorTask, store.StateRestarting, "", version)
	}
	delete(h.configured, name)
	h.startConnector(c)
	return true
}

// restartTask stops a task of this worker; the loop starts it again.
func (h *Herder) restartTask(t group.Task, requested bool) bool {
	r := h.tasks[t]
	if r == nil {
		return false
	}
	r.restarting = r.restarting || requested
	h.stopTask(t)
	return true
}
