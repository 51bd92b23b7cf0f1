package herder

import (
	"cmp"
	"slices"

	"culvert/runtime/group"
	"culvert/runtime/store"
)

// want is what should run on this worker, have is what does. A task that is not in
// want must not run; a task in want may have to wait.
type want struct {
	connectors map[string]wantConnector
	tasks      map[group.Task]wantTask
}

type wantConnector struct {
	seq    int64 // of its config
	target store.Target
}

type wantTask struct {
	seq    int64 // of the commit of its config
	paused bool
}

type have struct {
	connectors map[string]wantConnector
	tasks      map[group.Task]haveTask
}

type haveTask struct {
	wantTask
	stopping bool
}

// desired is what an assignment means under a config. A nil assignment is no
// work.
//
// A task is wanted only while the assignment knows its config: one that was
// committed later takes effect with the next rebalance, and until then neither the
// old config nor the new one may run.
func desired(c *store.Cluster, a *group.Assignment) want {
	w := want{connectors: map[string]wantConnector{}, tasks: map[group.Task]wantTask{}}
	if a == nil {
		return w
	}
	for _, name := range a.Connectors {
		if conn := c.Connectors[name]; conn != nil {
			w.connectors[name] = wantConnector{seq: conn.ConfigSeq, target: conn.Target}
		}
	}
	for _, t := range a.Tasks {
		conn := c.Connectors[t.Connector]
		if conn == nil || t.Task >= len(conn.Tasks) || conn.Target == store.Stopped || conn.TaskSeq >= a.Offset {
			continue
		}
		w.tasks[t] = wantTask{seq: conn.TaskSeq, paused: conn.Target == store.Paused}
	}
	return w
}

// stale reports whether there is work that the assignment does not know of. (In
// an empty topic both are -1.)
func stale(c *store.Cluster, a *group.Assignment) bool {
	return a != nil && c.WorkSeq >= max(a.Offset, 0)
}

type verb uint8

// The verbs, in the order in which actions are carried out.
const (
	stopTask verb = iota
	stopConnector
	changeConnector // its config: stop and start
	setConnector    // its target state
	pauseTask
	resumeTask
	startConnector
	startTask
)

// action is one step from what is to what should be. task has no meaning for
// connectors.
type action struct {
	verb      verb
	connector string
	task      int
}

// diff says what to do. It is pure, its result is ordered, and carrying the
// result out leaves nothing to do but what waits for a task to stop or for
// mayStart. A task that is stopping is left alone; when it has stopped, it is not
// in have any more, and the next diff may start it.
func diff(w want, h have, mayStart bool) []action {
	var out []action
	for t, has := range h.tasks {
		wants, ok := w.tasks[t]
		switch {
		case has.stopping:
		case !ok || wants.seq != has.seq:
			out = append(out, action{stopTask, t.Connector, t.Task})
		case wants.paused && !has.paused:
			out = append(out, action{pauseTask, t.Connector, t.Task})
		case !wants.paused && has.paused:
			out = append(out, action{resumeTask, t.Connector, t.Task})
		}
	}
	for name, has := range h.connectors {
		wants, ok := w.connectors[name]
		switch {
		case !ok:
			out = append(out, action{verb: stopConnector, connector: name})
		case wants.seq != has.seq:
			out = append(out, action{verb: changeConnector, connector: name})
		case wants.target != has.target:
			out = append(out, action{verb: setConnector, connector: name})
		}
	}
	if mayStart {
		for name := range w.connectors {
			if _, ok := h.connectors[name]; !ok {
				out = append(out, action{verb: startConnector, connector: name})
			}
		}
		for t := range w.tasks {
			if _, ok := h.tasks[t]; !ok {
				out = append(out, action{startTask, t.Connector, t.Task})
			}
		}
	}
	slices.SortFunc(out, func(a, b action) int {
		return cmp.Or(cmp.Compare(a.verb, b.verb), cmp.Compare(a.connector, b.connector), cmp.Compare(a.task, b.task))
	})
	return out
}
