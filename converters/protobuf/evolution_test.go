package protobuf

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
	"culvert/schemas"
)

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
