package boot_test

import (
	"fmt"
	"net/http"
	"testing"

	"culvert/configs"
	"culvert/connectors/datagen"
	"culvert/connectors/datagen/macd"
)

// orders is how many of them flow through the pipelines of these tests.
const orders = 300

// generator are the changes to both datagen files: event time, so that what is
// late is known, and some of everything that can be wrong with a payment.
func generator(interval string) map[string]string {
	return map[string]string{
		"iterations": fmt.Sprint(orders), "max.interval": interval, "event.time.start": "1750000000000", "event.time.step.ms": "1000",
		"payments.missing.rate": "0.05", "payments.late.rate": "0.05", "payments.duplicate.rate": "0.05",
		"topic.creation.default.partitions": "4",
	}
}

// startPipeline posts the four files of configs/.
func (w *world) startPipeline(interval string) macd.Truth {
	w.t.Helper()
	var truth macd.Truth
	for _, name := range configs.Pipeline {
		config := w.fromFile(name)
		if name == "datagen-orders" || name == "datagen-payments" {
			config = w.fromFile(name, generator(interval))
		}
		if name == "datagen-payments" {
			var err error
			if truth, err = datagen.Truth(config, macd.Window); err != nil {
				w.t.Fatal(err)
			}
		}
		w.create(name, config)
	}
	return truth
}

func TestPipelineFromTheFilesOfConfigs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	truth := w.startPipeline("0")
	if len(truth.Pairs) == len(truth.Payments) || len(truth.Unpaid) == 0 {
		t.Fatalf("the truth has nothing late or unpaid: %d pairs, %d payments", len(truth.Pairs), len(truth.Payments))
	}
	w.complete(truth)
	w.running("orders-payments-join", 2)
	w.running("mongodb-sink", 1)
}

// flowed waits until that many documents are there.
func (w *world) flowed(n int) {
	w.t.Helper()
	w.await(fmt.Sprintf("%d documents", n), func() error {
		if have := len(w.mongo.Docs(collection)); have < n {
			return fmt.Errorf("%d documents", have)
		}
		return nil
	})
}

func TestPipelineSurvivesStopsAndKills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic))
	truth := w.startPipeline("6")
	w.flowed(30)
	w.stop()
	w.begin()
	w.flowed(80)
	w.kill()
	w.begin()
	w.flowed(150)
	w.kill()
	w.begin()
	w.complete(truth)
	for _, name := range []string{"orders-payments-join", "mongodb-sink"} {
		w.await(name+" to run", func() error { return w.healthy(name) })
	}
}

// offsets is how many offsets a topic has used.
func (w *world) offsets(topic string) (n int64) {
	for _, p := range w.broker.PartitionInfos(topic) {
		n += p.HighWatermark
	}
	return n
}

// healthy says what is wrong with a connector: it and all its tasks must run.
func (w *world) healthy(name string) error {
	s, err := w.status(name)
	if err != nil {
		return err
	}
	if s.Connector.State != "RUNNING" || len(s.Tasks) == 0 {
		return fmt.Errorf("%+v", s)
	}
	for _, t := range s.Tasks {
		if t.State != "RUNNING" || t.Trace != "" {
			return fmt.Errorf("%+v", t)
		}
	}
	return nil
}

