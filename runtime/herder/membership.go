package herder

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/group"
	"culvert/runtime/store"
)

// The callbacks of the group. They run in the group's goroutines and reach the
// state by inLoop; they may wait, the loop does not.

// assignLimit is how long a leader may take to assign, its own tasks' stopping
// included: less than the session timeout, which runs meanwhile. A task that needs
// longer makes the group join again.
func assignLimit(session time.Duration) time.Duration {
	if session == 0 {
		session = 10 * time.Second // Connect's default
	}
	return session * 4 / 5
}

// revoke is called before this worker joins again, and when it is out.
func (h *Herder) revoke(ctx context.Context) error {
	h.s.Stats.RebalanceBegun()
	_, stands := h.group.Generation()
	var stops []<-chan struct{}
	h.inLoop(func() {
		h.mayStart = false
		if stands && h.leader && !h.closing {
			// Invariant: nobody starts a task that this worker still runs. The leader keeps
			// its tasks through the join, for it is the one who says what the others get; it
			// stops what it loses in assign, before they hear of it.
			h.heldOver = true
			return
		}
		if !stands {
			h.log.Warn("membership of the worker group lost; stopping all tasks")
			h.member.Forget()
			h.membership.Store(nil)
			h.leader = false
		}
		stops = h.stopAll()
	})
	if !stands {
		// ctx is that of the rebalance, and nobody waits for it; the tasks must end
		// before this worker takes up work again. The worker abandons those that hang.
		ctx = context.WithoutCancel(ctx)
	}
	if !waitAll(ctx, stops) {
		return fault.New(fault.Retry, "herder.revoke", "tasks did not stop before the rebalance: %w", ctx.Err())
	}
	// Else an UNASSIGNED of ours could overwrite what the next owner says.
	h.flush(ctx)
	return nil
}

// flush waits a bounded time: a rebalance must not hang on a status.
func (h *Herder) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, h.s.SyncTimeout)
	defer cancel()
	h.statuses.flush(ctx)
}

// assign is called when this worker leads: it deals the work out, stops what it
// runs and does not get, and only then lets the others know.
func (h *Herder) assign(protocol string, members []kafka.GroupMember) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.assignLimit)
	defer cancel()
	deal, err := h.member.Assign(ctx, protocol, members)
	if err != nil {
		return nil, err
	}
	mine := deal.All[deal.Self]
	if mine.Error != group.NoError {
		return deal.Encode(), nil // nobody gets anything
	}
	var stops []<-chan struct{}
	h.inLoop(func() {
		h.mayStart = false
		h.assignment = &mine
		h.reconcile()
		stops = h.stopping()
	})
	if !waitAll(ctx, stops) {
		return nil, fault.New(fault.Retry, "herder.slow_stop",
			"%d tasks of this worker did not stop within %s; the group tries again", len(stops), h.assignLimit)
	}
	h.disown()
	h.flush(ctx)
	return deal.Encode(), nil
}

// disown marks UNASSIGNED what workers that are gone had running: they cannot say
// it themselves. It is done before the new owners hear of their work, so that it
// cannot overwrite what they say. The record keeps the old worker's id and
// generation.
func (h *Herder) disown() {
	here := map[string]bool{h.s.WorkerID: true}
	for _, address := range h.member.Workers() {
		if u, err := url.Parse(address); err == nil {
			here[u.Host] = true
		}
	}
	mark := func(connector string, task int, s store.Status) {
		if here[s.WorkerID] || s.State != store.StateRunning && s.State != store.StatePaused && s.State != store.StateRestarting {
			return
		}
		s.State, s.Trace, s.Version = store.StateUnassigned, "", ""
		h.statuses.put(store.Update{Connector: connector, Task: task, Status: s, Safe: true})
	}
	for _, name := range h.s.Statuses.Connectors() {
		if s, ok := h.s.Statuses.Connector(name); ok {
			mark(name, store.ConnectorTask, s)
		}
		for task, s := range h.s.Statuses.Tasks(name) {
			mark(name, task, s)
		}
	}
}

// assigned is called with the assignment of a generation.
func (h *Herder) assigned(ctx context.Context, g kafka.Generation, raw []byte) error {
	if err := h.settle(ctx, g); err != nil {
		return err
	}
	a, err := h.member.Accept(g, raw)
	if err != nil {
		h.syncConfig(ctx) // it is what a leader or a follower may be behind with
		return err
	}
	if h.s.Config.Snapshot().Offset < a.Offset {
		h.syncConfig(ctx)
	}
	if at := h.s.Config.Snapshot().Offset; at < a.Offset {
		return fault.New(fault.Retry, "herder.behind", "config topic read up to offset %d, the assignment of generation %d was made at %d", at, g.ID, a.Offset)
	}
	h.generation.Store(g.ID)
	h.inLoop(func() {
		if h.closing {
			return
		}
		h.assignment = &a
		h.mayStart, h.asked, h.heldOver = true, false, false
		h.membership.Store(&membership{leader: g.Leader, leaderURL: a.LeaderURL, protocol: g.Protocol, connectors: len(a.Connectors), tasks: len(a.Tasks)})
		if g.Leader {
			h.deleteLeftovers()
		}
	})
	h.s.Stats.RebalanceEnded()
	h.readyOnce.Do(func() { close(h.ready) })
	h.log.Info("assigned", "generation", g.ID, "leader", a.LeaderURL, "leads", g.Leader,
		"connectors", len(a.Connectors), "tasks", len(a.Tasks), "config.offset", a.Offset)
	return nil
}

// settle takes in who leads, before anything of the new generation can fail. It
// handles the one way in which a leader's tasks outlive its leadership: it joined
// again as the leader, kept its tasks, and another was made the leader meanwhile
// (this worker was thrown out during the join). Its tasks may have been given
// away, so all stop before any starts.
func (h *Herder) settle(ctx context.Context, g kafka.Generation) error {
	var stops []<-chan struct{}
	h.inLoop(func() {
		if h.leader != g.Leader {
			clear(h.configured)
			h.membership.Store(nil) // until this worker knows who leads now
		}
		h.leader = g.Leader
		if h.heldOver && !g.Leader {
			stops = h.stopAll()
		}
	})
	if !waitAll(ctx, stops) {
		return fault.New(fault.Retry, "herder.slow_stop", "tasks of an earlier generation did not stop: %w", ctx.Err())
	}
	if len(stops) > 0 {
		h.flush(ctx)
	}
	return nil
}

func (h *Herder) syncConfig(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, h.s.SyncTimeout)
	defer cancel()
	if err := h.s.Config.Sync(ctx); err != nil {
		h.log.Warn("config topic not read to its end", "err", err)
	}
}

// deleteLeftovers writes tombstones for the statuses of connectors and tasks that
// are no more (DistributedHerder.updateDeletedConnectorStatus). Their owners have
// written their last words before they joined.
func (h *Herder) deleteLeftovers() {
	c := h.s.Config.Snapshot()
	for _, name := range h.s.Statuses.Connectors() {
		conn := c.Connectors[name]
		tasks := h.s.Statuses.Tasks(name)
		for _, task := range slices.Sorted(maps.Keys(tasks)) {
			if conn == nil || task >= len(conn.Tasks) && !conn.Inconsistent {
				h.statuses.put(store.Update{Connector: name, Task: task, Delete: true})
			}
		}
		if _, ok := h.s.Statuses.Connector(name); ok && conn == nil {
			h.statuses.put(store.Update{Connector: name, Task: store.ConnectorTask, Delete: true})
		}
	}
}
