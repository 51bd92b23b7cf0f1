package worker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/task"
)

func source(topic string) map[string]string {
	return map[string]string{"connector.class": "test.NumberSource", "topic": topic}
}

func sink(topics string) map[string]string {
	return map[string]string{"connector.class": "test.CollectSink", "topics": topics, "tasks.max": "2"}
}

// From a source through Kafka into a sink; stopped and started again, everything
// goes on where it was.
func TestWorld_source_to_sink(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 3})
	w.lab.end = 200
	w.start("src", 1, source("numbers"), false)
	w.start("snk", 2, sink("numbers"), false)
	w.until("200 written", func() bool { return len(w.lab.got()) == 200 })
	w.until("running", func() bool { return w.log.of("src-0") == "RUNNING " && w.log.of("snk-1") == "RUNNING " })

	w.stop("src", 1)
	w.stop("snk", 2)
	w.lab.set(func() { w.lab.end = 300 })
	w.start("src", 1, source("numbers"), false)
	w.start("snk", 2, sink("numbers"), false)
	w.until("300 written", func() bool { return len(w.lab.got()) >= 300 })
	seen := map[string]int{}
	for _, v := range w.lab.got() {
		seen[v]++
	}
	for i := range 300 {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			t.Errorf("%d written %d times", i, n)
		}
	}
	w.stop("snk", 2)
	admin := w.admin()
	defer admin.Close()
	offsets, err := admin.GroupOffsets(t.Context(), "connect-snk", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, m := range offsets {
		total += m.Offset
	}
	if total != 300 {
		t.Errorf("offsets committed for %d of 300 records: %v", total, offsets)
	}
}

// After a kill the source repeats, and skips nothing.
func TestWorld_source_killed(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 1})
	for range 3 {
		w.start("src", 1, source("numbers"), false)
		before := w.lab.end
		w.until("running", func() bool { return w.log.of("src-0") != "" })
		w.until("some offsets", func() bool { m, _ := w.offsets.All(t.Context(), "src"); return len(m) > 0 })
		w.kill()
		w.lab.set(func() { w.lab.end = before })
		w.begin()
	}
	marks, _ := w.offsets.All(t.Context(), "src")
	next, _ := marks[0].Next.Lookup("next")
	got := map[string]bool{}
	for _, v := range w.read("numbers") {
		got[v] = true
	}
	for i := range next.Int() {
		if !got[fmt.Sprint(i)] {
			t.Fatalf("offset %d is stored, but %d is not in the topic", next.Int(), i)
		}
	}
}

func join(tasks int) map[string]string {
	return map[string]string{
		"connector.class": "culvert.connectors.TopicSink", "tasks.max": strconv.Itoa(tasks), "topics": "orders,payments", "topic": "joined",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "join", "transforms.join.type": "culvert.transforms.StreamJoin",
		"transforms.join.left.topic": "orders", "transforms.join.right.topic": "payments", "transforms.join.within": "24 hours",
	}
}

// The join, killed again and again: a read_committed reader sees each row once.
func TestWorld_join_killed(t *testing.T) {
	w := newWorld(t, map[string]int32{"orders": 3, "payments": 3, "joined": 3})
	w.start("join", 2, join(2), false)
	const rounds, each = 4, 50
	for round := range rounds {
		var msgs []data.Message
		for i := range each {
			k := fmt.Sprintf("order-%d-%d", round, i)
			ts := int64(1_700_000_000_000 + 1000*(round*each+i))
			msgs = append(msgs,
				data.Message{Topic: "orders", Partition: -1, Key: []byte(k), Value: fmt.Appendf(nil, `{"order":%q}`, k), Timestamp: ts},
				data.Message{Topic: "payments", Partition: -1, Key: []byte(k), Value: fmt.Appendf(nil, `{"payment":%q}`, k), Timestamp: ts + 500})
		}
		w.produce(msgs...)
		if round%2 == 0 {
			w.until("rows", func() bool { return len(w.read("joined")) > round*each })
		}
		w.kill()
		w.begin()
		w.start("join", 1+round%2, join(1+round%2), false)
	}
	w.until("all rows", func() bool { return len(w.read("joined")) >= rounds*each })
	rows := w.read("joined")
	slices.Sort(rows)
	if n := len(slices.Compact(slices.Clone(rows))); n != rounds*each || len(rows) != n {
		t.Errorf("%d rows, %d different ones, of %d", len(rows), n, rounds*each)
	}
}

