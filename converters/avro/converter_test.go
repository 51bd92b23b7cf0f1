package avro

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"testing"

	hamba "github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

func registry(t testing.TB) *srfake.Registry {
	t.Helper()
	r := srfake.New()
	t.Cleanup(r.Close)
	return r
}

func factory(t testing.TB, url string, side converters.Side, props ...string) *Factory {
	t.Helper()
	all := map[string]string{"schema.registry.url": url}
	for i := 0; i+1 < len(props); i += 2 {
		all[props[i]] = props[i+1]
	}
	f, err := New(all, side, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func plainOf(k data.Kind) *data.Schema { return data.Of(k) }

// order is a schema with a bit of everything, and a value of it.
func order() (*data.Schema, data.Value) {
	item := data.NewStruct("shop.Item", data.Field{Name: "name", Schema: plainOf(data.String)}, data.Field{Name: "price", Schema: plainOf(data.Float64)})
	s := data.NewStruct("shop.Order",
		data.Field{Name: "id", Schema: plainOf(data.Int64)},
		data.Field{Name: "note", Schema: plainOf(data.String).AsOptional()},
		data.Field{Name: "items", Schema: data.ArrayOf(item)},
		data.Field{Name: "tags", Schema: data.MapOf(plainOf(data.String), plainOf(data.Int32))},
		data.Field{Name: "at", Schema: plainOf(data.Timestamp)},
		data.Field{Name: "paid", Schema: plainOf(data.Bool)})
	v := data.OfStruct([]data.Value{data.OfInt64(-7), {},
		data.OfArray([]data.Value{data.OfStruct([]data.Value{data.OfString("tea"), data.OfFloat64(2.5)})}),
		data.OfMap([]data.Value{data.OfString("a"), data.OfInt32(1)}), data.OfTimestamp(1700000000123), data.OfBool(true)})
	return s, v
}

func TestRoundTrip(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL(), converters.Value).For("orders")
	s, v := order()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if raw[0] != 0 || !r.SubjectExists("orders-value") {
		t.Errorf("head %x, subject registered %v", raw[:5], r.SubjectExists("orders-value"))
	}
	got, gs, err := factory(t, r.URL(), converters.Value).For("orders").Decode(raw, &data.Arena{})
	if err != nil || !got.Equal(v) {
		t.Fatalf("%s, %v", golden.ShowValue(got), err)
	}
	if gs.Version != 1 { // the version in the registry, as Java's converter sets it
		t.Errorf("schema %s", golden.ShowSchema(gs))
	}
	copied, cv := order() // an equal schema under another pointer
	again, err := c.Encode(nil, cv, copied)
	if err != nil || string(again) != string(raw) {
		t.Errorf("equal schema: %x, want %x, %v", again, raw, err)
	}
}

func TestNullIsATombstone(t *testing.T) {
	c := factory(t, "http://127.0.0.1:1", converters.Value).For("t")
	if raw, err := c.Encode(nil, data.Value{}, nil); raw != nil || err != nil {
		t.Errorf("%x, %v", raw, err)
	}
	if raw, err := c.Encode(nil, data.Value{}, data.Of(data.String).AsOptional()); raw != nil || err != nil {
		t.Errorf("%x, %v", raw, err)
	}
	if _, err := c.Encode(nil, data.Value{}, data.Of(data.String)); !fault.Is(err, fault.Record) {
		t.Errorf("null for a required schema: %v", err)
	}
	if v, s, err := c.Decode(nil, nil); !v.IsNull() || s != nil || err != nil {
		t.Errorf("%v %v %v", v, s, err)
	}
}

func TestBytesHaveNoLength(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL(), converters.Key).For("t")
	raw, err := c.Encode(nil, data.OfBytes([]byte("abc")), data.Of(data.Bytes))
	if err != nil || string(raw[5:]) != "abc" {
		t.Fatalf("%q, %v", raw, err)
	}
	v, _, err := c.Decode(raw, nil)
	if err != nil || string(v.Bytes()) != "abc" {
		t.Errorf("%q, %v", v.Bytes(), err)
	}
	if !r.SubjectExists("t-key") {
		t.Error("the subject of a key is not t-key")
	}
}

