package boot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestLoggers: the names that users of the Java worker turn up and down are those of
// our loggers, and their levels take effect at once.
func TestLoggers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	w.create("sink", w.sink("in"))
	w.running("sink", 1)
	awaitLine := func(words ...string) {
		t.Helper()
		w.await(fmt.Sprintf("a line with %q", words), func() error {
			for line := range strings.Lines(w.logs.String()) {
				if containsAll(line, words) {
					return nil
				}
			}
			return fmt.Errorf("there is none")
		})
	}
	set := func(logger, level, scope string) []string {
		t.Helper()
		if scope != "" {
			w.do(http.MethodPut, "/admin/loggers/"+logger+"?scope="+scope, map[string]string{"level": level}, http.StatusNoContent)
			return nil
		}
		var changed []string
		if err := json.Unmarshal(w.do(http.MethodPut, "/admin/loggers/"+logger, map[string]string{"level": level}, http.StatusOK), &changed); err != nil {
			t.Fatal(err)
		}
		return changed
	}
	const sinkTask = "org.apache.kafka.connect.runtime.WorkerSinkTask"
	if strings.Contains(w.logs.String(), "level=DEBUG") {
		t.Error("the level is INFO at first")
	}
	if changed := set("org.apache.kafka.connect.runtime", "DEBUG", ""); !slices.Contains(changed, sinkTask) || !slices.Contains(changed, "org.apache.kafka.connect.runtime.Worker") {
		t.Errorf("changed %v", changed)
	}
	w.produce(w.rowsOf("in", "a")...)
	awaitLine("level=DEBUG", `msg="batch written"`, "logger="+sinkTask)
	awaitLine("level=DEBUG", `msg="offsets committed"`, "logger="+sinkTask)
	w.get("/connectors/nobody")
	awaitLine("level=DEBUG", "msg=request", "method=GET", "path=/connectors/nobody", "status=404", "logger=org.apache.kafka.connect.runtime.rest.RestServer")
	set(sinkTask, "WARN", "")
	before := strings.Count(w.logs.String(), `msg="batch written"`)
	w.produce(w.rowsOf("in", "b")...)
	w.await("the commit of the second batch", func() error {
		if _, body := w.get("/connectors/sink/offsets"); !strings.Contains(string(body), `"kafka_offset":2`) {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
	if after := strings.Count(w.logs.String(), `msg="batch written"`); after != before {
		t.Error("WARN did not silence the sink's task")
	}
	// Of the whole cluster: by way of the config topic, so a moment later.
	set("org.apache.kafka.clients", "DEBUG", "cluster")
	w.await("the level of the cluster", func() error {
		if _, body := w.get("/admin/loggers/org.apache.kafka.clients.consumer.KafkaConsumer"); !strings.Contains(string(body), `"DEBUG"`) {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
	w.do(http.MethodPost, "/connectors/sink/tasks/0/restart", nil, http.StatusNoContent)
	awaitLine("level=DEBUG", "msg=connected", "logger=org.apache.kafka.clients.consumer.KafkaConsumer", "connector.context=[sink|task-0]")
	for _, logger := range []string{"com.mongodb.kafka.connect.sink.MongoSinkTask", "org.apache.kafka.connect.runtime.distributed.DistributedHerder", "io.confluent.connect.avro.AvroConverter",
		"org.apache.kafka.connect.storage.KafkaConfigBackingStore", "org.apache.kafka.connect.runtime.rest.RestServer", "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator"} {
		if status, body := w.get("/admin/loggers/" + logger); status != http.StatusOK {
			t.Errorf("%s: %d %s", logger, status, body)
		}
	}
}
