package datagen

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/connectors"
	"culvert/connectors/datagen/macd"
	"culvert/data"
	"culvert/fault"
)

// stored is an OffsetReader with what marks have left.
type stored []data.Mark

func (s stored) Load(_ context.Context, partitions []data.Value) ([]data.Value, error) {
	offsets := make([]data.Value, len(partitions))
	for i, p := range partitions {
		for _, m := range s {
			if m.Partition.Equal(p) {
				offsets[i] = m.Next
			}
		}
	}
	return offsets, nil
}

func start(t *testing.T, offsets stored, props map[string]string) *Source {
	t.Helper()
	if _, ok := props[keyTask]; !ok {
		props[keyTask] = "0"
	}
	src, err := open(t.Context(), connectors.Env{Offsets: offsets}, props)
	if err != nil {
		t.Fatal(err)
	}
	return src.(*Source)
}

// read collects n values, and all offsets as they are after each of them.
func read(t *testing.T, s *Source, n int) (values []data.Value, offsets []stored) {
	t.Helper()
	for len(values) < n {
		b := data.NewBatch()
		if err := s.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			v, _, err := b.Records[i].Value.Value(b.Arena)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v.Clone())
		}
		if len(b.Marks()) == 0 {
			t.Fatal("no mark")
		}
		var last stored
		if len(offsets) > 0 {
			last = offsets[len(offsets)-1]
		}
		offsets = append(offsets, append(slices.Clone(last), b.Marks()...))
	}
	return values, offsets
}

// one makes every Read return one record: the pause is then below a millisecond.
func one(props map[string]string) map[string]string {
	props["kafka.topic"], props["max.interval"] = "t", "1"
	return props
}

func TestRestartGoesOnWithTheNextRecord(t *testing.T) {
	for name, props := range map[string]map[string]string{
		"orders":        {"quickstart": "ORDERS", "random.seed": "42"},
		"macd orders":   {"quickstart": "MACD_ORDERS", "random.seed": "42", "event.time.start": "2026-01-01"},
		"macd payments": {"quickstart": "macd_payments", "random.seed": "42", "event.time.start": "0", "event.time.step.ms": "60000", "payments.duplicate.rate": "0.3", "payments.missing.rate": "0.3"},
	} {
		t.Run(name, func(t *testing.T) {
			want, offsets := read(t, start(t, nil, one(props)), 60)
			if first, _ := offsets[0][0].Next.Lookup("task.generation"); first.Int() != 1 {
				t.Errorf("generation in the first offset is %d, want that of the next life, 1", first.Int())
			}
			// The place of the record that follows each offset, since a Read may give two.
			for cut := 5; cut < 20; cut++ {
				s := start(t, offsets[cut], props)
				if s.generation != 1 {
					t.Fatalf("generation after a restart is %d, want 1", s.generation)
				}
				again, _ := read(t, s, 5)
				at := -1
				for i := range want {
					if want[i].Equal(again[0]) {
						at = i
					}
				}
				if at <= 0 {
					t.Fatalf("offset %d: the record after a restart is not in the first run", cut)
				}
				for i, v := range again {
					if at+i < len(want) && !v.Equal(want[at+i]) {
						t.Fatalf("offset %d: record %d after the restart differs", cut, i)
					}
				}
			}
		})
	}
}

func TestRecord(t *testing.T) {
	s := start(t, nil, map[string]string{
		"kafka.topic": "macd_orders", "max.interval": "0", "quickstart": "MACD_ORDERS", "random.seed": "7", "task.id": "0",
		"event.time.start": "2026-01-31T12:00:00Z", "event.time.step.ms": "500", "iterations": "3",
	})
	b := data.NewBatch()
	if err := s.Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if len(b.Records) != 3 {
		t.Fatalf("%d records in one Read, want all 3: there is no pause", len(b.Records))
	}
	begin := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).UnixMilli()
	orders := macd.Config{Seed: 7, EventTime: true, Start: begin, Step: 500}
	if at := b.Records[0].Timestamp; at != begin {
		t.Errorf("the first record is of %d, not of event.time.start, %d", at, begin)
	}
	for i := range b.Records {
		r := &b.Records[i]
		if r.Topic != "macd_orders" || r.Partition != -1 || r.Timestamp != orders.OrderedAt(int64(i), 0) {
			t.Errorf("record %d: topic %s, partition %d, timestamp %d", i, r.Topic, r.Partition, r.Timestamp)
		}
		v, schema, _ := r.Value.Value(nil)
		key, _, _ := r.Key.Value(nil)
		if id := v.Elems()[schema.FieldIndex("order_id")]; !id.Equal(key) {
			t.Errorf("record %d: key %s, order_id %s", i, key.Str(), id.Str())
		}
		for k, want := range map[string]int64{"task.generation": 0, "task.id": 0, "current.iteration": int64(i)} {
			found := false
			for _, h := range r.Headers {
				if hv, hs, _ := h.Value.Value(nil); h.Key == k {
					found = hv.Int() == want && hs.Kind == data.Int64
				}
			}
			if !found {
				t.Errorf("record %d: header %s is not %d as int64", i, k, want)
			}
		}
	}
	err := s.Read(t.Context(), data.NewBatch())
	if want := "Stopping connector: generated the configured 3 number of messages"; err == nil || err.Error() != want || !fault.Is(err, fault.Fatal) {
		t.Errorf("after the last record: %v, want %s", err, want)
	}
}

