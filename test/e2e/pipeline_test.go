//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"culvert/connectors/datagen/macd"
)

// pipeline is the one that the product is judged by, with names of its own.
type pipeline struct {
	name  string // prefix of topics and connectors, and the database
	truth macd.Truth
}

const iterations = 40_000

// startPipeline posts the four connector files of configs/ with this run's names.
func startPipeline(t *testing.T, url, name string, generator macd.Config, maxInterval string) *pipeline {
	t.Helper()
	p := &pipeline{name: name, truth: generator.Truth(macd.Window)}
	datagen := func(topic string) map[string]string {
		return map[string]string{
			"kafka.topic": topic, "iterations": fmt.Sprint(generator.Iterations), "random.seed": fmt.Sprint(generator.Seed), "max.interval": maxInterval,
			"payments.missing.rate": fmt.Sprint(generator.Missing), "payments.late.rate": fmt.Sprint(generator.Late),
			"payments.duplicate.rate": fmt.Sprint(generator.Duplicate), "payments.wrong.amount.rate": fmt.Sprint(generator.Wrong),
			"payments.orphan.rate": fmt.Sprint(generator.Orphan), "tasks.max": "2",
			"event.time.start": fmt.Sprint(generator.Start), "event.time.step.ms": fmt.Sprint(generator.Step),
			"topic.creation.default.partitions": "4", "topic.creation.default.replication.factor": "1",
			"value.converter.schema.registry.url": shared.registry.URL,
		}
	}
	create(t, url, name+"-orders", fileConfig(t, "datagen-orders", datagen(name+"_orders")))
	create(t, url, name+"-payments", fileConfig(t, "datagen-payments", datagen(name+"_payments")))
	// The row carries its document's id, so that rows of an order that a source has
	// sent twice become one document.
	p.startJoin(t, url, map[string]string{"transforms.join.select": "left.*, right.payment_id AS _id, right.payment_id, right.method, right.amount, right.paid_at"})
	p.startSink(t, url, "ProvidedInValueStrategy")
	return p
}

func (p *pipeline) startJoin(t *testing.T, url string, changes map[string]string) {
	t.Helper()
	config := fileConfig(t, "orders-payments-join", map[string]string{
		"topics": p.name + "_orders," + p.name + "_payments", "topic": p.name + "_joined",
		"transforms.join.left.topic": p.name + "_orders", "transforms.join.right.topic": p.name + "_payments",
		"value.converter.schema.registry.url": shared.registry.URL,
	})
	maps.Copy(config, changes)
	create(t, url, p.name+"-join", config)
}

const idStrategies = "com.mongodb.kafka.connect.sink.processor.id.strategy."

// startSink posts the sink with another deterministic id than the file has: the
// server of this suite finds documents by an _id that is itself a document only by
// reading the whole collection, which 40,000 of them cannot wait for.
func (p *pipeline) startSink(t *testing.T, url, idStrategy string) {
	t.Helper()
	create(t, url, p.name+"-sink", fileConfig(t, "mongodb-sink", map[string]string{
		"document.id.strategy": idStrategies + idStrategy,
		"topics":               p.name + "_joined", "connection.uri": shared.mongo.URI, "database": p.name,
		"value.converter.schema.registry.url": shared.registry.URL,
	}))
}

const collection = "orders_payments_joined"

// reached waits until that many documents are there.
func (p *pipeline) reached(t *testing.T, n int64) {
	t.Helper()
	await(t, 4*time.Minute, fmt.Sprintf("%d documents", n), func() error {
		have, err := countDocuments(t, p.name, collection)
		if err == nil && have < n {
			err = fmt.Errorf("%d documents", have)
		}
		return err
	})
}

// complete waits for all documents and compares with the truth: documents exactly;
// the two input topics, where a source that was killed may have sent a record
// again, but must have left out none; and rows with what the inputs really hold,
// each pair of records once.
func (p *pipeline) complete(t *testing.T) {
	t.Helper()
	p.reached(t, int64(len(p.truth.Pairs)))
	var orders, payments []input
	var rows counts
	// Asked anew each time: a source that was frozen or killed may still send again.
	await(t, time.Minute, "all rows", func() error {
		orders, payments = readTopic(t, p.name+"_orders"), readTopic(t, p.name+"_payments")
		rows = rowsOf(t, p.name+"_joined")
		return rows.equal(expectedRows(orders, payments))
	})
	docs, err := documentsOf(t, p.name, collection)
	if err = errors.Join(err, docs.equal(once(p.truth.Pairs))); err != nil {
		t.Errorf("documents: %v", err)
	}
	if err := covers(orders, payments, p.truth); err != nil {
		t.Errorf("inputs: %v", err)
	}
	t.Logf("%d orders and %d payments made; %d and %d records in the topics (sources are at least once); %d rows, %d documents: compared with the truth",
		len(p.truth.Orders), len(p.truth.Payments), len(orders), len(payments), rows.total(), docs.total())
}

