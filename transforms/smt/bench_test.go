package smt

import (
	"fmt"
	"testing"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/data"
)

// typedOrder is an order of about 300 bytes with its schema.
const typedOrder = `{"schema":{"type":"struct","name":"Order","optional":false,"fields":[` +
	`{"field":"order_id","type":"string"},{"field":"customer","type":"string"},{"field":"email","type":"string","optional":true},` +
	`{"field":"store","type":"string"},{"field":"city","type":"string"},{"field":"total","type":"double"},{"field":"channel","type":"string"},` +
	`{"field":"paid","type":"boolean"},{"field":"ordered_at","type":"int64"},{"field":"note","type":"string","optional":true}]},"payload":` +
	`{"order_id":"ord-00001234","customer":"Grace Hopper","email":"grace@example.com","store":"S-17","city":"Wien","total":9.15,` +
	`"channel":"web","paid":true,"ordered_at":1700000000123,"note":null}}`

const batchSize = 500

// decoded fills a batch with orders as the JSON converter reads them.
func decoded(tb testing.TB) (*data.Batch, []data.Cell) {
	tb.Helper()
	f, err := jsonconv.New(map[string]string{"schemas.enable": "true"}, converters.Value)
	if err != nil {
		tb.Fatal(err)
	}
	dec := f.For("orders")
	keep := &data.Arena{}
	b := data.NewBatch()
	cells := make([]data.Cell, batchSize)
	for i := range cells {
		r := b.Append()
		r.Topic, r.Partition, r.Input, r.Offset, r.Timestamp = "orders", 0, int32(i), int64(i), 1700000000123
		v, s, err := dec.Decode([]byte(typedOrder), keep)
		if err != nil {
			tb.Fatal(err)
		}
		cells[i] = data.ValueCell(v, s)
	}
	return b, cells
}

var benchmarked = []struct {
	name  string
	props map[string]string
}{
	{"InsertField$Value", map[string]string{"topic.field": "topic", "offset.field": "offset"}},
	{"InsertField$Value", map[string]string{"static.field": "source", "static.value": "web"}},
	{"ReplaceField$Value", map[string]string{"exclude": "note", "renames": "city:town"}},
	{"Cast$Value", map[string]string{"spec": "total:float32"}},
	{"MaskField$Value", map[string]string{"fields": "email"}},
	{"Flatten$Value", nil},
	{"HoistField$Value", map[string]string{"field": "order"}},
	{"ExtractField$Value", map[string]string{"field": "order_id"}},
	{"SetSchemaMetadata$Value", map[string]string{"schema.name": "n"}},
	{"TimestampConverter$Value", map[string]string{"field": "ordered_at", "target.type": "string", "format": "yyyy-MM-dd HH:mm:ss.SSS"}},
	{"ValueToKey", map[string]string{"fields": "order_id"}},
	{"RegexRouter", map[string]string{"regex": "(.*)", "replacement": "$1-x"}},
	{"TimestampRouter", nil},
}

// BenchmarkTransforms shows the time for a record, to be held against
// BenchmarkDecode.
func BenchmarkTransforms(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.name, func(b *testing.B) {
			tr := configured(b, c.name, c.props)
			batch, cells := decoded(b)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				reset(batch, cells)
				b.StartTimer()
				if err := tr.Apply(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchSize, "ns/record")
		})
	}
}

func reset(b *data.Batch, cells []data.Cell) {
	b.Arena.Reset()
	for i := range cells {
		b.Records[i].Value, b.Records[i].Topic = cells[i], "orders"
	}
}

// BenchmarkDecode is the floor: what it takes to read the record from JSON.
func BenchmarkDecode(b *testing.B) {
	f, err := jsonconv.New(map[string]string{"schemas.enable": "true"}, converters.Value)
	if err != nil {
		b.Fatal(err)
	}
	dec, raw := f.For("orders"), []byte(typedOrder)
	var a data.Arena
	b.ReportAllocs()
	for b.Loop() {
		a.Reset()
		for range batchSize {
			if _, _, err := dec.Decode(raw, &a); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchSize, "ns/record")
}

// BenchmarkWide shows that the time for a field does not grow with their number,
// with schema and without.
func BenchmarkWide(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		pairs := make([]data.Value, 0, 2*n)
		wide := build(nil)
		for i := range n {
			name := fmt.Sprintf("field_%d", i)
			pairs = append(pairs, data.OfString(name), data.OfInt64(int64(i)))
			if err := wide.field(name, data.Of(data.Int64)); err != nil {
				b.Fatal(err)
			}
		}
		schema, record := wide.done(), make([]data.Value, n)
		for i := range record {
			record[i] = data.OfInt64(int64(i))
		}
		for _, c := range []struct {
			name, transform string
			props           map[string]string
			cell            data.Cell
		}{
			{"struct", "InsertField$Value", map[string]string{"topic.field": "t"}, data.ValueCell(data.OfStruct(record), schema)},
			{"map", "ReplaceField$Value", map[string]string{"renames": "field_1:first"}, data.ValueCell(data.OfMap(pairs), nil)},
			{"flatten", "Flatten$Value", nil, data.ValueCell(data.OfMap([]data.Value{data.OfString("in"), data.OfMap(pairs)}), nil)},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				tr := configured(b, c.transform, c.props)
				batch := one(data.Value{}, nil)
				for b.Loop() {
					batch.Arena.Reset()
					batch.Records[0].Value = c.cell
					if err := tr.Apply(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/field")
			})
		}
	}
}

// TestNoAllocationsBesidesTheArena: a batch that comes again with the same schemas
// allocates nothing.
func TestNoAllocationsBesidesTheArena(t *testing.T) {
	for _, c := range benchmarked {
		tr := configured(t, c.name, c.props)
		batch, cells := decoded(t)
		apply := func() {
			reset(batch, cells)
			if err := tr.Apply(t.Context(), batch); err != nil || len(batch.Failed()) > 0 {
				t.Fatal(err, batch.Failed())
			}
		}
		for range 3 {
			apply() // until the arena has its size
		}
		if n := testing.AllocsPerRun(20, apply); n > 2 {
			t.Errorf("%s: %v allocations for %d records", c.name, n, batchSize)
		}
	}
}
