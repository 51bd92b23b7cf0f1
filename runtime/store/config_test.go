package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openConfig(t *testing.T, table *fakeTable, rs ...recorded) *ConfigStore {
	t.Helper()
	s, err := OpenConfig(context.Background(), table.opener(rs...), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// summary is a connector in one line.
func summary(c *Connector) string {
	return fmt.Sprintf("%s %s tasks=%d/%d has=%v bad=%v applied=%v max=%s",
		c.Name, c.Target, len(c.Tasks), c.TaskCount, c.HasTarget, c.Inconsistent, maps.Equal(c.Applied, c.Config), c.Config["tasks.max"])
}

func summaries(c *Cluster) []string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(c.Connectors)) {
		out = append(out, summary(c.Connectors[n]))
	}
	return out
}

// TestConfigReplay reads what Java wrote and looks at the snapshot after some of
// the operations; the store that saw the records live and one that finds them at
// its start must agree.
func TestConfigReplay(t *testing.T) {
	want := map[int][]string{
		1:  {"src STARTED tasks=1/1 has=false bad=false applied=true max=1"},
		2:  {"snk STARTED tasks=2/2 has=false bad=false applied=true max=2", "src STARTED tasks=1/1 has=false bad=false applied=true max=1"},
		3:  {"snk PAUSED tasks=2/2 has=true bad=false applied=true max=2", "src STARTED tasks=1/1 has=false bad=false applied=true max=1"},
		9:  {"snk STARTED tasks=1/1 has=true bad=false applied=true max=1", "src STARTED tasks=1/1 has=false bad=false applied=true max=1"},
		11: {"snk STOPPED tasks=0/0 has=true bad=false applied=true max=1", "src STOPPED tasks=0/0 has=true bad=false applied=true max=1"},
		15: {"snk STOPPED tasks=0/0 has=true bad=false applied=true max=1", "src STARTED tasks=1/1 has=true bad=false applied=true max=1"},
		22: {
			"fails STARTED tasks=1/1 has=true bad=false applied=true max=",
			"paused PAUSED tasks=0/-1 has=true bad=false applied=false max=",
			"snk STOPPED tasks=0/0 has=true bad=false applied=true max=1",
			"src STOPPED tasks=0/0 has=true bad=false applied=true max=1",
			"stopped STOPPED tasks=0/-1 has=true bad=false applied=false max=",
			"é b STOPPED tasks=0/-1 has=true bad=false applied=false max=",
		},
		30: nil,
	}
	records := readTopic(t, "config")
	live := &fakeTable{}
	s := openConfig(t, live)
	if got := s.Snapshot().Offset; got != -1 {
		t.Errorf("offset of an empty topic: %d, want -1", got)
	}
	for i, r := range records {
		live.feed(r)
		if i+1 < len(records) && records[i+1].Operation == r.Operation {
			continue
		}
		w, ok := want[r.Operation]
		if !ok {
			continue
		}
		if d := cmp.Diff(w, summaries(s.Snapshot())); d != "" {
			t.Errorf("after operation %d:\n%s", r.Operation, d)
		}
		fresh := openConfig(t, &fakeTable{}, records[:i+1]...)
		if d := cmp.Diff(s.Snapshot(), fresh.Snapshot()); d != "" {
			t.Errorf("after operation %d a fresh start differs:\n%s", r.Operation, d)
		}
	}
	got := s.Snapshot()
	wantKey := &SessionKey{Key: make([]byte, 32), Algorithm: "HmacSHA256", Created: time.UnixMilli(1795470637328)}
	if d := cmp.Diff(wantKey, got.SessionKey); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int64{47, 8}, []int64{got.WorkSeq, openConfig(t, &fakeTable{}, records[:9]...).Snapshot().WorkSeq + 1}); d != "" {
		t.Errorf("the last record that changed the work: %s", d)
	}
	if last := records[len(records)-1].Offset + 1; got.Offset != last {
		t.Errorf("offset %d, want %d", got.Offset, last)
	}
	if d := cmp.Diff(map[string]string{"com.example.a": "DEBUG"}, s.Loggers()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Restart(nil), s.Restarts()); d != "" {
		t.Errorf("the connector is deleted, and its requests with it: %s", d)
	}
}

