package smt

import (
	"testing"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// TestFirstErrorIsJavas: where several fields of a record fail, the error is that of
// the field that Java comes to first.
func TestFirstErrorIsJavas(t *testing.T) {
	required := func(k data.Kind) *data.Schema { return withDefaultOf(k, data.OfInt32(1)) } // a null in it stays without its default
	s := data.NewStruct("r",
		data.Field{Name: "raw", Schema: data.Of(data.Bytes)},
		data.Field{Name: "qty", Schema: required(data.Int32)},
		data.Field{Name: "list", Schema: &data.Schema{Kind: data.Array, Elem: data.Of(data.Int32)}},
	)
	typed := data.OfStruct([]data.Value{data.OfBytes([]byte{1}), {}, data.OfArray(nil)})
	untyped := data.OfMap([]data.Value{data.OfString("n"), data.OfInt32(1), data.OfString("list"), data.OfArray(nil), data.OfString("raw"), data.OfBytes([]byte{1})})
	const noNull = `Invalid value: null used for required field: "qty", schema type: `
	for _, c := range []struct {
		name  string
		props map[string]string
		s     *data.Schema
		want  string
	}{
		{"Cast$Value", map[string]string{"spec": "list:int8,raw:int8"}, s, "Unexpected type in Cast transformation: class [B"},
		{"Cast$Value", map[string]string{"spec": "list:int8"}, s, noNull + "INT32"},
		{"Cast$Value", map[string]string{"spec": "qty:string"}, s, noNull + "STRING"}, // of the new schema
		{"Cast$Value", map[string]string{"spec": "list:int8,raw:int8"}, nil, "Unexpected type in Cast transformation: class [B"},
		{"MaskField$Value", map[string]string{"fields": "list,raw"}, s, "Cannot mask value of type: class [B"},
		{"MaskField$Value", map[string]string{"fields": "list", "replacement": "x"}, s, noNull + "INT32"},
		{"MaskField$Value", map[string]string{"fields": "n,list,raw", "replacement": "x"}, nil, "Cannot mask value of type class [B with custom replacement."},
		{"TimestampConverter$Value", map[string]string{"field": "raw", "target.type": "unix"}, s, "Schema Schema{BYTES} does not correspond to a known timestamp type format"},
		{"TimestampConverter$Value", map[string]string{"field": "list", "target.type": "unix"}, s, noNull + "INT32"},
		{"HeaderFrom$Value", map[string]string{"fields": "none", "headers": "h", "operation": "move"}, s, noNull + "INT32"},
		{"HeaderFrom$Value", map[string]string{"fields": "raw,qty", "headers": "h,i", "operation": "copy"}, s, "A null value requires an optional schema but was Schema{INT32}"},
		{"ReplaceField$Value", map[string]string{"renames": "none:raw"}, s, "none is not a valid field name"},
		{"ReplaceField$Value", map[string]string{"renames": "none:list"}, s, noNull + "INT32"},
	} {
		c.props["replace.null.with.default"] = "false"
		v := typed
		if c.s == nil {
			v = untyped
		}
		b := one(v, c.s)
		if err := configured(t, c.name, c.props).Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		failed := b.Failed()
		if len(failed) != 1 || failed[0].Err.Error() != c.want || fault.ClassOf(failed[0].Err) != fault.Record {
			t.Errorf("%s %v: %v, want %s", c.name, c.props, failed, c.want)
		}
		if got, _, _ := b.Records[0].Value.Value(nil); !got.Equal(v) || len(b.Records[0].Headers) > 0 {
			t.Errorf("%s %v changed a record that it failed", c.name, c.props)
		}
	}
}

// TestRenameBack: Java finds a field by its new name, turned back; a swap of two
// names is found, and so is a field whose new name another one has lost.
func TestRenameBack(t *testing.T) {
	s := data.NewStruct("r", data.Field{Name: "a", Schema: data.Of(data.Int32)}, data.Field{Name: "b", Schema: data.Of(data.Int32)})
	for renames, want := range map[string][]string{"a:b,b:a": {"b", "a"}, "b:c,a:b": {"b", "c"}, "a:z": {"z", "b"}} {
		b := one(data.OfStruct([]data.Value{data.OfInt32(1), data.OfInt32(2)}), s)
		if err := configured(t, "ReplaceField$Value", map[string]string{"renames": renames}).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
			t.Fatal(renames, err, b.Failed())
		}
		v, out, _ := b.Records[0].Value.Value(nil)
		for i, name := range want {
			if out.Fields[i].Name != name || v.Elems()[i].Int() != int64(i+1) {
				t.Errorf("%s: field %d is %s with %d, want %s", renames, i, out.Fields[i].Name, v.Elems()[i].Int(), name)
			}
		}
	}
}

