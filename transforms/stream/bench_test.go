package stream

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/json"
	"culvert/converters/text"
	"culvert/data"
	"culvert/state"
)

var (
	payment = data.NewStruct("shop.Payment",
		data.Field{Name: "payment_id", Schema: data.Of(data.String)},
		data.Field{Name: "order_id", Schema: data.Of(data.String)},
		data.Field{Name: "method", Schema: data.Of(data.String)},
		data.Field{Name: "amount", Schema: data.Of(data.Float64)},
		data.Field{Name: "currency", Schema: data.Of(data.String)},
		data.Field{Name: "status", Schema: data.Of(data.String)},
		data.Field{Name: "paid_at", Schema: data.Of(data.Timestamp)})
	item = data.NewStruct("shop.Item",
		data.Field{Name: "name", Schema: data.Of(data.String)},
		data.Field{Name: "quantity", Schema: data.Of(data.Int32)},
		data.Field{Name: "price", Schema: data.Of(data.Float64)})
	order = data.NewStruct("shop.Order",
		data.Field{Name: "order_id", Schema: data.Of(data.String)},
		data.Field{Name: "customer", Schema: data.Of(data.String)},
		data.Field{Name: "store", Schema: data.Of(data.String)},
		data.Field{Name: "city", Schema: data.Of(data.String)},
		data.Field{Name: "items", Schema: data.ArrayOf(item)},
		data.Field{Name: "total", Schema: data.Of(data.Float64)},
		data.Field{Name: "channel", Schema: data.Of(data.String)},
		data.Field{Name: "ordered_at", Schema: data.Of(data.Timestamp)})
)

func orderOf(id string) data.Value {
	line := func(name string, n int32, price float64) data.Value {
		return data.OfStruct([]data.Value{data.OfString(name), data.OfInt32(n), data.OfFloat64(price)})
	}
	return data.OfStruct([]data.Value{data.OfString(id), data.OfString("customer-4711"), data.OfString("Central Station"), data.OfString("Oslo"),
		data.OfArray([]data.Value{line("Cheese burger", 2, 6.5), line("French fries, large", 1, 3.2), line("Cola 0.5", 2, 2.4)}),
		data.OfFloat64(21), data.OfString("drive-through"), data.OfTimestamp(1_790_000_000_000)})
}

func paymentOf(id string) data.Value {
	return data.OfStruct([]data.Value{data.OfString("payment-" + id), data.OfString(id), data.OfString("credit card"), data.OfFloat64(21),
		data.OfString("EUR"), data.OfString("captured"), data.OfTimestamp(1_790_000_060_000)})
}

// formats gives the factories of the benchmark: both sides and the output.
func formats(b testing.TB) map[string]converters.Factory {
	reg := srfake.New()
	b.Cleanup(reg.Close)
	a, err := avro.New(map[string]string{"schema.registry.url": reg.URL()}, converters.Value, converters.Env{})
	if err != nil {
		b.Fatal(err)
	}
	j, err := json.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		b.Fatal(err)
	}
	return map[string]converters.Factory{"avro": a, "json": j}
}

// pairs is a stream of orders and payments, 500 of each in a batch.
type pairs struct {
	j       *Join
	st      state.Windows
	in, out *data.Batch
	msgs    []data.Message
	dec     [2]converters.Converter
	key     converters.Converter
	row     converters.Converter
	buf     []byte
	n       int
}

const perBatch = 500

func newPairs(b testing.TB, f converters.Factory) *pairs {
	p, err := NewPlan(map[string]string{"left.topic": "orders", "right.topic": "payments", "on": "order_id", "within": "24 hours"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := text.New(nil, converters.Key)
	if err != nil {
		b.Fatal(err)
	}
	s := state.Open(state.Options{MemoryBytes: 1 << 40})
	b.Cleanup(func() { _ = s.Close() })
	x := &pairs{in: data.NewBatch(), out: data.NewBatch(), row: f.For("joined"), key: keys.For("x"), dec: [2]converters.Converter{f.For("orders"), f.For("payments")}}
	x.st = s.Take(state.ID{Connector: "c"}, p.Retention("orders"), p.Retention("payments"))
	x.j = p.Make(0).(*Join)
	return x
}

// prepare makes the messages of the next batch; that is not measured.
func (x *pairs) prepare(b testing.TB) {
	x.msgs = x.msgs[:0]
	for i := range perBatch {
		id := fmt.Sprintf("order-%08d", x.n+i)
		for side, v := range []data.Value{orderOf(id), paymentOf(id)} {
			s := []*data.Schema{order, payment}[side]
			raw, err := x.dec[side].Encode(nil, v, s)
			if err != nil {
				b.Fatal(err)
			}
			x.msgs = append(x.msgs, data.Message{Topic: []string{"orders", "payments"}[side], Key: []byte(id), Value: raw, Timestamp: int64(x.n+i) * 86})
		}
	}
	x.n += perBatch
}

// run joins the batch and encodes the rows, as the task does.
func (x *pairs) run(b testing.TB) {
	x.in.Inputs = append(x.in.Inputs, x.msgs...)
	for i := range x.in.Inputs {
		m := &x.in.Inputs[i]
		r := x.in.Append()
		r.Topic, r.Timestamp, r.Input = m.Topic, m.Timestamp, int32(i)
		r.Key, r.Value = data.WireCell(m.Key, x.key), data.WireCell(m.Value, x.dec[i&1])
	}
	if err := x.j.Process(x.in, x.out, x.st); err != nil || len(x.in.Failed()) > 0 {
		b.Fatal(err, x.in.Failed())
	}
	if len(x.out.Records) != perBatch {
		b.Fatalf("%d rows of %d pairs", len(x.out.Records), perBatch)
	}
	x.buf = x.buf[:0]
	for i := range x.out.Records {
		v, s, err := x.out.Records[i].Value.Value(x.out.Arena)
		if err != nil {
			b.Fatal(err)
		}
		if x.buf, err = x.row.Encode(x.buf, v, s); err != nil {
			b.Fatal(err)
		}
	}
	x.in.Release()
	x.out.Release()
}

// BenchmarkPair is the cost of one joined pair between fetch and produce:
// decoding, window, row and encoding. Kafka Streams 4.3.1 takes 55 µs with both
// ends of Kafka included.
func BenchmarkPair(b *testing.B) {
	for _, name := range []string{"avro", "json"} {
		b.Run(name, func(b *testing.B) {
			x := newPairs(b, formats(b)[name])
			x.prepare(b)
			x.run(b)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += perBatch {
				b.StopTimer()
				x.prepare(b)
				b.StartTimer()
				x.run(b)
			}
		})
	}
}

// A joined pair costs no allocation of its own.
func TestPairAllocations(t *testing.T) {
	for name, f := range formats(t) {
		x := newPairs(t, f)
		for range 10 {
			x.prepare(t)
			x.run(t)
		}
		// Measured over batches: arenas and the index of the window grow.
		x.prepare(t)
		perRun := testing.AllocsPerRun(1, func() { x.run(t); x.prepare(t) })
		perPrepare := testing.AllocsPerRun(1, func() { x.prepare(t) })
		if got := (perRun - perPrepare) / perBatch; got > 0.2 {
			t.Errorf("%s: %.2f allocations a pair", name, got)
		}
	}
}
