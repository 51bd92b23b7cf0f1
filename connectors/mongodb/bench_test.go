package mongodb

import (
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/json"
	"culvert/data"
	"culvert/internal/mongostub"
)

// A batch of the benchmarks: what a poll of Kafka gives, documents of 300 bytes.
const benchRecords = 500

const benchOrder = `{"order_id":"ord-00001234","customer":{"id":4711,"name":"Grace Hopper","email":"grace@example.com"},` +
	`"store":"S-17","city":"Wien","items":[{"name":"espresso","quantity":2,"price":3.2},{"name":"croissant","quantity":1,"price":2.75}],` +
	`"total":9.15,"channel":"web","paid":true,"ordered_at":1700000000123,"note":null}`

const benchSchema = `{"type":"record","name":"Order","fields":[{"name":"order_id","type":"string"},
	{"name":"customer","type":{"type":"record","name":"Customer","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"},{"name":"email","type":"string"}]}},
	{"name":"store","type":"string"},{"name":"city","type":"string"},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"name","type":"string"},{"name":"quantity","type":"int"},{"name":"price","type":"double"}]}}},
	{"name":"total","type":"double"},{"name":"channel","type":"string"},{"name":"paid","type":"boolean"},
	{"name":"ordered_at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"note","type":["null","string"],"default":null}]}`