// TestPipelineSurvives kills the worker several times, freezes the broker and
// takes MongoDB away, all while orders and payments flow.
func TestPipelineSurvives(t *testing.T) {
	w := startWorker(t, "survivor", "a", nil)
	p := startPipeline(t, w.url, "survivor", macd.Config{
		Seed: 11, Iterations: iterations, Missing: 0.02, Late: 0.02, Duplicate: 0.02, Wrong: 0.02, Orphan: 0.02, EventTime: true, Start: 1_750_000_000_000, Step: 1000,
	}, "12")
	total := int64(len(p.truth.Pairs))

	for i := int64(1); i <= 3; i++ {
		p.reached(t, i*total/12)
		w.Kill()
		w.up(t)
	}

	p.reached(t, 4*total/12)
	if err := shared.kafka.Freeze(); err != nil {
		t.Fatal(err)
	}
	pause(t, 15*time.Second)
	if err := shared.kafka.Thaw(); err != nil {
		t.Fatal(err)
	}

	p.reached(t, 6*total/12)
	// Not killed: this server loses what it has acknowledged in the last moment before that.
	if err := shared.mongo.Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	away := time.Now()
	await(t, time.Minute, "the status to say that MongoDB is away", func() error {
		s, err := statusOf(t, w.url, p.name+"-sink")
		if err == nil && (len(s.Tasks) == 0 || s.Tasks[0].State != "RUNNING" || !strings.Contains(s.Tasks[0].Trace, "MongoDB")) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	pause(t, time.Until(away.Add(90*time.Second)))
	if err := shared.mongo.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	p.reached(t, 9*total/12)
	w.Kill()
	w.up(t)
	p.complete(t)
	if err := w.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	if code := w.ExitCode(); code != 0 {
		t.Errorf("exit status %d after SIGTERM", code)
	}
}

// pause is how long an outage lasts: the length is what is tested.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// TestTwoWorkersShareAndTakeOver kills one of two workers; the other takes over.
func TestTwoWorkersShareAndTakeOver(t *testing.T) {
	changes := map[string]string{"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}
	a := startWorker(t, "pair", "a", changes)
	b := startWorker(t, "pair", "b", changes)
	p := startPipeline(t, b.url, "pair", macd.Config{Seed: 12, Iterations: iterations / 4, EventTime: true, Start: 1_750_000_000_000, Step: 1000}, "12")
	running(t, a.url, "pair-join", 2)
	total := int64(len(p.truth.Pairs))
	p.reached(t, total/4)
	workers := map[string]bool{}
	for _, c := range []string{"orders", "payments", "join", "sink"} {
		s, err := statusOf(t, a.url, "pair-"+c)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range s.Tasks {
			workers[task.WorkerID] = true
		}
	}
	if len(workers) != 2 {
		t.Errorf("tasks run on %v; want both workers", workers)
	}
	a.Kill()
	p.complete(t)
}

// TestFrozenWorkerIsFenced freezes a worker until the other has taken over, and
// lets it go on: what it then writes must not show.
func TestFrozenWorkerIsFenced(t *testing.T) {
	changes := map[string]string{"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}
	a := startWorker(t, "frozen", "a", changes)
	b := startWorker(t, "frozen", "b", changes)
	p := startPipeline(t, b.url, "frozen", macd.Config{Seed: 13, Iterations: iterations / 4, EventTime: true, Start: 1_750_000_000_000, Step: 1000}, "12")
	total := int64(len(p.truth.Pairs))
	p.reached(t, total/4)
	if err := a.Freeze(); err != nil {
		t.Fatal(err)
	}
	await(t, time.Minute, "the other worker to take over", func() error {
		for _, c := range []string{"orders", "payments", "join", "sink"} {
			s, err := statusOf(t, b.url, "frozen-"+c)
			if err != nil {
				return err
			}
			for _, task := range s.Tasks {
				if task.State != "RUNNING" || "http://"+task.WorkerID != b.url {
					return fmt.Errorf("%s: %+v", c, task)
				}
			}
		}
		return nil
	})
	if err := a.Thaw(); err != nil {
		t.Fatal(err)
	}
	p.complete(t)
}
