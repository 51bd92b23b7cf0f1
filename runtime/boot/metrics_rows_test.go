package boot_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
	"culvert/internal/mongostub"
	"culvert/runtime/metrics"
)

// constant are the rows that do not change while a worker lives, or not here.
var constant = map[string]string{
	"destroyed":        "no task is ever said to be destroyed",
	"unassigned":       "a task is unassigned for the moment between its owners",
	"restarting":       "a task is restarting for a moment",
	"transaction-size": "sources write without transactions",
	"build_info":       "it is the program's version",
	"abandoned_tasks":  "no plugin hangs here",
	"-duration-":       "how long MongoDB takes is up to the machine",
	"records-failed":   "MongoDB refuses no record here",
}

// watcher has seen which values each row has had.
type watcher struct {
	w    *world
	seen map[string]map[string]bool // by the line without its value
}

// see takes a scrape in.
func (o *watcher) see() (map[string]float64, error) {
	got, err := scrape(o.w.url)
	if err != nil {
		return nil, err
	}
	for line, v := range got {
		value := fmt.Sprint(v)
		if o.seen[line] == nil {
			o.seen[line] = map[string]bool{}
		}
		o.seen[line][value] = true
	}
	return got, nil
}

// until waits until the rows of a scrape are as wanted.
func (o *watcher) until(what string, ok func(got map[string]float64) bool) {
	o.w.t.Helper()
	o.w.await("the metrics to show "+what, func() error {
		got, err := o.see()
		if err == nil && !ok(got) {
			err = fmt.Errorf("not yet: %v", slices.Sorted(maps.Keys(got)))
		}
		return err
	})
}

// repeat does again what moves a row of the last moment only, until a scrape has seen it.
func (o *watcher) repeat(what string, do func(), ok func(got map[string]float64) bool) {
	o.w.t.Helper()
	o.until(what, func(got map[string]float64) bool {
		seen := ok(got)
		if !seen {
			do()
		}
		return seen
	})
}

// changed reports whether a metric has had two values, for anything: a number, or a
// text, which is in a label.
func (o *watcher) changed(m *metrics.Metric) bool {
	texts := map[string]bool{}
	for line, values := range o.seen {
		name, labels, _ := strings.Cut(line, "{")
		if name != m.Name() {
			continue
		}
		if m.Type != metrics.Text && len(values) > 1 {
			return true
		}
		texts[labels] = true
	}
	return m.Type == metrics.Text && len(texts) > 0
}

// changes has a source that copies what the sink has written, drops its heartbeats, and
// is refused by each kind of command.
func (o *watcher) changes() {
	o.w.t.Helper()
	const group = "com_mongodb_kafka_connect_source_task_metrics_"
	moved := func(name string) {
		o.w.t.Helper()
		o.until(name, func(got map[string]float64) bool {
			return got[group+name+`{connector="changes",task="source-task-0"}`] > 0
		})
	}
	gone := &mongostub.CommandError{Code: 43, Name: "CursorNotFound", Message: "gone"}
	o.w.mongo.Script(mongostub.Fault{Command: "aggregate", Times: 5, Error: gone}) // its rows are seen before it reads
	o.w.do(http.MethodPost, "/connectors", map[string]any{"name": "changes", "config": map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSourceConnector", "connection.uri": o.w.mongo.URI(), "database": "shop", "startup.mode": "copy_existing",
		"poll.await.time.ms": "50", "heartbeat.interval.ms": "1", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"transforms":      "drop", "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter", "transforms.drop.predicate": "beat",
		"predicates": "beat", "predicates.beat.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
	}}, http.StatusCreated)
	o.until("the rows of the source", func(got map[string]float64) bool {
		_, there := got[group+`records{connector="changes",task="source-task-0"}`]
		return there
	})
	for _, name := range []string{"records", "records_acknowledged", "records_filtered", "initial_commands_failed", "getmore_commands_successful"} {
		moved(name)
	}
	o.w.mongo.Script(mongostub.Fault{Command: "getMore", Error: gone})
	moved("getmore_commands_failed")
	o.w.do(http.MethodDelete, "/connectors/changes", nil, http.StatusNoContent)
}

