package store

import (
	"errors"
	"fmt"

	"culvert/data"
)

// What one record of the config topic does to the next snapshot; the rules are
// those of Java's KafkaConfigBackingStore. s.mu is held.

var errKey = errors.New("no key of the config topic")

func errNull(what string) error { return fmt.Errorf("%s must not be null", what) }

// takeTarget: a connector whose target state was removed is STARTED again. The
// record may come before that of its connector.
func (s *ConfigStore) takeTarget(name string, v data.Value) error {
	target, has := Started, false
	if v.IsNull() {
		delete(s.targets, name)
	} else {
		t, err := parseTarget(v)
		if err != nil {
			return err
		}
		s.targets[name] = t
		target, has = t, true
	}
	if c := s.edit(name); c != nil {
		c.Target, c.HasTarget = target, has
	}
	return nil
}

func (s *ConfigStore) takeConnector(name string, v data.Value, offset int64) error {
	if name == "" {
		return errKey
	}
	if v.IsNull() {
		s.forget(name)
		s.next.WorkSeq = offset
		return nil
	}
	props, err := parseProperties(v)
	if err != nil {
		return err
	}
	c := s.edit(name)
	if c == nil {
		c = &Connector{Name: name, Target: Started, TaskCount: -1, TaskCountRecord: -1, TaskSeq: -1}
		if t, ok := s.targets[name]; ok {
			c.Target, c.HasTarget = t, true
		}
		s.set(name, c)
		s.next.WorkSeq = offset
	}
	c.Config, c.ConfigSeq = props, offset
	return nil
}

// forget drops a connector and its task configs. The target state has a tombstone
// of its own.
func (s *ConfigStore) forget(name string) {
	if _, ok := s.next.Connectors[name]; ok {
		s.copyOnWrite()
		delete(s.next.Connectors, name)
	}
	delete(s.pending, name)
	delete(s.tasks, name)
	delete(s.restarts, name)
}

func (s *ConfigStore) takeTask(rest string, v data.Value) error {
	name, task, err := parseTaskKey(rest)
	if err != nil {
		return err
	}
	if v.IsNull() {
		return errNull("a task config")
	}
	props, err := parseProperties(v)
	if err != nil {
		return err
	}
	if s.pending[name] == nil {
		s.pending[name] = map[int]map[string]string{}
	}
	s.pending[name][task] = props
	return nil
}

// takeCommit makes the pending task configs valid if all of them are there.
// Compaction may have removed some of a commit that a later one replaced; if no
// later one follows, the connector stays inconsistent until the leader writes its
// tasks again.
func (s *ConfigStore) takeCommit(name string, v data.Value, offset int64) error {
	if v.IsNull() {
		return errNull("a commit of task configs")
	}
	count, err := parseCount(v, tasksField)
	if err != nil {
		return err
	}
	c := s.edit(name)
	if c == nil {
		// Tasks of a connector that was deleted: compaction removed the connector and
		// its tombstone, but not these.
		s.forget(name)
		return nil
	}
	pending := s.pending[name]
	delete(s.pending, name)
	c.TaskCount, c.TaskSeq = count, offset
	s.next.WorkSeq = offset
	if !complete(pending, count) {
		c.Inconsistent, c.Tasks, c.Applied = true, nil, nil
		return nil
	}
	if s.tasks[name] == nil {
		s.tasks[name] = map[int]map[string]string{}
	}
	for i, props := range pending {
		s.tasks[name][i] = props
	}
	c.Inconsistent, c.Applied = false, c.Config
	c.Tasks = make([]map[string]string, count)
	for i := range c.Tasks {
		c.Tasks[i] = s.tasks[name][i]
	}
	return nil
}

// complete reports whether tasks 0 to count-1 are all there. There may be more:
// a record of a task that is gone stays in a compacted topic.
func complete(pending map[int]map[string]string, count int) bool {
	if count > len(pending) {
		return false
	}
	for i := range count {
		if _, ok := pending[i]; !ok {
			return false
		}
	}
	return true
}

// takeRestart keeps the request that restarts most. What was requested before
// this worker started is over.
func (s *ConfigStore) takeRestart(r Restart) {
	if old, ok := s.restarts[r.Connector]; s.started && (!ok || impact(r) > impact(old)) {
		s.restarts[r.Connector] = r
	}
}

// impact orders requests as Java's RestartRequest does.
func impact(r Restart) int {
	n := 0
	if r.IncludeTasks {
		n++
	}
	if !r.OnlyFailed {
		n += 2
	}
	return n
}

func (s *ConfigStore) takeTaskCount(name string, v data.Value) error {
	count, err := parseCount(v, taskCountField)
	if err != nil {
		return err
	}
	if c := s.edit(name); c != nil {
		c.TaskCountRecord = count
	}
	return nil
}

// takeLogger ignores what was set before this worker started, as Java does: a
// level lasts as long as the process.
func (s *ConfigStore) takeLogger(logger string, v data.Value) error {
	level, _ := v.Lookup(levelField)
	if level.Kind() != data.String {
		return fmt.Errorf("field %q is %s where a string should be", levelField, level.Kind())
	}
	if s.started {
		s.loggers[logger] = level.Str()
	}
	return nil
}
