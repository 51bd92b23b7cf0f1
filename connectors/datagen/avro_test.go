package datagen

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	avrolib "github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/connectors"
	"culvert/converters"
	"culvert/converters/avro"
	"culvert/data"
)

// avroFor is the Avro converter of a topic, with a registry in this process.
func avroFor(t testing.TB, topic string) converters.Converter {
	reg := srfake.New()
	t.Cleanup(reg.Close)
	f, err := avro.New(map[string]string{"schema.registry.url": reg.URL()}, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return f.For(topic)
}

// plainAvro reads a schema for another library, without logical types, which that
// would turn into types of its own.
func plainAvro(t *testing.T, text []byte) avrolib.Schema {
	t.Helper()
	s, err := avrolib.ParseBytesWithCache(bytes.ReplaceAll(text, []byte(`"logicalType"`), []byte(`"kind"`)), "", &avrolib.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// latest is the schema that the registry has for a subject.
func latest(t *testing.T, reg *srfake.Registry, subject string) []byte {
	t.Helper()
	resp, err := http.Get(reg.URL() + "/subjects/" + subject + "/versions/latest")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Schema string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Schema == "" {
		t.Fatalf("subject %s: %s, %v", subject, resp.Status, err)
	}
	return []byte(answer.Schema)
}

// TestQuickstartsAsAvro: what the Avro converter writes of every quickstart is, for
// another library, of the quickstart's schema, to the last byte, and the subject
// holds that schema.
func TestQuickstartsAsAvro(t *testing.T) {
	const records = 10_000
	for i := range quickstarts {
		q := &quickstarts[i]
		t.Run(q.name, func(t *testing.T) {
			text, err := schemas.ReadFile(q.file())
			if err != nil {
				t.Fatal(err)
			}
			own := plainAvro(t, text)
			reg := srfake.New()
			defer reg.Close()
			f, err := avro.New(map[string]string{"schema.registry.url": reg.URL()}, converters.Value, converters.Env{})
			if err != nil {
				t.Fatal(err)
			}
			conv := f.For(q.name)
			s := start(t, nil, map[string]string{"kafka.topic": q.name, "quickstart": q.name, "max.interval": "0", "random.seed": "11"})
			n, b := 0, data.NewBatch()
			var raw []byte
			for n < records {
				b.Release()
				if err := s.Read(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				for i := range b.Records {
					v, schema, _ := b.Records[i].Value.Value(b.Arena)
					if raw, err = conv.Encode(raw[:0], v, schema); err != nil {
						t.Fatalf("record %d: %v", n, err)
					}
					var back any
					r := avrolib.NewReader(bytes.NewReader(raw[5:]), len(raw))
					if r.ReadVal(own, &back); r.Error != nil {
						t.Fatalf("record %d is not of the schema: %v", n, r.Error)
					}
					if r.Read(make([]byte, 1)); !errors.Is(r.Error, io.ErrUnexpectedEOF) {
						t.Fatalf("record %d has bytes that the schema does not explain (%v)", n, r.Error)
					}
					n++
				}
			}
			if got := plainAvro(t, latest(t, reg, q.name+"-value")); got.String() != own.String() { // in canonical form
				t.Errorf("registered is %s\nwant %s", got, own)
			}
		})
	}
}

// TestReadAllocates: a record costs no allocation of its own, to make and to write.
func TestReadAllocates(t *testing.T) {
	for _, name := range []string{macdOrders, macdPayments, "ORDERS", "PRODUCT", "PURCHASES", "SYSLOG_LOGS", "USERS_"} {
		s := start(t, nil, map[string]string{"kafka.topic": "t", "max.interval": "0", "quickstart": name, "random.seed": "1"})
		conv, b := avroFor(t, "t"), data.NewBatch()
		var buf []byte
		round := func() {
			b.Release()
			if err := s.Read(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			buf = buf[:0]
			for i := range b.Records {
				v, schema, err := b.Records[i].Value.Value(b.Arena)
				if err != nil {
					t.Fatal(err)
				}
				if buf, err = conv.Encode(buf, v, schema); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 5 { // until all memory is as large as it gets
			round()
		}
		if n := testing.AllocsPerRun(30, round); n > 40 {
			t.Errorf("%s: %.0f allocations for a batch of %d records", name, n, len(b.Records))
		}
	}
}

// BenchmarkAvro generates records and writes them as Avro: what a task does for
// each record but sending it.
func BenchmarkAvro(b *testing.B) {
	names := []string{macdOrders, macdPayments}
	for _, q := range quickstarts {
		names = append(names, strings.ToUpper(q.name))
	}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			cfg, err := Parse(map[string]string{"kafka.topic": "t", "max.interval": "0", "quickstart": name, "random.seed": "1"})
			if err != nil {
				b.Fatal(err)
			}
			s, err := newSource(b.Context(), cfg, nil)
			if err != nil {
				b.Fatal(err)
			}
			conv, batch := avroFor(b, "t"), data.NewBatch()
			var buf []byte
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				batch.Release()
				if err := s.Read(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				buf = buf[:0]
				for i := range batch.Records {
					v, schema, err := batch.Records[i].Value.Value(batch.Arena)
					if err != nil {
						b.Fatal(err)
					}
					if buf, err = conv.Encode(buf, v, schema); err != nil {
						b.Fatal(err)
					}
				}
				n += len(batch.Records)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// TestSchemaIsKept: what a user's schema says beside the types reaches the
// registry, as AvroData carries it.
func TestSchemaIsKept(t *testing.T) {
	schema := `{"type":"record","name":"R","namespace":"a.b","doc":"about R","connect.name":"other.Name","fields":[
	 {"name":"a","type":"int","doc":"about a","default":5},
	 {"name":"b","type":["null",{"type":"string","arg.properties":{"options":["x"]}}],"default":null},
	 {"name":"c","type":{"type":"int","connect.type":"int16","arg.properties":{"range":{"min":1,"max":9}}}},
	 {"name":"d","type":["long"]},
	 {"name":"e","type":{"type":"enum","name":"E","doc":"about E","symbols":["A","B"]},"default":"B"},
	 {"name":"n","type":["null","R"],"default":null}]}`
	reg := srfake.New()
	defer reg.Close()
	f, err := avro.New(map[string]string{"schema.registry.url": reg.URL()}, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch()
	if err := start(t, nil, map[string]string{"kafka.topic": "kept", "schema.string": schema, "max.interval": "0", "random.seed": "4"}).Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i := range b.Records {
		v, s, _ := b.Records[i].Value.Value(b.Arena)
		if _, err := f.For("kept").Encode(nil, v, s); err != nil {
			t.Fatal(err)
		}
	}
	got := string(latest(t, reg, "kept-value"))
	for _, want := range []string{`"connect.name":"other.Name"`, `"doc":"about R"`, `"doc":"about a"`, `"default":5`, `"connect.type":"int16"`, `enum.doc.E":"about E"`, `"default":"B"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the registry's schema lacks %s:\n%s", want, got)
		}
	}
}

// TestNoConnectSchema: what AvroData has no schema for ends the task with a reason.
func TestNoConnectSchema(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}`: "null schemas are not supported",
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"int"}]}}}]}`: "cannot be made as map",
	} {
		_, err := open(t.Context(), connectors.Env{}, map[string]string{"kafka.topic": "t", "schema.string": schema, keyTask: "0"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", schema, err, want)
		}
	}
}
