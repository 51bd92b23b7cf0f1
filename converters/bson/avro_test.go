package bson_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/bench/record"
	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/bson"
	"culvert/internal/golden"
)

// registry is a Schema Registry in process.
func registry(t testing.TB) *srfake.Registry {
	t.Helper()
	r := srfake.New()
	t.Cleanup(r.Close)
	return r
}

func avroConverter(t testing.TB, url string, props map[string]string) converters.Converter {
	t.Helper()
	all := map[string]string{"schema.registry.url": url}
	for k, v := range props {
		all[k] = v
	}
	f, err := avro.New(all, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return f.For("t")
}

// wire registers a schema and puts the head before a body.
func wire(t testing.TB, r *srfake.Registry, schema string, body []byte) []byte {
	t.Helper()
	id, _, err := r.RegisterSchema("t-value", sr.Schema{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

// avroBoth gives the two routes for orders and one order in wire form.
func avroBoth(t testing.TB) (converters.Converter, converters.Transcoder, []byte) {
	t.Helper()
	r := registry(t)
	conv := avroConverter(t, r.URL(), nil)
	direct, ok := bson.For(conv)
	if !ok {
		t.Fatal("no direct route for Avro")
	}
	return conv, direct, wire(t, r, record.Schema, record.Avro())
}

func TestAvroRoutes(t *testing.T) {
	conv, direct, raw := avroBoth(t)
	if !bothRoutes(t, conv, direct, raw) {
		t.Error("the direct route did not take an order")
	}
	for i := range raw { // every truncation, and every byte damaged
		if i < 5 {
			continue
		}
		bothRoutes(t, conv, direct, raw[:i])
		damaged := append([]byte(nil), raw...)
		damaged[i] ^= 0xff
		bothRoutes(t, conv, direct, damaged)
	}
}

// TestGoldenAvroRoutes runs the recorded Avro values, each in a record, through both routes.
func TestGoldenAvroRoutes(t *testing.T) {
	r := registry(t)
	n, own := 0, 0
	for _, f := range golden.Vectors(t, "avro") {
		for i, c := range f.Cases {
			var in struct {
				AvroSchema json.RawMessage `json:"avroSchema"`
				Hex        string          `json:"hex"`
			}
			part := c.Input
			if c.Op == "fromConnectData" {
				part = c.Output
			}
			if json.Unmarshal(part, &in) != nil || in.AvroSchema == nil || c.Error != nil {
				continue
			}
			var body []byte
			if _, err := fmt.Sscanf(in.Hex, "%x", &body); err != nil && in.Hex != "" {
				t.Fatal(err)
			}
			conv := avroConverter(t, r.URL(), c.Config)
			direct, _ := bson.For(conv)
			schema := fmt.Sprintf(`{"type":"record","name":"Around%s%d","fields":[{"name":"v","type":%s},{"name":"end","type":"int"}]}`, c.Op, i, in.AvroSchema)
			r.SeedSchema(fmt.Sprintf("%s-%d", c.Op, i), 1, 1000*(n+1), sr.Schema{Schema: schema})
			raw := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(1000*(n+1))), append(body, 14)...)
			n++
			if _, _, err := conv.Decode(raw, nil); err != nil {
				t.Logf("%s: %v", c.Name, err)
			}
			if bothRoutes(t, conv, direct, raw) {
				own++
			}
		}
	}
	fmt.Printf("golden avro to bson by two routes %d/%d, %d of them directly\n", n, n, own)
	if own < n/2 {
		t.Errorf("the direct route took only %d of %d", own, n)
	}
}

// FuzzAvroDocuments holds the routes against each other on damaged records.
func FuzzAvroDocuments(f *testing.F) {
	conv, direct, raw := avroBoth(f)
	f.Add(raw[5:])
	f.Fuzz(func(t *testing.T, body []byte) {
		bothRoutes(t, conv, direct, append(append([]byte(nil), raw[:5]...), body...))
	})
}

// FuzzJSONDocuments holds the routes against each other on any text.
func FuzzJSONDocuments(f *testing.F) {
	conv, direct := jsonBoth(f)
	f.Add([]byte(record.JSON))
	f.Add([]byte(`{"a":[1,-2.5e3,"\u00e9\n",{"b":null}],"c":{"d":{}},"e":[],"f":true,"g":false}`))
	f.Add([]byte(`{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"1":10}`))
	f.Fuzz(func(t *testing.T, raw []byte) { bothRoutes(t, conv, direct, raw) })
}