func TestBadRecords(t *testing.T) {
	r := registry(t)
	r.SeedSchema("t-value", 1, 9, sr.Schema{Schema: `{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}`})
	r.SeedSchema("p-value", 1, 10, sr.Schema{Schema: `{}`, Type: sr.TypeJSON})
	c := factory(t, r.URL(), converters.Value).For("t")
	for _, k := range []struct{ raw, want string }{
		{"", "Unknown magic byte!"},
		{"7b7d", "Unknown magic byte!"},
		{"010000000900", "Unknown magic byte!"},
		{"0000000009", "the bytes end within an integer"},
		{"00000000090c6162", "a length of 6 where 2 bytes are left"},
		{"0000000009ffffffffffffffffffff01", "an integer of more than 64 bits"},
		{"000000000a02", "type JSON"},
		{"0000000063", "id 99"},
	} {
		raw, err := hex.DecodeString(k.raw)
		if err != nil {
			t.Fatal(err)
		}
		if raw == nil {
			raw = []byte{}
		}
		_, _, err = c.Decode(raw, nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) ||
			err.Error() != "Failed to deserialize data for topic t to Avro: " {
			t.Errorf("%s: %q, want %q", k.raw, fault.Explain(err), k.want)
		}
	}
}

// TestOutage: with the registry away, known schemas go on and unknown ones wait.
func TestOutage(t *testing.T) {
	r := registry(t)
	f := factory(t, r.URL(), converters.Value)
	c := f.For("orders")
	s, v := order()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Decode(raw, nil); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := c.Encode(nil, v, s); err != nil {
		t.Errorf("known schema: %v", err)
	}
	if _, _, err := c.Decode(raw, nil); err != nil {
		t.Errorf("known id: %v", err)
	}
	if _, err := c.Encode(nil, data.OfInt64(1), data.Of(data.Int64)); !fault.Is(err, fault.Retry) {
		t.Errorf("new schema: %v", err)
	}
	unknown := append([]byte(nil), raw...)
	binary.BigEndian.PutUint32(unknown[1:], 4711)
	if _, _, err := c.Decode(unknown, nil); !fault.Is(err, fault.Retry) {
		t.Errorf("new id: %v", err)
	}
}

func TestUseLatestVersion(t *testing.T) {
	r := registry(t)
	r.SeedSchema("orders-value", 1, 3, sr.Schema{Schema: `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"paid","type":"boolean"},{"name":"id","type":["null","long"]},{"name":"channel","type":"string","default":"web"}]}`})
	c := factory(t, r.URL(), converters.Value, "auto.register.schemas", "false", "use.latest.version", "true").For("orders")
	s, v := order()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := "0000000003" + "01" + "020d" + "06776562"; hex.EncodeToString(raw) != want {
		t.Errorf("%x, want %s", raw, want)
	}
	r.SeedSchema("orders-value", 2, 4, sr.Schema{Schema: `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"missing","type":"string"}]}`})
	_, err = factory(t, r.URL(), converters.Value, "auto.register.schemas", "false", "use.latest.version", "true").For("orders").Encode(nil, v, s)
	if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), "missing") {
		t.Errorf("a field that the data lacks: %v", err)
	}
}

