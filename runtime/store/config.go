package store

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"culvert/data"
)

// ConfigStore is the Config on a table.
type ConfigStore struct {
	table   Table
	log     *slog.Logger
	current atomic.Pointer[Cluster]
	changed chan struct{}

	mu       sync.Mutex // guards all below; apply holds it
	started  bool       // the table has been read to its end once
	next     Cluster    // the next snapshot
	shared   bool       // next.Connectors belongs to a snapshot that was handed out
	targets  map[string]Target
	pending  map[string]map[int]map[string]string // task configs that wait for their commit
	tasks    map[string]map[int]map[string]string // committed ones, also beyond the count
	restarts map[string]Restart
	loggers  map[string]string
}

// OpenConfig reads the config table to its end.
func OpenConfig(ctx context.Context, open Open, log *slog.Logger) (*ConfigStore, error) {
	s := &ConfigStore{
		log: log, changed: make(chan struct{}, 1),
		next:     Cluster{Offset: -1, WorkSeq: -1, Connectors: map[string]*Connector{}},
		targets:  map[string]Target{},
		pending:  map[string]map[int]map[string]string{},
		tasks:    map[string]map[int]map[string]string{},
		restarts: map[string]Restart{}, loggers: map[string]string{},
	}
	t, err := open(ctx, s.apply)
	if err != nil {
		return nil, err
	}
	s.table = t
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	s.publish()
	return s, nil
}

// Snapshot returns what has been read so far.
func (s *ConfigStore) Snapshot() *Cluster { return s.current.Load() }

// Changed signals news.
func (s *ConfigStore) Changed() <-chan struct{} { return s.changed }

// Restarts returns and forgets the restart requests that were read.
func (s *ConfigStore) Restarts() []Restart {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.SortedFunc(maps.Values(s.restarts), func(a, b Restart) int { return strings.Compare(a.Connector, b.Connector) })
	clear(s.restarts)
	return out
}

// Loggers returns and forgets the levels that were read.
func (s *ConfigStore) Loggers() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.loggers
	s.loggers = map[string]string{}
	return out
}

// PutConnector writes the target state first, so that no worker starts a
// connector that is created paused.
func (s *ConfigStore) PutConnector(ctx context.Context, name string, props map[string]string, target Target) error {
	var kvs []KV
	if target != "" {
		kvs = append(kvs, KV{[]byte(targetPrefix + name), targetRecord(target)})
	}
	return s.write(ctx, append(kvs, KV{[]byte(connectorPrefix + name), propertiesRecord(props)})...)
}

// PutTasks writes the commit only after all task configs are durable: a reader
// that meets the commit has met them.
func (s *ConfigStore) PutTasks(ctx context.Context, name string, tasks []map[string]string) error {
	if len(tasks) > 0 {
		kvs := make([]KV, len(tasks))
		for i, props := range tasks {
			kvs[i] = KV{taskKey(name, i), propertiesRecord(props)}
		}
		if err := s.table.Write(ctx, kvs...); err != nil {
			return err
		}
	}
	return s.write(ctx, KV{[]byte(commitPrefix + name), countRecord(tasksField, len(tasks))})
}

// PutTarget writes a target state.
func (s *ConfigStore) PutTarget(ctx context.Context, name string, target Target) error {
	return s.write(ctx, KV{[]byte(targetPrefix + name), targetRecord(target)})
}

// PutRestart writes a restart request.
func (s *ConfigStore) PutRestart(ctx context.Context, r Restart) error {
	return s.write(ctx, KV{[]byte(restartPrefix + r.Connector), restartRecord(r)})
}

// PutLogger writes a cluster-wide level.
func (s *ConfigStore) PutLogger(ctx context.Context, logger, level string) error {
	return s.write(ctx, KV{[]byte(loggerPrefix + logger), loggerRecord(level)})
}

// PutSessionKey writes the key that signs requests between workers.
func (s *ConfigStore) PutSessionKey(ctx context.Context, k SessionKey) error {
	return s.write(ctx, KV{[]byte(sessionKeyKey), sessionKeyRecord(k)})
}

// PutTaskCount writes how many tasks may hold transactional producers (KIP-618).
func (s *ConfigStore) PutTaskCount(ctx context.Context, name string, tasks int) error {
	return s.write(ctx, KV{[]byte(fencingPrefix + name), countRecord(taskCountField, tasks)})
}

// Delete writes tombstones for the connector and, whether it had one or not, its
// target state. Its other records stay, as in Java; a reader ignores them.
func (s *ConfigStore) Delete(ctx context.Context, name string) error {
	return s.write(ctx, KV{[]byte(connectorPrefix + name), nil}, KV{[]byte(targetPrefix + name), nil})
}

// Sync reads to the end.
func (s *ConfigStore) Sync(ctx context.Context) error { return s.table.Sync(ctx) }

// Close closes the table.
func (s *ConfigStore) Close() error { return s.table.Close() }

func (s *ConfigStore) write(ctx context.Context, kvs ...KV) error {
	if err := s.table.Write(ctx, kvs...); err != nil {
		return err
	}
	return s.table.Sync(ctx)
}

// apply takes in one record, as KafkaConfigBackingStore.ConsumeCallback does.
func (s *ConfigStore) apply(m data.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next.Offset = m.Offset + 1
	v, err := object(m.Value)
	if err == nil {
		err = s.take(string(m.Key), v, m.Offset)
	}
	if err != nil {
		s.log.Error("config record left out", "key", string(m.Key), "offset", m.Offset, "err", err)
	}
	if s.started {
		s.publish()
	}
}

func (s *ConfigStore) take(key string, v data.Value, offset int64) error {
	// "target-state-" and "restart-connector-" before "connector-": none is a prefix
	// of another, but the order is Java's.
	if name, ok := strings.CutPrefix(key, targetPrefix); ok {
		return s.takeTarget(name, v)
	}
	if name, ok := strings.CutPrefix(key, connectorPrefix); ok {
		return s.takeConnector(name, v, offset)
	}
	if rest, ok := strings.CutPrefix(key, taskPrefix); ok {
		return s.takeTask(rest, v)
	}
	if name, ok := strings.CutPrefix(key, commitPrefix); ok {
		return s.takeCommit(name, v, offset)
	}
	if name, ok := strings.CutPrefix(key, restartPrefix); ok {
		s.takeRestart(parseRestart(name, v))
		return nil
	}
	if name, ok := strings.CutPrefix(key, fencingPrefix); ok {
		return s.takeTaskCount(name, v)
	}
	if logger, ok := strings.CutPrefix(key, loggerPrefix); ok {
		return s.takeLogger(logger, v)
	}
	if key == sessionKeyKey {
		k, err := parseSessionKey(v)
		if err == nil {
			s.next.SessionKey = k
		}
		return err
	}
	return errKey
}

// edit returns a copy of the connector that the next snapshot will hold, nil if
// there is none. Snapshots that were handed out keep the old one.
func (s *ConfigStore) edit(name string) *Connector {
	old, ok := s.next.Connectors[name]
	if !ok {
		return nil
	}
	c := *old
	s.set(name, &c)
	return &c
}

func (s *ConfigStore) set(name string, c *Connector) {
	s.copyOnWrite()
	s.next.Connectors[name] = c
}

// copyOnWrite makes the map of the next snapshot its own.
func (s *ConfigStore) copyOnWrite() {
	if s.shared {
		s.next.Connectors = maps.Clone(s.next.Connectors)
		s.shared = false
	}
}

func (s *ConfigStore) publish() {
	c := s.next
	s.shared = true
	s.current.Store(&c)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

var _ Config = (*ConfigStore)(nil)