// TestEveryRowIsAlive: sources, sinks, a join, failures, waits, dead letters and
// rebalances move every row of the table.
func TestEveryRowIsAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in", "left", "right", "made"), withProps(map[string]string{
		"metrics.sample.window.ms": "2000", "heartbeat.interval.ms": "50", "config.providers": "file",
		"config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
	}))
	o := &watcher{w: w, seen: map[string]map[string]bool{}}
	at := func(name, connector string) string { return fmt.Sprintf(`%s{connector=%q,task="0"}`, name, connector) }
	const source, sink, failures = "kafka_connect_source_task_metrics_", "kafka_connect_sink_task_metrics_", "kafka_connect_task_error_metrics_"
	above := func(line string, least float64) func(map[string]float64) bool {
		return func(got map[string]float64) bool { return got[line] > least }
	}

	// A source with a transformation and a predicate, paused and resumed.
	w.create("made", map[string]string{
		"connector.class": "DatagenSource", "kafka.topic": "made", "quickstart": "ORDERS", "output.data.format": "JSON", "max.interval": "2",
		"transforms": "mark", "transforms.mark.type": "org.apache.kafka.connect.transforms.InsertHeader", "transforms.mark.header": "h",
		"transforms.mark.value.literal": "v", "transforms.mark.predicate": "here",
		"predicates": "here", "predicates.here.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", "predicates.here.pattern": "made",
	})
	o.until("records of the source", above(at(source+"source_record_write_total", "made"), 10))
	o.until("its stored offsets", above(at("kafka_connect_connector_task_metrics_offset_commit_success_percentage", "made"), 0))
	w.do(http.MethodPut, "/connectors/made/pause", nil, http.StatusAccepted)
	o.until("its pause", above(`kafka_connect_connector_task_metrics_status{connector="made",status="paused",task="0"}`, 0))
	o.until("the time of its pause", above(at("kafka_connect_connector_task_metrics_pause_ratio", "made"), 0))
	o.until("its rate to go down", func(got map[string]float64) bool { return got[at(source+"source_record_poll_rate", "made")] == 0 })
	w.do(http.MethodPut, "/connectors/made/resume", nil, http.StatusAccepted)

	// A sink with dead letters, whose target goes away.
	secret := filepath.Join(t.TempDir(), "secret.properties")
	if err := os.WriteFile(secret, []byte("db=shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.create("sink", w.sink("in", map[string]string{
		"database": "${file:" + secret + ":db}", "culvert.restart.max.attempts": "1",
		"errors.tolerance": "all", "errors.log.enable": "true", "errors.deadletterqueue.topic.name": "dead", "errors.deadletterqueue.topic.replication.factor": "1",
	}))
	bad := data.Message{Topic: "in", Partition: 0, Timestamp: 1_750_000_000_000, Value: []byte("hello")}
	o.until("partitions of the sink", above(at(sink+"partition_count", "sink"), 0))
	w.produce(w.rowsOf("in", "a")...)
	w.produce(bad)
	o.until("a dead letter", above(at(failures+"deadletterqueue_produce_requests", "sink"), 0))
	o.repeat("commits", func() { w.produce(w.rowsOf("in", "a")...) }, above(at(sink+"offset_commit_completion_rate", "sink"), 0))
	w.mongo.Stop()
	w.produce(w.rowsOf("in", "b", "c")...)
	o.until("a wait", above(at("culvert_task_waiting_seconds", "sink"), 0))
	o.until("records under way", above(at(sink+"sink_record_active_count", "sink"), 0))
	o.until("how far it is behind", above(at(sink+"sink_record_lag_max", "sink"), 0))
	o.until("retries", above(at(failures+"total_retries", "sink"), 1))
	if err := w.mongo.Restart(); err != nil {
		t.Fatal(err)
	}
	o.until("the end of the wait", func(got map[string]float64) bool {
		return got[at("culvert_task_waiting", "sink")] == 0 && got[at(sink+"sink_record_lag_max", "sink")] == 0 && got[at(sink+"sink_record_active_count", "sink")] == 0
	})

	o.changes()

	// Commits that fail and that come too late.
	commits := func(err *kerr.Error) *kfake.FaultHandle {
		h := w.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: "connect-sink", Err: err, Count: -1})
		w.produce(w.rowsOf("in", "more")...)
		return h
	}
	failing := commits(kerr.OffsetMetadataTooLarge)
	o.until("a failed commit", above(at("kafka_connect_connector_task_metrics_offset_commit_failure_percentage", "sink"), 0))
	failing.Remove()
	late := commits(kerr.IllegalGeneration)
	o.until("commits that came too late", above(at(sink+"offset_commit_skip_rate", "sink"), 0))
	late.Remove()

	// A dead letter that is refused fails the task, and it is restarted once.
	refused := w.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "dead", Err: kerr.MessageTooLarge, Count: -1})
	w.produce(bad)
	o.until("a dead letter that was not written", above(at(failures+"deadletterqueue_produce_failures", "sink"), 0))
	o.until("the failed task", above(`kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="sink"}`, 0))
	o.until("its automatic restart", above(at("culvert_task_restarts_total", "sink"), 0))
	refused.Remove()

	// A task that cannot be built.
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	w.do(http.MethodPost, "/connectors/sink/tasks/0/restart", nil, http.StatusNoContent)
	o.until("a start that failed", above("kafka_connect_connect_worker_metrics_task_startup_failure_total", 0))

	// A connector that this program knows nothing of.
	tries := 0
	o.repeat("a connector that cannot start", func() {
		tries++
		w.produce(data.Message{Topic: "connect-configs", Partition: 0, Key: []byte("connector-jdbc"),
			Value: fmt.Appendf(nil, `{"properties":{"connector.class":"com.example.Jdbc","name":"jdbc","tries":"%d"}}`, tries)})
	}, above("kafka_connect_connect_worker_metrics_connector_startup_failure_percentage", 0))
	o.until("its state", above(`kafka_connect_connector_metrics_status{connector="jdbc",status="failed"}`, 0))

	// A join: a pair, an input without a value, and one that is too late.
	w.create("join", w.join(map[string]string{"tasks.max": "1", "transforms.join.within": "1 hour", "transforms.join.grace": "1 minute"}))
	o.until("the join", func(got map[string]float64) bool {
		_, ok := got[at("culvert_join_rows_total", "join")]
		return ok
	})
	w.produce(w.rowsOf("left", "x")...)
	w.produce(w.rowsOf("right", "x")...)
	o.until("a row", above(at("culvert_join_rows_total", "join"), 0))
	later := w.row("left", "y", "l")
	later.Timestamp += 5 * 3600 * 1000
	w.produce(later, data.Message{Topic: "left", Partition: 0, Key: []byte("y"), Timestamp: later.Timestamp}, w.row("left", "z", "l"))
	w.produce(w.rowsOf("right", "z")...)
	o.until("an input that was skipped", above(at("culvert_join_skipped_total", "join"), 0))
	o.until("an input that came too late", above(at("culvert_join_late_total", "join"), 0))

	// A rebalance that does not end.
	held := w.broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: "connect-cluster", Err: kerr.CoordinatorLoadInProgress, Count: -1})
	w.do(http.MethodDelete, "/connectors/made", nil, http.StatusNoContent)
	again := map[string]string{"connector.class": "DatagenSource", "kafka.topic": "made", "quickstart": "ORDERS", "output.data.format": "JSON", "max.interval": "2"}
	w.create("again", again)
	o.until("a rebalance", above("kafka_connect_connect_worker_rebalance_metrics_rebalancing", 0))
	held.Remove()
	o.until("its end", func(got map[string]float64) bool {
		return got["kafka_connect_connect_worker_rebalance_metrics_rebalancing"] == 0 && got[at(source+"source_record_poll_total", "again")] > 0
	})
	again["tasks.max"] = "2"
	w.do(http.MethodPut, "/connectors/again/config", again, http.StatusOK)
	o.until("another task", above(`kafka_connect_connect_worker_metrics_connector_total_task_count{connector="again"}`, 1))

next:
	for _, m := range metrics.Table() {
		for part := range constant {
			if strings.Contains(m.Attribute, part) {
				continue next
			}
		}
		if !o.changed(&m) {
			t.Errorf("%s has had no two values: %v", m.Name(), o.of(&m))
		}
	}
}

// of is what a metric has shown.
func (o *watcher) of(m *metrics.Metric) map[string][]string {
	out := map[string][]string{}
	for line, values := range o.seen {
		if name, _, _ := strings.Cut(line, "{"); name == m.Name() {
			out[line] = slices.Sorted(maps.Keys(values))
		}
	}
	return out
}
