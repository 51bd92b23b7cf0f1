package boot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/data"
)

func TestInputsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(6, "left", "six"), withTopics(4, "right"), func(w *world) {
		for name, configs := range map[string]map[string]string{
			"short": {"retention.ms": "3600000"}, "compacted": {"cleanup.policy": "compact"},
		} {
			if err := w.broker.CreateTopic(name, 6, configs); err != nil {
				t.Fatal(err)
			}
		}
	})
	with := func(right string) map[string]string {
		return map[string]string{"topics": "left," + right, "transforms.join.right.topic": right}
	}
	for name, tt := range map[string]struct {
		changes map[string]string
		says    []string
	}{
		"partitions": {nil, []string{"'left' has 6 partitions", "'right' has 4", "copartitioned=false"}},
		"retention":  {with("short"), []string{"'short'", "retention.ms=3600000", "172800000"}},
		"compacted":  {with("compacted"), []string{"'compacted'", "cleanup.policy=compact", "cleanup.policy=delete"}},
		"tasks":      {map[string]string{"transforms.join.copartitioned": "false"}, []string{"tasks.max is 2", "tasks.max=1"}},
		"name":       {with("no topic"), []string{"'no topic'", "letters"}},
	} {
		mustSay(t, w.refused(name, w.join(tt.changes)), tt.says...)
	}
	// What the refusal says helps.
	w.create("join", w.join(map[string]string{"transforms.join.copartitioned": "false", "tasks.max": "1"}))
	w.running("join", 1)
	// Asked about an existing connector, the answer is the same, and it goes on.
	status, body := w.request(http.MethodPut, "/connectors/join/config", w.join())
	if status != http.StatusBadRequest {
		t.Errorf("a change that does not fit: %d %s", status, body)
	}
	mustSay(t, string(body), "'left' has 6 partitions", "'right' has 4")
	w.running("join", 1)
}

func TestMissingTopicsAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "left"))
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	w.create("sink", w.sink("in"))
	mustSay(t, w.awaitTask("join", 0, "RUNNING", "'right'"), "does not exist")
	if w.broker.TopicInfo("right") != nil || w.broker.TopicInfo("in") != nil {
		t.Error("a client had the broker create a topic that was to be waited for")
	}
	mustSay(t, w.logs.String(), "topic does not exist, waiting for it", "topic=in", "[sink|task-0]")

	for _, name := range []string{"right", "in"} {
		if err := w.broker.CreateTopic(name, 2, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.produce(w.rowsOf("left", "a", "b")...)
	w.produce(w.rowsOf("right", "a", "b")...)
	w.produce(w.rowsOf("in", "c")...)
	w.awaitJoined("a", "b")
	w.awaitDocuments("c")
	w.running("join", 1)
	w.running("sink", 1)
}

func TestInputThatAppearsWithOtherPartitionsFailsTheTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "left"))
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	w.awaitTask("join", 0, "RUNNING", "'right'")
	if err := w.broker.CreateTopic("right", 3, nil); err != nil {
		t.Fatal(err)
	}
	mustSay(t, w.awaitTask("join", 0, "FAILED"), "'left' has 2 partitions", "'right' has 3", "copartitioned=false")
}

func TestImpossibleTopicNamesFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sink", w.sink("no topic"))
	mustSay(t, w.awaitTask("sink", 0, "FAILED"), "'no topic'", "letters")
	w.create("source", w.fromFile("datagen-orders", map[string]string{"kafka.topic": "no/topic"}))
	mustSay(t, w.awaitTask("source", 0, "FAILED"), "'no/topic'", "letters")
	w.create("letters", w.sink("in", map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "no topic"}))
	mustSay(t, w.awaitTask("letters", 0, "FAILED"), "'no topic'", "letters")
	w.create("made", w.fromFile("datagen-orders", map[string]string{"topic.creation.default.partitions": "several"}))
	w.await("the connector to fail", func() error {
		s, err := w.status("made")
		if err != nil {
			return err
		}
		for _, each := range append(s.Tasks, s.Connector) {
			if each.State == "FAILED" {
				mustSay(t, each.Trace, "several", "topic.creation.default.partitions")
				return nil
			}
		}
		return fmt.Errorf("%+v", s)
	})
}

