package store

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"culvert/data"
)

// StatusStore is the Statuses on a table.
type StatusStore struct {
	table Table
	log   *slog.Logger

	mu         sync.RWMutex // guards the fields below; apply holds it
	connectors map[string]Status
	tasks      map[string]map[int]Status
	topics     map[string]map[string]TopicUse
	presumed   map[string]Status // by key of the record
}

// OpenStatuses reads the status table to its end.
func OpenStatuses(ctx context.Context, open Open, log *slog.Logger) (*StatusStore, error) {
	s := &StatusStore{log: log, connectors: map[string]Status{},
		tasks: map[string]map[int]Status{}, topics: map[string]map[string]TopicUse{}, presumed: map[string]Status{}}
	t, err := open(ctx, s.apply)
	if err != nil {
		return nil, err
	}
	s.table = t
	return s, nil
}

// Connector returns the connector's own status.
func (s *StatusStore) Connector(name string) (Status, bool) { return s.Task(name, ConnectorTask) }

// Task returns the status of one task.
func (s *StatusStore) Task(name string, task int) (Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.get(name, task)
}

func (s *StatusStore) get(name string, task int) (Status, bool) {
	if task == ConnectorTask {
		st, ok := s.connectors[name]
		return st, ok
	}
	st, ok := s.tasks[name][task]
	return st, ok
}

// Tasks returns the statuses of all tasks by their number.
func (s *StatusStore) Tasks(name string) map[int]Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.tasks[name])
}

// Connectors lists all names that have a status.
func (s *StatusStore) Connectors() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := slices.AppendSeq(slices.Collect(maps.Keys(s.connectors)), maps.Keys(s.tasks))
	slices.Sort(names)
	return slices.Compact(names)
}

// Write writes the updates that are not held back by their Safe.
func (s *StatusStore) Write(ctx context.Context, updates ...Update) error {
	kvs := make([]KV, 0, len(updates))
	s.mu.RLock()
	for _, u := range updates {
		kv := KV{Key: statusKey(u.Connector, u.Task)}
		if !u.Delete {
			if u.Safe && !s.canWrite(u) {
				continue
			}
			kv.Value = statusRecord(u.Status)
		}
		kvs = append(kvs, kv)
	}
	s.mu.RUnlock()
	if len(kvs) == 0 {
		return nil
	}
	return s.table.Write(ctx, kvs...)
}

// Presume keeps the states beside those of the records.
func (s *StatusStore) Presume(updates ...Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range updates {
		if u.Safe && !s.canWrite(u) {
			continue
		}
		s.presumed[string(statusKey(u.Connector, u.Task))] = u.Status
	}
}

// Presumed gives a state that no record has confirmed or contradicted yet.
func (s *StatusStore) Presumed(name string, task int) (Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.presumed[string(statusKey(name, task))]
	return st, ok
}

// canWrite is CacheEntry.canWriteSafely: our own record, or one that is not of a
// later generation than ours.
func (s *StatusStore) canWrite(u Update) bool {
	old, ok := s.get(u.Connector, u.Task)
	return !ok || old.WorkerID == u.Status.WorkerID || old.Generation <= u.Status.Generation
}

// Topics lists the topics that the connector has used.
func (s *StatusStore) Topics(name string) []TopicUse {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.topics[name]), func(a, b TopicUse) int { return strings.Compare(a.Topic, b.Topic) })
}

// PutTopic writes that a connector has used a topic.
func (s *StatusStore) PutTopic(ctx context.Context, name string, u TopicUse) error {
	return s.table.Write(ctx, KV{topicKey(name, u.Topic), topicRecord(name, u)})
}

// ResetTopics writes a tombstone for every topic of the connector.
func (s *StatusStore) ResetTopics(ctx context.Context, name string) error {
	var kvs []KV
	for _, u := range s.Topics(name) {
		kvs = append(kvs, KV{topicKey(name, u.Topic), nil})
	}
	if len(kvs) == 0 {
		return nil
	}
	return s.table.Write(ctx, kvs...)
}

// Sync reads to the end.
func (s *StatusStore) Sync(ctx context.Context) error { return s.table.Sync(ctx) }

// Close closes the table.
func (s *StatusStore) Close() error { return s.table.Close() }

func (s *StatusStore) apply(m data.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.presumed, string(m.Key))
	if err := s.take(string(m.Key), m.Value); err != nil {
		s.log.Error("status record left out", "key", string(m.Key), "partition", m.Partition, "offset", m.Offset, "err", err)
	}
}

func (s *StatusStore) take(key string, raw []byte) error {
	if name, ok := strings.CutPrefix(key, connectorStatusPrefix); ok && name != "" {
		return s.takeConnector(name, raw)
	}
	if rest, ok := strings.CutPrefix(key, taskStatusPrefix); ok {
		name, task, err := parseTaskKey(rest)
		if err != nil {
			return err
		}
		return s.takeTask(name, task, raw)
	}
	if rest, ok := strings.CutPrefix(key, topicStatusPrefix); ok {
		topic, name, err := parseTopicKey(rest)
		if err != nil {
			return err
		}
		return s.takeTopic(name, topic, raw)
	}
	return errors.New("no key of the status topic")
}

// takeConnector: a tombstone of the connector takes its tasks along, as in Java.
func (s *StatusStore) takeConnector(name string, raw []byte) error {
	if raw == nil {
		delete(s.connectors, name)
		delete(s.tasks, name)
		return nil
	}
	st, err := parseStatus(raw)
	if err == nil {
		s.connectors[name] = st
	}
	return err
}

// takeTask ignores an UNASSIGNED that comes after another worker's RUNNING of the
// same or a later generation: the old owner of a task may write it when the new
// one has started already, because each writes through a connection of its own.
// (Java ignores it from the same worker too, and so shows a task that a stopped
// worker gave up as RUNNING.)
func (s *StatusStore) takeTask(name string, task int, raw []byte) error {
	if raw == nil {
		delete(s.tasks[name], task)
		if len(s.tasks[name]) == 0 {
			delete(s.tasks, name)
		}
		return nil
	}
	st, err := parseStatus(raw)
	if err != nil {
		return err
	}
	old, ok := s.tasks[name][task]
	if ok && st.State == StateUnassigned && old.State == StateRunning && old.Generation >= st.Generation && old.WorkerID != st.WorkerID {
		return nil
	}
	if s.tasks[name] == nil {
		s.tasks[name] = map[int]Status{}
	}
	s.tasks[name][task] = st
	return nil
}

func (s *StatusStore) takeTopic(name, topic string, raw []byte) error {
	if raw == nil {
		delete(s.topics[name], topic)
		if len(s.topics[name]) == 0 {
			delete(s.topics, name)
		}
		return nil
	}
	u, err := parseTopicUse(raw)
	if err != nil {
		return err
	}
	if s.topics[name] == nil {
		s.topics[name] = map[string]TopicUse{}
	}
	u.Topic = topic
	s.topics[name][topic] = u
	return nil
}

var _ Statuses = (*StatusStore)(nil)
