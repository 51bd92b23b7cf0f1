package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"culvert/connectors"
)

// clock is a time that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time        { return c.at }
func (c *clock) pass(by time.Duration) { c.at = c.at.Add(by) }

func newClock() *clock { return &clock{time.Unix(1_750_000_000, 0)} }

func TestWindow(t *testing.T) {
	c := newClock()
	w := newWindow(Sampling{Window: 10 * time.Second, Samples: 2})
	if !math.IsNaN(w.avg(c.now())) || !math.IsNaN(w.largest(c.now())) || w.rate(c.now()) != 0 || w.share(c.now()) != 0 {
		t.Error("a window without values has some")
	}
	w.record(4, c.now())
	w.record(-2, c.now())
	if got := w.avg(c.now()); got != 1 {
		t.Errorf("avg = %v", got)
	}
	if w.largest(c.now()) != 4 || w.smallest(c.now()) != -2 {
		t.Errorf("%v to %v", w.smallest(c.now()), w.largest(c.now()))
	}
	c.pass(12 * time.Second)
	w.record(10, c.now()) // the second sample
	if got := w.avg(c.now()); got != 4 {
		t.Errorf("avg of two samples = %v", got)
	}
	c.pass(10 * time.Second)
	if got := w.avg(c.now()); got != 10 {
		t.Errorf("avg = %v: the first sample is too old", got)
	}
	c.pass(10 * time.Second)
	if !math.IsNaN(w.avg(c.now())) {
		t.Errorf("avg = %v of samples that are all too old", w.avg(c.now()))
	}
}

// TestRate follows Rate.windowSize: a first value is spread over all samples but
// the newest.
func TestRate(t *testing.T) {
	c := newClock()
	w := newWindow(Sampling{Window: 10 * time.Second, Samples: 2})
	w.record(50, c.now())
	c.pass(5 * time.Second)
	if got := w.rate(c.now()); math.Abs(got-50.0/15) > 1e-9 {
		t.Errorf("rate = %v", got)
	}
	c.pass(7 * time.Second)
	w.record(70, c.now())
	if got := w.rate(c.now()); math.Abs(got-120.0/12) > 1e-9 {
		t.Errorf("rate = %v", got)
	}
}

// attributes are the names that Java has (ConnectMetricsRegistry, 4.3), by group.
var attributes = map[string]string{
	"connector-metrics": "status connector-type connector-class connector-version",
	"connector-task-metrics": "status running-ratio pause-ratio offset-commit-max-time-ms offset-commit-avg-time-ms batch-size-max batch-size-avg " +
		"offset-commit-failure-percentage offset-commit-success-percentage connector-class connector-version connector-type task-class task-version " +
		"key-converter-class key-converter-version value-converter-class value-converter-version header-converter-class header-converter-version",
	"connector-transform-metrics": "transform-class transform-version",
	"connector-predicate-metrics": "predicate-class predicate-version",
	"source-task-metrics": "source-record-poll-rate source-record-poll-total source-record-write-rate source-record-write-total poll-batch-max-time-ms " +
		"poll-batch-avg-time-ms source-record-active-count source-record-active-count-max source-record-active-count-avg transaction-size-min transaction-size-max transaction-size-avg",
	"sink-task-metrics": "sink-record-read-rate sink-record-read-total sink-record-send-rate sink-record-send-total sink-record-lag-max partition-count offset-commit-seq-no " +
		"offset-commit-completion-rate offset-commit-completion-total offset-commit-skip-rate offset-commit-skip-total put-batch-max-time-ms put-batch-avg-time-ms " +
		"sink-record-active-count sink-record-active-count-max sink-record-active-count-avg",
	"task-error-metrics": "total-record-failures total-record-errors total-records-skipped total-retries total-errors-logged deadletterqueue-produce-requests " +
		"deadletterqueue-produce-failures last-error-timestamp",
	"connect-worker-metrics": "connector-count task-count connector-startup-attempts-total connector-startup-success-total connector-startup-success-percentage " +
		"connector-startup-failure-total connector-startup-failure-percentage task-startup-attempts-total task-startup-success-total task-startup-success-percentage " +
		"task-startup-failure-total task-startup-failure-percentage connector-total-task-count connector-running-task-count connector-paused-task-count " +
		"connector-failed-task-count connector-unassigned-task-count connector-destroyed-task-count connector-restarting-task-count",
	"com.mongodb.kafka.connect:source-task-metrics": "records records-filtered records-acknowledged mongodb-bytes-read latest-mongodb-time-difference-secs " +
		"in-task-poll in-task-poll-duration-ms in-task-poll-duration-over-1-ms in-connect-framework in-connect-framework-duration-over-10000-ms initial-commands-successful " +
		"initial-commands-successful-duration-over-100-ms getmore-commands-successful getmore-commands-successful-duration-ms initial-commands-failed " +
		"initial-commands-failed-duration-over-10-ms getmore-commands-failed getmore-commands-failed-duration-over-1000-ms",
	"com.mongodb.kafka.connect:sink-task-metrics": "records records-successful records-failed latest-kafka-time-difference-ms " +
		"in-task-put in-task-put-duration-ms in-task-put-duration-over-1-ms in-task-put-duration-over-10000-ms in-connect-framework in-connect-framework-duration-over-10-ms " +
		"processing-phases processing-phases-duration-ms batch-writes-successful batch-writes-successful-duration-over-100-ms batch-writes-failed batch-writes-failed-duration-over-1000-ms",
	"connect-worker-rebalance-metrics": "connect-protocol leader-name epoch completed-rebalances-total rebalancing rebalance-max-time-ms rebalance-avg-time-ms time-since-last-rebalance-ms",
	"connect-coordinator-metrics":      "assigned-connectors assigned-tasks",
}