func TestPartitionAndOffsetNames(t *testing.T) {
	s := start(t, nil, one(map[string]string{"quickstart": "orders", "random.seed": "1", "task.id": "3"}))
	b := data.NewBatch()
	if err := s.Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	m := b.Marks()[0]
	if v, ok := m.Partition.Lookup("task.id"); !ok || v.Int() != 3 || m.Partition.Len() != 1 {
		t.Errorf("partition %v", m.Partition)
	}
	for _, f := range []string{"task.generation", "current.iteration", "random.seed"} {
		if _, ok := m.Next.Lookup(f); !ok || m.Next.Len() != 3 {
			t.Errorf("offset without %s", f)
		}
	}
}

// The offset of a shard is stored when it has changed, and not again.
func TestOnlyShardsThatMovedAreMarked(t *testing.T) {
	s := start(t, nil, one(map[string]string{"quickstart": "MACD_ORDERS", "random.seed": "9"}))
	for i := range int64(20) {
		b := data.NewBatch()
		if err := s.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if len(b.Marks()) != 1 {
			t.Fatalf("record %d: %d marks, want 1", i, len(b.Marks()))
		}
		m := b.Marks()[0]
		shard, _ := m.Partition.Lookup("shard")
		next, _ := m.Next.Lookup("current.iteration")
		seed, _ := m.Next.Lookup("random.seed")
		if shard.Int() != i%16 || next.Int() != i+16 || seed.Int() != 9 || m.Next.Len() != 3 {
			t.Errorf("record %d: shard %d goes on with %d, seed %d", i, shard.Int(), next.Int(), seed.Int())
		}
	}
}

func TestTasksDiffer(t *testing.T) {
	props := map[string]string{"kafka.topic": "t", "quickstart": "orders", "random.seed": "1"}
	all, err := tasks(props, 3)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	seen := map[int64]bool{}
	for _, p := range all {
		c, err := Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		seen[c.firstSeed()] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different seeds for 3 tasks", len(seen))
	}
	props["quickstart"] = "MACD_ORDERS"
	if all, _ := tasks(props, 100); len(all) != shards {
		t.Errorf("%d tasks for a matched stream, want %d", len(all), shards)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	s := start(t, nil, map[string]string{"kafka.topic": "t", "quickstart": "orders", "max.interval": "600000000"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Read(ctx, data.NewBatch()) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Read returned %v", err)
	}
}

// Where no order is ever paid, Read has nothing to give, and ends all the same.
func TestReadOfNothingEndsWithItsContext(t *testing.T) {
	s := start(t, nil, map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "max.interval": "0", "payments.missing.rate": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	b := data.NewBatch()
	go func() { done <- s.Read(ctx, b) }()
	time.AfterFunc(time.Millisecond, cancel)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Read returned %v", err)
	}
}

func TestOrdersNeverPaidEnd(t *testing.T) {
	s := start(t, nil, map[string]string{"kafka.topic": "t", "quickstart": "MACD_PAYMENTS", "max.interval": "0", "payments.missing.rate": "1", "iterations": "5000"})
	if err := s.Read(t.Context(), data.NewBatch()); err == nil || !strings.Contains(err.Error(), "5000") {
		t.Errorf("got %v, want the end of the iterations", err)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, q := range []string{"MACD_ORDERS", "MACD_PAYMENTS", "ORDERS"} {
		b.Run(q, func(b *testing.B) {
			cfg, err := Parse(map[string]string{"kafka.topic": "t", "max.interval": "0", "quickstart": q, "random.seed": "1"})
			if err != nil {
				b.Fatal(err)
			}
			s, err := newSource(b.Context(), cfg, nil)
			if err != nil {
				b.Fatal(err)
			}
			batch := data.NewBatch()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				batch.Release()
				if err := s.Read(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				n += len(batch.Records)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}

func TestSchemaOfNoRecord(t *testing.T) {
	for schema, class := range map[string]string{`"string"`: "java.lang.String", `{"type":"array","items":"int"}`: "java.util.ArrayList", `{"type":"enum","name":"E","symbols":["A"]}`: "org.apache.avro.generic.GenericData$EnumSymbol"} {
		_, err := open(t.Context(), connectors.Env{}, map[string]string{"kafka.topic": "t", "schema.string": schema, keyTask: "0"})
		if want := "Expected Avro Random Generator to return instance of GenericRecord, found " + class + " instead"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", schema, err, want)
		}
	}
}

// TestIterationsLowered: a task that has sent more says how many it has sent.
func TestIterationsLowered(t *testing.T) {
	props := map[string]string{"kafka.topic": "t", "quickstart": "orders", "max.interval": "0", "iterations": "40", "random.seed": "1"}
	b := data.NewBatch()
	if err := start(t, nil, props).Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	props["iterations"] = "7"
	err := start(t, b.Marks(), props).Read(t.Context(), data.NewBatch())
	if want := "Stopping connector: generated the configured 40 number of messages"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
