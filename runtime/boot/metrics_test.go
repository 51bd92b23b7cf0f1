package boot_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"culvert/data"
	"culvert/runtime/metrics"
)

// scrape is /metrics by line.
func scrape(url string) (map[string]float64, error) {
	resp, err := http.Get(url + "/metrics") //nolint:noctx // a test, and its server is here
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		return nil, fmt.Errorf("%d %v %s", resp.StatusCode, resp.Header, raw)
	}
	lines := map[string]float64{}
	for line := range strings.Lines(string(raw)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if lines[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err != nil {
				return nil, err
			}
		}
	}
	return lines, nil
}

// TestMetrics: what a pipeline does shows at /metrics, also what fails.
func TestMetrics(t *testing.T) {
	t.Parallel()
	listener := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	w := newWorld(t, withProps(map[string]string{"metrics.listener": listener}))
	truth := w.startPipeline("0")
	w.complete(truth)
	if status, _ := w.get("/metrics"); status != http.StatusNotFound {
		t.Errorf("/metrics answers %d on listeners, though metrics.listener is set", status)
	}
	of := func(connector string, task int) string {
		return fmt.Sprintf(`{connector=%q,task="%d"}`, connector, task)
	}
	joined := 0.0
	w.await("the metrics of the pipeline", func() error {
		got, err := scrape(listener)
		if err != nil {
			return err
		}
		joined = got["culvert_join_rows_total"+of("orders-payments-join", 0)] + got["culvert_join_rows_total"+of("orders-payments-join", 1)]
		for line, want := range map[string]float64{
			"kafka_connect_source_task_metrics_source_record_poll_total" + of("datagen-orders", 0):                                                                   orders,
			"kafka_connect_source_task_metrics_source_record_write_total" + of("datagen-orders", 0):                                                                  orders,
			"kafka_connect_source_task_metrics_source_record_active_count" + of("datagen-orders", 0):                                                                 0,
			`kafka_connect_connector_task_metrics_status{connector="datagen-orders",status="failed",task="0"}`:                                                       1,
			"kafka_connect_sink_task_metrics_sink_record_read_total" + of("mongodb-sink", 0):                                                                         float64(len(truth.Pairs)),
			"kafka_connect_sink_task_metrics_sink_record_send_total" + of("mongodb-sink", 0):                                                                         float64(len(truth.Pairs)),
			"kafka_connect_sink_task_metrics_sink_record_active_count" + of("mongodb-sink", 0):                                                                       0,
			"kafka_connect_sink_task_metrics_sink_record_lag_max" + of("mongodb-sink", 0):                                                                            0,
			`kafka_connect_connect_worker_metrics_connector_running_task_count{connector="orders-payments-join"}`:                                                    2,
			"kafka_connect_connect_worker_metrics_connector_count":                                                                                                   4,
			"kafka_connect_connect_worker_metrics_task_count":                                                                                                        5,
			"kafka_connect_connect_worker_metrics_connector_startup_failure_total":                                                                                   0,
			"kafka_connect_connect_coordinator_metrics_assigned_tasks":                                                                                               5,
			"kafka_connect_connect_worker_rebalance_metrics_rebalancing":                                                                                             0,
			"kafka_connect_connector_task_metrics_offset_commit_failure_percentage" + of("mongodb-sink", 0):                                                          0,
			`kafka_connect_connector_task_metrics_connector_class{connector="mongodb-sink",connector_class="com.mongodb.kafka.connect.MongoSinkConnector",task="0"}`: 1,
		} {
			if have, ok := got[line]; !ok || have != want {
				return fmt.Errorf("%s is %v, want %v", line, have, want)
			}
		}
		for _, line := range []string{
			"kafka_connect_sink_task_metrics_partition_count" + of("mongodb-sink", 0),
			"kafka_connect_sink_task_metrics_offset_commit_completion_total" + of("mongodb-sink", 0),
			"kafka_connect_sink_task_metrics_put_batch_max_time_ms" + of("mongodb-sink", 0),
			"kafka_connect_connect_worker_rebalance_metrics_completed_rebalances_total",
			"kafka_connect_connect_coordinator_metrics_join_total",
			"kafka_connect_connector_task_metrics_running_ratio" + of("mongodb-sink", 0),
		} {
			if have, ok := got[line]; !ok || !(have > 0) { // NaN is not
				return fmt.Errorf("%s is %v", line, have)
			}
		}
		return nil
	})
	if joined != float64(len(truth.Pairs)) {
		t.Errorf("%v rows joined, the truth has %d", joined, len(truth.Pairs))
	}
	if len(metrics.Table()) < 100 {
		t.Errorf("%d metrics", len(metrics.Table()))
	}
}

// TestMetricsOfWhatFails: dead letters are counted, and a connector that cannot
// start is there.
func TestMetricsOfWhatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "bad"))
	for _, value := range []string{"not json", `{"a":1}`} {
		w.produce(data.Message{Topic: "bad", Partition: -1, Timestamp: 1_750_000_000_000, Value: []byte(value)})
	}
	w.create("letters", map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "topics": "bad", "connection.uri": w.mongo.URI(), "database": "d", "collection": "c",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "errors.log.enable": "true", "errors.deadletterqueue.topic.name": "dead", "errors.deadletterqueue.topic.replication.factor": "1",
	})
	at := `{connector="letters",task="0"}`
	w.await("the metrics of failures", func() error {
		got, err := scrape(w.url)
		if err != nil {
			return err
		}
		for line, want := range map[string]float64{
			"kafka_connect_task_error_metrics_total_record_errors" + at:              1,
			"kafka_connect_task_error_metrics_total_records_skipped" + at:            1,
			"kafka_connect_task_error_metrics_total_errors_logged" + at:              1,
			"kafka_connect_task_error_metrics_deadletterqueue_produce_requests" + at: 1,
			"kafka_connect_sink_task_metrics_sink_record_send_total" + at:            2,
		} {
			if got[line] != want {
				return fmt.Errorf("%s is %v, want %v", line, got[line], want)
			}
		}
		return nil
	})
}
