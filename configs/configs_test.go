package configs_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/magiconair/properties"

	"culvert/configs"
	"culvert/connectors/datagen"
	"culvert/connectors/datagen/gen"
	"culvert/connectors/datagen/macd"
	"culvert/data"
)

func TestPipelineFiles(t *testing.T) {
	for _, name := range configs.Pipeline {
		c, err := configs.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != name {
			t.Errorf("%s.json creates %q", name, c.Name)
		}
		if c.Config["connector.class"] == datagen.Class {
			if _, err := datagen.Parse(c.Config); err != nil {
				t.Errorf("%s.json: %v", name, err)
			}
		}
	}
}

// Both generators must be set alike, or their orders and payments do not match.
func TestGeneratorsMatch(t *testing.T) {
	orders, _ := configs.Read("datagen-orders")
	payments, _ := configs.Read("datagen-payments")
	for _, k := range []string{"random.seed", "iterations", "event.time.start", "event.time.step.ms", "event.time.span", "topic.creation.default.partitions"} {
		if orders.Config[k] != payments.Config[k] {
			t.Errorf("%s is %q for orders and %q for payments", k, orders.Config[k], payments.Config[k])
		}
	}
	truth, err := datagen.Truth(payments.Config, macd.Window)
	if err != nil {
		t.Fatal(err)
	}
	if len(truth.Orders) != 500 || len(truth.Pairs) != 500 || len(truth.WrongAmount) == 0 {
		t.Errorf("%d orders, %d pairs, %d wrong amounts", len(truth.Orders), len(truth.Pairs), len(truth.WrongAmount))
	}
}

// The backfill fills both topics with the last 30 days, and with some of
// everything that a report of mismatches can find.
func TestBackfillMatches(t *testing.T) {
	var first macd.Config
	now := time.Now()
	for i, name := range []string{"orders", "payments"} {
		c, err := configs.Read("backfill/" + name)
		if err != nil {
			t.Fatal(err)
		}
		config, err := datagen.Matched(c.Config, now)
		if err != nil {
			t.Fatalf("backfill/%s.json: %v", name, err)
		}
		if i == 0 {
			first = config
		}
		if config != first {
			t.Errorf("backfill/%s.json makes a stream of its own", name)
		}
	}
	counts := first.Count(macd.Window)
	for l := macd.Pairs; l <= macd.WrongAmount; l++ {
		if counts[l] == 0 {
			t.Errorf("list %d of the truth is empty", l)
		}
	}
	if days := (first.OrderedAt(first.Iterations-1, 0) - first.Start) / (24 * 3600_000); days != 29 {
		t.Errorf("the last order is placed on day %d", days)
	}
}

// The files for compose.yaml are the same but for the names of its services.
func TestComposeFilesFollow(t *testing.T) {
	for _, name := range configs.Pipeline {
		plain, err := configs.Files.ReadFile("connectors/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		composed, err := configs.Files.ReadFile("connectors/compose/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{"http://localhost:8081": "http://schema-registry:8081", "mongodb://localhost:27017": "mongodb://mongodb:27017"} {
			plain = bytes.ReplaceAll(plain, []byte(from), []byte(to))
		}
		if !bytes.Equal(plain, composed) {
			t.Errorf("compose/%s.json is not %s.json with the services' names", name, name)
		}
	}
}

func TestWorkerFilesParse(t *testing.T) {
	for file, key := range map[string]string{"connect-distributed": "group.id", "connect-standalone": "offset.storage.file.filename"} {
		raw, err := configs.Files.ReadFile("worker/" + file + ".properties")
		if err != nil {
			t.Fatal(err)
		}
		l := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
		p, err := l.LoadBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.Get(key); !ok {
			t.Errorf("%s.properties has no %s", file, key)
		}
	}
}

// A producer in another language that uses the .avsc files writes what datagen writes.
func TestSchemasAreThoseOfDatagen(t *testing.T) {
	for file, want := range map[string]*data.Schema{"order": macd.OrderSchema, "payment": macd.PaymentSchema} {
		raw, err := configs.Files.ReadFile("schemas/" + file + ".avsc")
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(raw) {
			t.Fatalf("%s.avsc is not JSON", file)
		}
		s, err := gen.Parse(string(raw))
		if err != nil {
			t.Fatal(err)
		}
		if !s.Connect().Equal(want) {
			t.Errorf("%s.avsc is not the schema of %s", file, want.Name)
		}
	}
}