// TestWholeCastOfALogicalDefault: the schema keeps its logical name, for which Java
// takes no default that is a number, a boolean or a text.
func TestWholeCastOfALogicalDefault(t *testing.T) {
	logical := data.Of(data.Date)
	logical.Default, logical.HasDefault = data.OfDate(0), true
	for _, c := range []struct {
		s    *data.Schema
		v    data.Value
		want string
	}{
		{logical, data.OfDate(86400000), "Invalid default value"},
		{data.Of(data.Date), data.OfDate(86400000), ""},
		{withDefaultOf(data.Int32, data.OfInt32(1)), data.OfInt32(2), ""},
	} {
		b := one(c.v, c.s)
		if err := configured(t, "Cast$Value", map[string]string{"spec": "string"}).Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		switch failed := b.Failed(); {
		case c.want == "" && len(failed) > 0, c.want != "" && (len(failed) != 1 || failed[0].Err.Error() != c.want || fault.Of(failed[0].Err).Java != javaSchemaException):
			t.Errorf("%v: %v, want %q", c.v, failed, c.want)
		}
	}
}

// TestCastOfAHugeDecimalToBoolean: Java looks at the low 64 bits of its whole part.
func TestCastOfAHugeDecimalToBoolean(t *testing.T) {
	for _, c := range []struct {
		digits string
		scale  int32
		want   string
	}{{"0", -3, "false"}, {"5", 1, "false"}, {"99999999999999999999", 0, "true"}, {"9223372036854775808", -3, "refused"}, {"1", -500, "refused"}} {
		unscaled, _, ok := values.ParseDecimal(c.digits)
		if !ok {
			t.Fatal(c.digits)
		}
		s := data.Of(data.Decimal)
		s.Params = []data.Param{{Name: data.ScaleParam, Value: "0"}}
		b := one(data.OfBigDecimal(unscaled, c.scale), s)
		if err := configured(t, "Cast$Value", map[string]string{"spec": "boolean"}).Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		v, _, _ := b.Records[0].Value.Value(nil)
		got := map[bool]string{true: "true", false: "false"}[v.Kind() == data.Bool && v.Bool()]
		if len(b.Failed()) > 0 {
			got = "refused"
		}
		if got != c.want {
			t.Errorf("%se%d: %s, want %s", c.digits, -c.scale, got, c.want)
		}
	}
}

// TestFlattenOfAMissingStruct: a struct that is null stays so, whatever default it
// has: Java reads it by getStruct, which knows of none.
func TestFlattenOfAMissingStruct(t *testing.T) {
	inner := data.NewStruct("i", data.Field{Name: "x", Schema: data.Of(data.Int32).AsOptional()})
	inner.Optional, inner.HasDefault, inner.Default = true, true, data.OfStruct([]data.Value{data.OfInt32(7)})
	s := data.NewStruct("r", data.Field{Name: "in", Schema: inner}, data.Field{Name: "note", Schema: withDefaultOf(data.String, data.OfString("none"))})
	b := one(data.OfStruct([]data.Value{{}, {}}), s)
	if err := configured(t, "Flatten$Value", nil).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
		t.Fatal(err, b.Failed())
	}
	v, out, _ := b.Records[0].Value.Value(nil)
	if e := v.Elems(); !e[0].IsNull() || e[1].Str() != "none" || out.Fields[0].Schema.Default.Int() != 7 {
		t.Errorf("%v, defaults %v", e, out.Fields[0].Schema.Default)
	}
}

// TestMaskByDigitsOfOtherScripts: BigDecimal reads them.
func TestMaskByDigitsOfOtherScripts(t *testing.T) {
	b := one(data.OfMap([]data.Value{data.OfString("n"), data.OfInt16(1)}), nil)
	if err := configured(t, "MaskField$Value", map[string]string{"fields": "n", "replacement": "٣３"}).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
		t.Fatal(err, b.Failed())
	}
	if v, _, _ := b.Records[0].Value.Value(nil); lookup(v, "n").Int() != 33 {
		t.Errorf("%v", lookup(v, "n").Int())
	}
}
