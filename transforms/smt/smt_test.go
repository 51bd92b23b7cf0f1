package smt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

// configured makes a transformation by its simple name.
func configured(t testing.TB, name string, props map[string]string) transforms.Transform {
	t.Helper()
	for _, p := range Plugins() {
		if p.Class == javaPackage+name {
			tr, err := p.New(props, nil)
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
	}
	t.Fatalf("no transformation %s", name)
	return nil
}

var order = data.NewStruct("Order",
	data.Field{Name: "id", Schema: data.Of(data.Int64)},
	data.Field{Name: "city", Schema: data.Of(data.String).AsOptional()},
	data.Field{Name: "qty", Schema: withDefaultOf(data.Int32, data.OfInt32(1))},
	data.Field{Name: "note", Schema: withDefaultOf(data.String, data.OfString("none")).AsOptional()},
)

func withDefaultOf(k data.Kind, v data.Value) *data.Schema {
	s := data.Of(k)
	s.Default, s.HasDefault = v, true
	return s
}

func orderOf(a *data.Arena, id int64) data.Value {
	v := a.Values(4)
	v[0], v[1], v[2], v[3] = data.OfInt64(id), data.OfString("Wien"), data.OfInt32(2), data.OfString("x")
	return data.OfStruct(v)
}

// one makes a batch of one record with a value.
func one(v data.Value, s *data.Schema) *data.Batch {
	b := data.NewBatch()
	r := b.Append()
	r.Topic, r.Value = "orders", data.ValueCell(v, s)
	return b
}

// TestNullForARequiredField: without its default, a null stays, and is refused where
// the field may not be null.
func TestNullForARequiredField(t *testing.T) {
	for name, props := range map[string]map[string]string{
		"InsertField$Value":        {"topic.field": "t"},
		"ReplaceField$Value":       {"exclude": "city"},
		"MaskField$Value":          {"fields": "city"},
		"Cast$Value":               {"spec": "id:string"},
		"SetSchemaMetadata$Value":  {"schema.name": "n"},
		"ValueToKey":               {"fields": "qty"},
		"HeaderFrom$Value":         {"fields": "city", "headers": "h", "operation": "move"},
		"TimestampConverter$Value": {"field": "id", "target.type": "Timestamp"},
	} {
		for _, keep := range []bool{false, true} {
			p := map[string]string{"replace.null.with.default": fmt.Sprint(!keep)}
			for k, v := range props {
				p[k] = v
			}
			before := data.OfStruct([]data.Value{data.OfInt64(1), data.OfString("a"), {}, {}})
			b := one(before, order)
			if err := configured(t, name, p).Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			failed := b.Failed()
			if !keep {
				if len(failed) > 0 {
					t.Errorf("%s: %v", name, failed[0].Err)
				}
				continue
			}
			const want = `Invalid value: null used for required field: "qty", schema type: INT32`
			if len(failed) != 1 || failed[0].Err.Error() != want || fault.Of(failed[0].Err).Java != javaDataException {
				t.Errorf("%s: failures %v, want %s", name, failed, want)
				continue
			}
			if v, s, _ := b.Records[0].Value.Value(nil); s != order || !v.Equal(before) || len(b.Records[0].Headers) > 0 || !b.Records[0].Key.IsNull() {
				t.Errorf("%s changed a record that it failed", name)
			}
		}
	}
}

// TestEachRecordForItself: the good records of a batch are changed, the others fail.
func TestEachRecordForItself(t *testing.T) {
	b := data.NewBatch()
	for i := range 5 {
		r := b.Append()
		r.Topic = "t"
		switch i {
		case 1:
			r.Value.Set(data.OfString("no struct"), data.Of(data.String))
		case 3:
			r.Value = data.WireCell([]byte("x"), broken{})
		default:
			r.Value.Set(orderOf(nil, int64(i)), order)
		}
	}
	if err := configured(t, "InsertField$Value", map[string]string{"static.field": "s!", "static.value": "v"}).Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var indices []int
	for _, f := range b.Failed() {
		indices = append(indices, f.Index)
	}
	if !slices.Equal(indices, []int{1, 3}) || !errors.Is(b.Failed()[1].Err, errBroken) {
		t.Errorf("failures %v", b.Failed())
	}
	_, schema, _ := b.Records[0].Value.Value(nil)
	for _, i := range []int{0, 2, 4} {
		v, s, err := b.Records[i].Value.Value(nil)
		if err != nil || s != schema || s.Fields[4].Name != "s" || s.Fields[4].Schema.Optional || v.Elems()[0].Int() != int64(i) || v.Elems()[4].Str() != "v" {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Decode([]byte, *data.Arena) (data.Value, *data.Schema, error) {
	return data.Value{}, nil, errBroken
}

// TestUntouchedStaysInWireForm: what a transformation does not look at is not decoded.
func TestUntouchedStaysInWireForm(t *testing.T) {
	for name, props := range map[string]map[string]string{
		"RegexRouter":     {"regex": "(.*)", "replacement": "$1-x"},
		"TimestampRouter": {},
		"InsertHeader":    {"header": "h", "value.literal": "1"},
		"DropHeaders":     {"headers": "h"},
		"Cast$Key":        {"spec": "int8"},
	} {
		b := data.NewBatch()
		r := b.Append()
		r.Timestamp, r.Value = 0, data.WireCell([]byte("x"), broken{})
		if err := configured(t, name, props).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
			t.Errorf("%s: %v, %v", name, err, b.Failed())
		}
		if _, _, ok := b.Records[0].Value.Wire(); !ok {
			t.Errorf("%s decoded the value", name)
		}
	}
}

// TestHeadersAreNotShared: records may share a list of headers.
func TestHeadersAreNotShared(t *testing.T) {
	shared := append(make([]data.Header, 0, 8), data.Header{Key: "a"}, data.Header{Key: "b"})
	for name, props := range map[string]map[string]string{
		"InsertHeader":     {"header": "h", "value.literal": "1"},
		"DropHeaders":      {"headers": "a"},
		"HeaderFrom$Value": {"fields": "id,city", "headers": "h,i", "operation": "copy"},
	} {
		b := data.NewBatch()
		for i := range 3 {
			r := b.Append()
			r.Headers = shared
			r.Value.Set(orderOf(nil, int64(i)), order)
		}
		if err := configured(t, name, props).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
			t.Fatal(err, b.Failed())
		}
		if shared[0].Key != "a" || shared[1].Key != "b" || shared[:3][2].Key != "" {
			t.Errorf("%s wrote into a shared list", name)
		}
		for i := range b.Records {
			hs := b.Records[i].Headers
			if name == "HeaderFrom$Value" {
				if v, _, _ := hs[2].Value.Value(nil); len(hs) != 4 || v.Int() != int64(i) {
					t.Errorf("%s: record %d has headers of another", name, i)
				}
			} else if want := map[string]int{"InsertHeader": 3, "DropHeaders": 1}[name]; len(hs) != want {
				t.Errorf("%s: %d headers, want %d", name, len(hs), want)
			}
		}
	}
}

// TestSchemasAreCached: an input schema has one output schema, also when schemas
// take turns and when there are many.
func TestSchemasAreCached(t *testing.T) {
	tr := configured(t, "ReplaceField$Value", map[string]string{"renames": "id:nr"})
	schemas := make([]*data.Schema, 5)
	for i := range schemas {
		c := *order
		schemas[i] = &c
	}
	outputs := map[*data.Schema]*data.Schema{}
	for i := range 50 {
		s := schemas[i%len(schemas)]
		b := one(orderOf(nil, 1), s)
		if err := tr.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		_, out, _ := b.Records[0].Value.Value(nil)
		if outputs[s] == nil {
			outputs[s] = out
		}
		if outputs[s] != out || out.Fields[0].Name != "nr" {
			t.Fatalf("record %d has another schema", i)
		}
	}
	p := newPlans(func(s *data.Schema) (*int, error) { return new(int), nil })
	for range 10 * maxPlans {
		c := *order
		if _, err := p.of(&c); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.known) > maxPlans {
		t.Errorf("%d plans are kept", len(p.known))
	}
}

// TestSelfContainingSchema: a struct within itself has no end to flatten to.
func TestSelfContainingSchema(t *testing.T) {
	node := data.NewStruct("Node", data.Field{Name: "v", Schema: data.Of(data.Int32)}, data.Field{Name: "next"})
	node.Optional = true
	node.Fields[1].Schema = node
	b := one(data.OfStruct([]data.Value{data.OfInt32(1), {}}), node)
	if err := configured(t, "Flatten$Value", nil).Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if f := b.Failed(); len(f) != 1 || !strings.Contains(f[0].Err.Error(), "contains itself (for field next)") {
		t.Errorf("failures %v", f)
	}
}

func TestTimesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		props map[string]string
		in    data.Value
		want  int64 // 0: an error
	}{
		{map[string]string{"target.type": "Timestamp", "unix.precision": "seconds"}, data.OfInt64(1 << 62), 0},
		{map[string]string{"target.type": "unix", "unix.precision": "nanoseconds"}, data.OfTimestamp(1 << 60), 0},
		{map[string]string{"target.type": "unix", "unix.precision": "microseconds"}, data.OfTimestamp(1700000000123), 1700000000123000},
		{map[string]string{"target.type": "unix"}, data.OfTimestamp(-5), -5},
	} {
		b := one(c.in, nil)
		if err := configured(t, "TimestampConverter$Value", c.props).Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		v, _, _ := b.Records[0].Value.Value(nil)
		if failed := len(b.Failed()) > 0; failed != (c.want == 0) || !failed && v.Int() != c.want {
			t.Errorf("%v of %d: %d, %v", c.props, c.in.Int(), v.Int(), b.Failed())
		}
	}
}

// TestRoutersRememberNothingWrong: what is kept of the record before serves only
// records that are like it.
func TestRoutersRememberNothingWrong(t *testing.T) {
	topics := []string{"a-old", "a-old", "b-old", "c", "a-old"}
	times := []int64{0, 86400000, 86400000, 5, 0}
	for name, c := range map[string]struct {
		props map[string]string
		want  []string
	}{
		"RegexRouter":     {map[string]string{"regex": "(.*)-old", "replacement": "$1"}, []string{"a", "a", "b", "c", "a"}},
		"TimestampRouter": {nil, []string{"a-old-19700101", "a-old-19700102", "b-old-19700102", "c-19700101", "a-old-19700101"}},
	} {
		b := data.NewBatch()
		for i := range topics {
			r := b.Append()
			r.Topic, r.Timestamp = topics[i], times[i]
		}
		if err := configured(t, name, c.props).Apply(t.Context(), b); err != nil || len(b.Failed()) > 0 {
			t.Fatal(err, b.Failed())
		}
		for i, want := range c.want {
			if got := b.Records[i].Topic; got != want {
				t.Errorf("%s: record %d goes to %s, want %s", name, i, got, want)
			}
		}
	}
}
