package protobuf

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"culvert/converters"
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

// record is the wire form of a message that protobuf-go makes of JSON.
func record(t testing.TB, id int, text, name, json string, refs ...schemas.Reference) []byte {
	t.Helper()
	file, err := compile(text, refs...)
	if err != nil {
		t.Fatal(err)
	}
	md := byName(file, protoreflect.FullName(name))
	if md == nil {
		t.Fatalf("no type %s", name)
	}
	m := dynamicpb.NewMessage(md)
	if err := protojson.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(appendPath(wire.AppendHead(nil, id), pathOf(md)), body...)
}

const shop = `
syntax = "proto3";
package shop;

import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/date.proto";
import "google/type/timeofday.proto";
import "confluent/type/decimal.proto";

message Unused { map<string, string> m = 1; }
message Order {
  message Item {
    string name = 1;
    repeated Item parts = 2;
  }
  enum Status { OPEN = 0; PAID = 1; }
  int64 id = 1;
  optional string note = 2;
  repeated Item items = 3;
  map<string, int32> tags = 4;
  Status status = 5;
  google.protobuf.Timestamp at = 6;
  oneof payment {
    string card = 7;
    uint32 cash = 8;
  }
  google.protobuf.StringValue coupon = 9;
  google.type.Date day = 10;
  google.type.TimeOfDay time = 11;
  confluent.type.Decimal total = 12 [(confluent.field_meta) = { params: [{ key: "scale", value: "2" }, { key: "precision", value: "9" }] }];
  sint32 delta = 13;
  fixed64 serial = 14;
  repeated double rates = 15;
  int32 tiny = 16 [(confluent.field_meta) = { params: [{ key: "connect.type", value: "int8" }] }];
  Item first = 17;
}
`

const orderJSON = `{"id": "-7", "items": [{"name": "tea", "parts": [{"name": "leaf"}]}, {}], "tags": {"b": 2, "a": 1}, "status": "PAID",
	"at": "2023-11-14T22:13:20.123Z", "cash": 4000000000, "coupon": "X", "day": {"year": 2024, "month": 2, "day": 29},
	"time": {"hours": 1, "minutes": 2, "seconds": 3, "nanos": 4000000}, "total": {"value": "MDk=", "precision": 5, "scale": 2},
	"delta": -1, "serial": "9", "rates": [0.5, 2], "tiny": -3}`