func TestOneRequestPerSchema(t *testing.T) {
	r := registry(t)
	f := factory(t, r.URL(), converters.Value)
	s, v := order()
	raw, err := f.For("orders").Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	r.Intercept(func(_ srfakeWriter, _ srfakeRequest) bool { requests.Add(1); return false })
	for range 3 {
		c := f.For("orders") // a task each
		for range 100 {
			if _, _, err := c.Decode(raw, nil); err != nil {
				t.Fatal(err)
			}
			fresh, fv := order()
			if _, err := c.Encode(nil, fv, fresh); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := requests.Load(); n > 2 { // the schema, and its version
		t.Errorf("%d requests", n)
	}
}

// TestAgainstHamba holds decoding and encoding against the library's own.
func TestAgainstHamba(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL(), converters.Value, "connect.meta.data", "false").For("orders")
	s, v := order()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := r.GetSchema("orders-value", 1)
	if !ok {
		t.Fatal("not registered")
	}
	var m map[string]any
	if err := hamba.Unmarshal(hamba.MustParse(got.Schema.Schema), raw[5:], &m); err != nil {
		t.Fatal(err)
	}
	if m["id"] != int64(-7) || m["note"] != nil || m["paid"] != true {
		t.Errorf("%v", m)
	}
	back, err := hamba.Marshal(hamba.MustParse(got.Schema.Schema), m)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := c.Decode(append(append([]byte(nil), raw[:5]...), back...), nil) // hamba writes blocks with their size
	if err != nil || !again.Equal(v) {
		t.Errorf("%s, %v", golden.ShowValue(again), err)
	}
}

func TestSelfReference(t *testing.T) {
	n, err := Parse(`{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"],"default":null}]}`)
	if err != nil {
		t.Fatal(err)
	}
	m := mapping{metaData: true}
	s, err := m.Connect(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	if next := s.Fields[1].Schema; !next.Optional || len(next.Fields) != 2 || next.Fields[1].Schema != next || !s.Equal(s.Fields[1].Schema.Fields[1].Schema.AsOptional()) && s.Optional {
		t.Errorf("schema %s", golden.ShowSchema(next))
	}
	derived, err := m.Derive(s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEncoder(m, s, derived)
	if err != nil {
		t.Fatal(err)
	}
	v := data.OfStruct([]data.Value{data.OfInt32(1), data.OfStruct([]data.Value{data.OfInt32(2), {}})})
	raw, err := e.append(nil, v, 0)
	if err != nil || hex.EncodeToString(raw) != "02020400" {
		t.Errorf("%x, %v, schema %s", raw, err, derived.JSON())
	}
	deep := strings.Repeat("0202", 100000) // a list without an end
	b, err := hex.DecodeString(deep)
	if err != nil {
		t.Fatal(err)
	}
	var d decoder
	if _, err := d.decode(b, n, nil); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("100,000 levels: %v", err)
	}
}

func TestInvalidDefaultIsIgnored(t *testing.T) {
	n, err := Parse(`{"type":"record","name":"R","fields":[{"name":"a","type":["null","string"],"default":"x"},{"name":"b","type":"int","default":"no"},{"name":"c","type":"int","default":5}]}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mapping{}.Connect(n, 0)
	if err != nil || s.Fields[1].Schema.HasDefault || s.Fields[2].Schema.Default.Int() != 5 {
		t.Errorf("%v, %v", s, err)
	}
}

func TestFixedDecimal(t *testing.T) {
	m := mapping{metaData: true, enhanced: true}
	n, err := Parse(`{"type":"fixed","name":"Money","size":8,"logicalType":"decimal","precision":10,"scale":2}`)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Connect(n, 0)
	if err != nil || s.Kind != data.Decimal {
		t.Fatalf("%s, %v", golden.ShowSchema(s), err)
	}
	var d decoder
	v, err := d.decode([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x85}, n, nil)
	if err != nil || !v.Equal(data.OfDecimal([]byte{0x85}, 2)) {
		t.Fatalf("%s, %v", golden.ShowValue(v), err)
	}
	e, err := newEncoder(m, s, n)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := e.append(nil, v, 0); err != nil || hex.EncodeToString(raw) != "ffffffffffffff85" {
		t.Errorf("%x, %v", raw, err)
	}
}

func TestManySchemasOfOneName(t *testing.T) {
	a := data.NewStruct("x.A", data.Field{Name: "i", Schema: data.Of(data.Int32)})
	b := data.NewStruct("x.A", data.Field{Name: "s", Schema: data.Of(data.String)})
	_, err := mapping{}.Derive(data.NewStruct("R", data.Field{Name: "a", Schema: a}, data.Field{Name: "b", Schema: b}))
	if err == nil || !strings.Contains(err.Error(), "Can't redefine: x.A") {
		t.Errorf("%v", err)
	}
	n, err := mapping{}.Derive(data.NewStruct("R", data.Field{Name: "a", Schema: a}, data.Field{Name: "b", Schema: a.AsOptional()}))
	if err != nil || strings.Count(string(n.JSON()), `"fields"`) != 2 {
		t.Errorf("%s, %v", n.JSON(), err)
	}
}

func TestScrub(t *testing.T) {
	m := mapping{scrub: true}
	for in, want := range map[string]string{"a b": "a_b", "1x": "x1x", "ok_1": "ok_1", "é": "_C3_A9", "a-b.c": "a_b.c"} {
		if got := m.scrubFull(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	s := data.NewStruct("my-ns.my rec", data.Field{Name: "a b", Schema: data.Of(data.Int32)})
	n, err := m.Derive(s)
	if err != nil || n.FullName() != "my_ns.my_rec" || n.Fields[0].Name != "a_b" {
		t.Fatalf("%v", err)
	}
	if _, err := newEncoder(m, s, n); err != nil {
		t.Error(err)
	}
	if _, err := (mapping{}).Derive(s); err == nil || !strings.Contains(fault.Explain(err), "scrub.invalid.names=true") {
		t.Errorf("%v", err)
	}
}

func TestConfig(t *testing.T) {
	_, err := New(map[string]string{"schema.registry.url": "nonsense"}, converters.Value, converters.Env{})
	if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), "schema.registry.url") {
		t.Errorf("%v", err)
	}
	if _, err := New(nil, converters.Value, converters.Env{}); err == nil || err.Error() != `Missing required configuration "schema.registry.url" which has no default value.` {
		t.Errorf("%v", err)
	}
	if r := Plugin().Check(map[string]string{"schema.registry.url": "http://x", "connect.meta.data": "maybe"}, converters.Value); len(r.Errors()) != 1 {
		t.Errorf("%q", r.Errors())
	}
}

// FuzzDecode reads damaged bytes of many schemas: no panic, no growth, and what is
// read can be written and read again.
func FuzzDecode(f *testing.F) {
	var nodes []*Node
	m := mapping{metaData: true}
	for _, text := range []string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":{"type":"array","items":{"type":"map","values":["null","long"]}}},
			{"name":"c","type":["null","int","string",{"type":"enum","name":"E","symbols":["X","Y"]}]},{"name":"d","type":{"type":"fixed","name":"F","size":3}}]}`,
		`{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"]},{"name":"all","type":{"type":"array","items":"Node"}}]}`,
		`{"type":"array","items":{"type":"array","items":"null"}}`,
		`{"type":"array","items":{"type":"record","name":"Empty","fields":[]}}`,
		`{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}`,
		`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":{"type":"int","logicalType":"time-millis"}}]}}`,
	} {
		n, err := Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := m.Connect(n, 0); err != nil && !strings.Contains(err.Error(), "null schemas") {
			f.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	anythingNode, err := Parse(string(anything.JSON()))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := m.Connect(anythingNode, 0); err != nil {
		f.Fatal(err)
	}
	nodes = append(nodes, anythingNode)
	f.Add(uint8(0), []byte{2, 'x', 2, 2, 2, 'k', 2, 8, 0, 0, 4, 2, 'y', 1, 2, 3})
	f.Add(uint8(1), []byte{2, 2, 4, 0, 0, 0})
	f.Add(uint8(2), []byte{0xfe, 0xff, 0x7f, 0xfe, 0xff, 0x7f, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		n := nodes[int(which)%len(nodes)]
		var d decoder
		v, err := d.decode(b, n, &data.Arena{})
		if err != nil || n.As == AsAnything {
			return
		}
		s, err := m.Connect(n, 0)
		if err != nil {
			return
		}
		e, err := newEncoder(m, s, n)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := e.append(nil, v, 0)
		if err != nil {
			t.Fatalf("%s was read and cannot be written: %v", golden.ShowValue(v), err)
		}
		var d2 decoder
		again, err := d2.decode(raw, n, nil)
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s came back as %s, %v", golden.ShowValue(v), golden.ShowValue(again), err)
		}
	})
}

// FuzzParse reads damaged schemas.
func FuzzParse(f *testing.F) {
	for _, text := range []string{string(anything.JSON()), `["null","int"]`, `"string"`, `{"type":"fixed","name":"F","size":-1}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"R"}]}`, `{"type":"enum","name":"E","symbols":[]}`, entryOfItself,
		`{"type":"record","name":"A","namespace":"n","fields":[{"name":"b","type":{"type":"enum","name":"B","namespace":"","symbols":["X"]}},{"name":"c","type":"B"}]}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		s, err := mapping{metaData: true, enhanced: true}.Connect(n, 1)
		if err != nil || s == nil {
			return
		}
		_, _ = mapping{metaData: true}.Derive(s) // may be refused, must not panic
	})
}