// A topic sink without a join copies, each record once.
func TestWorld_copy(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 3, "copy": 3})
	props := func() map[string]string {
		return map[string]string{"connector.class": "TopicSink", "topics": "numbers", "topic": "copy", "tasks.max": "2"}
	}
	w.lab.end = 100
	w.start("src", 1, source("numbers"), false)
	w.start("copy", 2, props(), false)
	w.until("some copied", func() bool { return len(w.read("copy")) > 0 })
	w.stop("src", 1)
	w.kill()
	w.begin()
	w.start("copy", 2, props(), false)
	w.until("100 copied", func() bool { return len(w.read("copy")) >= 100 })
	rows := w.read("copy")
	slices.Sort(rows)
	if n := len(slices.Compact(slices.Clone(rows))); n != 100 || len(rows) != 100 {
		t.Errorf("%d copied, %d different", len(rows), n)
	}
}

func TestWorld_refusals(t *testing.T) {
	w := newWorld(t, map[string]int32{"orders": 6, "payments": 3, "numbers": 1})
	props := join(1)
	props["name"] = "join"
	err := w.w.CheckInputs(t.Context(), "join", props)
	if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "6 partitions") || !strings.Contains(err.Error(), "3") {
		t.Errorf("at creation: %v", err)
	}
	w.start("join", 1, join(1), false)
	w.until("the join fails", func() bool { return strings.HasPrefix(w.log.of("join-0"), "FAILED ") })
	if s := w.log.of("join-0"); !strings.Contains(s, "6 partitions") || !strings.Contains(s, "To fix it: ") {
		t.Errorf("status %q", s)
	}

	w.w.StartTask("unknown", 0, map[string]string{"connector.class": "com.example.Nothing"}, map[string]string{}, false)
	w.until("the unknown class fails", func() bool { return strings.HasPrefix(w.log.of("unknown-0"), "FAILED ") })
	if s := w.log.of("unknown-0"); !strings.Contains(s, "com.example.Nothing") || !strings.Contains(s, "test.NumberSource") {
		t.Errorf("status %q", s)
	}

	broken := source("numbers")
	broken["panic"] = "on purpose"
	w.start("broken", 1, broken, false)
	w.until("the panic fails the task", func() bool { return strings.HasPrefix(w.log.of("broken-0"), "FAILED ") })
	if s := w.log.of("broken-0"); !strings.Contains(s, "on purpose") || !strings.Contains(s, "world_test.go") {
		t.Errorf("status %q", s)
	}
	// Nothing else is harmed.
	w.lab.end = 10
	w.start("src", 1, source("numbers"), false)
	w.start("snk", 1, sink("numbers"), false)
	w.until("10 written", func() bool { return len(w.lab.got()) == 10 })
	<-w.w.StopTask("broken", 0) // a task that has failed is stopped at once
}

func TestWorld_pause(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 1})
	w.lab.end = 10
	w.start("snk", 1, sink("numbers"), true)
	w.until("paused", func() bool { return w.log.of("snk-0") == "PAUSED " })
	w.start("src", 1, source("numbers"), false)
	w.until("10 produced", func() bool { return len(w.read("numbers")) == 10 })
	if got := w.lab.got(); len(got) != 0 {
		t.Errorf("written while paused: %v", got)
	}
	w.w.ResumeTask("snk", 0)
	w.until("10 written", func() bool { return len(w.lab.got()) == 10 })
	w.w.PauseTask("snk", 0)
	w.until("paused again", func() bool { return w.log.of("snk-0") == "PAUSED " })
}

