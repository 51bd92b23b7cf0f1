package protobuf

import (
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
