package jsonschema

import (
	"encoding/json"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/converters/wire"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
	"culvert/schemas"
)

func registry(t testing.TB) *srfake.Registry {
	t.Helper()
	r := srfake.New()
	t.Cleanup(r.Close)
	return r
}

func factory(t testing.TB, url string, props ...string) *Factory {
	t.Helper()
	all := map[string]string{"schema.registry.url": url}
	for i := 0; i+1 < len(props); i += 2 {
		all[props[i]] = props[i+1]
	}
	f, err := New(all, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func record(id int, payload string) []byte { return append(wire.AppendHead(nil, id), payload...) }

// mappingOf parses settings as the converter does.
func mappingOf(t testing.TB, props ...string) mapping {
	t.Helper()
	return factory(t, "http://127.0.0.1:1", props...).config.mapping
}

// TestToConnect: what becomes of each form of schema, and of a payload.
func TestToConnect(t *testing.T) {
	for _, c := range []struct {
		name, schema, payload string
		props                 []string
		want, value           string
	}{
		{"boolean", `{"type":"boolean"}`, `true`, nil, `{"type":"boolean","optional":false}`, `{"boolean":true}`},
		{"integer", `{"type":"integer"}`, `12`, nil, `{"type":"int64","optional":false}`, `{"int64":12}`},
		{"int8", `{"type":"integer","connect.type":"int8"}`, `12`, nil, `{"type":"int8","optional":false}`, `{"int8":12}`},
		{"number", `{"type":"number"}`, `1`, nil, `{"type":"float64","optional":false}`, `{"float64":1}`},
		{"float32", `{"type":"number","connect.type":"float32"}`, `1.5`, nil, `{"type":"float32","optional":false}`, `{"float32":1.5}`},
		{"bytes", `{"type":"string","connect.type":"bytes"}`, `"Zm9v"`, nil, `{"type":"bytes","optional":false}`, `{"bytes":"Zm9v"}`},
		{"title, version, doc", `{"type":"string","title":"a.Name","connect.version":7,"description":"d","connect.parameters":{"k":"v"}}`, `"x"`, nil,
			`{"type":"string","optional":false,"name":"a.Name","version":7,"doc":"d","parameters":{"k":"v"}}`, `{"string":"x"}`},
		{"nullable", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `null`, nil, `{"type":"string","optional":true}`, `null`},
		{"nullable by type", `{"type":["string","null"]}`, `"x"`, nil, `{"type":"string","optional":true}`, `{"string":"x"}`},
		{"default", `{"type":"integer","default":5}`, `null`, nil, `{"type":"int64","optional":false,"default":{"int64":5}}`, `{"int64":5}`},
		{"enum", `{"enum":["one","two"]}`, `"two"`, nil,
			`{"type":"string","optional":false,"parameters":{"io.confluent.connect.json.Enum":"","io.confluent.connect.json.Enum.one":"one","io.confluent.connect.json.Enum.two":"two"}}`, `{"string":"two"}`},
		{"enum, general", `{"enum":["one",null]}`, `"one"`, []string{"generalized.sum.type.support", "true"},
			`{"type":"string","optional":false,"parameters":{"org.apache.kafka.connect.data.Enum":"","org.apache.kafka.connect.data.Enum.one":"0","org.apache.kafka.connect.data.Enum.<NULL>":"1"}}`, `{"string":"one"}`},
		{"string and enum", `{"type":"string","enum":["a"]}`, `"a"`, nil,
			`{"type":"string","optional":false,"parameters":{"io.confluent.connect.json.Enum":"","io.confluent.connect.json.Enum.a":"a"}}`, `{"string":"a"}`},
		{"integer and enum", `{"type":"integer","enum":[1,2]}`, `1`, nil, `{"type":"int64","optional":false}`, `{"int64":1}`},
		{"string and const", `{"type":"string","const":"a"}`, `"a"`, nil, `{"type":"string","optional":false}`, `{"string":"a"}`},
		{"number with format", `{"type":"number","format":"double"}`, `1.5`, nil, `{"type":"float64","optional":false}`, `{"float64":1.5}`},
		{"date", `{"type":"integer","title":"org.apache.kafka.connect.data.Date","connect.type":"int32","connect.version":1}`, `3`, nil,
			`{"type":"int32","optional":false,"name":"org.apache.kafka.connect.data.Date","version":1}`, `{"date":259200000}`},
		{"decimal", `{"type":"string","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","connect.version":1,"connect.parameters":{"scale":"2"}}`, `"AJw="`, nil,
			`{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}`, `{"decimal":{"unscaled":"156","scale":2}}`},
		{"decimal as number", `{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","connect.version":1,"connect.parameters":{"scale":"2"}}`, `1.560`, nil,
			`{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}`, `{"decimal":{"unscaled":"1560","scale":3}}`},
		{"array", `{"type":"array","items":{"type":"integer"}}`, `[1,2]`, nil, `{"type":"array","optional":false,"items":{"type":"int64","optional":false}}`, `{"array":[{"int64":1},{"int64":2}]}`},
		{"map", `{"type":"object","connect.type":"map","additionalProperties":{"type":"integer"}}`, `{"a":1}`, nil,
			`{"type":"map","optional":false,"keys":{"type":"string","optional":false},"values":{"type":"int64","optional":false}}`, `{"map":[[{"string":"a"},{"int64":1}]]}`},
		{"map of entries", `{"type":"array","connect.type":"map","items":{"type":"object","properties":{"key":{"type":"integer"},"value":{"type":"string"}}}}`,
			`[{"key":1,"value":"x"},{"value":"y","key":1}]`, nil,
			`{"type":"map","optional":false,"keys":{"type":"int64","optional":false},"values":{"type":"string","optional":false}}`, `{"map":[[{"int64":1},{"string":"y"}]]}`},
		{"object", `{"type":"object","title":"R","properties":{"b":{"type":"string","connect.index":0},"a":{"type":"integer","connect.index":1}}}`, `{"a":1,"more":[{}]}`, nil,
			`{"type":"struct","optional":false,"name":"R","fields":[{"field":"b","type":"string","optional":false},{"field":"a","type":"int64","optional":false}]}`,
			`{"struct":[["b",null],["a",{"int64":1}]]}`},
		{"not required", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{}`, []string{"use.optional.for.nonrequired", "true"},
			`{"type":"struct","optional":false,"fields":[{"field":"a","type":"string","optional":true}]}`, `{"struct":[["a",null]]}`},
		{"union", `{"oneOf":[{"type":"integer"},{"type":"string"}]}`, `"x"`, nil,
			`{"type":"struct","optional":false,"name":"io.confluent.connect.json.OneOf","fields":[
				{"field":"io.confluent.connect.json.OneOf.field.0","type":"int64","optional":true},{"field":"io.confluent.connect.json.OneOf.field.1","type":"string","optional":true}]}`,
			`{"struct":[["f0",null],["f1",{"string":"x"}]]}`},
		{"union, general", `{"anyOf":[{"type":"null"},{"type":"integer"},{"type":"string"}]}`, `1`, []string{"generalized.sum.type.support", "true"},
			`{"type":"struct","optional":true,"name":"connect_union_0","parameters":{"org.apache.kafka.connect.data.Union":"connect_union_0"},"fields":[
				{"field":"connect_union_field_0","type":"int64","optional":true},{"field":"connect_union_field_1","type":"string","optional":true}]}`,
			`{"struct":[["f0",{"int64":1}],["f1",null]]}`},
		{"union of objects", `{"oneOf":[{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}},{"type":"object","properties":{"c":{"type":"string"},"d":{"type":"string"}}}]}`,
			`{"c":"C","a":"A","d":"D"}`, nil,
			`{"type":"struct","optional":false,"name":"io.confluent.connect.json.OneOf","fields":[
				{"field":"io.confluent.connect.json.OneOf.field.0","type":"struct","optional":true,"fields":[{"field":"a","type":"string","optional":false},{"field":"b","type":"string","optional":false}]},
				{"field":"io.confluent.connect.json.OneOf.field.1","type":"struct","optional":true,"fields":[{"field":"c","type":"string","optional":false},{"field":"d","type":"string","optional":false}]}]}`,
			`{"struct":[["f0",null],["f1",{"struct":[["c",{"string":"C"}],["d",{"string":"D"}]]}]]}`},
		{"one type only", `{"oneOf":[{"type":"string"}]}`, `"x"`, nil, `{"type":"string","optional":false}`, `{"string":"x"}`},
		{"allOf", `{"allOf":[{"$ref":"#/definitions/base"},{"type":"object","properties":{"b":{"type":"integer"}}}],"definitions":{"base":{"type":"object","properties":{"a":{"type":"string"}}}}}`,
			`{"a":"x","b":1}`, nil,
			`{"type":"struct","optional":false,"fields":[{"field":"a","type":"string","optional":false},{"field":"b","type":"int64","optional":false}]}`,
			`{"struct":[["a",{"string":"x"}],["b",{"int64":1}]]}`},
		{"draft 2020", `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"p":{"$ref":"#/$defs/p"}},"$defs":{"p":{"type":"array","items":{"type":"string"}}}}`,
			`{"p":["x"]}`, nil,
			`{"type":"struct","optional":false,"fields":[{"field":"p","type":"array","optional":false,"items":{"type":"string","optional":false}}]}`,
			`{"struct":[["p",{"array":[{"string":"x"}]}]]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := registry(t)
			r.SeedSchema("elsewhere-value", 1, 1, sr.Schema{Schema: c.schema, Type: sr.TypeJSON})
			v, s, err := factory(t, r.URL(), c.props...).For("t").Decode(record(1, c.payload), &data.Arena{})
			if err != nil {
				t.Fatal(fault.Explain(err))
			}
			if err := golden.CompareSchema([]byte(c.want), s); err != nil {
				t.Error(err)
			}
			if err := golden.CompareValue([]byte(c.value), v); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRecursion: an object that contains itself.
func TestRecursion(t *testing.T) {
	r := registry(t)
	r.SeedSchema("t-value", 1, 1, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","title":"Node","properties":{
		"v":{"type":"integer","connect.index":0},"next":{"oneOf":[{"type":"null"},{"$ref":"#"}],"connect.index":1}}}`})
	c := factory(t, r.URL()).For("t")
	v, s, err := c.Decode(record(1, `{"v":1,"next":{"v":2,"next":{"v":3,"next":{"v":4}}}}`), nil)
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	for want := int64(1); want <= 4; want++ {
		if v.Elems()[0].Int() != want || s.Fields[1].Name != "next" {
			t.Fatalf("level %d: %s of %s", want, golden.ShowValue(v), golden.ShowSchema(s))
		}
		v, s = v.Elems()[1], s.Fields[1].Schema
	}
	if id, _ := s.Param(idParam); !v.IsNull() || !s.Optional || s.Name != "Node" || id != "#id1" {
		t.Errorf("end: %s of %s", golden.ShowValue(v), golden.ShowSchema(s))
	}
}

// structure has a field of every kind that is written.
func structure() (*data.Schema, data.Value) {
	optional := func(s *data.Schema) *data.Schema { return s.AsOptional() }
	decimal := data.Of(data.Decimal)
	decimal.Params = []data.Param{{Name: "scale", Value: "2"}}
	withDefault := &data.Schema{Kind: data.Int32, Default: data.OfInt32(7), HasDefault: true, Doc: "how many"}
	inner := data.NewStruct("shop.Inner", data.Field{Name: "x", Schema: data.Of(data.Float32)})
	union := data.NewStruct(unionName, data.Field{Name: unionName + ".field.0", Schema: optional(data.Of(data.String))},
		data.Field{Name: unionName + ".field.1", Schema: optional(data.Of(data.Bool))})
	s := data.NewStruct("shop.Order",
		data.Field{Name: "id", Schema: data.Of(data.Int64)},
		data.Field{Name: "note", Schema: optional(data.Of(data.String))},
		data.Field{Name: "count", Schema: withDefault},
		data.Field{Name: "price", Schema: decimal},
		data.Field{Name: "at", Schema: data.Of(data.Timestamp)},
		data.Field{Name: "tags", Schema: data.MapOf(data.Of(data.String), data.Of(data.Int16))},
		data.Field{Name: "codes", Schema: data.MapOf(data.Of(data.Int32), optional(data.Of(data.String)))},
		data.Field{Name: "items", Schema: data.ArrayOf(inner)},
		data.Field{Name: "inner", Schema: optional(inner)},
		data.Field{Name: "either", Schema: union},
		data.Field{Name: "raw", Schema: data.Of(data.Bytes)},
		data.Field{Name: "ok", Schema: data.Of(data.Bool)})
	one := data.OfStruct([]data.Value{data.OfFloat32(1.5)})
	v := data.OfStruct([]data.Value{data.OfInt64(1), {}, data.OfInt32(3), data.OfDecimal([]byte{0, 156}, 2), data.OfTimestamp(5),
		data.OfMap([]data.Value{data.OfString("a"), data.OfInt16(1)}),
		data.OfMap([]data.Value{data.OfInt32(1), data.OfString("x"), data.OfInt32(2), {}}),
		data.OfArray([]data.Value{one}), one, data.OfStruct([]data.Value{{}, data.OfBool(true)}), data.OfBytes([]byte("foo")), data.OfBool(false)})
	return s, v
}

func TestRoundTrip(t *testing.T) {
	for _, props := range [][]string{nil, {"decimal.format", "NUMERIC"}, {"json.fail.invalid.schema", "true"}, {"object.additional.properties", "false", "json.fail.invalid.schema", "true"}} {
		r := registry(t)
		s, v := structure()
		raw, err := factory(t, r.URL(), props...).For("orders").Encode(nil, v, s)
		if err != nil {
			t.Fatal(fault.Explain(err))
		}
		if !r.SubjectExists("orders-value") {
			t.Error("not registered")
		}
		back, bs, err := factory(t, r.URL(), props...).For("orders").Decode(raw, nil)
		if err != nil {
			t.Fatalf("%s: %s", raw[5:], fault.Explain(err))
		}
		if !back.Equal(v) {
			t.Errorf("%v: read back %s,\nwritten %s", props, golden.ShowValue(back), golden.ShowValue(v))
		}
		if bs.Version != 1 {
			t.Errorf("version %d", bs.Version)
		}
		if bs.Version = 0; !bs.Equal(s) {
			for i := range s.Fields {
				if !bs.Fields[i].Schema.Equal(s.Fields[i].Schema) {
					t.Errorf("%s: %s, want %s", s.Fields[i].Name, golden.ShowSchema(bs.Fields[i].Schema), golden.ShowSchema(s.Fields[i].Schema))
				}
			}
			t.Errorf("%v: schema read back %s,\nwritten %s", props, golden.ShowSchema(bs), golden.ShowSchema(s))
		}
	}
}

// TestPayload: the JSON itself.
func TestPayload(t *testing.T) {
	r := registry(t)
	s, v := structure()
	raw, err := factory(t, r.URL()).For("orders").Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":1,"note":null,"count":3,"price":"AJw=","at":5,"tags":{"a":1},"codes":[{"key":1,"value":"x"},{"key":2,"value":null}],` +
		`"items":[{"x":1.5}],"inner":{"x":1.5},"either":true,"raw":"Zm9v","ok":false}`
	if string(raw[5:]) != want {
		t.Errorf("%s\nwant %s", raw[5:], want)
	}
	// A null that the schema does not allow is left out.
	one := data.NewStruct("R", data.Field{Name: "a", Schema: data.Of(data.String)}, data.Field{Name: "b", Schema: data.Of(data.String).AsOptional()})
	raw, err = factory(t, r.URL()).For("r").Encode(nil, data.OfStruct([]data.Value{{}, {}}), one)
	if err != nil || string(raw[5:]) != `{"b":null}` {
		t.Errorf("%s, %v", raw, err)
	}
}

// TestDerivedText: the text that Java's converter registers for the same schemas,
// with the members of objects in the order of its hash maps.
func TestDerivedText(t *testing.T) {
	named := data.Of(data.Int32)
	named.Name, named.Version, named.Doc = "N", 2, "a <b>"
	for _, c := range []struct {
		s    *data.Schema
		want string
	}{
		{data.Of(data.Bool), `{"type":"boolean"}`},
		{data.Of(data.Int8), `{"type":"integer","connect.type":"int8"}`},
		{named, `{"type":"integer","title":"N","description":"a <b>","connect.type":"int32","connect.version":2}`},
		{data.Of(data.String).AsOptional(), `{"oneOf":[{"type":"null"},{"type":"string"}]}`},
		{data.ArrayOf(data.Of(data.Float64)), `{"type":"array","items":{"type":"number","connect.type":"float64"}}`},
		{data.MapOf(data.Of(data.String), data.Of(data.Bool)), `{"type":"object","connect.type":"map","additionalProperties":{"type":"boolean"}}`},
		{&data.Schema{Kind: data.String, Params: []data.Param{{Name: enumParam}, {Name: enumParam + ".a", Value: "a"}, {Name: enumParam + ".<NULL>", Value: "<NULL>"}}}, `{"enum":["a",null]}`},
		{data.NewStruct("R", data.Field{Name: "a", Schema: data.Of(data.String)}, data.Field{Name: "b", Schema: data.Of(data.Bool).AsOptional()}),
			`{"type":"object","title":"R","properties":{"a":{"type":"string","connect.index":0},"b":{"connect.index":1,"oneOf":[{"type":"null"},{"type":"boolean"}]}}}`},
	} {
		got, err := mappingOf(t).derive(c.s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(c.want), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	loop := data.NewStruct("Loop")
	loop.Fields = []data.Field{{Name: "next", Schema: loop}}
	loop.Index()
	if _, err := mappingOf(t).derive(loop); !fault.Is(err, fault.Record) {
		t.Errorf("a schema that contains itself: %v", err)
	}
	loop.Params = []data.Param{{Name: idParam, Value: "#id1"}} // as a schema that was read has it
	got, err := mappingOf(t).derive(loop)
	if err != nil || !strings.Contains(got, `"next":{"$ref":"#id1"}`) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := compile(got, nil, false, false); err != nil {
		t.Errorf("%s: %v", got, err)
	}
}

// TestHashOrder: as java.util.HashMap iterates; from Java 17.
func TestHashOrder(t *testing.T) {
	for _, want := range []string{
		"banana apple cherry",
		"codes note either at price count raw id ok inner items tags",
		"j10 k11 l12 m13 a1 b2 c3 d4 e5 f6 g7 h8 i9 Ünï",
	} {
		keys := strings.Fields(want)
		sort.Strings(keys)
		if got := strings.Join(hashOrder(keys, 16), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	copied := map[string]string{}
	for i, want := range []string{"connect.type", "connect.version connect.type", "connect.version connect.type connect.parameters",
		"connect.index connect.version connect.type connect.parameters"} {
		copied[[]string{propType, propVersion, propParameters, propIndex}[i]] = ""
		if got := strings.Join(inHashOrder(copied), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestReferences: what a schema refers to comes from the registry and from nowhere else.
func TestReferences(t *testing.T) {
	r := registry(t)
	r.SeedSchema("name", 1, 2, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"string","title":"Name"}`})
	r.SeedSchema("customer", 1, 1, sr.Schema{Type: sr.TypeJSON, Schema: `{"$id":"http://shop.example/customer.json","type":"object","title":"Customer","properties":{"name":{"$ref":"name.json"}}}`,
		References: []sr.SchemaReference{{Name: "http://shop.example/name.json", Subject: "name", Version: 1}}})
	r.SeedSchema("orders-value", 1, 3, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"c":{"$ref":"http://shop.example/customer.json"},"n":{"$ref":"local.json"}}}`,
		References: []sr.SchemaReference{{Name: "http://shop.example/customer.json", Subject: "customer", Version: 1}, {Name: "local.json", Subject: "name", Version: 1}}})
	r.SeedSchema("bad-value", 1, 4, sr.Schema{Type: sr.TypeJSON, Schema: `{"$ref":"file:///etc/hostname"}`})
	c := factory(t, r.URL()).For("orders")
	v, s, err := c.Decode(record(3, `{"c":{"name":"Ann"},"n":"x"}`), nil)
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	if got := s.Fields[s.FieldIndex("c")].Schema; got.Name != "Customer" || s.Version != 1 || !strings.Contains(golden.ShowValue(v), "Ann") {
		t.Errorf("%s", golden.ShowSchema(got))
	}
	if _, _, err := c.Decode(record(4, `1`), nil); !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), "no reference") {
		t.Errorf("a file: %v", fault.Explain(err))
	}
}

// TestEvolution: records from before and after a change are read side by side, and
// with use.latest.version all of them with the schema of the last version.
func TestEvolution(t *testing.T) {
	r := registry(t)
	r.SeedSchema("orders-value", 1, 1, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"integer","connect.type":"int32"},"old":{"type":"string"}}}`})
	r.SeedSchema("orders-value", 2, 2, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"number"},"added":{"type":"string","default":"d"}}}`})
	c := factory(t, r.URL()).For("orders")
	for id, payload := range map[int]string{1: `{"id":1,"old":"x"}`, 2: `{"id":1.5,"added":"y"}`} {
		if v, s, err := c.Decode(record(id, payload), nil); err != nil || len(v.Elems()) != len(s.Fields) || s.Version != int32(id) {
			t.Errorf("%d: %v", id, fault.Explain(err))
		}
	}
	v, s, err := factory(t, r.URL(), "use.latest.version", "true").For("orders").Decode(record(1, `{"id":1,"old":"x"}`), nil)
	if err != nil || s.Version != 2 || s.FieldIndex("old") >= 0 {
		t.Fatalf("%s, %v", golden.ShowSchema(s), err)
	}
	if id, added := v.Elems()[s.FieldIndex("id")], v.Elems()[s.FieldIndex("added")]; id.Float() != 1 || added.Str() != "d" {
		t.Errorf("%s", golden.ShowValue(v))
	}
}

func TestUseLatestVersion(t *testing.T) {
	s := data.NewStruct("R", data.Field{Name: "id", Schema: data.Of(data.Int32)})
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"id":{"type":"integer"},"x":{"type":"string"}}}`:                  "",
		`{"type":"object","properties":{"id":{"type":"string"}}}`:                                         "latest.compatibility.strict=false",
		`{"type":"object","properties":{"x":{"type":"string"}},"additionalProperties":false}`:             "does not allow",
		`{"type":"object","properties":{"id":{"type":"integer"},"x":{"type":"string"}},"required":["x"]}`: "requires",
	} {
		r := registry(t)
		r.SeedSchema("t-value", 1, 4, sr.Schema{Type: sr.TypeJSON, Schema: schema})
		for _, strict := range []string{"true", "false"} {
			raw, err := factory(t, r.URL(), "auto.register.schemas", "false", "use.latest.version", "true", "latest.compatibility.strict", strict).
				For("t").Encode(nil, data.OfStruct([]data.Value{data.OfInt32(1)}), s)
			if want == "" || strict == "false" {
				if err != nil || string(raw) != string(record(4, `{"id":1}`)) {
					t.Errorf("%s: %q, %v", schema, raw, err)
				}
			} else if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), want) {
				t.Errorf("%s: %q, want %q", schema, fault.Explain(err), want)
			}
		}
	}
}

func TestBadRecords(t *testing.T) {
	r := registry(t)
	seed := func(id int, schema string) {
		r.SeedSchema("s-value", id, id, sr.Schema{Type: sr.TypeJSON, Schema: schema})
	}
	seed(1, `{"type":"object","properties":{"n":{"type":"integer","connect.type":"int8"},"s":{"type":"string","pattern":"^(?=a).*"}},"required":["n"]}`)
	seed(2, `{"type":"object","properties":{"x":{}}}`)
	seed(3, `{"type":"array"}`)
	seed(4, `"text"`)
	seed(5, `{"type":"array","items":{"$ref":"#"}}`)
	seed(6, strings.Repeat(`{"items":`, 300)+`{}`+strings.Repeat(`}`, 300))
	seed(7, `{"type":"nonsense"}`)
	seed(8, `{"oneOf":[{"type":"integer"},{"type":"boolean"}]}`)
	seed(9, `{"definitions":{"a":{"oneOf":[{"$ref":"#/definitions/a"},{"$ref":"#/definitions/a"}]}},"$ref":"#/definitions/a"}`)
	r.SeedSchema("p-value", 1, 10, sr.Schema{Schema: `"string"`})
	c := factory(t, r.URL()).For("t")
	strict := factory(t, r.URL(), "json.fail.invalid.schema", "true").For("t")
	for _, k := range []struct {
		raw  string
		want string
		c    converters.Converter
	}{
		{"", "Unknown magic byte!", c},
		{`{"n":1}`, "Unknown magic byte!", c},
		{string(record(1, `{"n":`)), "serialization error of topic t", c},
		{string(record(1, `{"n":300}`)), "does not fit the type INT8", c},
		{string(record(1, `{"n":"x"}`)), "does not fit the type INT8", c},
		{string(record(1, `[]`)), "Structs should be encoded as JSON objects", c},
		{string(record(1, `{"s":"ab"}`)), "does not match schema", strict},
		{string(record(1, `{"n":1,"s":"b"}`)), "does not match schema", strict},
		{string(record(2, `{"x":1}`)), "allows every type", c},
		{string(record(3, `[1]`)), "did not specify the items type", c},
		{string(record(4, `1`)), "schema 4 cannot be read", c},
		{string(record(5, `[]`)), "contains itself", c},
		{string(record(6, `[]`)), "nested deeper", c},
		{string(record(7, `1`)), "schema 7 cannot be read", c},
		{string(record(8, `"x"`)), "Did not find matching oneof field for data", c},
		{string(record(9, `"x"`)), "contains itself", c},
		{string(record(10, `1`)), "type AVRO", c},
		{string(record(99, `1`)), "id 99", c},
	} {
		_, _, err := k.c.Decode([]byte(k.raw), nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) {
			t.Errorf("%q: %q, want %q", k.raw, fault.Explain(err), k.want)
		}
	}
	if v, _, err := strict.Decode(record(1, `{"n":1,"s":"ab"}`), nil); err != nil || v.Elems()[0].IsNull() && v.Elems()[1].IsNull() {
		t.Errorf("valid: %v", err)
	}
}

func TestNulls(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL()).For("t")
	if raw, err := c.Encode(nil, data.Value{}, nil); raw != nil || err != nil {
		t.Errorf("%q, %v", raw, err)
	}
	if raw, err := c.Encode(nil, data.Value{}, data.Of(data.String)); raw != nil || err != nil {
		t.Errorf("%q, %v", raw, err)
	}
	raw, err := c.Encode(nil, data.Value{}, data.Of(data.String).AsOptional())
	if err != nil || string(raw[5:]) != "null" { // as in Java: no tombstone
		t.Errorf("%q, %v", raw, err)
	}
	if v, s, err := c.Decode(raw, nil); err != nil || !v.IsNull() || s == nil {
		t.Errorf("%v", err)
	}
	if v, s, err := c.Decode(nil, nil); !v.IsNull() || s != nil || err != nil {
		t.Errorf("tombstone: %v", err)
	}
	if _, err := c.Encode(nil, data.OfString("x"), nil); !fault.Is(err, fault.Record) {
		t.Errorf("without schema: %v", err)
	}
}

func TestOutage(t *testing.T) {
	r := registry(t)
	dir := t.TempDir()
	open := func() converters.Converter {
		f, err := New(map[string]string{"schema.registry.url": r.URL()}, converters.Value, converters.Env{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return f.For("orders")
	}
	s, v := structure()
	c := open()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Decode(raw, nil); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, c := range []converters.Converter{c, open()} {
		if again, err := c.Encode(nil, v, s); err != nil || string(again) != string(raw) {
			t.Errorf("known schema: %v", err)
		}
		if _, _, err := c.Decode(raw, nil); err != nil {
			t.Errorf("known id: %v", err)
		}
		if _, _, err := c.Decode(record(9, `1`), nil); !fault.Is(err, fault.Retry) {
			t.Errorf("new id: %v", err)
		}
	}
}

func TestSubjects(t *testing.T) {
	r := registry(t)
	s, v := structure()
	for strategy, want := range map[string]string{"TopicNameStrategy": "t-value", "RecordNameStrategy": "shop.Order", "TopicRecordNameStrategy": "t-shop.Order"} {
		c := factory(t, r.URL(), "value.subject.name.strategy", "io.confluent.kafka.serializers.subject."+strategy).For("t")
		raw, err := c.Encode(nil, v, s)
		if err != nil || !r.SubjectExists(want) {
			t.Errorf("%s: %v", strategy, err)
		}
		if _, s, err := c.Decode(raw, nil); err != nil || s.Version != 1 {
			t.Errorf("%s: %v", strategy, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := registry(f)
	s, v := structure()
	c := factory(f, r.URL()).For("t")
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[5:])
	f.Add([]byte(`{"either":"x","codes":[{"key":1,"value":null}],"tags":{"a":1,"a":2}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v, s, err := c.Decode(append(append([]byte{}, raw[:5]...), payload...), &data.Arena{})
		if err != nil {
			if !fault.Is(err, fault.Record) {
				t.Fatalf("%q: %v has class %s", payload, err, fault.ClassOf(err))
			}
			return
		}
		out, err := c.Encode(nil, v, s)
		if err != nil {
			return // for instance a decimal of another scale
		}
		back, _, err := c.Decode(out, &data.Arena{})
		if err != nil && strings.Contains(err.Error(), "Invalid null value for required") {
			return // an entry of a map without key or value, which cannot be left out again
		}
		if err != nil || !back.Equal(v) {
			t.Fatalf("%q: read %s, written %q and read %s, %v", payload, golden.ShowValue(v), out[5:], golden.ShowValue(back), err)
		}
	})
}

// FuzzSchema: no text of a schema does harm, and what it says of a payload neither.
func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#/definitions/a"}},"definitions":{"a":{"oneOf":[{"type":"null"},{"$ref":"#"}]}}}`, `{"a":{"a":null}}`)
	f.Add(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"x":{"$anchor":"x","type":["integer","null"]}},"$ref":"#x"}`, `1`)
	f.Add(`{"allOf":[{"enum":[1]},{"type":"integer","connect.type":"int8","default":3}]}`, `null`)
	f.Fuzz(func(t *testing.T, schema, payload string) {
		s, err := compile(schema, []schemas.Reference{{Name: "a.json", Text: `{"type":"string"}`}}, false, true)
		if err != nil {
			return
		}
		made, err := (mapping{flattenSingleton: true}).connect(s, 1)
		if err != nil {
			return
		}
		_, _ = factoryless().Decode([]byte(payload), made, nil)
		_ = validate(s, []byte(payload))
	})
}

func factoryless() *jsonconv.Payload { return jsonconv.NewPayload(false, true, isUnion) }
