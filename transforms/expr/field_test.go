package expr_test

import (
	"errors"
	"fmt"
	"testing"

	"culvert/data"
	"culvert/internal/golden"
	"culvert/transforms/expr"
)

func value(t *testing.T, b *data.Batch, i int) (data.Value, *data.Schema) {
	t.Helper()
	if len(b.Failed()) > 0 {
		t.Fatal(b.Failed())
	}
	v, s, err := b.Records[i].Value.Value(b.Arena)
	if err != nil {
		t.Fatal(err)
	}
	return v, s
}

// A field that is only renamed keeps its type, whatever that is.
func TestExpr_rename(t *testing.T) {
	address := data.NewStruct("Address", data.Field{Name: "zip", Schema: data.Of(data.Int32)})
	s := data.NewStruct("S",
		data.Field{Name: "amount", Schema: data.Of(data.Decimal)}, data.Field{Name: "to", Schema: address},
		data.Field{Name: "n", Schema: data.Of(data.Int32)}, data.Field{Name: "note", Schema: data.Of(data.String).AsOptional()})
	b := data.NewBatch()
	amount := data.OfDecimal([]byte{12}, 2)
	b.Append().Value = data.ValueCell(data.OfStruct([]data.Value{amount, data.OfStruct([]data.Value{data.OfInt32(8)}), data.OfInt32(5), {}}), s)
	apply(t, map[string]string{"fields": "{sum: value.amount, amount: omit, where: value.to, to: omit, zip: value.to.zip, m: value.n, memo: value.note}"}, b)
	v, got := value(t, b, 0)
	want := []struct {
		name string
		s    *data.Schema
		v    string
	}{{"n", s.Fields[2].Schema, "5"}, {"note", s.Fields[3].Schema, ""}, {"m", s.Fields[2].Schema, "5"}, {"memo", s.Fields[3].Schema, ""},
		{"sum", s.Fields[0].Schema, ""}, {"where", address, ""}, {"zip", address.Fields[0].Schema, "8"}}
	if len(got.Fields) != len(want) {
		t.Fatalf("fields %+v", got.Fields)
	}
	for i, w := range want {
		if got.Fields[i].Name != w.name || got.Fields[i].Schema != w.s {
			t.Errorf("field %d is %s %+v, want %s %+v", i, got.Fields[i].Name, got.Fields[i].Schema, w.name, w.s)
		}
		if w.v != "" && fmt.Sprint(v.Elems()[i].Int()) != w.v {
			t.Errorf("field %s is %s", w.name, golden.ShowValue(v.Elems()[i]))
		}
	}
	if v.Elems()[4].Kind() != data.Decimal || v.Elems()[5].Kind() != data.Struct {
		t.Error("a decimal or a struct has become something else")
	}
}

// undecodable is wire bytes that nobody may look at.
type undecodable struct{}

func (undecodable) Decode([]byte, *data.Arena) (data.Value, *data.Schema, error) {
	return data.Value{}, nil, errors.New("looked at")
}

// What no expression names is not decoded.
func TestExpr_lazy(t *testing.T) {
	for _, c := range []struct {
		name, text string
		fails      bool
	}{
		{"topic", "topic + '-x'", false}, {"filter", "offset >= -1", false}, {"topic", "value.a", true}, {"filter", "key == nil", true},
		{"filter", "value?.a == 1", true}, {"topic", "key.a ?? 'x'", true},
	} {
		b := data.NewBatch()
		r := b.Append()
		r.Topic = "t"
		r.Key, r.Value = data.WireCell([]byte("k"), undecodable{}), data.WireCell([]byte("v"), undecodable{})
		apply(t, map[string]string{c.name: c.text}, b)
		if got := len(b.Failed()) > 0; got != c.fails {
			t.Errorf("%s: failed is %v", c.text, got)
		}
	}
}

// Reading a field gives what reading the whole record and then the field gives.
func TestExpr_field_as_whole(t *testing.T) {
	s := data.NewStruct("S",
		data.Field{Name: "a", Schema: data.NewStruct("A", data.Field{Name: "b", Schema: data.Of(data.Int64)}, data.Field{Name: "c", Schema: data.Of(data.String).AsOptional()})},
		data.Field{Name: "m", Schema: &data.Schema{Kind: data.Map, Key: data.Of(data.Int32), Elem: data.Of(data.Int32)}},
		data.Field{Name: "at", Schema: data.Of(data.Timestamp)},
		data.Field{Name: "l", Schema: &data.Schema{Kind: data.Array, Elem: data.Of(data.Int16)}})
	v := data.OfStruct([]data.Value{data.OfStruct([]data.Value{data.OfInt64(7), {}}), data.OfMap([]data.Value{data.OfInt32(1), data.OfInt32(2)}),
		data.OfTimestamp(86400000), data.OfArray([]data.Value{data.OfInt16(3)})})
	for _, path := range []string{".a.b", ".a.c", ".a.none", ".none", `["m"]["1"]`, ".m.none", ".at.Year()", ".l[0]", ".a.b.c", ".none.x", ".at.none"} {
		var got [2]string
		for i, text := range []string{"value" + path, "[value][0]" + path} {
			b := data.NewBatch()
			r := b.Append()
			r.Topic, r.Value = "t", data.ValueCell(v, s)
			apply(t, map[string]string{"topic": "string(" + text + ")"}, b)
			if got[i] = b.Records[0].Topic; len(b.Failed()) > 0 {
				got[i] = "failed"
			}
		}
		if got[0] != got[1] {
			t.Errorf("%s: %s, of the whole record %s", path, got[0], got[1])
		}
	}
}

func wide(n int) *data.Batch {
	fields, vs := make([]data.Field, n), make([]data.Value, n)
	for i := range fields {
		fields[i], vs[i] = data.Field{Name: fmt.Sprintf("f%d", i), Schema: data.Of(data.Int64)}, data.OfInt64(int64(i))
	}
	s := data.NewStruct("Wide", fields...)
	b := data.NewBatch()
	for range 100 {
		b.Append().Value = data.ValueCell(data.OfStruct(vs), s)
	}
	return b
}

// A condition on one field costs the same however many fields there are, and setting
// one makes no schema for each record.
func TestExpr_allocations(t *testing.T) {
	for _, props := range []map[string]string{{"filter": "value.f3 > 1"}, {"fields": "{f3: value.f3 + 1}"}} {
		var got [2]float64
		for i, n := range []int{5, 500} {
			tr, err := expr.New(props, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := wide(n)
			got[i] = testing.AllocsPerRun(20, func() {
				if err := tr.Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
					t.Fatal(err, b.Failed())
				}
			})
		}
		t.Logf("%v: %v allocations for 100 records of 5 and of 500 fields", props, got)
		if got[1] > got[0]+110 || got[0] > 1000 {
			t.Errorf("%v: %v allocations for 100 records of 5 and of 500 fields", props, got)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{5, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr, err := expr.New(map[string]string{"filter": "value.f3 > 1"}, nil)
			if err != nil {
				b.Fatal(err)
			}
			batch := wide(n)
			for b.Loop() {
				if err := tr.Apply(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
		})
	}
}
