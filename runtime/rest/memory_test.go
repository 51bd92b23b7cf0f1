package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"culvert/connectors/all"
	"culvert/data"
	"culvert/fault"
	"culvert/runtime/plugins"
	"culvert/runtime/rest"
	"culvert/runtime/store"
)

const version = "4.3.1"

// memory is a herder that runs nothing: connectors are at once in the state that
// was asked for, over the stores that a standalone worker has.
type memory struct {
	plugins   *plugins.Registry
	configs   *store.ConfigStore
	loggers   *rest.Loggers
	writing   sync.Mutex // one Replace at a time
	mu        sync.Mutex
	statuses  map[string]rest.ConnectorStatus // guarded by mu
	forward   error
	refreshed int
	held      chan struct{} // closed: nothing is held up
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	configs, err := store.OpenConfig(t.Context(), store.Memory(), nil)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := plugins.New(version, all.Set())
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	close(held)
	return &memory{plugins: registry, configs: configs, loggers: rest.NewLoggers(0), statuses: map[string]rest.ConnectorStatus{}, held: held}
}

func notFound(format string, args ...any) error {
	return fault.New(fault.NotFound, "test.not_found", format, args...)
}

func (m *memory) Connectors() []string {
	return slices.Sorted(maps.Keys(m.configs.Snapshot().Connectors))
}

func (m *memory) Connector(name string) (*store.Connector, error) {
	if c := m.configs.Snapshot().Connectors[name]; c != nil {
		return c, nil
	}
	return nil, notFound("Connector %s not found", name)
}

func (m *memory) Status(name string) (rest.ConnectorStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if st, ok := m.statuses[name]; ok {
		return st, nil
	}
	return rest.ConnectorStatus{}, notFound("No status found for connector %s", name)
}

func (m *memory) TaskStatus(name string, task int) (store.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if st, ok := m.statuses[name].Tasks[task]; ok {
		return st, nil
	}
	return store.Status{}, notFound("No status found for task %s-%d", name, task)
}

func (m *memory) Topics(string) []string { return nil }

func (m *memory) Offsets(_ context.Context, name string) ([]data.Mark, error) {
	_, err := m.Connector(name)
	return nil, err
}

func (m *memory) ClusterID() string                { return "test-cluster" }
func (m *memory) Ready() bool                      { return m.forward == nil }
func (m *memory) AwaitReady(context.Context) error { return nil }

func (m *memory) Refresh(context.Context) error { m.refreshed++; return nil }

func (m *memory) Health(ctx context.Context) error {
	select {
	case <-m.held:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the loop does not answer: %w", ctx.Err())
	}
}

func (m *memory) Lead() error { return m.forward }