// TestConfigWrites carries the recorded operations out through the store and
// compares the records with Java's, in their order. The order of properties is
// that of a hash table in Java, so it is not compared.
func TestConfigWrites(t *testing.T) {
	ctx := context.Background()
	want := readTopic(t, "config")
	byKey := func(operation int, key string) map[string]string {
		for _, r := range want {
			if r.Operation == operation && r.Key == key {
				v, err := object(r.value())
				if err != nil {
					t.Fatal(err)
				}
				props, err := parseProperties(v)
				if err != nil {
					t.Fatal(err)
				}
				return props
			}
		}
		t.Fatalf("no record %s of operation %d", key, operation)
		return nil
	}
	table := &fakeTable{}
	s := openConfig(t, table)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tasks := func(operation int, name string, n int) {
		t.Helper()
		var all []map[string]string
		for i := range n {
			all = append(all, byKey(operation, fmt.Sprintf("task-%s-%d", name, i)))
		}
		check(s.PutTasks(ctx, name, all))
	}
	create := func(operation int, name string, target Target) {
		t.Helper()
		check(s.PutConnector(ctx, name, byKey(operation, "connector-"+name), target))
	}
	check(s.PutSessionKey(ctx, SessionKey{Key: make([]byte, 32), Algorithm: "HmacSHA256", Created: time.UnixMilli(1795470637328)}))
	create(1, "src", "")
	tasks(1, "src", 1)
	create(2, "snk", "")
	tasks(2, "snk", 2)
	check(s.PutTarget(ctx, "snk", Paused))
	check(s.PutTarget(ctx, "snk", Started))
	check(s.PutRestart(ctx, Restart{Connector: "snk", IncludeTasks: true}))
	check(s.PutRestart(ctx, Restart{Connector: "snk", IncludeTasks: true, OnlyFailed: true}))
	create(9, "snk", "")
	tasks(9, "snk", 1)
	for _, n := range []string{"snk", "src"} {
		tasks(0, n, 0)
		check(s.PutTarget(ctx, n, Stopped))
	}
	check(s.PutTarget(ctx, "src", Paused))
	check(s.PutTarget(ctx, "src", Started))
	tasks(15, "src", 1)
	tasks(0, "src", 0)
	check(s.PutTarget(ctx, "src", Stopped))
	create(19, "paused", Paused)
	create(20, "stopped", Stopped)
	create(21, "fails", Started)
	tasks(21, "fails", 1)
	create(22, "é b", Stopped)
	create(23, "stopped", "")
	check(s.PutLogger(ctx, "com.example.a", "DEBUG"))
	for _, n := range []string{"é b", "paused", "stopped", "fails", "snk", "src"} {
		check(s.Delete(ctx, n))
	}

	got := table.records()
	for i, w := range want {
		if i >= len(got) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		if string(got[i].Key) != w.Key || comparable(got[i].Value) != comparable(w.value()) {
			t.Errorf("record %d is\n%s %s, want\n%s %s", i, got[i].Key, got[i].Value, w.Key, w.value())
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	// The commit of tasks is a write of its own, after that of the task configs.
	for _, w := range table.writes {
		for _, kv := range w[1:] {
			if strings.HasPrefix(string(kv.Key), commitPrefix) {
				t.Errorf("%s is written together with %s", kv.Key, w[0].Key)
			}
		}
	}
}

// comparable is the record's text; that of a properties record has its keys sorted.
func comparable(raw []byte) string {
	if !strings.HasPrefix(string(raw), `{"properties":`) {
		return string(raw)
	}
	v, err := parseValue(raw)
	if err != nil {
		return err.Error()
	}
	return canonical(v)
}

func TestSnapshotNeverChanges(t *testing.T) {
	ctx := context.Background()
	s := openConfig(t, &fakeTable{}, readTopic(t, "config")[:8]...)
	before := s.Snapshot()
	text := summaries(before)
	for _, err := range []error{
		s.PutTarget(ctx, "src", Paused),
		s.PutConnector(ctx, "src", map[string]string{"tasks.max": "9"}, ""),
		s.PutTasks(ctx, "src", nil),
		s.PutConnector(ctx, "new", map[string]string{}, ""),
		s.Delete(ctx, "snk"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(text, summaries(before)); d != "" {
		t.Errorf("the old snapshot changed:\n%s", d)
	}
	want := []string{
		"new STARTED tasks=0/-1 has=false bad=false applied=true max=",
		"src PAUSED tasks=0/0 has=true bad=false applied=true max=9",
	}
	if d := cmp.Diff(want, summaries(s.Snapshot())); d != "" {
		t.Error(d)
	}
}

// TestConfigCompacted has topics that compaction has been through.
func TestConfigCompacted(t *testing.T) {
	conn := func(name string) recorded {
		return recorded{Key: "connector-" + name, Value: ptr(`{"properties":{"name":"` + name + `"}}`)}
	}
	task := func(key string) recorded {
		return recorded{Key: key, Value: ptr(`{"properties":{"t":"` + key + `"}}`)}
	}
	commit := func(name string, n int) recorded {
		return recorded{Key: "commit-" + name, Value: ptr(fmt.Sprintf(`{"tasks":%d}`, n))}
	}
	for name, c := range map[string]struct {
		records []recorded
		want    []string
	}{
		"task of the last commit is gone": {
			[]recorded{conn("a"), task("task-a-1"), commit("a", 2)},
			[]string{"a STARTED tasks=0/2 has=false bad=true applied=false max="},
		},
		"a later commit repairs it": {
			[]recorded{conn("a"), task("task-a-1"), commit("a", 2), task("task-a-0"), commit("a", 1)},
			[]string{"a STARTED tasks=1/1 has=false bad=false applied=true max="},
		},
		"a record of a task that is no more": {
			[]recorded{conn("a"), task("task-a-1"), task("task-a-0"), commit("a", 1)},
			[]string{"a STARTED tasks=1/1 has=false bad=false applied=true max="},
		},
		"the connector record is younger than its commit": {
			[]recorded{task("task-a-0"), commit("a", 1), conn("a")},
			[]string{"a STARTED tasks=0/-1 has=false bad=false applied=false max="},
		},
		"tasks without a commit": {
			[]recorded{conn("a"), task("task-a-0")},
			[]string{"a STARTED tasks=0/-1 has=false bad=false applied=false max="},
		},
		"only leftovers of a deleted connector": {
			[]recorded{task("task-a-0"), commit("a", 1), {Key: "restart-connector-a", Value: ptr(`{}`)}},
			nil,
		},
		"names with dashes and digits": {
			[]recorded{conn("a-1"), task("task-a-1-0"), commit("a-1", 1)},
			[]string{"a-1 STARTED tasks=1/1 has=false bad=false applied=true max="},
		},
		"an old worker's target state": {
			[]recorded{conn("a"), {Key: "target-state-a", Value: ptr(`{"state":"PAUSED"}`)}},
			[]string{"a PAUSED tasks=0/-1 has=true bad=false applied=false max="},
		},
		"the target state is removed": {
			[]recorded{conn("a"), {Key: "target-state-a", Value: ptr(`{"state":"PAUSED"}`)}, {Key: "target-state-a"}},
			[]string{"a STARTED tasks=0/-1 has=false bad=false applied=false max="},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openConfig(t, &fakeTable{}, c.records...)
			if d := cmp.Diff(c.want, summaries(s.Snapshot())); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestConfigBadRecords leaves out what cannot be read and keeps the rest.
func TestConfigBadRecords(t *testing.T) {
	good := recorded{Key: "connector-a", Value: ptr(`{"properties":{"x":"1","nothing":null}}`)}
	for _, bad := range []recorded{
		{Key: "", Value: ptr("{}")}, {Key: "nonsense", Value: ptr("{}")}, {Key: "connector-", Value: ptr(`{"properties":{}}`)},
		{Key: "connector-a", Value: ptr("{")}, {Key: "connector-a", Value: ptr("[]")}, {Key: "connector-a", Value: ptr(`{"properties":1}`)},
		{Key: "connector-a", Value: ptr(`{"properties":{"x":1}}`)}, {Key: "connector-a", Value: ptr(`{}{}`)},
		{Key: "task-a", Value: ptr(`{"properties":{}}`)}, {Key: "task-a-x", Value: ptr(`{"properties":{}}`)}, {Key: "task-a-0"},
		{Key: "task-a--1", Value: ptr(`{"properties":{}}`)},
		{Key: "commit-a"}, {Key: "commit-a", Value: ptr(`{"tasks":"1"}`)}, {Key: "commit-a", Value: ptr(`{"tasks":-1}`)},
		{Key: "target-state-a", Value: ptr(`{"state":"ODD"}`)}, {Key: "target-state-a", Value: ptr(`{}`)},
		{Key: "session-key", Value: ptr(`{"key":"%","algorithm":"x","creation-timestamp":1}`)}, {Key: "session-key"},
		{Key: "logger-cluster-x"}, {Key: "tasks-fencing-a"},
		{Key: "connector-a", Value: ptr(strings.Repeat("[", 100000))},
	} {
		s := openConfig(t, &fakeTable{}, good, bad)
		c := s.Snapshot()
		if d := cmp.Diff(map[string]string{"x": "1"}, c.Connectors["a"].Config); d != "" || c.Connectors["a"].Target != Started || len(c.Connectors) != 1 {
			t.Errorf("%s %v changed the connector: %v %s", bad.Key, bad.Value, summaries(c), d)
		}
	}
}

func TestConfigRestartsKeepTheLargest(t *testing.T) {
	ctx := context.Background()
	s := openConfig(t, &fakeTable{}, recorded{Key: "connector-a", Value: ptr(`{"properties":{}}`)},
		recorded{Key: "restart-connector-a", Value: ptr(`{"include-tasks":true,"only-failed":false}`)})
	if got := s.Restarts(); len(got) != 0 {
		t.Errorf("requests from before the start: %v", got)
	}
	for _, r := range []Restart{{"a", true, true}, {"a", true, false}, {"a", false, false}, {"b", false, true}} {
		if err := s.PutRestart(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]Restart{{"a", true, false}, {"b", false, true}}, s.Restarts()); d != "" {
		t.Error(d)
	}
	if got := s.Restarts(); len(got) != 0 {
		t.Errorf("given twice: %v", got)
	}
}

func TestConfigChanged(t *testing.T) {
	s := openConfig(t, &fakeTable{})
	<-s.Changed() // there is a first snapshot
	select {
	case <-s.Changed():
		t.Error("signalled without news")
	default:
	}
	if err := s.PutTarget(context.Background(), "a", Paused); err != nil {
		t.Fatal(err)
	}
	<-s.Changed()
}