// used is the CPU time of the process, stub included, in nanoseconds.
func used(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// perRecord runs do, which takes benchRecords, for b.N records.
func perRecord(b *testing.B, do func()) {
	do() // connections, caches
	b.ReportAllocs()
	b.ResetTimer()
	start := used(b)
	for i := 0; i < b.N; i += benchRecords {
		do()
	}
	b.ReportMetric(float64(used(b)-start)/float64(b.N), "cpu-ns/doc")
}

func discard(b testing.TB) *mongostub.Server {
	s, err := mongostub.Start(mongostub.Options{Discard: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	return s
}

func floorCollection(b *testing.B) *mongo.Collection {
	c, err := mongo.Connect(options.Client().ApplyURI(discard(b).URI()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Disconnect(b.Context()) })
	return c.Database("db").Collection("c")
}

// prepared are finished documents with an _id.
func prepared(b *testing.B) []bson.Raw {
	docs := make([]bson.Raw, benchRecords)
	for i := range docs {
		var d bson.D
		if err := bson.UnmarshalExtJSON([]byte(benchOrder), false, &d); err != nil {
			b.Fatal(err)
		}
		raw, err := bson.Marshal(append(bson.D{{Key: idField, Value: bson.NewObjectID()}}, d...))
		if err != nil {
			b.Fatal(err)
		}
		docs[i] = raw
	}
	return docs
}

func BenchmarkFloorInsertMany(b *testing.B) {
	coll := floorCollection(b)
	var docs []any
	for _, d := range prepared(b) {
		docs = append(docs, d)
	}
	perRecord(b, func() {
		if _, err := coll.InsertMany(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkFloorBulkWriteUpserts(b *testing.B) {
	coll := floorCollection(b)
	var list []mongo.WriteModel
	for _, d := range prepared(b) {
		list = append(list, mongo.NewReplaceOneModel().SetFilter(bson.D{{Key: idField, Value: d.Lookup(idField)}}).SetReplacement(d).SetUpsert(true))
	}
	perRecord(b, func() {
		if _, err := coll.BulkWrite(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	})
}

// wireBatch is a batch in wire form, as the task hands it over.
func wireBatch(dec data.Decoder, raw []byte) *data.Batch {
	batch := data.NewBatch()
	for i := range benchRecords {
		r := batch.Append()
		r.Topic, r.Partition, r.Offset, r.Timestamp = "t", 0, int64(i), 1
		r.Value = data.WireCell(raw, dec)
	}
	return batch
}

func jsonBatch(b testing.TB) *data.Batch {
	f, err := json.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		b.Fatal(err)
	}
	return wireBatch(f.For("t"), []byte(benchOrder))
}

func avroBatch(b testing.TB) *data.Batch {
	reg := srfake.New()
	b.Cleanup(reg.Close)
	f, err := avro.Plugin().New(map[string]string{"schema.registry.url": reg.URL()}, converters.Value, converters.Env{})
	if err != nil {
		b.Fatal(err)
	}
	reg.RegisterSchema("t-value", sr.Schema{Schema: benchSchema, Type: sr.TypeAvro})
	conv := f.For("t")
	customer := data.NewStruct("Customer", data.Field{Name: "id", Schema: data.Of(data.Int64)}, data.Field{Name: "name", Schema: data.Of(data.String)}, data.Field{Name: "email", Schema: data.Of(data.String)})
	item := data.NewStruct("Item", data.Field{Name: "name", Schema: data.Of(data.String)}, data.Field{Name: "quantity", Schema: data.Of(data.Int32)}, data.Field{Name: "price", Schema: data.Of(data.Float64)})
	str, dbl := data.Of(data.String), data.Of(data.Float64)
	order := data.NewStruct("Order", data.Field{Name: "order_id", Schema: str}, data.Field{Name: "customer", Schema: customer}, data.Field{Name: "store", Schema: str},
		data.Field{Name: "city", Schema: str}, data.Field{Name: "items", Schema: data.ArrayOf(item)}, data.Field{Name: "total", Schema: dbl}, data.Field{Name: "channel", Schema: str},
		data.Field{Name: "paid", Schema: data.Of(data.Bool)}, data.Field{Name: "ordered_at", Schema: data.Of(data.Timestamp)}, data.Field{Name: "note", Schema: str.AsOptional()})
	s := data.OfString
	v := data.OfStruct([]data.Value{s("ord-00001234"), data.OfStruct([]data.Value{data.OfInt64(4711), s("Grace Hopper"), s("grace@example.com")}), s("S-17"), s("Wien"),
		data.OfArray([]data.Value{data.OfStruct([]data.Value{s("espresso"), data.OfInt32(2), data.OfFloat64(3.2)}), data.OfStruct([]data.Value{s("croissant"), data.OfInt32(1), data.OfFloat64(2.75)})}),
		data.OfFloat64(9.15), s("web"), data.OfBool(true), data.OfTimestamp(1700000000123), {}})
	raw, err := conv.Encode(nil, v, order)
	if err != nil {
		b.Fatal(err)
	}
	return wireBatch(conv, raw)
}

func benchSink(b *testing.B, batch *data.Batch, overrides ...string) {
	s := openSink(b, discard(b).URI(), overrides...)
	perRecord(b, func() {
		if err := s.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkInsertJSON(b *testing.B)  { benchSink(b, jsonBatch(b), keyWriteModel, insertIt) }
func BenchmarkInsertAvro(b *testing.B)  { benchSink(b, avroBatch(b), keyWriteModel, insertIt) }
func BenchmarkReplaceJSON(b *testing.B) { benchSink(b, jsonBatch(b), keyIDStrategy, kafkaID) }
func BenchmarkReplaceAvro(b *testing.B) { benchSink(b, avroBatch(b), keyIDStrategy, kafkaID) }
func BenchmarkBusinessKeyJSON(b *testing.B) {
	benchSink(b, jsonBatch(b), keyIDStrategy, pkg+"processor.id.strategy.PartialValueStrategy",
		"document.id.strategy.partial.value.projection.type", "AllowList", "document.id.strategy.partial.value.projection.list", "order_id",
		keyWriteModel, pkg+"writemodel.strategy.ReplaceOneBusinessKeyStrategy")
}

// BenchmarkBuild is the sink's own work alone: from wire bytes to finished models.
func BenchmarkBuildJSON(b *testing.B) {
	batch := jsonBatch(b)
	s := openSink(b, discard(b).URI(), keyWriteModel, insertIt)
	perRecord(b, func() {
		if err := plans(s, batch); err != nil {
			b.Fatal(err)
		}
	})
}

// The sink allocates per batch, not per record.
func TestAllocations(t *testing.T) {
	stub := discard(t)
	for name, props := range map[string][]string{
		"insert":  {keyWriteModel, insertIt},
		"replace": {keyIDStrategy, kafkaID},
		"business key": {keyIDStrategy, pkg + "processor.id.strategy.PartialValueStrategy", keyWriteModel, pkg + "writemodel.strategy.ReplaceOneBusinessKeyStrategy",
			"document.id.strategy.partial.value.projection.type", "AllowList", "document.id.strategy.partial.value.projection.list", "order_id,customer.id"},
	} {
		s := openSink(t, stub.URI(), props...)
		batch := jsonBatch(t)
		write := func() {
			if err := s.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		write()
		if n := testing.AllocsPerRun(20, write) / benchRecords; n > 0.2 && !(name == "business key" && n < 2) {
			t.Errorf("%s: %.2f allocations a record", name, n)
		}
	}
}
