//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/hamba/avro/v2"

	"culvert/connectors"
	"culvert/connectors/datagen"
	"culvert/converters"
	jsonconverter "culvert/converters/json"
	"culvert/data"
)

// eachMessage reads the one partition of a topic as it is now.
func eachMessage(t *testing.T, topic string, each func(*sarama.ConsumerMessage)) {
	t.Helper()
	client := kafkaClient(t)
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	readPartition(t, client, consumer, topic, 0, 3*time.Second, each)
}

func kafkaClient(t *testing.T) sarama.Client {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient([]string{shared.kafka.Addr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// headerNumber is a header that holds a whole number.
func headerNumber(t *testing.T, m *sarama.ConsumerMessage, key string) int64 {
	t.Helper()
	for _, h := range m.Headers {
		if string(h.Key) == key {
			n, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil {
				t.Fatalf("header %s of offset %d of %s: %v", key, m.Offset, m.Topic, err)
			}
			return n
		}
	}
	t.Fatalf("offset %d of %s has no header %s", m.Offset, m.Topic, key)
	return 0
}

// finished waits until the task has sent all its iterations.
func finished(t *testing.T, url, name string, iterations int) {
	t.Helper()
	want := fmt.Sprintf("Stopping connector: generated the configured %d number of messages", iterations)
	await(t, time.Minute, name+" to end", func() error {
		s, err := statusOf(t, url, name)
		if err != nil {
			return err
		}
		if len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" || !strings.Contains(s.Tasks[0].Trace, want) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// registered is the schema in the registry and its id.
func registered(t *testing.T, subject string) (avro.Schema, uint32) {
	t.Helper()
	status, body := rest(t, http.MethodGet, shared.registry.URL+"/subjects/"+subject+"/versions/latest", nil)
	var answer struct {
		ID     uint32
		Schema string
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("subject %s: %d %s", subject, status, body)
	}
	// Without logical types, which the library would turn into types of its own.
	s, err := avro.ParseWithCache(strings.ReplaceAll(answer.Schema, `"logicalType"`, `"kind"`), "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	return s, answer.ID
}

// TestQuickstarts runs every quickstart in one worker: its records are in the
// topic in order, of the schema that the registry has for the subject, with the
// quickstart's key and the headers of the original.
func TestQuickstarts(t *testing.T) {
	t.Parallel()
	const records = 20
	w := startWorker(t, "quickstarts", "a", map[string]string{
		"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": shared.registry.URL,
	})
	names := datagen.Quickstarts()
	for _, q := range names {
		topic := "quickstart_" + q.Name
		create(t, w.url, topic, map[string]string{
			"connector.class": datagen.Class, "kafka.topic": topic, "quickstart": strings.ToUpper(q.Name), "max.interval": "1", "iterations": fmt.Sprint(records), "tasks.max": "1",
			"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false", "random.seed": "3",
		})
	}
	for _, q := range names {
		topic := "quickstart_" + q.Name
		finished(t, w.url, topic, records)
		schema, id := registered(t, topic+"-value")
		i := -1
		eachMessage(t, topic, func(m *sarama.ConsumerMessage) {
			i++
			if len(m.Value) < 5 || m.Value[0] != 0 || binary.BigEndian.Uint32(m.Value[1:5]) != id {
				t.Fatalf("%s, record %d: not written with schema %d of the subject: %x", topic, i, id, m.Value)
			}
			var row map[string]any
			r := avro.NewReader(bytes.NewReader(m.Value[5:]), len(m.Value))
			r.ReadVal(schema, &row)
			if r.Error == nil {
				r.Read(make([]byte, 1)) // there must be nothing more
			}
			if !errors.Is(r.Error, io.ErrUnexpectedEOF) {
				t.Fatalf("%s, record %d: %v", topic, i, r.Error)
			}
			if key, err := json.Marshal(row[q.Key]); err != nil || string(key) != string(m.Key) {
				t.Fatalf("%s, record %d: the key is %s, field %s is %s (%v)", topic, i, m.Key, q.Key, key, err)
			}
			if g, task, n := headerNumber(t, m, "task.generation"), headerNumber(t, m, "task.id"), headerNumber(t, m, "current.iteration"); g != 0 || task != 0 || n != int64(i) || len(m.Headers) != 3 {
				t.Fatalf("%s, record %d: generation %d, task %d, iteration %d, %d headers", topic, i, g, task, n, len(m.Headers))
			}
		})
		if i+1 != records {
			t.Errorf("%s: %d records, want %d", topic, i+1, records)
		}
	}
}

// reference is the stream of a configuration, uninterrupted, as JSON.
func reference(t *testing.T, config map[string]string, n int) []string {
	t.Helper()
	plugin := datagen.Plugin()
	tasks, err := plugin.Tasks(config, 1)
	if err != nil {
		t.Fatal(err)
	}
	tasks[0]["max.interval"], tasks[0]["iterations"] = "0", "-1"
	src, err := plugin.Source(t.Context(), connectors.Env{}, tasks[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := jsonconverter.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	conv := f.For("")
	all := make([]string, 0, n)
	for b := data.NewBatch(); len(all) < n; b.Release() {
		if err := src.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			v, s, err := b.Records[i].Value.Value(b.Arena)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := conv.Encode(nil, v, s)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(raw))
		}
	}
	return all[:n]
}

// TestKilledGenerator kills the worker while it generates, again and again: the
// topic then holds the stream that an uninterrupted run gives, in order and without
// a gap. Where a life was cut off, the next one goes on from the last offset that it
// had stored: what comes again are the records behind it, and no others.
// CULVERT_KILLS is how often.
func TestKilledGenerator(t *testing.T) {
	kills := 3
	if s := os.Getenv("CULVERT_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	iterations := 80_000 * (kills + 1)
	quickstarts := []string{"ORDERS", "CREDIT_CARDS"}
	config := func(quickstart string) map[string]string {
		return map[string]string{
			"connector.class": datagen.Class, "kafka.topic": "killed_" + quickstart, "quickstart": quickstart, "max.interval": "0", "random.seed": "5",
			"iterations": fmt.Sprint(iterations), "tasks.max": "1",
		}
	}
	w := startWorker(t, "killed", "a", map[string]string{"offset.flush.interval.ms": "100", "offset.storage.partitions": "1"})
	client := kafkaClient(t)
	defer client.Close()
	for _, q := range quickstarts {
		createTopic(t, "killed_"+q, 1)
		create(t, w.url, "killed_"+q, config(q))
	}
	for k := range kills {
		// A place in the stretch of this life, another one in each run.
		until := int64(iterations/(kills+1)*k + 1000 + rand.IntN(iterations/(kills+1)-2000))
		await(t, time.Minute, fmt.Sprintf("%d records", until), func() error {
			n, err := client.GetOffset("killed_"+quickstarts[0], 0, sarama.OffsetNewest)
			if err == nil && n < until {
				err = fmt.Errorf("%d", n)
			}
			return err
		})
		w.Kill()
		w.up(t)
	}
	for _, q := range quickstarts {
		finished(t, w.url, "killed_"+q, iterations)
		stream := lives{want: reference(t, config(q), iterations)}
		eachMessage(t, "killed_"+q, func(m *sarama.ConsumerMessage) { stream.add(t, m) })
		if stream.seen != int64(iterations) {
			t.Fatalf("%s ends at iteration %d of %d", q, stream.seen, iterations)
		}
		t.Logf("%s: %d records in %d lives, %d of them repeated", q, iterations, stream.count+1, stream.repeated)
		if stream.count == 0 {
			t.Errorf("%s: no kill came in between", q)
		}
		stored := lastStored(t, "killed-offsets", "killed_"+q)
		for generation, start := range stream.starts {
			if start != stored[generation] {
				t.Errorf("%s: life %d began with iteration %d, the one before had stored %d", q, generation, start, stored[generation])
			}
		}
	}
}

// lastStored is the last iteration that was stored for each generation to come.
func lastStored(t *testing.T, topic, connector string) map[int64]int64 {
	t.Helper()
	last := map[int64]int64{}
	eachMessage(t, topic, func(m *sarama.ConsumerMessage) {
		if !strings.Contains(string(m.Key), strconv.Quote(connector)) {
			return
		}
		var o map[string]int64
		if err := json.Unmarshal(m.Value, &o); err != nil {
			t.Fatalf("offset %s of %s: %v", m.Value, m.Key, err)
		}
		last[o["task.generation"]] = o["current.iteration"]
	})
	return last
}

// lives holds what a topic has against the reference.
type lives struct {
	want       []string
	next, seen int64 // what must come, and how far the stream has been
	generation int64
	count      int             // how often it began anew
	starts     map[int64]int64 // where each generation but the first began
	repeated   int64           // how many records came again
}

func (l *lives) add(t *testing.T, m *sarama.ConsumerMessage) {
	t.Helper()
	n, g := headerNumber(t, m, "current.iteration"), headerNumber(t, m, "task.generation")
	switch {
	case n > l.seen:
		t.Fatalf("offset %d of %s: iteration %d after %d: a gap", m.Offset, m.Topic, n, l.seen-1)
	case g < l.generation, n != l.next && g == l.generation && n != l.starts[g]: // a life that stored nothing has the generation and start of the next
		t.Fatalf("offset %d of %s: iteration %d of generation %d follows %d of %d", m.Offset, m.Topic, n, g, l.next-1, l.generation)
	case n != l.next || g != l.generation:
		if l.count++; l.starts == nil {
			l.starts = map[int64]int64{}
		}
		l.starts[g] = n
	}
	if n >= int64(len(l.want)) || string(m.Value) != l.want[n] {
		t.Fatalf("offset %d of %s: iteration %d is %s, want %s", m.Offset, m.Topic, n, m.Value, l.want[min(int(n), len(l.want)-1)])
	}
	if n < l.seen {
		l.repeated++
	}
	l.generation, l.next = g, n+1
	l.seen = max(l.seen, l.next)
}
