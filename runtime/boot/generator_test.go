package boot_test

import (
	"fmt"
	"strconv"
	"testing"

	"culvert/connectors"
	"culvert/connectors/datagen"
	"culvert/converters"
	"culvert/converters/json"
	"culvert/data"
)

// stream is what the generator of a configuration makes when nobody stops it.
func stream(t *testing.T, config map[string]string, n int) []string {
	t.Helper()
	plugin := datagen.Plugin()
	tasks, err := plugin.Tasks(config, 1)
	if err != nil {
		t.Fatal(err)
	}
	src, err := plugin.Source(t.Context(), connectors.Env{}, tasks[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := json.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for b := data.NewBatch(); len(all) < n; b.Release() {
		if err := src.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			v, s, err := b.Records[i].Value.Value(b.Arena)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := f.For("").Encode(nil, v, s)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(raw))
		}
	}
	return all
}

func header(t *testing.T, m *data.Message, key string) int64 {
	t.Helper()
	for _, h := range m.Headers {
		if h.Key == key {
			n, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("offset %d has no header %s", m.Offset, key)
	return 0
}

// TestKilledGenerator: a generator that is cut off while it sends goes on with the
// same stream. The topic holds it in order and without a gap; where a life ended,
// the next one begins with something that the stream has had, in a later generation.
func TestKilledGenerator(t *testing.T) {
	t.Parallel()
	const iterations, kills = 60_000, 4
	w := newWorld(t, withTopics(1, "generated"))
	config := map[string]string{
		"connector.class": datagen.Class, "kafka.topic": "generated", "quickstart": "CREDIT_CARDS", "max.interval": "0", "random.seed": "5",
		"iterations": fmt.Sprint(iterations), "tasks.max": "1",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	}
	w.create("generator", config)
	for k := range kills {
		until := int64(iterations / (kills + 1) * (k + 1))
		w.await(fmt.Sprintf("%d records", until), func() error {
			if n := w.offsets("generated"); n < until {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
		if k == kills-1 { // the last one is a stop in good order
			w.stop()
		} else {
			w.kill()
		}
		w.begin()
	}
	w.awaitTask("generator", 0, "FAILED", fmt.Sprintf("Stopping connector: generated the configured %d number of messages", iterations))
	want := stream(t, config, iterations)
	var next, seen, generation, began, repeated int64
	for _, m := range w.read("generated") {
		n, g := header(t, &m, "current.iteration"), header(t, &m, "task.generation")
		// A life that stored nothing has the generation of the next one, and its start.
		if n > seen || g < generation || n != next && g == generation && n != began {
			t.Fatalf("offset %d: iteration %d of generation %d follows %d of %d", m.Offset, n, g, next-1, generation)
		}
		if string(m.Value) != want[n] {
			t.Fatalf("offset %d: iteration %d is %s, want %s", m.Offset, n, m.Value, want[n])
		}
		if n < seen {
			repeated++
		}
		if g != generation {
			began = n
		}
		next, generation = n+1, g
		seen = max(seen, next)
	}
	if seen != iterations || generation == 0 {
		t.Errorf("the stream ends at iteration %d of %d in generation %d", seen, iterations, generation)
	}
	t.Logf("%d records, %d of them repeated, the last generation is %d", iterations, repeated, generation)
}
