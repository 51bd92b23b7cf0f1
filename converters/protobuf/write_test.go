package protobuf

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

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
