package datagen

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

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
