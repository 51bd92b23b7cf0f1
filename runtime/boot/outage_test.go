package boot_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// within says how long what began at begun took. The promise is two seconds after
// the end of an outage, to which a test on a busy machine cannot hold anybody; what
// never goes on at all fails by its deadline.
func (w *world) within(begun time.Time, what string) {
	w.t.Helper()
	w.t.Logf("%s took %v", what, time.Since(begun))
}

func TestMongoDBIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "in", "left", "right"))
	w.create("sink", w.sink("in"))
	w.create("join", w.join())
	w.produce(w.rowsOf("in", "a", "b")...)
	w.awaitDocuments("a", "b")

	w.mongo.Stop()
	w.produce(w.rowsOf("in", "c", "d")...)
	trace := w.awaitTask("sink", 0, "RUNNING", "MongoDB")
	mustSay(t, trace, w.mongo.Addr())
	// The others run, and what waits can be steered.
	w.produce(w.rowsOf("left", "x")...)
	w.produce(w.rowsOf("right", "x")...)
	w.awaitJoined("x")
	w.do(http.MethodPut, "/connectors/sink/pause", nil, http.StatusAccepted)
	w.awaitTask("sink", 0, "PAUSED")
	w.do(http.MethodPut, "/connectors/sink/resume", nil, http.StatusAccepted)
	w.awaitTask("sink", 0, "RUNNING", "MongoDB")

	// What waits can also be deleted, and begins again where it was.
	w.do(http.MethodDelete, "/connectors/sink", nil, http.StatusNoContent)
	w.createUnchecked("sink", w.sink("in"))
	w.awaitTask("sink", 0, "RUNNING", "MongoDB")

	if err := w.mongo.Restart(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.awaitDocuments("a", "b", "c", "d")
	w.within(begun, "going on after MongoDB came back")
	w.running("sink", 1)
}

func TestRegistryIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(2, "in", "left", "right"))
	rows := w.rowsOf("in", "a", "b", "c")
	left, right := w.rowsOf("left", "x"), w.rowsOf("right", "x")
	w.create("sink", w.sink("in"))
	w.produce(rows[0])
	w.awaitDocuments("a")

	w.registry.down()
	// Known schemas need no registry.
	w.produce(rows[1])
	w.awaitDocuments("a", "b")
	// A source that has to register its schema, and a join that has to look one up.
	w.create("datagen-orders", w.fromFile("datagen-orders", map[string]string{"iterations": "20", "max.interval": "0"}))
	w.create("join", w.join(map[string]string{"tasks.max": "1"}))
	// Tolerance is for bad records; these are good ones.
	w.create("tolerant", w.sink("left", map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters",
		"errors.deadletterqueue.topic.replication.factor": "1"}))
	w.produce(left...)
	w.produce(right...)
	mustSay(t, w.awaitTask("datagen-orders", 0, "RUNNING", "registry"), w.registry.addr)
	mustSay(t, w.awaitTask("join", 0, "RUNNING", "registry"), w.registry.addr)
	mustSay(t, w.awaitTask("tolerant", 0, "RUNNING", "registry"), w.registry.addr)
	w.produce(rows[2])
	w.awaitDocuments("a", "b", "c")
	if n := len(w.read("macd_orders")); n != 0 {
		t.Errorf("%d records without a schema", n)
	}

	begun := time.Now()
	w.registry.up()
	w.awaitJoined("x")
	w.within(begun, "going on after the registry came back")
	w.awaitDocuments("a", "b", "c", "x")
	if n := len(w.read("letters")); n != 0 {
		t.Errorf("%d dead letters because of an outage", n)
	}
	w.await("all orders", func() error {
		if n := len(w.read("macd_orders")); n != 20 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	w.running("join", 1)
}

func TestKafkaIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic))
	truth := w.startPipeline("40") // slow enough that the sources are still at work
	w.flowed(20)
	w.kafka.down()
	// Reads are answered all the while, and say why nothing moves.
	for name, tasks := range map[string]int{"datagen-orders": 1, "orders-payments-join": 2, "mongodb-sink": 1} {
		for i := range tasks {
			mustSay(t, w.awaitTask(name, i, "RUNNING", "Kafka"), strings.TrimSpace(w.brokers()))
		}
	}
	begun := time.Now()
	w.kafka.up()
	w.flowed(min(len(w.mongo.Docs(collection))+10, len(truth.Pairs)))
	w.within(begun, "going on after Kafka came back")
	w.complete(truth)
	w.await("the join to run", func() error { return w.healthy("orders-payments-join") })
	w.await("the sink to run", func() error { return w.healthy("mongodb-sink") })
}

// TestKafkaIsAwayForLongerThanASession: the worker and its consumers are thrown out
// of their groups meanwhile.
func TestKafkaIsAwayForLongerThanASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic), withProps(map[string]string{
		"session.timeout.ms": "5000", "heartbeat.interval.ms": "200",
		"consumer.session.timeout.ms": "5000", "consumer.heartbeat.interval.ms": "200",
	}))
	truth := w.startPipeline("6")
	w.flowed(50)
	w.kafka.down()
	for _, group := range []string{"connect-cluster", "connect-mongodb-sink"} {
		w.await("the broker to give the members of "+group+" up", func() error {
			if g := w.broker.GroupInfo(group); g != nil && len(g.Members) > 0 {
				return fmt.Errorf("%d members", len(g.Members))
			}
			return nil
		})
	}
	w.awaitTask("mongodb-sink", 0, "RUNNING", "Kafka")
	begun := time.Now()
	w.kafka.up()
	w.flowed(min(len(w.mongo.Docs(collection))+10, len(truth.Pairs)))
	w.within(begun, "going on after Kafka came back")
	w.complete(truth)
	for _, name := range []string{"orders-payments-join", "mongodb-sink"} {
		w.await(name+" to run", func() error { return w.healthy(name) })
	}
}

func TestKafkaIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(1, "in"))
	w.create("sink", w.sink("in"))
	w.running("sink", 1)
	w.stop()

	w.start(func(p *process) { p.kafka.down() })
	w.await("the worker to look for Kafka", func() error {
		if !strings.Contains(w.logs.String(), "kafka does not answer, waiting") {
			return errors.New("it has not said so")
		}
		return nil
	})
	for path, method := range map[string]string{"/": http.MethodGet, "/connectors": http.MethodGet, "/health": http.MethodGet} {
		if status, body := w.request(method, path, nil); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s, want that the worker is not there yet", path, status, body)
		}
	}
	begun := time.Now()
	w.kafka.up()
	w.produce(w.rowsOf("in", "a")...)
	w.awaitDocuments("a")
	w.within(begun, "starting after Kafka came")
	w.running("sink", 1)
}

// TestStopWhileKafkaIsAway: a worker that can reach nobody ends nevertheless, and
// nothing is lost.
func TestStopWhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTopics(4, joinedTopic), withProps(map[string]string{"task.shutdown.graceful.timeout.ms": "500"}))
	truth := w.startPipeline("6")
	w.flowed(50)
	w.kafka.down()
	w.awaitTask("mongodb-sink", 0, "RUNNING", "Kafka")
	begun := time.Now()
	_ = w.worker.Close() // that Kafka is away is in its error
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v to stop", took)
	}
	t.Logf("stopped within %v", time.Since(begun))
	w.begin()
	w.complete(truth)
}
