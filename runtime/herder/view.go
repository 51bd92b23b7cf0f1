package herder

import (
	"context"
	"maps"
	"slices"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/runtime/metrics"
	"culvert/runtime/store"
)

// ConnectorStatus is the state of a connector and of its tasks.
type ConnectorStatus = struct {
	Connector store.Status
	Tasks     map[int]store.Status
}

// Membership is what the metrics show of this worker's place in its group.
func (h *Herder) Membership() metrics.Group {
	m := h.membership.Load()
	if m == nil {
		return metrics.Group{Generation: h.generation.Load()}
	}
	return metrics.Group{Protocol: m.protocol, Leader: m.leaderURL, Generation: h.generation.Load(), Connectors: m.connectors, Tasks: m.tasks}
}

func notFound(format string, args ...any) error {
	return fault.New(fault.NotFound, "herder.not_found", format, args...)
}

// Connectors lists the connectors, sorted.
func (h *Herder) Connectors() []string {
	return slices.Sorted(maps.Keys(h.s.Config.Snapshot().Connectors))
}

// Connector returns a connector's config and tasks.
func (h *Herder) Connector(name string) (*store.Connector, error) {
	if c := h.s.Config.Snapshot().Connectors[name]; c != nil {
		return c, nil
	}
	return nil, notFound("Connector %s not found", name)
}

// Status returns what workers last said of a connector and its tasks. A connector
// that is deleted has no status, also while its last records are on their way.
func (h *Herder) Status(name string) (ConnectorStatus, error) {
	s, ok := h.s.Statuses.Connector(name)
	if !ok || h.s.Config.Snapshot().Connectors[name] == nil {
		return ConnectorStatus{}, notFound("No status found for connector %s", name)
	}
	status := ConnectorStatus{Connector: s, Tasks: h.s.Statuses.Tasks(name)}
	if p, ok := h.s.Statuses.Presumed(name, store.ConnectorTask); ok {
		status.Connector = p
	}
	for n := range status.Tasks {
		if p, ok := h.s.Statuses.Presumed(name, n); ok {
			status.Tasks[n] = p
		}
	}
	return status, nil
}

// TaskStatus returns what was last said of a task.
func (h *Herder) TaskStatus(name string, task int) (store.Status, error) {
	s, ok := h.s.Statuses.Task(name, task)
	if !ok || h.s.Config.Snapshot().Connectors[name] == nil {
		return store.Status{}, notFound("No status found for task %s-%d", name, task)
	}
	if p, ok := h.s.Statuses.Presumed(name, task); ok {
		return p, nil
	}
	return s, nil
}

// Topics lists the topics that a connector has used since the last reset.
func (h *Herder) Topics(name string) []string {
	topics := []string{}
	for _, u := range h.s.Statuses.Topics(name) {
		topics = append(topics, u.Topic)
	}
	return topics
}

// Offsets returns the offsets of a source, or those of the group of a sink.
func (h *Herder) Offsets(ctx context.Context, name string) ([]data.Mark, error) {
	c, err := h.Connector(name)
	if err != nil {
		return nil, err
	}
	if h.isSink(c) {
		if h.s.SinkOffsets == nil {
			return nil, nil
		}
		return h.s.SinkOffsets.All(ctx, h.sinkGroup(c))
	}
	return h.s.Offsets.All(ctx, name)
}

func (h *Herder) isSink(c *store.Connector) bool {
	p, err := h.plugin(c)
	return err == nil && p.Kind == connectors.SinkKind
}

// sinkGroup is the consumer group of a sink (SinkUtils.consumerGroupId).
func (h *Herder) sinkGroup(c *store.Connector) string {
	if g := h.s.Providers.Value(c.Config["consumer.override.group.id"]); g != "" {
		return g
	}
	return "connect-" + c.Name
}

// ClusterID is the id of the Kafka cluster.
func (h *Herder) ClusterID() string { return h.s.ClusterID }

// Ready reports whether the worker has read the internal topics and has had an
// assignment.
func (h *Herder) Ready() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}

// AwaitReady waits until start-up is complete, or for ctx.
func (h *Herder) AwaitReady(ctx context.Context) error {
	select {
	case <-h.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refresh reads the config topic to its end.
func (h *Herder) Refresh(ctx context.Context) error { return h.s.Config.Sync(ctx) }

// Health returns nil when the loop answers.
func (h *Herder) Health(ctx context.Context) error {
	done := make(chan struct{})
	h.inbox.post(func() { close(done) })
	select {
	case <-done:
		return nil
	case <-h.ended:
		return fault.New(fault.Fatal, "herder.ended", "the worker is shutting down")
	case <-ctx.Done():
		return fault.New(fault.Fatal, "herder.hangs", "the worker's loop does not answer: %w", ctx.Err())
	}
}
