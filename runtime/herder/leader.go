package herder

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"culvert/fault"
	"culvert/runtime/store"
)

// configKey says what a connector's task configs were made from. Equal keys need
// no new ones.
type configKey struct{ config, tasks int64 }

func keyOf(c *store.Connector) configKey { return configKey{c.ConfigSeq, c.TaskSeq} }

// Java's RECONFIGURE_CONNECTOR_TASKS_BACKOFF_INITIAL_MS and _MAX_MS.
const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 60 * time.Second
)

// nextBackoff doubles.
func nextBackoff(last time.Duration) time.Duration {
	return min(max(2*last, firstBackoff), lastBackoff)
}

// configure makes the task configs of all connectors that should run and whose
// config is newer than their tasks. Only the leader does; connectors that are
// created paused or stopped have no tasks before they are resumed.
//
// A leader looks at every connector once when it begins to lead: its version of a
// plugin may make other task configs than its predecessor's.
func (h *Herder) configure(c *store.Cluster) {
	if !h.leader || h.closing {
		return
	}
	maps.DeleteFunc(h.configured, func(name string, _ configKey) bool { return c.Connectors[name] == nil })
	for _, name := range slices.Sorted(maps.Keys(c.Connectors)) {
		conn := c.Connectors[name]
		switch {
		case conn.Target != store.Started:
			delete(h.configured, name)
		case h.configured[name] != keyOf(conn):
			h.configureOne(conn, 0)
		}
	}
}

// configureOne makes the task configs of one connector beside the loop. It is
// tried again whatever fails, with Java's back-off: what a plugin sees of the
// outside may change, and nobody else makes them.
func (h *Herder) configureOne(c *store.Connector, backoff time.Duration) {
	key := keyOf(c)
	// From here on it counts as done, so that the loop does not begin again.
	h.configured[c.Name] = key
	if _, err := h.plugin(c); err != nil {
		return // its owner says so
	}
	h.job(func(ctx context.Context) func() {
		err := h.writeTasks(ctx, c)
		return func() {
			now := h.s.Config.Snapshot().Connectors[c.Name]
			switch {
			case !h.leader || h.configured[c.Name] != key || now == nil || now.ConfigSeq != key.config:
				return // overtaken
			case err == nil:
				h.configured[c.Name] = keyOf(now) // with the commit that was just written
			default:
				next := nextBackoff(backoff)
				level := slog.LevelDebug
				if backoff == 0 {
					level = slog.LevelWarn
				}
				h.log.Log(ctx, level, "no task configs; trying again", "connector", c.Name, "after", next, "code", code(err), "err", err)
				h.after(next, func() {
					if h.leader && h.configured[c.Name] == key {
						h.configureOne(c, next)
					}
				})
			}
		}
	})
}

// writeTasks makes the task configs of c and writes them if they differ from what
// is committed. If the connector was changed meanwhile, it does nothing: the
// record that changed it makes the loop look again.
func (h *Herder) writeTasks(ctx context.Context, c *store.Connector) error {
	tasks, err := taskConfigs(h.s.Worker, c)
	if err != nil {
		return err
	}
	if err := h.lockWrites(ctx); err != nil {
		return err
	}
	defer h.unlockWrites()
	now := h.s.Config.Snapshot().Connectors[c.Name]
	if now == nil || now.ConfigSeq != c.ConfigSeq || now.Target != store.Started || !tasksChanged(now, tasks) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := h.s.Config.PutTasks(ctx, c.Name, tasks); err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Retry, "herder.write", "write task configs of connector %s: %w", c.Name, err)
		}
		return err
	}
	h.log.Info("task configs written", "connector", c.Name, "tasks", len(tasks))
	return nil
}

// writeTimeout is Java's READ_WRITE_TOTAL_TIMEOUT_MS.
const writeTimeout = 30 * time.Second

// tasksChanged is AbstractHerder.taskConfigsChanged: the task configs, or the
// config of the connector that they run under.
func tasksChanged(c *store.Connector, tasks []map[string]string) bool {
	return c.TaskCount != len(tasks) || c.Inconsistent || !maps.Equal(c.Applied, c.Config) ||
		!slices.EqualFunc(c.Tasks, tasks, maps.Equal[map[string]string, map[string]string])
}

// lockWrites serialises what a leader writes to the config topic, so that what it
// has checked still holds when it writes.
func (h *Herder) lockWrites(ctx context.Context) error {
	select {
	case h.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retry, "herder.busy", "another change of the configuration has not ended: %w", ctx.Err())
	}
}

func (h *Herder) unlockWrites() { <-h.writing }