// TestRead: every kind of field, with the schema that ProtobufData gives it.
func TestRead(t *testing.T) {
	r := registry(t)
	r.SeedSchema("orders-value", 3, 9, sr.Schema{Schema: shop, Type: sr.TypeProtobuf})
	v, s, err := factory(t, r.URL()).For("orders").Decode(record(t, 9, shop, "shop.Order", orderJSON), &data.Arena{})
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	if s.Name != "Order" || s.Version != 3 || s.Optional {
		t.Errorf("%s", golden.ShowSchema(s))
	}
	field := func(name string) (data.Value, *data.Schema) {
		i := s.FieldIndex(name)
		if i < 0 {
			t.Fatalf("no field %s in %s", name, golden.ShowSchema(s))
		}
		return v.Elems()[i], s.Fields[i].Schema
	}
	if s.Fields[0].Name != "payment_0" { // oneofs stand before other fields
		t.Errorf("first field %s", s.Fields[0].Name)
	}
	for name, want := range map[string]struct{ schema, value string }{
		"id":   {`{"type":"int64","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"1"}}`, `{"int64":-7}`},
		"note": {`{"type":"string","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"2"}}`, `null`},
		"tags": {`{"type":"map","optional":true,"name":"tags","parameters":{"io.confluent.connect.protobuf.Tag":"4"},
			"keys":{"type":"string","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"1"}},
			"values":{"type":"int32","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"2"}}}`,
			`{"map":[[{"string":"a"},{"int32":1}],[{"string":"b"},{"int32":2}]]}`},
		"status": {`{"type":"string","optional":true,"name":"Status","parameters":{"io.confluent.connect.protobuf.Enum":"Status",
			"io.confluent.connect.protobuf.Enum.OPEN":"0","io.confluent.connect.protobuf.Enum.PAID":"1","io.confluent.connect.protobuf.Tag":"5"}}`, `{"string":"PAID"}`},
		"at": {`{"type":"int64","optional":true,"name":"org.apache.kafka.connect.data.Timestamp","version":1,"parameters":{"io.confluent.connect.protobuf.Tag":"6"}}`,
			`{"timestamp":1700000000123}`},
		"payment_0": {`{"type":"struct","optional":true,"name":"io.confluent.connect.protobuf.Union.payment","fields":[
			{"field":"card","type":"string","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"7"}},
			{"field":"cash","type":"int64","optional":true,"parameters":{"io.confluent.connect.protobuf.Type":"uint32","io.confluent.connect.protobuf.Tag":"8"}}]}`,
			`{"struct":[["card",null],["cash",{"int64":4000000000}]]}`},
		"coupon": {`{"type":"struct","optional":true,"name":"StringValue","parameters":{"io.confluent.connect.protobuf.Tag":"9"},"fields":[
			{"field":"value","type":"string","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"1"}}]}`, `{"struct":[["value",{"string":"X"}]]}`},
		"day": {`{"type":"int32","optional":true,"name":"org.apache.kafka.connect.data.Date","version":1,"parameters":{"io.confluent.connect.protobuf.Tag":"10"}}`,
			`{"date":1709164800000}`},
		"time": {`{"type":"int32","optional":true,"name":"org.apache.kafka.connect.data.Time","version":1,"parameters":{"io.confluent.connect.protobuf.Tag":"11"}}`,
			`{"time":3723004}`},
		"total": {`{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,
			"parameters":{"scale":"2","connect.decimal.precision":"9","io.confluent.connect.protobuf.Tag":"12"}}`, `{"decimal":{"unscaled":"12345","scale":2}}`},
		"delta": {`{"type":"int32","optional":true,"parameters":{"io.confluent.connect.protobuf.Type":"sint32","io.confluent.connect.protobuf.Tag":"13"}}`, `{"int32":-1}`},
		"rates": {`{"type":"array","optional":true,"items":{"type":"float64","optional":true},"parameters":{"io.confluent.connect.protobuf.Tag":"15"}}`,
			`{"array":[{"float64":0.5},{"float64":2}]}`},
		"tiny": {`{"type":"int8","optional":true,"parameters":{"io.confluent.connect.protobuf.Tag":"16"}}`, `{"int8":-3}`},
	} {
		got, gs := field(name)
		if err := golden.CompareSchema([]byte(want.schema), gs); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := golden.CompareValue([]byte(want.value), got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A type that contains itself, and is used twice: one schema, with the tag of each place.
	items, is := field("items")
	_, first := field("first")
	part := is.Elem.Fields[1].Schema.Elem
	if tag, _ := first.Param(tagParam); first.Name != "Item" || tag != "17" || part.Name != "Item" || part.Fields[0].Name != "name" ||
		&part.Fields[0] != &is.Elem.Fields[0] || &first.Fields[0] != &is.Elem.Fields[0] {
		t.Errorf("items %s, first %s", golden.ShowSchema(is.Elem), golden.ShowSchema(first))
	}
	if leaf := items.Elems()[0].Elems()[1].Elems()[0].Elems()[0].Str(); leaf != "leaf" || items.Elems()[1].Elems()[0].Str() != "" {
		t.Errorf("items %s", golden.ShowValue(items))
	}
}

// TestUnsetFields: what is not set is the type's default, but for messages and optional fields.
func TestUnsetFields(t *testing.T) {
	const proto2 = `syntax = "proto2"; message M { optional int32 a = 1 [default = 5]; required bool b = 2; optional M m = 3; repeated string r = 4; }`
	r := registry(t)
	r.SeedSchema("t-value", 1, 1, sr.Schema{Schema: shop, Type: sr.TypeProtobuf})
	r.SeedSchema("u-value", 1, 2, sr.Schema{Schema: proto2, Type: sr.TypeProtobuf})
	read := func(id int, text, name, json string, props ...string) string {
		t.Helper()
		v, _, err := factory(t, r.URL(), props...).For("t").Decode(record(t, id, text, name, json), nil)
		if err != nil {
			return fault.Explain(err)
		}
		return golden.ShowValue(v)
	}
	for _, c := range []struct {
		got  string
		want string
	}{
		{read(2, proto2, "M", `{"b":false}`), `struct[null false null array[]]`},
		{read(2, proto2, "M", `{"b":false}`, "optional.for.proto2", "false"), `struct[int32(5) false null array[]]`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	if got := read(2, proto2, "M", `{"b":true}`, "generate.struct.for.nulls", "true"); !strings.Contains(got, "nested deeper") {
		t.Errorf("defaults without end: %s", got)
	}
	v, s, err := factory(t, r.URL()).For("t").Decode(record(t, 1, shop, "shop.Order", `{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range s.Fields {
		unset := f.Schema.Kind == data.Struct || f.Name == "note" || f.Name == "at" || f.Name == "day" || f.Name == "time" || f.Name == "total"
		if v.Elems()[i].IsNull() != unset {
			t.Errorf("%s is %s", f.Name, golden.ShowValue(v.Elems()[i]))
		}
	}
}

func TestReadSettings(t *testing.T) {
	r := registry(t)
	r.SeedSchema("t-value", 1, 1, sr.Schema{Schema: shop, Type: sr.TypeProtobuf})
	read := func(props ...string) (*data.Schema, func(string) data.Value) {
		t.Helper()
		v, s, err := factory(t, r.URL(), props...).For("t").Decode(record(t, 1, shop, "shop.Order", orderJSON), nil)
		if err != nil {
			t.Fatal(fault.Explain(err))
		}
		return s, func(name string) data.Value {
			if i := s.FieldIndex(name); i >= 0 {
				return v.Elems()[i]
			}
			t.Errorf("%v: no field %s", props, name)
			return data.Value{}
		}
	}
	schema := func(s *data.Schema, name string) *data.Schema { return s.Fields[s.FieldIndex(name)].Schema }

	s, get := read("enhanced.protobuf.schema.support", "true", "generate.index.for.unions", "false")
	if s.Name != "shop.Order" || schema(s, "status").Name != "shop.Order.Status" || schema(s, "payment").Name != unionName+".shop.Order.payment" ||
		schema(s, "tags").Name != "shop.Order.tags" || get("payment").IsNull() {
		t.Errorf("whole names: %s", golden.ShowSchema(s))
	}
	s, get = read("int.for.enums", "true", "flatten.unions", "true")
	if get("status").Int() != 1 || schema(s, "status").Kind != data.Int32 || get("cash").Int() != 4000000000 || !get("card").IsNull() {
		t.Errorf("flat: %s", golden.ShowSchema(s))
	}
	s, get = read("wrapper.for.nullables", "true")
	if schema(s, "id").Optional || !schema(s, "coupon").Optional || get("coupon").Str() != "X" {
		t.Errorf("wrappers: %s", golden.ShowSchema(s))
	}
	if s, _ = read("optional.for.nullables", "true"); schema(s, "id").Optional || !schema(s, "note").Optional {
		t.Errorf("labels: %s", golden.ShowSchema(s))
	}
	s, _ = read("generalized.sum.type.support", "true")
	if u := schema(s, "payment_0"); u.Name != "payment" || u.Params[0] != (data.Param{Name: generalizedUnion, Value: "payment"}) {
		t.Errorf("union: %s", golden.ShowSchema(u))
	}
	if v, _ := schema(s, "status").Param(generalizedEnum + ".PAID"); v != "1" {
		t.Errorf("enum: %s", golden.ShowSchema(schema(s, "status")))
	}
}

func TestRoundTrip(t *testing.T) {
	for _, props := range [][]string{
		nil,
		{"enhanced.protobuf.schema.support", "true"},
		{"optional.for.nullables", "true"},
		{"wrapper.for.nullables", "true"},
		{"int.for.enums", "true", "generate.index.for.unions", "false"},
		{"generalized.sum.type.support", "true"},
	} {
		t.Run(strings.Join(props, " "), func(t *testing.T) {
			r := registry(t)
			r.SeedSchema("in-value", 1, 1, sr.Schema{Schema: shop, Type: sr.TypeProtobuf})
			f := factory(t, r.URL(), props...)
			// A field without presence cannot be null: it is set.
			raw := record(t, 1, shop, "shop.Order", strings.Replace(orderJSON, "{", `{"note": "n",`, 1))
			v, s, err := f.For("in").Decode(raw, nil)
			if err != nil {
				t.Fatal(fault.Explain(err))
			}
			out, err := f.For("out").Encode(nil, v, s)
			if err != nil {
				t.Fatal(fault.Explain(err))
			}
			back, bs, err := f.For("out").Decode(out, nil)
			if err != nil {
				t.Fatal(fault.Explain(err))
			}
			if !back.Equal(v) {
				t.Errorf("read back %s,\nwritten %s", golden.ShowValue(back), golden.ShowValue(v))
			}
			if f.config.enhanced || f.config.wrapNullables {
				return // names and wrappers are others then
			}
			if bs.Version = s.Version; !bs.Equal(s) {
				t.Errorf("schema read back %s,\nwritten %s", golden.ShowSchema(bs), golden.ShowSchema(s))
			}
			// The path differs (the copy's first type is the order), the message does not.
			if got, want := canonical(t, out[6:]), canonical(t, raw[7:]); string(got) != string(want) {
				t.Errorf("bytes %x,\nof %x", got, want)
			}
		})
	}
}

// canonical is the message of an order in the order of protobuf-go.
func canonical(t *testing.T, raw []byte) []byte {
	t.Helper()
	file, err := compile(shop)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(byName(file, "shop.Order"))
	if err := proto.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDerivedText: the text of a schema that came from elsewhere.
func TestDerivedText(t *testing.T) {
	item := data.NewStruct("", data.Field{Name: "sku", Schema: data.Of(data.String)})
	decimal := data.Of(data.Decimal)
	decimal.Params = []data.Param{{Name: "scale", Value: "2"}}
	s := data.NewStruct("a.b.Order",
		data.Field{Name: "id", Schema: data.Of(data.Int8)},
		data.Field{Name: "item", Schema: item},
		data.Field{Name: "Item", Schema: data.NewStruct("x.Item", data.Field{Name: "n", Schema: data.Of(data.Float32)})},
		data.Field{Name: "price", Schema: decimal},
		data.Field{Name: "list", Schema: data.ArrayOf(data.Of(data.Timestamp))},
		data.Field{Name: "map", Schema: data.MapOf(data.Of(data.Float64), data.Of(data.Date).AsOptional())})
	got, err := mapping{}.derive(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `syntax = "proto3";
package a.b;

import "confluent/type/decimal.proto";
import "google/protobuf/timestamp.proto";
import "google/type/date.proto";

message Order {
  int32 id = 1 [(confluent.field_meta) = { params: [{ key: "connect.type", value: "int8" }] }];
  ConnectDefault1 item = 2;
  ItemMessage Item = 3;
  confluent.type.Decimal price = 4 [(confluent.field_meta) = { params: [{ key: "scale", value: "2" }] }];
  repeated google.protobuf.Timestamp list = 5;
  repeated ConnectDefault2Entry map = 6;
  message ConnectDefault1 {
    string sku = 1;
  }
  message ItemMessage {
    float n = 1;
  }
  message ConnectDefault2Entry {
    double key = 1;
    google.type.Date value = 2;
  }
}
`
	if got.text != want || got.name != "a.b.Order" {
		t.Errorf("%s\n%s", got.name, got.text)
	}
	if _, err := compile(got.text); err != nil {
		t.Error(err)
	}
}

func TestWriteNames(t *testing.T) {
	s := data.NewStruct("my-shop.Order 1", data.Field{Name: "a-b", Schema: data.Of(data.String)}, data.Field{Name: "_c", Schema: data.Of(data.String)})
	if _, err := (mapping{}).derive(s); !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), "scrub.invalid.names") {
		t.Errorf("%v", err)
	}
	d, err := mapping{scrub: true}.derive(s)
	if err != nil || d.name != "my_shop.Order_1" || !strings.Contains(d.text, "string a_b = 1;") || !strings.Contains(d.text, "string x_c = 2;") {
		t.Errorf("%s, %v", d.text, err)
	}
	evil := data.NewStruct("x", data.Field{Name: "a = 1; } message Evil { string b", Schema: data.Of(data.String)})
	if _, err := (mapping{}).derive(evil); !fault.Is(err, fault.Record) {
		t.Errorf("a name that is a text: %v", err)
	}
}

// TestPrimitives: records that are no structs go into wrapper messages, whose path in
// the file of wrappers stands in the head.
func TestPrimitives(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL()).For("t")
	for _, p := range []struct {
		v    data.Value
		kind data.Kind
		want string
	}{
		{data.OfString("ab"), data.String, "020e" + "0a026162"},
		{data.OfInt32(-1), data.Int32, "0208" + "08ffffffffffffffffff01"},
		{data.OfInt64(3), data.Int64, "0204" + "0803"},
		{data.OfFloat64(1), data.Float64, "00" + "09000000000000f03f"},
		{data.OfBool(false), data.Bool, "020c"},
		{data.OfBytes([]byte{7}), data.Bytes, "0210" + "0a0107"},
	} {
		raw, err := c.Encode(nil, p.v, data.Of(p.kind))
		if err != nil || hex.EncodeToString(raw[5:]) != p.want {
			t.Errorf("%s: %x, want %s, %v", p.kind, raw, p.want, err)
			continue
		}
		back, s, err := c.Decode(raw, nil)
		if err != nil || !back.Equal(p.v) || s.Kind != p.kind {
			t.Errorf("%s: %s, %v", p.kind, golden.ShowValue(back), err)
		}
	}
	if _, err := c.Encode(nil, data.OfArray(nil), data.ArrayOf(data.Of(data.String))); !fault.Is(err, fault.Record) {
		t.Errorf("a list as record: %v", err)
	}
	if _, err := c.Encode(nil, data.OfString("x"), nil); !fault.Is(err, fault.Record) {
		t.Errorf("without schema: %v", err)
	}
	if raw, err := c.Encode(nil, data.Value{}, data.Of(data.String)); raw != nil || err != nil {
		t.Errorf("null: %x, %v", raw, err)
	}
	if v, s, err := c.Decode(nil, nil); !v.IsNull() || s != nil || err != nil {
		t.Errorf("tombstone: %v", err)
	}
}

// TestReferences: what a schema imports comes from the registry, under the names of
// the imports; options that nobody defines do not matter.
func TestReferences(t *testing.T) {
	const (
		customer = `syntax = "proto3"; package shop; import "base/money.proto"; message Customer { string name = 1; Money debt = 2; }`
		money    = `syntax = "proto3"; package shop; option (my.file_option) = "x"; message Money { int64 cents = 1 [(my.option) = true, deprecated = true]; }`
		order    = `syntax = "proto3"; package shop; import "customer.proto"; import "google/type/money.proto"; message Order { Customer c = 1; google.type.Money m = 2; }`
	)
	r := registry(t)
	seed := func(subject string, id int, text string, refs ...sr.SchemaReference) {
		r.SeedSchema(subject, 1, id, sr.Schema{Schema: text, Type: sr.TypeProtobuf, References: refs})
	}
	seed("money", 1, money)
	seed("customer", 2, customer, sr.SchemaReference{Name: "base/money.proto", Subject: "money", Version: 1})
	seed("orders-value", 3, order, sr.SchemaReference{Name: "customer.proto", Subject: "customer", Version: 1})
	raw := record(t, 3, order, "shop.Order", `{"c": {"name": "Ann", "debt": {"cents": "5"}}, "m": {"currencyCode": "EUR"}}`,
		schemas.Reference{Name: "customer.proto", Text: customer}, schemas.Reference{Name: "base/money.proto", Text: money})
	v, s, err := factory(t, r.URL()).For("orders").Decode(raw, nil)
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	if got := golden.ShowValue(v); !strings.Contains(got, "Ann") || !strings.Contains(got, "5") || !strings.Contains(got, "EUR") || s.Version != 1 {
		t.Errorf("%s, version %d", got, s.Version)
	}
}

// TestEvolution: a record that was written before a field came or after one went is
// read; with use.latest.version all records have the schema of the last version.
func TestEvolution(t *testing.T) {
	const (
		v1 = `syntax = "proto3"; message Order { int64 id = 1; string old = 2; int32 n = 3; }`
		v2 = `syntax = "proto3"; message Order { int64 id = 1; int64 n = 3; optional string added = 4; }`
	)
	r := registry(t)
	r.SeedSchema("orders-value", 1, 1, sr.Schema{Schema: v1, Type: sr.TypeProtobuf})
	r.SeedSchema("orders-value", 2, 2, sr.Schema{Schema: v2, Type: sr.TypeProtobuf})
	old := record(t, 1, v1, "Order", `{"id": "1", "old": "x", "n": -2}`)
	recent := record(t, 2, v2, "Order", `{"id": "2", "n": "3000000000", "added": "y"}`)
	c := factory(t, r.URL()).For("orders")
	for _, raw := range [][]byte{old, recent, old} {
		v, s, err := c.Decode(raw, nil)
		if err != nil || len(v.Elems()) != len(s.Fields) {
			t.Errorf("%x: %v", raw, err)
		}
	}
	c = factory(t, r.URL(), "use.latest.version", "true").For("orders")
	v, s, err := c.Decode(old, nil)
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	_, s2, err := c.Decode(recent, nil)
	if err != nil || s.FieldIndex("old") >= 0 || s.Version != 2 || !s.Equal(s2) {
		t.Errorf("%s, %v", golden.ShowSchema(s), err)
	}
	if got := v.Elems(); got[0].Int() != 1 || got[1].Int() != -2 || !got[2].IsNull() {
		t.Errorf("%s", golden.ShowValue(v))
	}
}

func TestUseLatestVersion(t *testing.T) {
	s := data.NewStruct("Order", data.Field{Name: "id", Schema: data.Of(data.Int64)}, data.Field{Name: "note", Schema: data.Of(data.String)})
	v := data.OfStruct([]data.Value{data.OfInt64(1), data.OfString("x")})
	for text, want := range map[string]string{
		`syntax = "proto3"; message First {} message Order { int64 id = 1; string note = 2; string more = 3; }`: "",
		`syntax = "proto3"; message Order { int64 id = 2; string note = 1; }`:                                   "latest.compatibility.strict=false",
		`syntax = "proto3"; message Order { int64 id = 1; int32 note = 2; }`:                                    "is string in the data",
		`syntax = "proto3"; message Payment { int64 id = 1; }`:                                                  "no message type Order",
	} {
		r := registry(t)
		r.SeedSchema("orders-value", 1, 4, sr.Schema{Schema: text, Type: sr.TypeProtobuf})
		raw, err := factory(t, r.URL(), "auto.register.schemas", "false", "use.latest.version", "true").For("orders").Encode(nil, v, s)
		if want == "" {
			if err != nil || hex.EncodeToString(raw) != "0000000004"+"0202"+"0801"+"120178" {
				t.Errorf("%x, %v", raw, err)
			}
			continue
		}
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), want) {
			t.Errorf("%s: %v, want %q", text, fault.Explain(err), want)
		}
	}
}

func TestBadRecords(t *testing.T) {
	const text = `syntax = "proto3"; message M { string s = 1; uint64 u = 2; M m = 3; }`
	r := registry(t)
	r.SeedSchema("t-value", 1, 9, sr.Schema{Schema: text, Type: sr.TypeProtobuf})
	r.SeedSchema("p-value", 1, 10, sr.Schema{Schema: `"string"`})
	r.SeedSchema("q-value", 1, 11, sr.Schema{Schema: `syntax = "proto3"; message {`, Type: sr.TypeProtobuf})
	c := factory(t, r.URL()).For("t")
	deep := strings.Repeat("00", 0)
	for range 200 {
		deep = "1a" + hex.EncodeToString(protoLength(len(deep)/2)) + deep
	}
	for _, k := range []struct{ raw, want string }{
		{"", "Unknown magic byte!"},
		{"0100000009", "Unknown magic byte!"},
		{"0000000009", "the path to the message type has the length"},
		{"000000000901", "the path to the message type has the length -1"},
		{"0000000009ffffffff0f", "the path to the message type has the length"},
		{"000000000904" + "00", "the bytes end within the path"},
		{"000000000902" + "02", "no message type with the index 1"},
		{"000000000902" + "01", "no message type with the index -1"},
		{"000000000904" + "0000", "no message type with the index 0 in [0 0]"},
		{"0000000009000a05", "Error deserializing Protobuf message for id 9"},
		{"0000000009000a01ff", "Error deserializing Protobuf message for id 9"},
		{"00000000090010ffffffffffffffffff01", "does not fit 64 bits with a sign"},
		{"000000000900" + deep, "Error deserializing Protobuf message for id 9"},
		{"000000000a00", "type AVRO"},
		{"000000000b00", "schema 11 cannot be read"},
		{"000000006300", "id 99"},
	} {
		raw, err := hex.DecodeString(k.raw)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Decode(append([]byte{}, raw...), nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) {
			t.Errorf("%s: %q, want %q", k.raw, fault.Explain(err), k.want)
		}
	}
}

func protoLength(n int) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func TestBadValues(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL()).For("t")
	unsigned := data.Of(data.Int64)
	unsigned.Params = []data.Param{{Name: typeParam, Value: "uint32"}}
	enum := &data.Schema{Kind: data.String, Name: "E", Params: []data.Param{{Name: enumParam, Value: "E"}, {Name: enumParam + ".A", Value: "0"}}}
	union := data.NewStruct(unionName+".u", data.Field{Name: "x", Schema: data.Of(data.String).AsOptional()})
	loop := data.NewStruct("A")
	loop.Fields = []data.Field{{Name: "b", Schema: data.NewStruct("B", data.Field{Name: "a", Schema: loop})}}
	loop.Index()
	one := func(s *data.Schema) *data.Schema { return data.NewStruct("R", data.Field{Name: "f", Schema: s}) }
	of := func(v data.Value) data.Value { return data.OfStruct([]data.Value{v}) }
	for name, k := range map[string]struct {
		s    *data.Schema
		v    data.Value
		want string
	}{
		"another type":     {one(data.Of(data.String)), of(data.OfInt64(1)), "Invalid type for STRING"},
		"too few fields":   {one(data.Of(data.String)), data.OfStruct(nil), "Mismatching struct schema"},
		"below zero":       {one(unsigned), of(data.OfInt64(-1)), "does not fit uint32"},
		"too large":        {one(unsigned), of(data.OfInt64(math.MaxUint32 + 1)), "does not fit uint32"},
		"no symbol":        {one(enum), of(data.OfString("B")), "not a symbol of the enum E"},
		"null in a list":   {one(data.ArrayOf(data.Of(data.String).AsOptional())), of(data.OfArray([]data.Value{{}})), "holds null"},
		"list of lists":    {one(data.ArrayOf(data.ArrayOf(data.Of(data.String)))), of(data.OfArray(nil)), "Array cannot be nested"},
		"union, no tags":   {one(union), of(data.OfStruct([]data.Value{data.OfString("x")})), "has no parameter"},
		"time in a date":   {one(data.Of(data.Date)), of(data.OfDate(1)), "should not have any time fields"},
		"late timestamp":   {one(data.Of(data.Timestamp)), of(data.OfTimestamp(math.MaxInt64)), "Timestamp is not valid"},
		"time of next day": {one(data.Of(data.Time)), of(data.OfTime(dayMillis + 1)), "Time values must use"},
		"same tag twice": {data.NewStruct("R", data.Field{Name: "a", Schema: &data.Schema{Kind: data.String, Params: []data.Param{{Name: tagParam, Value: "1"}}}},
			data.Field{Name: "b", Schema: data.Of(data.String)}), data.OfStruct([]data.Value{{}, {}}), "Invalid protobuf schema definition"},
		"contains itself": {loop, data.OfStruct([]data.Value{{}}), "contains itself"},
	} {
		_, err := c.Encode(nil, k.v, k.s)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) {
			t.Errorf("%s: %q, want %q", name, fault.Explain(err), k.want)
		}
	}
}

// TestOutage: with the registry away, known schemas go on and unknown ones wait; a
// worker that starts meanwhile knows what was kept on disk.
func TestOutage(t *testing.T) {
	r := registry(t)
	dir := t.TempDir()
	open := func() *Converter {
		f, err := New(map[string]string{"schema.registry.url": r.URL()}, converters.Value, converters.Env{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return f.For("orders").(*Converter)
	}
	s := data.NewStruct("Order", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	v := data.OfStruct([]data.Value{data.OfInt64(1)})
	c := open()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Decode(raw, nil); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, c := range []*Converter{c, open()} {
		if again, err := c.Encode(nil, v, s); err != nil || string(again) != string(raw) {
			t.Errorf("known schema: %v", err)
		}
		if _, _, err := c.Decode(raw, nil); err != nil {
			t.Errorf("known id: %v", err)
		}
		if _, err := c.Encode(nil, data.OfInt64(1), data.Of(data.Int64)); !fault.Is(err, fault.Retry) {
			t.Errorf("new schema: %v", err)
		}
		if _, _, err := c.Decode([]byte{0, 0, 0, 9, 9, 0}, nil); !fault.Is(err, fault.Retry) {
			t.Errorf("new id: %v", err)
		}
	}
}

func TestSubjects(t *testing.T) {
	r := registry(t)
	s := data.NewStruct("a.Order", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	for strategy, want := range map[string]string{
		"TopicNameStrategy": "t-value", "RecordNameStrategy": "a.Order", "TopicRecordNameStrategy": "t-a.Order",
	} {
		c := factory(t, r.URL(), "value.subject.name.strategy", "io.confluent.kafka.serializers.subject."+strategy).For("t")
		raw, err := c.Encode(nil, data.OfStruct([]data.Value{data.OfInt64(1)}), s)
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
	r.SeedSchema("t-value", 1, 1, sr.Schema{Schema: shop, Type: sr.TypeProtobuf})
	// Without labels a null string would come back as an empty one.
	c := factory(f, r.URL(), "optional.for.nullables", "true").For("t")
	f.Add(record(f, 1, shop, "shop.Order", orderJSON)[5:])
	f.Add([]byte{2, 0, 10, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := append([]byte{0, 0, 0, 0, 1}, body...)
		v, s, err := c.Decode(raw, &data.Arena{})
		if err != nil {
			if !fault.Is(err, fault.Record) {
				t.Fatalf("%x: %v has class %s", body, err, fault.ClassOf(err))
			}
			return
		}
		if s.Kind != data.Struct || len(v.Elems()) != len(s.Fields) {
			t.Fatalf("%x: %s of %s", body, golden.ShowValue(v), golden.ShowSchema(s))
		}
		out, err := c.Encode(nil, v, s)
		if err != nil {
			return // for instance a date that only one side has
		}
		back, _, err := c.Decode(out, &data.Arena{})
		if err != nil || !back.Equal(v) {
			t.Fatalf("%x: read %s, written and read %s, %v", body, golden.ShowValue(v), golden.ShowValue(back), err)
		}
	})
}

// FuzzCompile: no text of a schema does harm, and what can be read can be mapped.
func FuzzCompile(f *testing.F) {
	f.Add(shop)
	f.Add(wrappersText)
	f.Add(`syntax = "proto2"; message A { optional group G = 1 { required A a = 2; } extensions 4 to max; }`)
	f.Add(`edition = "2023"; message A { string b = 1 [features.field_presence = IMPLICIT]; }`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := compile(text)
		if err != nil {
			return
		}
		for i := range file.Messages().Len() {
			if m, err := (mapping{}).connect(file.Messages().Get(i), 1); err == nil {
				_, _ = m.decode([]byte{10, 2, 8, 1}, nil)
			}
		}
	})
}
