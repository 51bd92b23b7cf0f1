package bson_test

import (
	"encoding/json"
	"testing"

	hamba "github.com/hamba/avro/v2"
	driver "go.mongodb.org/mongo-driver/v2/bson"

	"culvert/converters"
	"culvert/converters/bson"
	"culvert/data"
)

// order is a record of about 300 bytes of JSON.
const order = `{"order_id":"ord-00001234","customer":{"id":4711,"name":"Grace Hopper","email":"grace@example.com"},` +
	`"store":"S-17","city":"Wien","items":[{"name":"espresso","quantity":2,"price":3.2},{"name":"croissant","quantity":1,"price":2.75}],` +
	`"total":9.15,"channel":"web","paid":true,"ordered_at":1700000000123,"note":null}`

const orderSchema = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"order_id","type":"string"},
	{"name":"customer","type":{"type":"record","name":"Customer","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"},{"name":"email","type":["null","string"],"default":null}]}},
	{"name":"store","type":"string"},{"name":"city","type":"string"},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"name","type":"string"},{"name":"quantity","type":"int"},{"name":"price","type":"double"}]}}},
	{"name":"total","type":"double"},{"name":"channel","type":"string"},{"name":"paid","type":"boolean"},
	{"name":"ordered_at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"note","type":["null","string"],"default":null}]}`

var orderText = []byte(order)

func runDirect(b *testing.B, direct converters.Transcoder, raw []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = direct.Append(dst[:0], raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONDirect(b *testing.B) {
	_, direct := jsonBoth(b)
	runDirect(b, direct, orderText)
}

func BenchmarkJSONByValue(b *testing.B) {
	conv, _ := jsonBoth(b)
	runByValue(b, conv, orderText)
}

func runByValue(b *testing.B, conv converters.Converter, raw []byte) {
	b.ReportAllocs()
	var a data.Arena
	var dst []byte
	for b.Loop() {
		a.Reset()
		v, s, err := conv.Decode(raw, &a)
		if err != nil {
			b.Fatal(err)
		}
		if dst, err = bson.Append(dst[:0], v, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONDecode(b *testing.B) {
	conv, _ := jsonBoth(b)
	b.ReportAllocs()
	var a data.Arena
	for b.Loop() {
		a.Reset()
		if _, _, err := conv.Decode(orderText, &a); err != nil {
			b.Fatal(err)
		}
	}
}

// The floors: what the driver and the standard library take for the same.

func BenchmarkFloorUnmarshalExtJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var d driver.D
		if err := driver.UnmarshalExtJSON(orderText, false, &d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFloorEncodingJSON(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(orderText, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAvroDirect(b *testing.B) {
	_, direct, raw := avroBoth(b)
	runDirect(b, direct, raw)
}

func BenchmarkAvroByValue(b *testing.B) {
	conv, _, raw := avroBoth(b)
	runByValue(b, conv, raw)
}

func BenchmarkAvroDecode(b *testing.B) {
	conv, _, raw := avroBoth(b)
	b.ReportAllocs()
	var a data.Arena
	for b.Loop() {
		a.Reset()
		if _, _, err := conv.Decode(raw, &a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAvroEncode(b *testing.B) {
	conv, _, raw := avroBoth(b)
	v, s, err := conv.Decode(raw, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		if dst, err = conv.Encode(dst[:0], v, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFloorHambaAndMarshal(b *testing.B) {
	_, _, raw := avroBoth(b)
	schema := hamba.MustParse(orderSchema)
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := hamba.Unmarshal(schema, raw[5:], &m); err != nil {
			b.Fatal(err)
		}
		if _, err := driver.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocs holds the direct routes and the decoders to no allocation per record
// beside the batch's arena.
func TestAllocs(t *testing.T) {
	jsonConv, jsonDirect := jsonBoth(t)
	avroConv, avroDirect, raw := avroBoth(t)
	dst := make([]byte, 0, 4096)
	var a data.Arena
	for name, f := range map[string]func() error{
		"json direct": func() error { _, err := jsonDirect.Append(dst, orderText); return err },
		"avro direct": func() error { _, err := avroDirect.Append(dst, raw); return err },
		"json decode": func() error { a.Reset(); _, _, err := jsonConv.Decode(orderText, &a); return err },
		"avro decode": func() error { a.Reset(); _, _, err := avroConv.Decode(raw, &a); return err },
	} {
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations per record", name, n)
		}
	}
}
