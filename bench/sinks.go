package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// sinkStep is a MongoDB sink that is measured over a topic of its own.
type sinkStep struct {
	name, floor string
	records     int
	record      func(i int) (key, value []byte)
	config      map[string]string
	// converter is for our worker; the Java worker has javaConverter where the two need
	// different keys.
	converter, javaConverter map[string]string
}

const sinkTarget = "≤ floor, ≥ 4 × less than Java"

var (
	jsonValues = map[string]string{"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false"}
	// upserts find a document by a field of its own, as a stream of updates does.
	upserts = map[string]string{
		"document.id.strategy":                               "com.mongodb.kafka.connect.sink.processor.id.strategy.PartialValueStrategy",
		"document.id.strategy.partial.value.projection.type": "AllowList",
		"document.id.strategy.partial.value.projection.list": "order_id",
		"writemodel.strategy":                                "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneBusinessKeyStrategy",
	}
)

func jsonItem(i int) (key, value []byte) { return orderKey(i), jsonDocument(i) }

func (b *bed) jsonSink(name, floor string, config map[string]string) func(context.Context) error {
	return func(ctx context.Context) error {
		return b.sink(ctx, sinkStep{name: name, floor: floor, records: b.records, record: jsonItem, config: config, converter: jsonValues, javaConverter: jsonValues})
	}
}

func (b *bed) avroSink(name, floor string, config map[string]string) func(context.Context) error {
	return func(ctx context.Context) error {
		id, err := b.registerItem(ctx, name+"-value")
		if err != nil {
			return err
		}
		return b.sink(ctx, sinkStep{name: name, floor: floor, records: b.records, record: avroItems(id), config: config,
			converter: map[string]string{"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": b.registry.URL},
			javaConverter: map[string]string{
				"value.converter":                                "io.apicurio.registry.utils.converter.AvroConverter",
				"value.converter.apicurio.registry.url":          registryRoot(b.registry.URL),
				"value.converter.apicurio.registry.as-confluent": "true", "value.converter.apicurio.registry.use-id": "contentId",
			}})
	}
}

// connector is the configuration of a step's sink.
func (b *bed) connector(topic string, parts ...map[string]string) map[string]string {
	c := map[string]string{
		"connector.class": "com.mongodb.kafka.connect.MongoSinkConnector", "topics": topic, "connection.uri": b.mongo.URI(), "database": "bench", "collection": "c",
	}
	for _, p := range parts {
		maps.Copy(c, p)
	}
	return c
}

// sink measures a step: the floor, our worker, and with --java the other.
func (b *bed) sink(ctx context.Context, s sinkStep) error {
	if err := fill(ctx, b.kafka.Addr, s.name, 2, s.records, s.record); err != nil {
		return err
	}
	r := row{name: s.name + ", CPU each", unit: "µs", target: sinkTarget}
	work := row{name: s.name + ", peak resident (MB)", unit: "MB", target: "≤ 60 MB, ≥ 10 × less than Java"}
	n := int64(s.records)
	u, err := b.floor(ctx, n, b.writes(), s.floor, b.kafka.Addr, s.name, b.mongo.URI())
	if err != nil {
		return err
	}
	r.floor = u.micros
	w, err := b.ourWorker(ctx, s.name, nil)
	if err != nil {
		return err
	}
	defer w.Kill()
	if u, err = b.runSink(ctx, w, n, s.name, b.connector(s.name, s.config, s.converter)); err != nil {
		return err
	}
	r.ours, work.ours = u.micros, float64(u.peakRSS)/(1<<20)
	if r.allocs, err = w.allocations(s.records); err != nil {
		return err
	}
	r.hasAllocs = true
	if b.java {
		j, err := b.javaWorker(ctx, s.name+"-java", nil)
		if err != nil {
			return err
		}
		defer j.Kill()
		if u, err = b.runSink(ctx, j, n, s.name+"-java", b.connector(s.name, s.config, s.javaConverter)); err != nil {
			return err
		}
		r.java, work.java = u.micros, float64(u.peakRSS)/(1<<20)
	}
	b.rows = append(b.rows, r, work)
	return nil
}

