package protobuf

import (
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

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
