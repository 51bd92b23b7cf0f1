package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
	"culvert/transforms/expr"
)

func apply(t *testing.T, props map[string]string, b *data.Batch) {
	t.Helper()
	tr, err := expr.New(props, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

var order = data.NewStruct("Order",
	data.Field{Name: "order_id", Schema: data.Of(data.String)},
	data.Field{Name: "quantity", Schema: data.Of(data.Int32)},
	data.Field{Name: "price", Schema: data.Of(data.Float64)},
	data.Field{Name: "at", Schema: data.Of(data.Timestamp)})

func typed(b *data.Batch, quantity int32) {
	r := b.Append()
	r.Topic = "orders"
	r.Value = data.ValueCell(data.OfStruct([]data.Value{data.OfString("a"), data.OfInt32(quantity), data.OfFloat64(2.5), data.OfTimestamp(1000)}), order)
}

func TestExpr_struct(t *testing.T) {
	b := data.NewBatch()
	for q := range int32(4) {
		typed(b, q)
	}
	apply(t, map[string]string{
		"filter": "value.quantity > 1",
		"fields": "{id: value.order_id, order_id: omit, quantity: value.quantity + 1, total: value.quantity * value.price, late: value.at > date('1980-01-01')}",
		"topic":  "topic + '-' + upper(value.order_id)",
	}, b)
	if len(b.Failed()) > 0 || len(b.Records) != 2 {
		t.Fatalf("%d records, %v", len(b.Records), b.Failed())
	}
	var schemas []*data.Schema
	for i, want := range []string{`[3 2.5 1000 a false 5]`, `[4 2.5 1000 a false 7.5]`} {
		v, s, _ := b.Records[i].Value.Value(nil)
		schemas = append(schemas, s)
		var got []string
		for _, e := range v.Elems() {
			switch e.Kind() {
			case data.String:
				got = append(got, e.Str())
			case data.Float64:
				got = append(got, fmt.Sprint(e.Float()))
			case data.Bool:
				got = append(got, fmt.Sprint(e.Bool()))
			default:
				got = append(got, fmt.Sprint(e.Int()))
			}
		}
		if fmt.Sprint(got) != want || b.Records[i].Topic != "orders-A" {
			t.Errorf("%v to %s, want %s", got, b.Records[i].Topic, want)
		}
	}
	if schemas[0] != schemas[1] || schemas[0].Fields[0].Schema.Kind != data.Int32 || !schemas[0].Fields[5].Schema.Optional {
		t.Errorf("the schema %+v", schemas[0])
	}
}

func TestExpr_map(t *testing.T) {
	b := data.NewBatch()
	r := b.Append()
	r.Value = data.ValueCell(data.OfMap([]data.Value{data.OfString("a"), data.OfInt64(1), data.OfString("b"), data.OfString("x")}), nil)
	apply(t, map[string]string{"fields": "{c: [value.a, value.b], a: value.none ?? 'no', b: omit}"}, b)
	v, _, _ := r.Value.Value(nil)
	if got := golden.ShowValue(v); len(b.Failed()) > 0 || v.Len() != 2 || !strings.Contains(got, "no") || !strings.Contains(got, "x") {
		t.Errorf("%s, %v", got, b.Failed())
	}
}

// A record that fails is as it was, and so are its neighbours and their places.
func TestExpr_failures(t *testing.T) {
	b := data.NewBatch()
	for _, q := range []int32{0, 1, 1<<31 - 1, 5} {
		typed(b, q)
	}
	apply(t, map[string]string{"filter": "value.quantity > 0", "fields": "{quantity: value.quantity + 1}", "topic": "'other'"}, b)
	fs := b.Failed()
	if len(fs) != 1 || fs[0].Index != 1 || len(b.Records) != 3 || !fault.Is(fs[0].Err, fault.Record) || !strings.Contains(fs[0].Err.Error(), "2147483648") {
		t.Fatalf("%d records, %v", len(b.Records), fs)
	}
	if b.Records[1].Topic != "orders" || b.Records[2].Topic != "other" {
		t.Error("the record that failed was changed, or its neighbour was not")
	}
}

func TestExpr_config(t *testing.T) {
	for _, props := range []map[string]string{
		{}, {"filter": "topic"}, {"filter": "topic + 1 > 2"}, {"filter": "nobody == 1"}, {"fields": "offset"}, {"topic": "offset"}, {"topic": "upper(offset)"}, {"filter": "value.a >"},
	} {
		if _, err := expr.New(props, nil); !fault.Is(err, fault.Config) {
			t.Errorf("%v: %v", props, err)
		}
	}
}

// No expression runs on without end, or grows.
func TestExpr_bounded(t *testing.T) {
	list := make([]data.Value, 3000)
	for i := range list {
		list[i] = data.OfInt64(int64(i))
	}
	for _, text := range []string{
		"all(value.l, all(value.l, all(value.l, true)))",
		"all(1..3000, all(1..3000, true))",
		"len(reduce(1..60, #acc + #acc, 'x')) > 0",
		"any(1..99, len(reduce(1..60, concat(#acc, #acc), [1])) < 0)",
	} {
		b := data.NewBatch()
		b.Append().Value = data.ValueCell(data.OfMap([]data.Value{data.OfString("l"), data.OfArray(list)}), nil)
		begun := time.Now()
		apply(t, map[string]string{"filter": text}, b)
		if len(b.Failed()) != 1 {
			t.Errorf("%s went through", text)
		}
		t.Logf("%s: %v, %v", text, time.Since(begun), b.Failed())
	}
}

// The name of a topic outlives the batch that it was found in.
func TestExpr_topicIsKept(t *testing.T) {
	b := data.NewBatch()
	lent := []byte("orders-eu")
	r := b.Append()
	r.Topic = "orders"
	r.Value = data.ValueCell(data.OfStruct([]data.Value{data.OfText(lent), data.OfInt32(1), data.OfFloat64(2.5), data.OfTimestamp(1000)}), order)
	apply(t, map[string]string{"topic": "value.order_id"}, b)
	copy(lent, "xxxxxxxxx")
	if len(b.Failed()) > 0 || r.Topic != "orders-eu" {
		t.Errorf("topic %s, %v", r.Topic, b.Failed())
	}
}

// The examples of the reference page do what they say.
func TestExpr_examples(t *testing.T) {
	s := data.NewStruct("Order", data.Field{Name: "order_id", Schema: data.Of(data.String)}, data.Field{Name: "quantity", Schema: data.Of(data.Int32)},
		data.Field{Name: "price", Schema: data.Of(data.Float64).AsOptional()}, data.Field{Name: "city", Schema: data.Of(data.String)},
		data.Field{Name: "at", Schema: data.Of(data.Timestamp)})
	want := []string{
		`orders [order_id quantity price city at total] 12.5`, `orders [quantity price city at id] a`, ``,
		`orders-bonn [order_id quantity price city at] 5000`, `orders [order_id quantity price city at day] 1970-01-01`,
	}
	examples := expr.Plugin().Examples
	if len(examples) != len(want) {
		t.Fatalf("%d examples", len(examples))
	}
	for i, e := range examples {
		props := map[string]string{}
		for _, kv := range e.Keys {
			props[kv[0]] = kv[1]
		}
		b := data.NewBatch()
		r := b.Append()
		r.Topic = "orders"
		r.Value = data.ValueCell(data.OfStruct([]data.Value{data.OfString("a"), data.OfInt32(5), data.OfFloat64(2.5), data.OfString("Bonn"), data.OfTimestamp(5000)}), s)
		apply(t, props, b)
		got := ""
		if len(b.Failed()) > 0 {
			t.Errorf("%s: %v", e.Does, b.Failed())
		} else if len(b.Records) > 0 {
			v, s, _ := b.Records[0].Value.Value(nil)
			var names []string
			for _, f := range s.Fields {
				names = append(names, f.Name)
			}
			last := v.Elems()[v.Len()-1]
			text := fmt.Sprint(last.Kind())
			switch last.Kind() {
			case data.String:
				text = last.Str()
			case data.Float64:
				text = fmt.Sprint(last.Float())
			case data.Timestamp:
				text = fmt.Sprint(last.Int())
			}
			got = fmt.Sprint(b.Records[0].Topic, " ", names, " ", text)
		}
		if got != want[i] {
			t.Errorf("%s: %s, want %s", e.Does, got, want[i])
		}
	}
}