// TestUnknownClassInTheConfigTopic: a Java worker has left a connector that there
// is no plugin for.
func TestUnknownClassInTheConfigTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	w.create("sink", w.sink("in"))
	w.running("sink", 1)
	config := map[string]string{"connector.class": "com.example.JdbcSourceConnector", "name": "jdbc", "tasks.max": "1", "table": "orders"}
	record := func(key string, value map[string]any) data.Message {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return data.Message{Topic: "connect-configs", Partition: 0, Key: []byte(key), Value: raw}
	}
	w.produce(
		record("connector-jdbc", map[string]any{"properties": config}),
		record("task-jdbc-0", map[string]any{"properties": map[string]string{"task.class": "com.example.JdbcSourceTask", "table": "orders"}}),
		record("commit-jdbc", map[string]any{"tasks": 1}),
	)
	check := func() {
		t.Helper()
		trace := w.awaitTask("jdbc", 0, "FAILED")
		mustSay(t, trace, "com.example.JdbcSourceConnector", "com.mongodb.kafka.connect.MongoSinkConnector", "culvert.connectors.TopicSink")
		var s status
		// The task may say so first: connector and task are records of their own.
		w.await("the connector to be FAILED", func() (err error) {
			if s, err = w.status("jdbc"); err == nil && s.Connector.State != "FAILED" {
				err = fmt.Errorf("the connector is %s", s.Connector.State)
			}
			return err
		})
		mustSay(t, s.Connector.Trace, "com.example.JdbcSourceConnector", "io.confluent.kafka.connect.datagen.DatagenConnector")
		_, body := w.get("/connectors/jdbc/config")
		var have map[string]string
		if err := json.Unmarshal(body, &have); err != nil || have["table"] != "orders" || have["connector.class"] != config["connector.class"] {
			t.Errorf("the config is now %s", body)
		}
	}
	check()
	records := w.broker.PartitionInfo("connect-configs", 0).HighWatermark
	w.produce(w.rowsOf("in", "a")...)
	w.awaitDocuments("a")
	w.do(http.MethodPost, "/connectors/jdbc/restart?includeTasks=true", nil, http.StatusAccepted)
	w.stop()
	w.begin()
	check()
	w.produce(w.rowsOf("in", "b")...)
	w.awaitDocuments("a", "b")
	for _, m := range w.read("connect-configs") {
		if strings.Contains(string(m.Key), "jdbc") && !strings.HasPrefix(string(m.Key), "restart-") && m.Offset >= records {
			t.Errorf("the record %s was written anew: %s", m.Key, m.Value)
		}
	}
	w.do(http.MethodDelete, "/connectors/jdbc", nil, http.StatusNoContent)
}

// TestStateThatCannotBeKept: the folder for the state of joins is of no use. The
// join goes on in memory, and says so.
func TestStateThatCannotBeKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, withTopics(2, "left", "right"), withProps(map[string]string{"culvert.data.dir": filepath.Join(file, "state")}))
	w.create("join", w.join())
	w.produce(w.rowsOf("left", "a", "b", "c")...)
	w.produce(w.rowsOf("right", "a", "b")...)
	w.awaitJoined("a", "b")
	mustSay(t, w.logs.String(), "culvert.data.dir", file)
	w.stop()
	w.begin()
	w.produce(w.rowsOf("right", "c")...)
	w.awaitJoined("a", "b", "c")
	w.running("join", 2)
}

// TestStateThatDoesNotFitAndCannotSpill: more than the memory for it, and the disk
// is of no use. It is told and waited out; no row is lost or wrong.
func TestStateThatDoesNotFitAndCannotSpill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, withTopics(1, "left", "right", "in"), withProps(map[string]string{
		"culvert.data.dir": filepath.Join(file, "state"), "culvert.state.memory.bytes": "1048576",
	}))
	const many = 600
	var names []string
	var left, right []data.Message
	for i := range many {
		name := fmt.Sprintf("order-%d", i)
		names = append(names, name)
		left = append(left, w.row("left", name, strings.Repeat("x", 4000)))
		right = append(right, w.row("right", name, "p"))
	}
	w.produce(left...)
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	w.create("sink", w.sink("in"))
	mustSay(t, w.awaitTask("join", 0, "RUNNING", "culvert.data.dir"), "join", file)
	w.produce(w.rowsOf("in", "a")...)
	w.awaitDocuments("a")

	if err := os.Remove(file); err != nil { // somebody makes room
		t.Fatal(err)
	}
	w.produce(right...)
	w.awaitJoined(names...)
	w.running("join", 1)
}
