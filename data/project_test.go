package data

import (
	"strings"
	"testing"

	"culvert/fault"
)

func withDefault(s *Schema, v Value) *Schema {
	c := *s
	c.Default, c.HasDefault = v, true
	return &c
}

func TestProjection(t *testing.T) {
	from := NewStruct("R",
		Field{"id", Of(Int32)}, Field{"gone", Of(String)}, Field{"small", Of(Int8)}, Field{"ratio", Of(Float32)},
		Field{"note", Of(String).AsOptional()}, Field{"list", ArrayOf(Of(Int16))}, Field{"map", MapOf(Of(String), Of(Int64))},
		Field{"kept", Of(Timestamp)})
	to := NewStruct("R",
		Field{"kept", Of(Timestamp)}, Field{"id", Of(Int64)}, Field{"small", Of(Float64)}, Field{"ratio", Of(Float64)},
		Field{"note", withDefault(Of(String), OfString("none"))}, Field{"list", ArrayOf(Of(Int32))}, Field{"map", MapOf(Of(String), Of(Float64))},
		Field{"new", withDefault(Of(Bool), OfBool(true))}, Field{"maybe", Of(Bytes).AsOptional()})
	p, err := NewProjection(from, to)
	if err != nil {
		t.Fatal(err)
	}
	v := OfStruct([]Value{OfInt32(-5), OfString("x"), OfInt8(3), OfFloat32(0.5), {}, OfArray([]Value{OfInt16(1), OfInt16(2)}),
		OfMap([]Value{OfString("k"), OfInt64(7)}), OfTimestamp(9)})
	want := OfStruct([]Value{OfTimestamp(9), OfInt64(-5), OfFloat64(3), OfFloat64(0.5), OfString("none"), OfArray([]Value{OfInt32(1), OfInt32(2)}),
		OfMap([]Value{OfString("k"), OfFloat64(7)}), OfBool(true), {}})
	for _, a := range []*Arena{nil, {}} {
		got := p.Apply(v, a)
		if !got.Equal(want) {
			for i, e := range got.Elems() {
				if !e.Equal(want.Elems()[i]) {
					t.Errorf("field %s: kind %s", to.Fields[i].Name, e.Kind())
				}
			}
			t.Error("projected value differs")
		}
	}
	same, err := NewProjection(from, from)
	if err != nil || !same.Apply(v, nil).Equal(v) {
		t.Errorf("the same schema: %v", err)
	}
}

func TestProjectionErrors(t *testing.T) {
	named := *Of(String)
	named.Name = "other"
	params := *Of(String)
	params.Params = []Param{{"k", "v"}}
	in := func(s *Schema) *Schema { return NewStruct("R", Field{"f", NewStruct("I", Field{"g", s})}) }
	for _, c := range []struct {
		from, to *Schema
		want     string
	}{
		{Of(Int64), Of(Int32), "Schema type mismatch"},
		{Of(Float32), Of(Int64), "Schema type mismatch"},
		{Of(String), Of(Bytes), "Schema type mismatch"},
		{Of(Int32), Of(Date), "Schema type mismatch"},
		{Of(String), &named, "Schema name mismatch"},
		{Of(String), &params, "Schema parameters not equal"},
		{Of(String).AsOptional(), Of(String), "does not provide a default value"},
		{NewStruct("R"), NewStruct("R", Field{"a", Of(String)}), "Required field `a` is missing"},
		{in(Of(Int64)), in(Of(Int8)), "Error projecting f"},
	} {
		_, err := NewProjection(c.from, c.to)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), c.want) {
			t.Errorf("%s to %s: %v, want %q", c.from.Kind, c.to.Kind, fault.Explain(err), c.want)
		}
	}
	_, err := NewProjection(in(Of(Int64)), in(Of(Int8)))
	if f := fault.Of(err).Field; f != "f.g" {
		t.Errorf("field %q", f)
	}
}

// TestProjectionOfRecursion: schemas that contain themselves.
func TestProjectionOfRecursion(t *testing.T) {
	node := func(k Kind) *Schema {
		s := &Schema{Kind: Struct, Name: "Node", Optional: true}
		s.Fields = []Field{{"v", Of(k)}, {"next", s}}
		s.Index()
		return s
	}
	p, err := NewProjection(node(Int8), node(Int64))
	if err != nil {
		t.Fatal(err)
	}
	v := OfStruct([]Value{OfInt8(1), OfStruct([]Value{OfInt8(2), {}})})
	if want := OfStruct([]Value{OfInt64(1), OfStruct([]Value{OfInt64(2), {}})}); !p.Apply(v, nil).Equal(want) {
		t.Error("differs")
	}
}