func TestTableHasJavasAttributes(t *testing.T) {
	have := map[string][]string{}
	names := map[string]bool{}
	for _, m := range Table() {
		have[m.Group] = append(have[m.Group], m.Attribute)
		if names[m.Name()] {
			t.Errorf("%s stands twice", m.Name())
		}
		names[m.Name()] = true
		if short := m.ShortName(); short != "" {
			if names[short] {
				t.Errorf("%s stands twice", short)
			}
			names[short] = true
		}
		if m.Help == "" || (m.value == nil) == (m.text == nil) {
			t.Errorf("%s has no help, or not exactly one of a number and a text", m.Name())
		}
		if strings.HasSuffix(m.Attribute, "-total") != (m.Type == Counter) && m.Group != "" {
			t.Errorf("%s is a %s", m.Name(), m.Type)
		}
	}
	for group, list := range attributes {
		for _, a := range strings.Fields(list) {
			if !slices.Contains(have[group], a) {
				t.Errorf("%s lacks %s", group, a)
			}
		}
	}
	if len(have) != len(attributes)+1 {
		t.Errorf("groups: %v", have)
	}
}

// TestAlertsNameMetrics: the rules that users copy ask for what there is.
func TestAlertsNameMetrics(t *testing.T) {
	rules, err := os.ReadFile("../../configs/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range Table() {
		names[m.Name()], names[m.ShortName()] = true, true
	}
	asked := regexp.MustCompile(`\b(kafka_connect|culvert)_\w+`).FindAllString(string(rules), -1)
	if len(asked) < 10 {
		t.Errorf("%d names", len(asked))
	}
	for _, name := range asked {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// scraped is the text of a scrape, by line.
func scraped(t *testing.T, w *Worker, s Scrape) map[string]string {
	t.Helper()
	e, err := NewExporter(w, Names{Whole: true, Short: true}, func() Scrape { return s })
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		t.Fatal(err)
	}
	library := expfmt.NewTextParser(model.LegacyValidation) // reads what we write ourselves
	if _, err := library.TextToMetricFamilies(bytes.NewReader(b.Bytes())); err != nil {
		t.Error(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(b.String()) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			lines[line[:i]] = strings.TrimSpace(line[i+1:])
		}
	}
	return lines
}

func TestTaskThatCouldNotStartIsShown(t *testing.T) {
	got := scraped(t, nil, Scrape{Connectors: []Connector{{
		Name: "c", State: "FAILED", Type: "sink", Class: "some.Sink", Version: "1", Transformations: []Step{{Alias: "route", Class: "some.Router", Version: "2"}},
		Tasks: []TaskInfo{{ID: 3, State: "FAILED"}},
	}}})
	for line, want := range map[string]string{
		`kafka_connect_connector_metrics_status{connector="c",status="failed"}`:                                                             "1",
		`kafka_connect_connector_task_metrics_status{connector="c",status="failed",task="3"}`:                                               "1",
		`kafka_connect_connector_task_metrics_running_ratio{connector="c",task="3"}`:                                                        "0",
		`kafka_connect_sink_task_metrics_sink_record_read_total{connector="c",task="3"}`:                                                    "0",
		`kafka_connect_sink_task_metrics_put_batch_avg_time_ms{connector="c",task="3"}`:                                                     "NaN",
		`kafka_connect_connector_status{connector="c",status="failed"}`:                                                                     "1",
		`kafka_connect_connector_task_status{connector="c",status="failed",task="3"}`:                                                       "1",
		`kafka_connect_sink_task_put_batch_avg_time_ms{connector="c",task="3"}`:                                                             "NaN",
		`kafka_connect_task_error_total_record_errors{connector="c",task="3"}`:                                                              "0",
		`kafka_connect_worker_connector_failed_task_count{connector="c"}`:                                                                   "1",
		`kafka_connect_worker_task_count`:                                                                                                   "1",
		`kafka_connect_worker_rebalance_completed_rebalances_total`:                                                                         "0",
		`kafka_connect_coordinator_assigned_tasks`:                                                                                          "0",
		`kafka_connect_connect_worker_metrics_connector_failed_task_count{connector="c"}`:                                                   "1",
		`kafka_connect_connect_worker_metrics_connector_count`:                                                                              "1",
		`kafka_connect_connector_transform_metrics_transform_class{connector="c",task="3",transform="route",transform_class="some.Router"}`: "1",
	} {
		if got[line] != want {
			t.Errorf("%s = %q, want %s", line, got[line], want)
		}
	}
	for line := range got {
		if strings.HasPrefix(line, "kafka_connect_source_task") {
			t.Errorf("a sink has %s", line)
		}
	}
}

// TestNames: each family can be left out, ours cannot.
func TestNames(t *testing.T) {
	for names, want := range map[Names][3]bool{{Whole: true, Short: true}: {true, true, true}, {Whole: true}: {true, false, true}, {Short: true}: {false, true, true}} {
		e, err := NewExporter(nil, names, func() Scrape { return Scrape{Version: "v"} })
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := e.Write(&b); err != nil {
			t.Fatal(err)
		}
		has := func(name string) bool { return strings.Contains(b.String(), "\n"+name) }
		got := [3]bool{has("kafka_connect_connect_worker_metrics_task_count 0"), has("kafka_connect_worker_task_count 0"), has(`culvert_build_info{version="v"} 1`)}
		if got != want || !has("process_resident_memory_bytes ") || !has("go_goroutines ") {
			t.Errorf("%+v shows %v, want %v", names, got, want)
		}
	}
}

// TestHostileNames: whatever stands in the config topic, there is an answer.
func TestHostileNames(t *testing.T) {
	twice := []Step{{Alias: "a", Class: "x"}, {Alias: "a", Class: "y"}}
	got := scraped(t, nil, Scrape{Connectors: []Connector{
		{Name: "bad\xff", State: "RUNNING", Type: "sink", Class: "c\xfe", Transformations: twice, Tasks: []TaskInfo{{State: "RUNNING"}}},
		{Name: "two\nlines \"and\" \\", State: "RUNNING"},
		{Name: "", State: "PAUSED"},
	}})
	for _, line := range []string{
		`kafka_connect_connector_metrics_connector_class{connector="bad\\xff",connector_class="c\\xfe"}`,
		`kafka_connect_connector_transform_metrics_transform_class{connector="bad\\xff",task="0",transform="a",transform_class="x"}`,
		`kafka_connect_connector_metrics_status{connector="two\nlines \"and\" \\",status="running"}`,
		`kafka_connect_connector_metrics_status{connector="",status="paused"}`,
	} {
		if got[line] != "1" {
			t.Errorf("no %s", line)
		}
	}
}

func TestTaskCounts(t *testing.T) {
	c := newClock()
	task := NewTask(Sampling{})
	task.now = c.now
	task.begun, task.since = c.now(), c.now()
	task.Running()
	task.Read(500, 20*time.Millisecond)
	task.Sent(499)
	task.Failed(Errors{Failures: 1, Errors: 1, Skipped: 1, Letters: 1})
	c.pass(15 * time.Second)
	task.Put(40 * time.Millisecond)
	task.Done(200)
	task.Committed(3*time.Millisecond, nil)
	task.Committed(5*time.Millisecond, errors.New("no"))
	task.CommitSkipped()
	task.Waiting(true)
	task.Waiting(true)
	c.pass(5 * time.Second)
	task.Waiting(false)
	task.Paused()
	c.pass(20 * time.Second)
	task.Joined(7, 2, 1)
	task.Lag(12)
	task.Partitions(4)
	task.Retried()
	task.Logged()
	task.LettersFailed(2)
	task.AttemptFailed()
	got := scraped(t, nil, Scrape{Connectors: []Connector{{Name: "c", Type: "sink", Tasks: []TaskInfo{{Stats: task}}}}})
	at := `{connector="c",task="0"}`
	for name, want := range map[string]string{
		"kafka_connect_connector_task_metrics_running_ratio":                    "0.5",
		"kafka_connect_connector_task_metrics_pause_ratio":                      "0.5",
		"kafka_connect_connector_task_metrics_batch_size_max":                   "500",
		"kafka_connect_connector_task_metrics_offset_commit_max_time_ms":        "5",
		"kafka_connect_connector_task_metrics_offset_commit_avg_time_ms":        "4",
		"kafka_connect_connector_task_metrics_offset_commit_failure_percentage": "0.5",
		"kafka_connect_sink_task_metrics_sink_record_read_total":                "500",
		"kafka_connect_sink_task_metrics_sink_record_read_rate":                 "12.5",
		"kafka_connect_sink_task_metrics_sink_record_send_total":                "499",
		"kafka_connect_sink_task_metrics_sink_record_active_count":              "300",
		"kafka_connect_sink_task_metrics_sink_record_active_count_max":          "500",
		"kafka_connect_sink_task_metrics_put_batch_max_time_ms":                 "40",
		"kafka_connect_sink_task_metrics_offset_commit_seq_no":                  "1",
		"kafka_connect_sink_task_metrics_offset_commit_skip_total":              "1",
		"kafka_connect_sink_task_metrics_sink_record_lag_max":                   "12",
		"kafka_connect_sink_task_metrics_partition_count":                       "4",
		"kafka_connect_task_error_metrics_total_record_errors":                  "1",
		"kafka_connect_task_error_metrics_total_record_failures":                "2",
		"kafka_connect_task_error_metrics_total_retries":                        "1",
		"kafka_connect_task_error_metrics_total_errors_logged":                  "1",
		"kafka_connect_task_error_metrics_deadletterqueue_produce_requests":     "1",
		"kafka_connect_task_error_metrics_deadletterqueue_produce_failures":     "2",
		"kafka_connect_task_error_metrics_last_error_timestamp":                 "1750000000000",
		"culvert_task_waiting_seconds_total":                                    "5",
		"culvert_task_waiting":                                                  "0",
		"culvert_join_rows_total":                                               "7",
		"culvert_join_skipped_total":                                            "2",
		"culvert_join_late_total":                                               "1",
	} {
		if got[name+at] != want {
			t.Errorf("%s = %q, want %s", name, got[name+at], want)
		}
	}
}

func TestWorkerCounts(t *testing.T) {
	c := newClock()
	w := NewWorker(Sampling{})
	w.now = c.now
	w.ConnectorStarted(nil)
	w.TaskStarted(nil)
	w.TaskStarted(errors.New("no"))
	w.RebalanceBegun()
	c.pass(250 * time.Millisecond)
	w.RebalanceEnded()
	w.RebalanceBegun()
	w.Coordinated("heartbeat", 2*time.Millisecond)
	w.Coordinated("something else", time.Millisecond)
	c.pass(time.Second)
	got := scraped(t, w, Scrape{Group: Group{Protocol: "sessioned", Leader: "http://a:8083/", Generation: 7, Connectors: 1, Tasks: 2}, Version: "v"})
	for line, want := range map[string]string{
		"kafka_connect_connect_worker_metrics_connector_startup_success_percentage":                "1",
		"kafka_connect_connect_worker_metrics_task_startup_attempts_total":                         "2",
		"kafka_connect_connect_worker_metrics_task_startup_failure_total":                          "1",
		"kafka_connect_connect_worker_metrics_task_startup_failure_percentage":                     "0.5",
		"kafka_connect_connect_worker_rebalance_metrics_completed_rebalances_total":                "1",
		"kafka_connect_connect_worker_rebalance_metrics_rebalancing":                               "1",
		"kafka_connect_connect_worker_rebalance_metrics_rebalance_max_time_ms":                     "250",
		"kafka_connect_connect_worker_rebalance_metrics_time_since_last_rebalance_ms":              "1000",
		"kafka_connect_connect_worker_rebalance_metrics_epoch":                                     "7",
		`kafka_connect_connect_worker_rebalance_metrics_leader_name{leader_name="http://a:8083/"}`: "1",
		"kafka_connect_connect_coordinator_metrics_assigned_tasks":                                 "2",
		"kafka_connect_connect_coordinator_metrics_heartbeat_total":                                "1",
		"kafka_connect_connect_coordinator_metrics_last_heartbeat_seconds_ago":                     "1",
		`culvert_build_info{version="v"}`:                                                          "1",
	} {
		if got[line] != want {
			t.Errorf("%s = %q, want %s", line, got[line], want)
		}
	}
}

// TestCountingCostsNothing: a batch is counted without an allocation, and so is
// the task of somebody who does not count.
func TestCountingCostsNothing(t *testing.T) {
	for name, task := range map[string]*Task{"counting": NewTask(Sampling{}), "nobody": nil} {
		batch := func() {
			task.Read(500, time.Millisecond)
			task.Sent(500)
			task.Put(time.Millisecond)
			task.Done(500)
			task.Committed(time.Millisecond, nil)
		}
		batch()
		if n := testing.AllocsPerRun(100, batch); n > 0 {
			t.Errorf("%s: %v allocations for a batch", name, n)
		}
	}
}

// BenchmarkScrape is an answer of a worker with a thousand connectors of one task.
func BenchmarkScrape(b *testing.B) {
	var s Scrape
	for i := range 1000 {
		s.Connectors = append(s.Connectors, Connector{Name: fmt.Sprintf("connector-%d", i), State: "RUNNING", Type: "sink", Class: "some.Sink", Version: "1",
			Tasks: []TaskInfo{{State: "RUNNING", Stats: NewTask(Sampling{})}}})
	}
	e, err := NewExporter(nil, Names{Whole: true, Short: true}, func() Scrape { return s })
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	task := NewTask(Sampling{})
	for b.Loop() {
		task.Read(500, time.Millisecond)
		task.Sent(500)
		task.Put(time.Millisecond)
		task.Done(500)
	}
}

// The metrics of MongoDB's connector have the names that the JMX exporter gives to
// its MBean, the task's label included; other sinks have none of them.
func TestMongoSink(t *testing.T) {
	task := NewTask(Sampling{})
	var w connectors.SinkWork
	w.Records, w.Written, w.Refused, w.AgeMillis, w.HasAge = 7, 5, 2, -3, true
	for _, ms := range []time.Duration{1, 2, 11, 20_000} {
		w.BadWrites.Add(ms * time.Millisecond)
	}
	sinks := []Connector{{Name: "m", Class: mongoClass, Type: "sink", Tasks: []TaskInfo{{ID: 3, Stats: task}}},
		{Name: "f", Class: "FileStreamSink", Type: "sink", Tasks: []TaskInfo{{ID: 0, Stats: NewTask(Sampling{})}}}}
	const group = "com_mongodb_kafka_connect_sink_task_metrics_"
	const of = `{connector="m",task="sink-task-3"}`
	if got := scraped(t, nil, Scrape{Connectors: sinks})[group+"latest_kafka_time_difference_ms"+of]; got != "NaN" {
		t.Errorf("before the first batch: %s", got)
	}
	task.Worked(&w)
	task.Worked(&w)
	got := scraped(t, nil, Scrape{Connectors: sinks})
	ownRows(t, got, group, of, 4+5*7, map[string]string{
		"records": "14", "records_successful": "10", "records_failed": "4", "latest_kafka_time_difference_ms": "-3", "in_task_put": "0",
		"batch_writes_failed": "8", "batch_writes_failed_duration_ms": "40028", "batch_writes_failed_duration_over_1_ms": "6",
		"batch_writes_failed_duration_over_10_ms": "4", "batch_writes_failed_duration_over_100_ms": "2", "batch_writes_failed_duration_over_10000_ms": "2",
	})
}

// ownRows checks what was scraped of a connector's own metrics, and how many rows of
// them there are, for all tasks together.
func ownRows(t *testing.T, got map[string]string, group, labels string, rows int, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[group+name+labels] != value {
			t.Errorf("%s is %q, want %s", name, got[group+name+labels], value)
		}
	}
	n := 0
	for line := range got {
		if strings.HasPrefix(line, group) {
			n++
		}
	}
	if n != rows {
		t.Errorf("%d rows", n)
	}
}

