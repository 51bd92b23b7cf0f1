package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openStatuses(t *testing.T, table *fakeTable, rs ...recorded) *StatusStore {
	t.Helper()
	s, err := OpenStatuses(context.Background(), table.opener(rs...), quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStatusWrites writes every recorded status through the store; the records
// must be Java's, byte for byte.
func TestStatusWrites(t *testing.T) {
	ctx := context.Background()
	want := readTopic(t, "status")
	table := &fakeTable{}
	s := openStatuses(t, table)
	for _, r := range want {
		if err := writeAgain(ctx, s, r); err != nil {
			t.Fatalf("%s: %v", r.Key, err)
		}
	}
	got := table.records()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		if string(got[i].Key) != w.Key || string(got[i].Value) != string(w.value()) || (got[i].Value == nil) != (w.Value == nil) {
			t.Errorf("record %d is\n%s %s, want\n%s %s", i, got[i].Key, got[i].Value, w.Key, w.value())
		}
	}
}

// writeAgain parses a record and writes it through the methods of the store.
func writeAgain(ctx context.Context, s *StatusStore, r recorded) error {
	probe := openProbe(r)
	for name := range probe.topics {
		used := probe.Topics(name)
		switch {
		case len(used) == 0:
		case r.Value == nil:
			return s.ResetTopics(ctx, name)
		default:
			return s.PutTopic(ctx, name, used[0])
		}
	}
	u := Update{Delete: r.Value == nil}
	for name, st := range probe.connectors {
		u.Connector, u.Task, u.Status = name, ConnectorTask, st
	}
	for name, tasks := range probe.tasks {
		for n, st := range tasks {
			u.Connector, u.Task, u.Status = name, n, st
		}
	}
	return s.Write(ctx, u)
}

// openProbe is a store that holds what the record is about, also of a tombstone.
func openProbe(r recorded) *StatusStore {
	probe := &StatusStore{log: quiet(), connectors: map[string]Status{}, tasks: map[string]map[int]Status{}, topics: map[string]map[string]TopicUse{}}
	value := r.value()
	if value == nil {
		value = []byte(`{"state":"RUNNING","worker_id":"","generation":0,"topic":{"name":"","task":0,"discoverTimestamp":0}}`)
	}
	if err := probe.take(r.Key, value); err != nil {
		panic(err)
	}
	return probe
}

func TestStatusReplay(t *testing.T) {
	records := readTopic(t, "status")
	table := &fakeTable{}
	s := openStatuses(t, table)
	run := func(generation int32) Status {
		return Status{State: StateRunning, WorkerID: "127.0.0.1:18089", Generation: generation, Version: "4.3.1"}
	}
	for i, r := range records {
		table.feed(r)
		if i+1 < len(records) && records[i+1].Operation == r.Operation {
			continue
		}
		switch r.Operation {
		case 2:
			if d := cmp.Diff(map[int]Status{0: run(5), 1: run(5)}, s.Tasks("snk")); d != "" {
				t.Error(d)
			}
			got, _ := s.Connector("snk")
			if d := cmp.Diff(run(4), got); d != "" {
				t.Error(d)
			}
			want := []TopicUse{{Topic: "golden-t2", Task: 1, Discovered: time.UnixMilli(1795470641806)}}
			if d := cmp.Diff(want, s.Topics("snk")); d != "" {
				t.Error(d)
			}
		case 9:
			if d := cmp.Diff(map[int]Status{0: run(6)}, s.Tasks("snk")); d != "" {
				t.Error(d)
			}
		case 21:
			got, _ := s.Task("fails", 0)
			if got.State != StateFailed || len(got.Trace) < 1000 {
				t.Errorf("task fails-0: %v", got)
			}
			if d := cmp.Diff([]string{"fails", "paused", "snk", "src", "stopped"}, s.Connectors()); d != "" {
				t.Error(d)
			}
		}
	}
	if got := s.Connectors(); len(got) != 0 {
		t.Errorf("left at the end: %v", got)
	}
}

// TestStatusOldOwner: the old owner of a task is late with its UNASSIGNED.
func TestStatusOldOwner(t *testing.T) {
	ctx := context.Background()
	st := func(state, worker string, generation int32) Status {
		return Status{State: state, WorkerID: worker, Generation: generation}
	}
	for name, c := range map[string]struct {
		first, second Status
		safe          bool
		want          Status
	}{
		"late, same generation":       {st(StateRunning, "new", 7), st(StateUnassigned, "old", 7), false, st(StateRunning, "new", 7)},
		"late, earlier generation":    {st(StateRunning, "new", 7), st(StateUnassigned, "old", 6), false, st(StateRunning, "new", 7)},
		"safe, earlier generation":    {st(StateFailed, "new", 7), st(StateUnassigned, "old", 6), true, st(StateFailed, "new", 7)},
		"not safe":                    {st(StateFailed, "new", 7), st(StateUnassigned, "old", 6), false, st(StateUnassigned, "old", 6)},
		"safe, same generation":       {st(StateFailed, "new", 7), st(StateFailed, "old", 7), true, st(StateFailed, "old", 7)},
		"safe, own record":            {st(StateRunning, "old", 7), st(StateUnassigned, "old", 6), true, st(StateUnassigned, "old", 6)},
		"the group began again at 1":  {st(StateRunning, "new", 70), st(StateRunning, "old", 1), false, st(StateRunning, "old", 1)},
		"later generation unassigned": {st(StateRunning, "new", 7), st(StateUnassigned, "old", 8), true, st(StateUnassigned, "old", 8)},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStatuses(t, &fakeTable{})
			for _, u := range []Update{{Connector: "a", Status: c.first}, {Connector: "a", Status: c.second, Safe: c.safe}} {
				if err := s.Write(ctx, u); err != nil {
					t.Fatal(err)
				}
			}
			got, _ := s.Task("a", 0)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStatusBadRecords(t *testing.T) {
	good := recorded{Key: "status-task-a-0", Value: ptr(`{"state":"RUNNING","trace":null,"worker_id":"w","generation":1}`)}
	for _, bad := range []recorded{
		{Key: "x"}, {Key: "status-task-a", Value: good.Value}, {Key: "status-connector-", Value: good.Value},
		{Key: "status-task-a-0", Value: ptr(`{"state":"ODD","generation":1}`)}, {Key: "status-task-a-0", Value: ptr(`{"state":"RUNNING"}`)},
		{Key: "status-task-a-0", Value: ptr("")}, {Key: "status-topic-t", Value: ptr("{}")}, {Key: "status-topic-:connector-a", Value: ptr("{}")},
		{Key: "status-topic-t:connector-", Value: ptr("{}")}, {Key: "status-topic-t:connector-a", Value: ptr("{}")},
	} {
		s := openStatuses(t, &fakeTable{}, good, bad)
		if got, _ := s.Task("a", 0); got.State != StateRunning || len(s.Connectors()) != 1 || len(s.Topics("a")) != 0 {
			t.Errorf("%s %v: %v", bad.Key, bad.Value, got)
		}
	}
}
