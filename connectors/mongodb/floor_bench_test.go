package mongodb

import (
	"encoding/binary"
	"strconv"
	"syscall"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/internal/mongostub"
)

const batchDocs = 500

func cpu() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func sample() []byte {
	d, _ := bson.Marshal(bson.D{{"_id", bson.NewObjectID()}, {"order_id", "ord-000000123456"}, {"customer", "Ada Lovelace"}, {"city", "London"},
		{"store", "store-17"}, {"total", 123.45}, {"items", bson.A{bson.D{{"name", "tea"}, {"quantity", int64(2)}, {"price", 3.5}}, bson.D{{"name", "milk"}, {"quantity", int64(1)}, {"price", 1.25}}}},
		{"channel", "web"}, {"ordered_at", int64(1700000000000)}})
	return d
}

func client(b *testing.B) *mongo.Client {
	s, err := mongostub.Start(mongostub.Options{Discard: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	c, err := mongo.Connect(options.Client().ApplyURI(s.URI()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Disconnect(b.Context()) })
	return c
}

func BenchmarkFloorInsertMany(b *testing.B) {
	c := client(b)
	docs := make([]any, batchDocs)
	for i := range docs {
		docs[i] = bson.Raw(sample())
	}
	coll := c.Database("db").Collection("c")
	b.ReportAllocs()
	start := cpu()
	b.ResetTimer()
	for i := 0; i < b.N; i += batchDocs {
		if _, err := coll.InsertMany(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/doc")
}

func BenchmarkRunCommand(b *testing.B) {
	c := client(b)
	docs := make([][]byte, batchDocs)
	for i := range docs {
		docs[i] = sample()
	}
	db := c.Database("db")
	var buf []byte
	b.ReportAllocs()
	start := cpu()
	b.ResetTimer()
	for i := 0; i < b.N; i += batchDocs {
		buf = append(buf[:0], 0, 0, 0, 0)
		buf = append(buf, "\x02insert\x00\x02\x00\x00\x00c\x00"...)
		buf = append(buf, "\x04documents\x00"...)
		at := len(buf)
		buf = append(buf, 0, 0, 0, 0)
		for k, d := range docs {
			buf = append(buf, 3)
			buf = strconv.AppendInt(buf, int64(k), 10)
			buf = append(buf, 0)
			buf = append(buf, d...)
		}
		buf = append(buf, 0)
		binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at))
		buf = append(buf, 0)
		binary.LittleEndian.PutUint32(buf, uint32(len(buf)))
		if err := db.RunCommand(b.Context(), bson.Raw(buf)).Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/doc")
}
