package herder

import (
	"context"
	"fmt"
	"net/url"

	"culvert/data"
	"culvert/fault"
	"culvert/runtime/group"
	"culvert/runtime/store"
)

// What users ask for. Every method writes, reads back and returns; the loop acts on
// the records. Only the leader writes what changes the work, so that two workers
// do not write over each other.

// staleCode is the code of a Replace that came too late; rest knows it.
const staleCode = "connect.stale_config"

// Lead is nil where this worker leads.
func (h *Herder) Lead() error {
	m := h.membership.Load()
	switch {
	case m == nil:
		return errRebalance()
	case !m.leader:
		return forwardTo(m.leaderURL, "Only the leader can set connector configs.")
	}
	return nil
}

// asLeader runs f while no other write of a leader is under way.
func (h *Herder) asLeader(ctx context.Context, f func(ctx context.Context) error) error {
	if err := h.Lead(); err != nil {
		return err
	}
	if err := h.lockWrites(ctx); err != nil {
		return err
	}
	defer h.unlockWrites()
	return f(ctx)
}

// Create stores a new connector; initial is empty or its target state.
func (h *Herder) Create(ctx context.Context, name string, props map[string]string, initial store.Target) (c *store.Connector, err error) {
	err = h.asLeader(ctx, func(ctx context.Context) error {
		if old, _ := h.Connector(name); old != nil {
			return errExists(name)
		}
		c, err = h.putConnector(ctx, name, props, initial)
		return err
	})
	return c, err
}

// Put stores the config of a new or an existing connector.
func (h *Herder) Put(ctx context.Context, name string, props map[string]string) (c *store.Connector, created bool, err error) {
	err = h.asLeader(ctx, func(ctx context.Context) error {
		old, _ := h.Connector(name)
		created = old == nil
		c, err = h.putConnector(ctx, name, props, "")
		return err
	})
	return c, created, err
}

// Replace stores the config of an existing connector unless it has changed since
// the caller read it.
func (h *Herder) Replace(ctx context.Context, name string, props map[string]string, seq int64) (c *store.Connector, err error) {
	err = h.asLeader(ctx, func(ctx context.Context) error {
		old, err := h.Connector(name)
		if err != nil {
			return err
		}
		if old.ConfigSeq != seq {
			return fault.New(fault.Conflict, staleCode, "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)")
		}
		c, err = h.putConnector(ctx, name, props, "")
		return err
	})
	return c, err
}

// putConnector returns the connector with the task configs that it has had so far.
func (h *Herder) putConnector(ctx context.Context, name string, props map[string]string, target store.Target) (*store.Connector, error) {
	if err := h.s.Config.PutConnector(ctx, name, props, target); err != nil {
		return nil, err
	}
	return h.Connector(name)
}

// Delete removes a connector. Its offsets stay.
func (h *Herder) Delete(ctx context.Context, name string) error {
	return h.asLeader(ctx, func(ctx context.Context) error {
		if _, err := h.Connector(name); err != nil {
			return err
		}
		return h.s.Config.Delete(ctx, name)
	})
}

// SetTarget pauses, resumes or stops a connector. Stopping drops its task configs
// and is the leader's work; a connector that is stopped already is left alone, for
// a commit would make the group rebalance.
func (h *Herder) SetTarget(ctx context.Context, name string, t store.Target) error {
	if h.s.Config.Snapshot().Connectors[name] == nil {
		return notFound("Unknown connector %s", name)
	}
	if t != store.Stopped {
		return h.s.Config.PutTarget(ctx, name, t)
	}
	return h.asLeader(ctx, func(ctx context.Context) error {
		c := h.s.Config.Snapshot().Connectors[name]
		if c == nil {
			return notFound("Unknown connector %s", name)
		}
		if c.Target == store.Stopped && c.TaskCount <= 0 {
			return nil
		}
		// The tasks first: a connector that runs without tasks for a moment is healthy, a
		// stopped one with tasks is not.
		if err := h.s.Config.PutTasks(ctx, name, nil); err != nil {
			return err
		}
		return h.s.Config.PutTarget(ctx, name, store.Stopped)
	})
}

// RestartConnector restarts the connector, not its tasks, on the worker that has
// it.
func (h *Herder) RestartConnector(_ context.Context, name string) error {
	m := h.membership.Load()
	if m == nil {
		return errRebalance()
	}
	if h.s.Config.Snapshot().Connectors[name] == nil {
		return notFound("Unknown connector: %s", name)
	}
	return h.restartHere(m, group.Task{Connector: name, Task: store.ConnectorTask}, func() bool { return h.restartConnector(name, false) })
}