// A task that waits says for what, and goes on when it can.
func TestWorld_waiting(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 1})
	w.lab.end = 10
	w.lab.failWith = fault.New(fault.Retry, "test.away", "the target at 10.0.0.1 does not answer")
	w.start("src", 1, source("numbers"), false)
	w.start("snk", 1, sink("numbers"), false)
	w.until("the reason", func() bool {
		return strings.HasPrefix(w.log.of("snk-0"), "RUNNING ") && strings.Contains(w.log.of("snk-0"), "10.0.0.1 does not answer")
	})
	w.lab.set(func() { w.lab.failWith = nil })
	w.until("10 written", func() bool { return len(w.lab.got()) == 10 })
	w.until("no reason", func() bool { return w.log.of("snk-0") == "RUNNING " })
}

// A plugin that ignores the end of its context is abandoned, and what it does
// later reaches nobody.
func TestWorld_abandoned(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 1})
	stuck := make(chan struct{})
	w.lab.blocked["read"] = stuck
	w.w.keys.Graceful = 50 * time.Millisecond
	w.start("src", 1, source("numbers"), false)
	w.until("a Read that hangs", func() (inside bool) {
		w.lab.set(func() { inside = w.lab.inside })
		return inside
	})
	w.stop("src", 1)
	if n := w.w.Abandoned(); n != 1 {
		t.Errorf("%d tasks abandoned", n)
	}
	w.lab.set(func() { delete(w.lab.blocked, "read"); w.lab.end = 5 })
	w.start("src", 1, source("numbers"), false)
	w.until("5 produced", func() bool { return len(w.read("numbers")) == 5 })
	close(stuck)
	w.stop("src", 1)
	if got := w.read("numbers"); len(got) != 5 {
		t.Errorf("the abandoned task produced: %v", got)
	}
}