func (m *memory) Create(ctx context.Context, name string, props map[string]string, initial store.Target) (*store.Connector, error) {
	select {
	case <-m.held:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, err := m.Connector(name); err == nil {
		return nil, fault.New(fault.Conflict, "test.exists", "Connector %s already exists", name)
	}
	return m.put(ctx, name, props, initial)
}

func (m *memory) Put(ctx context.Context, name string, props map[string]string) (*store.Connector, bool, error) {
	_, err := m.Connector(name)
	c, putErr := m.put(ctx, name, props, "")
	return c, err != nil, putErr
}

func (m *memory) Replace(ctx context.Context, name string, props map[string]string, seq int64) (*store.Connector, error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	c, err := m.Connector(name)
	if err != nil {
		return nil, err
	}
	if c.ConfigSeq != seq {
		return nil, fault.New(fault.Conflict, rest.StaleCode, "stale")
	}
	return m.put(ctx, name, props, "")
}

// put stores a config and makes the tasks that go with it.
func (m *memory) put(ctx context.Context, name string, props map[string]string, target store.Target) (*store.Connector, error) {
	if err := m.configs.PutConnector(ctx, name, props, target); err != nil {
		return nil, err
	}
	c, err := m.Connector(name)
	if err != nil {
		return nil, err
	}
	return c, m.settle(ctx, name)
}

func (m *memory) settle(ctx context.Context, name string) error {
	c, err := m.Connector(name)
	if err != nil {
		return err
	}
	state := map[store.Target]string{store.Started: store.StateRunning, store.Paused: store.StatePaused, store.Stopped: store.StateStopped}[c.Target]
	p, err := m.plugins.Connector(c.Config["connector.class"])
	if err != nil {
		return err
	}
	var tasks []map[string]string
	if c.Target == store.Started || c.Target == store.Paused && len(c.Tasks) > 0 {
		one := maps.Clone(c.Config)
		one["task.class"] = p.TaskClass
		tasks = append(tasks, one)
	}
	if err := m.configs.PutTasks(ctx, name, tasks); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	st := rest.ConnectorStatus{Connector: m.status(name, state), Tasks: map[int]store.Status{}}
	for n := range tasks {
		st.Tasks[n] = m.status(name, state)
	}
	m.statuses[name] = st
	return nil
}

func (m *memory) status(name, state string) store.Status {
	return store.Status{State: state, WorkerID: "127.0.0.1:8083", Version: m.plugins.VersionOf(m.configs.Snapshot().Connectors[name].Config["connector.class"])}
}

func (m *memory) Delete(ctx context.Context, name string) error {
	if m.forward != nil {
		return m.forward
	}
	if _, err := m.Connector(name); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.statuses, name)
	m.mu.Unlock()
	return m.configs.Delete(ctx, name)
}

func (m *memory) SetTarget(ctx context.Context, name string, t store.Target) error {
	if _, err := m.Connector(name); err != nil {
		return notFound("Unknown connector %s", name)
	}
	if err := m.configs.PutTarget(ctx, name, t); err != nil {
		return err
	}
	return m.settle(ctx, name)
}

func (m *memory) RestartConnector(_ context.Context, name string) error {
	if _, err := m.Connector(name); err != nil {
		return notFound("Unknown connector: %s", name)
	}
	return nil
}

func (m *memory) RestartTask(_ context.Context, name string, task int) error {
	c, err := m.Connector(name)
	if err != nil {
		return notFound("Unknown connector: %s", name)
	}
	if task < 0 || task >= len(c.Tasks) {
		return notFound("Unknown task: %s-%d", name, task)
	}
	return nil
}

func (m *memory) Restart(_ context.Context, r store.Restart) (rest.ConnectorStatus, error) {
	st, err := m.Status(r.Connector)
	if err != nil {
		return st, notFound("Unknown connector: %s", r.Connector)
	}
	plan := rest.ConnectorStatus{Connector: st.Connector, Tasks: maps.Clone(st.Tasks)}
	if !r.OnlyFailed {
		plan.Connector.State = store.StateRestarting
		for n, one := range plan.Tasks {
			one.State = store.StateRestarting
			plan.Tasks[n] = one
		}
	}
	return plan, nil
}

func (m *memory) AlterOffsets(_ context.Context, name string, _ []data.Mark) (string, error) {
	_, err := m.Connector(name)
	return "The offsets for this connector have been altered successfully", err
}

func (m *memory) ResetOffsets(_ context.Context, name string) (string, error) {
	_, err := m.Connector(name)
	return "The offsets for this connector have been reset successfully", err
}

func (m *memory) ResetTopics(context.Context, string) error { return nil }

func (m *memory) SetClusterLevel(_ context.Context, logger, level string) error {
	m.loggers.Set(logger, level)
	return nil
}

func (m *memory) PutTasks(_ context.Context, _ string, _ []map[string]string, signed *rest.Signature) error {
	if signed == nil {
		return fault.New(fault.Config, "test.unsigned", "Internal request missing required signature")
	}
	return nil
}

func (m *memory) Fence(_ context.Context, _ string, signed *rest.Signature) error {
	return m.PutTasks(context.Background(), "", nil, signed)
}

var _ rest.Herder = (*memory)(nil)

// decode reads a JSON answer.
func decode[T any](t *testing.T, raw []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}