func (b *bed) runSink(ctx context.Context, w *run, n int64, name string, config map[string]string) (usage, error) {
	count := b.writes()
	if err := w.post(ctx, name, config); err != nil {
		return usage{}, err
	}
	return b.watch(ctx, w.Process, n/3, n, count)
}

// long measures memory over a long run: --documents.
func (b *bed) long(ctx context.Context) error {
	return b.sink(ctx, sinkStep{name: "long-json", floor: "floor-insert", records: b.documents, record: jsonItem, converter: jsonValues, javaConverter: jsonValues})
}

// The load of latency: after as many records as warm a JVM, a steady stream.
const (
	latencyWarm = 100_000
	latencyRate = 2000 // records a second
	latencyFor  = 10 * time.Second
)

// latency measures the time from the broker's acknowledgement of a record to its
// arrival at the MongoDB, for a sink that keeps up.
func (b *bed) latency(ctx context.Context) error {
	p50 := row{name: "broker to MongoDB, p50", unit: "ms"}
	p99 := row{name: "broker to MongoDB, p99", unit: "ms"}
	w, err := b.ourWorker(ctx, "latency", nil)
	if err != nil {
		return err
	}
	defer w.Kill()
	if p50.ours, p99.ours, err = b.delays(ctx, w, "latency"); err != nil {
		return err
	}
	if b.java {
		w.Kill()
		j, err := b.javaWorker(ctx, "latency-java", nil)
		if err != nil {
			return err
		}
		defer j.Kill()
		if p50.java, p99.java, err = b.delays(ctx, j, "latency-java"); err != nil {
			return err
		}
	}
	b.rows = append(b.rows, p50, p99)
	return nil
}

// delays runs the load on a topic of one partition, so that the n-th record which is
// acknowledged is the n-th that is written.
func (b *bed) delays(ctx context.Context, w *run, topic string) (p50, p99 float64, err error) {
	count := b.writes()
	if err := fill(ctx, b.kafka.Addr, topic, 1, latencyWarm, jsonItem); err != nil {
		return 0, 0, err
	}
	if _, err := b.runSink(ctx, w, latencyWarm, topic, b.connector(topic, jsonValues)); err != nil {
		return 0, 0, err
	}
	const n = int(latencyRate * latencyFor / time.Second)
	produced, written := make([]time.Time, 0, n), make([]time.Time, 0, n)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { produced, err = b.stream(ctx, topic, produced); return err })
	g.Go(func() error {
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		for len(written) < n {
			select {
			case now := <-tick.C:
				have, err := count()
				if err != nil {
					return err
				}
				for len(written) < min(int(have)-latencyWarm, n) {
					written = append(written, now)
				}
			case <-w.Done():
				return fmt.Errorf("%s ended:\n%s", w.Name, w.Tail())
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return 0, 0, err
	}
	took := make([]time.Duration, n)
	for i := range took {
		took[i] = written[i].Sub(produced[i])
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(took[n/2]), ms(took[n*99/100]), nil
}

// stream sends records at a steady rate and appends when each was acknowledged.
func (b *bed) stream(ctx context.Context, topic string, acked []time.Time) ([]time.Time, error) {
	p, err := sarama.NewAsyncProducerFromClient(b.client)
	if err != nil {
		return nil, err
	}
	defer p.AsyncClose()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, sent := time.Now(), 0
	for len(acked) < cap(acked) {
		select {
		case now := <-tick.C:
			due := min(int(now.Sub(began)*latencyRate/time.Second), cap(acked))
			for ; sent < due; sent++ {
				key, value := jsonItem(sent)
				p.Input() <- &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value)}
			}
		case <-p.Successes():
			acked = append(acked, time.Now())
		case e := <-p.Errors():
			return nil, e
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return acked, nil
}