// Another worker takes a sink's task over: the old consumer is fenced at once, and not
// when its session ends, which is later than anything here is waited for; it says
// nothing.
func TestWorld_takeover(t *testing.T) {
	w := newWorld(t, map[string]int32{"numbers": 1})
	w.lab.end = 10
	w.start("src", 1, source("numbers"), false)
	w.start("snk", 1, sink("numbers"), false)
	w.until("10 written", func() bool { return len(w.lab.got()) == 10 })
	old := w.process
	w.begin()
	w.start("snk", 1, sink("numbers"), false)
	w.lab.set(func() { w.lab.end = 20 })
	w.until("20 written", func() bool { return len(w.lab.got()) >= 20 })
	if s := old.log.of("snk-0"); s != "RUNNING " {
		t.Errorf("the old task said %q", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := old.w.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestTaskConfigs(t *testing.T) {
	w := newWorld(t, nil)
	props := map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "2", "file": "out.txt", "topics": "golden-t2", "name": "snk",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
	got, err := w.w.TaskConfigs("snk", props)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("%d tasks", len(got))
	}
	for _, c := range got { // as recorded from Java: the connector's with task.class
		if c["task.class"] != "org.apache.kafka.connect.file.FileStreamSinkTask" || len(c) != len(props)+1 {
			t.Errorf("task config %v", c)
		}
		for k, v := range props {
			if c[k] != v {
				t.Errorf("%s is %q", k, c[k])
			}
		}
	}
	if _, leaked := props["task.class"]; leaked {
		t.Error("the connector's own properties were changed")
	}
	if got, err = w.w.TaskConfigs("j", join(2)); err != nil || got[1][tasksKey] != "2" {
		t.Errorf("a join: %v, %v", got, err)
	}
	_, err = w.w.TaskConfigs("many", map[string]string{"connector.class": "test.TooMany", "tasks.max": "3"})
	if err == nil || !strings.HasPrefix(err.Error(), "The connector many has generated 4 tasks, which is greater than 3, the maximum number of tasks it is configured to create. This behaviour") {
		t.Errorf("too many tasks: %v", err)
	}
	if _, err = w.w.TaskConfigs("many", map[string]string{"connector.class": "test.TooMany", "tasks.max": "3", "tasks.max.enforce": "false"}); err != nil {
		t.Errorf("not enforced: %v", err)
	}
	one := join(2)
	one["transforms.join.copartitioned"] = "false"
	if _, err = w.w.TaskConfigs("j", one); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "tasks.max is 2") {
		t.Errorf("one task only: %v", err)
	}
}

func TestSettings(t *testing.T) {
	w := New(Config{Props: map[string]string{
		"bootstrap.servers": "b:1", "security.protocol": "SSL", "ssl.x": "y", "client.id": "worker", "retry.backoff.ms": "7",
		"producer.linger.ms": "5", "producer.acks": "1", "consumer.max.poll.records": "100", "admin.request.timeout.ms": "9",
	}})
	b := &builder{w: w, id: task.ID{Connector: "c", Task: 2}, conn: map[string]string{
		"producer.override.linger.ms": "10", "consumer.override.auto.offset.reset": "latest", "consumer.override.client.id": "mine",
	}}
	cases := []struct {
		role   kafka.Role
		client string
		want   map[string]string
	}{
		{kafka.ProducerRole, producerClient, map[string]string{
			"bootstrap.servers": "b:1", "security.protocol": "SSL", "ssl.x": "y", "client.id": "connector-producer-c-2",
			"linger.ms": "10", "acks": "1", "delivery.timeout.ms": "2147483647", "max.in.flight.requests.per.connection": "1", "retry.backoff.ms": ""}},
		{kafka.ConsumerRole, consumerClient, map[string]string{
			"group.id": "connect-c", "client.id": "mine", "auto.offset.reset": "latest", "max.poll.records": "100", "enable.auto.commit": "false"}},
		{kafka.AdminRole, adminClient, map[string]string{
			"client.id": "connector-adminclient-c-2", "request.timeout.ms": "9", "retry.backoff.ms": "7", "security.protocol": "SSL", "linger.ms": ""}},
	}
	for _, c := range cases {
		s := b.settings(c.role, c.client)
		for k, v := range c.want {
			if s.Props[k] != v {
				t.Errorf("%v: %s is %q, want %q", c.role, k, s.Props[k], v)
			}
		}
	}
	if got := instanceID("g", task.ID{Connector: "my sink/ü", Task: 1}); got != "g-my_20_sink_2f__fc_-1" {
		t.Errorf("instance id %q", got)
	}
	if a, b := instanceID("g", task.ID{Connector: strings.Repeat("x", 300)}), instanceID("g", task.ID{Connector: strings.Repeat("x", 301)}); len(a) > 249 || a == b {
		t.Errorf("long instance ids %q, %q", a, b)
	}
}

func TestCreationGroups(t *testing.T) {
	props := map[string]string{
		"topic.creation.groups": "a,default", "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "2",
		"topic.creation.a.include": "x.*,y", "topic.creation.a.exclude": "xx", "topic.creation.a.partitions": "7", "topic.creation.a.cleanup.policy": "compact",
	}
	keys, err := parseConnector(props)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := creationGroups(props, &keys, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 2 || groups[0].Name != "a" || groups[1].Name != "default" {
		t.Fatalf("groups %+v", groups)
	}
	a := groups[0]
	if a.Partitions != 7 || a.Replication != 2 || len(a.Include) != 2 || a.Configs["cleanup.policy"] != "compact" || len(a.Configs) != 1 {
		t.Errorf("group %+v", a)
	}
	if ok, err := a.Include[0].Matches("zx"); ok || err != nil {
		t.Error("a pattern matches a part of a name")
	}
	if groups, err := creationGroups(props, &keys, false); err != nil || groups != nil {
		t.Errorf("creation is off, but %v, %v", groups, err)
	}
	if _, err := creationGroups(map[string]string{"topic.creation.default.partitions": "many"}, &keys, true); !fault.Is(err, fault.Config) {
		t.Errorf("bad number: %v", err)
	}
}