// The source of MongoDB's connector has its own metrics too.
func TestMongoSource(t *testing.T) {
	task := NewTask(Sampling{})
	var w connectors.SourceWork
	w.Bytes, w.LagSeconds, w.HasLag = 100, 3, true
	for _, timing := range []*connectors.Timing{&w.Poll, &w.Framework, &w.GoodInitial, &w.GoodInitial, &w.GoodInitial, &w.BadInitial, &w.GoodMore, &w.GoodMore, &w.BadMore} {
		timing.Add(20 * time.Millisecond)
	}
	sources := []Connector{{Name: "m", Class: mongoSourceClass, Type: "source", Tasks: []TaskInfo{{ID: 0, Stats: task}}},
		{Name: "f", Class: "FileStreamSource", Type: "source", Tasks: []TaskInfo{{ID: 0, Stats: NewTask(Sampling{})}}}}
	const group = "com_mongodb_kafka_connect_source_task_metrics_"
	const of = `{connector="m",task="source-task-0"}`
	if got := scraped(t, nil, Scrape{Connectors: sources})[group+"latest_mongodb_time_difference_secs"+of]; got != "NaN" {
		t.Errorf("before the first answer: %s", got)
	}
	task.Read(10, 0)
	task.Filtered(3)
	task.Acknowledged(5)
	task.Polled(&w)
	task.Polled(&w)
	got := scraped(t, nil, Scrape{Connectors: sources})
	ownRows(t, got, group, of, 5+6*7, map[string]string{
		"records": "10", "records_filtered": "3", "records_acknowledged": "5", "mongodb_bytes_read": "200", "latest_mongodb_time_difference_secs": "3",
		"in_task_poll": "2", "in_connect_framework": "2", "initial_commands_successful": "6", "initial_commands_successful_duration_ms": "120",
		"initial_commands_successful_duration_over_10_ms": "6", "initial_commands_successful_duration_over_100_ms": "0", "initial_commands_failed": "2",
		"getmore_commands_successful": "4", "getmore_commands_failed": "2",
	})
	if left := task.active.Load(); left != 2 {
		t.Errorf("%d records are under way", left)
	}
}