// RestartTask restarts a task on the worker that has it.
func (h *Herder) RestartTask(_ context.Context, name string, task int) error {
	m := h.membership.Load()
	if m == nil {
		return errRebalance()
	}
	c := h.s.Config.Snapshot().Connectors[name]
	if c == nil {
		return notFound("Unknown connector: %s", name)
	}
	t := group.Task{Connector: name, Task: task}
	if task < 0 || task >= len(c.Tasks) {
		return notFound("Unknown task: %s", t)
	}
	return h.restartHere(m, t, func() bool {
		h.forgetAttempts(t)
		return h.restartTask(t, false)
	})
}

// restartHere runs restart in the loop. If the work is not here, the request goes
// to the leader, and from there to the owner.
func (h *Herder) restartHere(m *membership, t group.Task, restart func() bool) error {
	found := false
	if !h.inLoop(func() { found = restart() }) {
		return errStopping()
	}
	switch {
	case found:
		return nil
	case !m.leader:
		return forwardTo(m.leaderURL, "Only the leader can process restart requests.")
	}
	if owner := h.owner(t); owner != "" && owner != h.member.URL {
		return forwardTo(owner, "Cannot restart %s since it is not assigned to this member", t)
	}
	return errRebalance() // it is ours, and about to start
}

// owner is the address of the worker that has the task. A leader that has got its
// membership back without a rebalance does not know; the status does.
func (h *Herder) owner(t group.Task) string {
	if u := h.member.OwnerURL(t.Connector, t.Task); u != "" {
		return u
	}
	s, ok := h.s.Statuses.Task(t.Connector, t.Task)
	if !ok || s.WorkerID == "" || s.WorkerID == h.s.WorkerID {
		return ""
	}
	u := url.URL{Scheme: "http", Host: s.WorkerID, Path: "/"}
	if mine, err := url.Parse(h.s.URL); err == nil {
		u.Scheme = mine.Scheme
	}
	return u.String()
}

// Restart writes a restart request, which all workers carry out, and returns the
// states that it asks for.
func (h *Herder) Restart(ctx context.Context, r store.Restart) (plan ConnectorStatus, err error) {
	if h.membership.Load() == nil {
		return plan, errRebalance()
	}
	if h.s.Config.Snapshot().Connectors[r.Connector] == nil {
		return plan, notFound("Unknown connector: %s", r.Connector)
	}
	err = h.asLeader(ctx, func(ctx context.Context) error {
		status, statusErr := h.Status(r.Connector)
		if statusErr != nil {
			if err := h.s.Config.PutRestart(ctx, r); err != nil {
				return err
			}
			return notFound("Status for connector %s not found", r.Connector)
		}
		plan = status
		var updates []store.Update
		if restarts(r, plan.Connector, false) {
			plan.Connector = asRestarting(plan.Connector)
			updates = append(updates, store.Update{Connector: r.Connector, Task: store.ConnectorTask, Status: plan.Connector})
		}
		for n, s := range plan.Tasks { // a copy of the store's
			if restarts(r, s, true) {
				plan.Tasks[n] = asRestarting(s)
				updates = append(updates, store.Update{Connector: r.Connector, Task: n, Status: plan.Tasks[n]})
			}
		}
		// Presumed before it is asked for: a client that waits for RUNNING after our
		// answer must not be shown the RUNNING of before. What the worker writes when it
		// acts ends the presumption.
		h.s.Statuses.Presume(updates...)
		return h.s.Config.PutRestart(ctx, r)
	})
	return plan, err
}

// asRestarting keeps the trace, as RestartPlan does.
func asRestarting(s store.Status) store.Status {
	s.State = store.StateRestarting
	return s
}

// ResetTopics forgets the topics that a connector has used.
func (h *Herder) ResetTopics(ctx context.Context, name string) error {
	if err := h.s.Statuses.ResetTopics(ctx, name); err != nil {
		return err
	}
	return h.s.Statuses.Sync(ctx)
}

// SetClusterLevel sets a logger's level on every worker.
func (h *Herder) SetClusterLevel(ctx context.Context, logger, level string) error {
	return h.s.Config.PutLogger(ctx, logger, level)
}

