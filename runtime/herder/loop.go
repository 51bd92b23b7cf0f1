package herder

import (
	"context"
	"time"

	"culvert/runtime/group"
	"culvert/runtime/store"
)

// state is what the loop owns. Nobody else reads or writes it.
type state struct {
	jobCtx context.Context // of what runs on behalf of the loop; ends with the drain

	assignment *group.Assignment // nil: no work
	leader     bool
	mayStart   bool // between Assigned and the next Revoke
	heldOver   bool // a leader has joined again without giving up its tasks
	asked      bool // for a rebalance, since the last Assigned
	closing    bool

	connectors map[string]*connectorRun
	tasks      map[group.Task]*taskRun

	attempts map[group.Task]*attempts // automatic restarts

	// configured is what the leader has made task configs from, by connector.
	configured map[string]configKey
}

func newState() state {
	return state{connectors: map[string]*connectorRun{}, tasks: map[group.Task]*taskRun{},
		attempts: map[group.Task]*attempts{}, configured: map[string]configKey{}}
}

// loop is the one goroutine that decides. Whatever wakes it, it looks at the
// difference between what should be and what is.
func (h *Herder) loop(ctx, jobs context.Context) {
	defer close(h.ended)
	h.jobCtx = jobs
	for {
		select {
		case <-h.s.Config.Changed():
			h.restartRequested(h.s.Config.Restarts())
			h.tellLoggers(h.s.Config.Loggers())
		case <-h.inbox.signal:
			for _, f := range h.inbox.take() {
				f()
			}
		case <-ctx.Done():
			return
		}
		h.reconcile()
	}
}

func (h *Herder) tellLoggers(levels map[string]string) {
	for logger, level := range levels {
		if h.s.OnLogger != nil {
			h.s.OnLogger(logger, level)
		}
	}
}

// reconcile carries out the difference, asks for a rebalance if there is work that
// nobody was given yet, and as the leader makes missing task configs.
func (h *Herder) reconcile() {
	c := h.s.Config.Snapshot()
	for _, a := range diff(desired(c, h.assignment), h.have(), h.mayStart && !h.closing) {
		h.do(a, c)
	}
	if h.mayStart && !h.asked && !h.closing && stale(c, h.assignment) {
		h.asked = true
		h.group.Rejoin()
	}
	h.configure(c)
}

func (h *Herder) have() have {
	out := have{connectors: make(map[string]wantConnector, len(h.connectors)), tasks: make(map[group.Task]haveTask, len(h.tasks))}
	for name, r := range h.connectors {
		out.connectors[name] = r.wantConnector
	}
	for t, r := range h.tasks {
		out.tasks[t] = haveTask{wantTask: r.wantTask, stopping: r.stopped != nil}
	}
	return out
}

func (h *Herder) do(a action, c *store.Cluster) {
	t := group.Task{Connector: a.connector, Task: a.task}
	switch a.verb {
	case startTask:
		h.startTask(t, c.Connectors[a.connector])
	case stopTask:
		h.stopTask(t)
	case pauseTask:
		h.pauseTask(t)
	case resumeTask:
		h.resumeTask(t)
	case startConnector:
		h.startConnector(c.Connectors[a.connector])
	case stopConnector:
		h.stopConnector(a.connector)
	case changeConnector:
		h.stopConnector(a.connector)
		h.startConnector(c.Connectors[a.connector])
	case setConnector:
		h.setConnector(c.Connectors[a.connector])
	}
}

// stopAll gives up all work and returns what to wait for.
func (h *Herder) stopAll() []<-chan struct{} {
	h.assignment = nil
	h.mayStart, h.heldOver = false, false
	h.reconcile()
	return h.stopping()
}

// stopping returns a channel for each task that is on its way down; it is closed
// when the loop has dealt with the end of the task.
func (h *Herder) stopping() []<-chan struct{} {
	var out []<-chan struct{}
	for _, r := range h.tasks {
		if r.stopped != nil {
			out = append(out, r.done)
		}
	}
	return out
}

// job runs f beside the loop and then takes its result into the loop.
func (h *Herder) job(f func(ctx context.Context) (then func())) {
	ctx := h.jobCtx
	h.jobs.Go(func() { h.inbox.post(f(ctx)) })
}

// after runs f in the loop after d.
func (h *Herder) after(d time.Duration, f func()) {
	h.job(func(ctx context.Context) func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return f
		case <-ctx.Done():
			return func() {}
		}
	})
}