func TestPipelineIsSteeredWhileItFlows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic))
	truth := w.startPipeline("16")
	w.flowed(20)

	put := func(name, action string) {
		want := map[string]int{"pause": 202, "resume": 202, "stop": 204}
		w.do(http.MethodPut, "/connectors/"+name+"/"+action, nil, want[action])
	}
	state := func(name, connector string, task string) {
		w.await(name+" to be "+connector, func() error {
			s, err := w.status(name)
			if err == nil && s.Connector.State != connector {
				err = fmt.Errorf("%+v", s)
			}
			for _, each := range s.Tasks {
				if each.State != task {
					err = fmt.Errorf("%+v", s)
				}
			}
			if task == "" && len(s.Tasks) > 0 {
				err = fmt.Errorf("%+v", s)
			}
			return err
		})
	}

	put("orders-payments-join", "pause")
	state("orders-payments-join", "PAUSED", "PAUSED")
	put("mongodb-sink", "stop")
	state("mongodb-sink", "STOPPED", "")
	w.do(http.MethodPost, "/connectors/datagen-orders/restart?includeTasks=true", nil, http.StatusAccepted)
	w.await("the restarted source to run on", func() error { return w.healthy("datagen-orders") })
	// PAUSED is said when the pause is accepted; what was under way is ended first, and
	// the steps above have left it the time. From here on nothing may move but the input.
	before, made := w.broker.PartitionInfos(joinedTopic), w.offsets("macd_orders")
	w.await("more orders", func() error {
		if now := w.offsets("macd_orders"); now < min(made+20, orders) {
			return fmt.Errorf("%d orders", now)
		}
		return nil
	})
	for i, p := range w.broker.PartitionInfos(joinedTopic) {
		if p.HighWatermark != before[i].HighWatermark {
			t.Errorf("the paused join went on: partition %d from %d to %d", i, before[i].HighWatermark, p.HighWatermark)
		}
	}
	put("orders-payments-join", "resume")
	put("mongodb-sink", "resume")
	w.flowed(100)

	w.do(http.MethodPost, "/connectors/orders-payments-join/restart?includeTasks=true", nil, http.StatusAccepted)
	w.do(http.MethodPost, "/connectors/mongodb-sink/restart?includeTasks=true", nil, http.StatusAccepted)
	w.flowed(150)

	// A connector that is created again under its name goes on where it was.
	for _, name := range []string{"orders-payments-join", "mongodb-sink", "datagen-payments"} {
		w.do(http.MethodDelete, "/connectors/"+name, nil, http.StatusNoContent)
	}
	w.create("datagen-payments", w.fromFile("datagen-payments", generator("16")))
	w.create("orders-payments-join", w.fromFile("orders-payments-join"))
	w.create("mongodb-sink", w.fromFile("mongodb-sink"))
	w.complete(truth)
}

// TestCutOffWorkerIsFenced: one that others think dead comes back, with all that it
// had in mind.
func TestCutOffWorkerIsFenced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic), withProps(map[string]string{
		"session.timeout.ms": "5000", "heartbeat.interval.ms": "200",
	}))
	truth := w.startPipeline("12")
	w.flowed(30)
	old := w.process
	old.kafka.down()
	w.port, w.dataDir = freePort(t), t.TempDir()
	w.begin()
	id := fmt.Sprintf("127.0.0.1:%d", w.port)
	for _, name := range []string{"orders-payments-join", "mongodb-sink"} {
		w.await("the other worker to take over "+name, func() error {
			s, err := w.status(name)
			if err == nil && (s.Connector.WorkerID != id || len(s.Tasks) == 0 || s.Tasks[0].WorkerID != id || s.Tasks[0].State != "RUNNING") {
				err = fmt.Errorf("%+v", s)
			}
			return err
		})
	}
	w.flowed(100)
	old.kafka.up()
	w.complete(truth)
	w.dead = append(w.dead, old)
	go func() { old.ended <- old.worker.Close() }()
}

// TestTopicsThatMatchLater: a sink by pattern takes new topics up within
// metadata.max.age.ms.
func TestTopicsThatMatchLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "shop-a", "other"))
	w.produce(w.rowsOf("shop-a", "a")...)
	w.produce(w.rowsOf("other", "o")...)
	w.create("sink", w.sink("", map[string]string{"topics.regex": "(?!.*-dlq)shop-.*", "consumer.override.metadata.max.age.ms": "100"}))
	w.awaitDocuments("a")
	if err := w.broker.CreateTopic("shop-b", 2, nil); err != nil {
		t.Fatal(err)
	}
	w.produce(w.rowsOf("shop-b", "b", "c")...)
	w.produce(w.rowsOf("shop-a", "d")...)
	w.awaitDocuments("a", "b", "c", "d")
}