// AlterOffsets changes offsets of a stopped connector; a null Next forgets one.
func (h *Herder) AlterOffsets(ctx context.Context, name string, offsets []data.Mark) (string, error) {
	all := false
	err := h.whileStopped(ctx, name, func(c *store.Connector) error {
		if h.isSink(c) {
			err := h.s.SinkOffsets.Alter(ctx, h.sinkGroup(c), offsets)
			if f := fault.Of(err); f != nil && f.Code == store.NegativeOffset {
				return fault.New(fault.Config, f.Code, "Failed to modify offsets for sink connector %s", name).WithFix("%s.", f)
			}
			if err == nil {
				all, err = h.alterKept(ctx, c, offsets)
			}
			return notChanged(err, name, "alter", "connector")
		}
		if p, err := h.plugin(c); err == nil && p.CheckOffsets != nil {
			resolved, err := h.s.Providers.Resolve(c.Config)
			if err != nil {
				return err
			}
			if err := p.CheckOffsets(ctx, resolved.Props, offsets); err != nil {
				// Java does not tell the user's mistake from its own here: 500.
				return fault.New(fault.Fatal, "connect.offsets", "%s", resolved.Secrets.Redact(err.Error()))
			}
		}
		if err := store.CheckSourceOffsets(offsets); err != nil {
			return err
		}
		return h.s.Offsets.Commit(ctx, name, offsets)
	})
	return h.offsetsChanged(name, "altered", all), err
}

// alterKept changes the offsets that a sink keeps with its data, after those of its
// group: the group refuses where a member is left, and where this fails what counts is
// still as it was. Nil offsets forget all.
func (h *Herder) alterKept(ctx context.Context, c *store.Connector, offsets []data.Mark) (kept bool, err error) {
	p, err := h.plugin(c)
	if err != nil || p.KeptOffsets == nil {
		return false, err
	}
	var positions map[data.TopicPartition]*int64
	if offsets != nil {
		if positions, err = store.ParseSinkOffsets(offsets); err != nil {
			return false, err
		}
	}
	resolved, err := h.s.Providers.Resolve(c.Config)
	if err != nil {
		return false, err
	}
	return p.KeptOffsets(ctx, resolved.Props, h.sinkGroup(c), positions)
}

// ResetOffsets forgets all offsets of a stopped connector.
func (h *Herder) ResetOffsets(ctx context.Context, name string) (string, error) {
	all := false
	err := h.whileStopped(ctx, name, func(c *store.Connector) error {
		if h.isSink(c) {
			err := h.s.SinkOffsets.Reset(ctx, h.sinkGroup(c))
			if err == nil {
				all, err = h.alterKept(ctx, c, nil)
			}
			return notChanged(err, name, "reset", "sink connector")
		}
		marks, err := h.s.Offsets.All(ctx, name)
		if err != nil {
			return err
		}
		for i := range marks {
			marks[i].Next = data.Value{}
		}
		return h.s.Offsets.Commit(ctx, name, marks)
	})
	return h.offsetsChanged(name, "reset", all), err
}

// offsetsChanged is the sentence of Worker.completeModifyOffsetsCallback; it depends
// on what the connector says of offsets that it keeps itself. all: those were changed too.
func (h *Herder) offsetsChanged(name, how string, all bool) string {
	if all {
		return "The offsets for this connector have been " + how + " successfully"
	}
	if c, err := h.Connector(name); err == nil {
		if p, err := h.plugin(c); err == nil && p.AllOffsets {
			return "The offsets for this connector have been " + how + " successfully"
		}
	}
	return fmt.Sprintf("The Connect framework-managed offsets for this connector have been %[1]s successfully. However, if this connector manages "+
		"offsets externally, they will need to be manually %[1]s in the system that the connector uses.", how)
}

// whileStopped runs f if the connector is stopped and has no tasks left that could
// store offsets of their own.
func (h *Herder) whileStopped(ctx context.Context, name string, f func(c *store.Connector) error) error {
	return h.asLeader(ctx, func(ctx context.Context) error {
		if err := h.s.Config.Sync(ctx); err != nil {
			return err
		}
		c, err := h.Connector(name)
		if err != nil {
			return err
		}
		if c.Target != store.Stopped || c.TaskCount > 0 {
			return errNotStopped(name)
		}
		if h.isSink(c) && h.s.SinkOffsets == nil {
			return fault.New(fault.Fatal, "herder.no_sink_offsets", "this worker cannot change offsets of sinks")
		}
		return f(c)
	})
}
