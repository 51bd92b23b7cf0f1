package header

import (
	"testing"

	"culvert/data"
	"culvert/internal/golden"
)

// FuzzDecode: every header has a value with its schema, and the text of what was read
// is read again as the same value, or as a text that is no value.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`text`, `12`, `-0.5e3`, `true`, `"quoted \" text"`, `[1, 2.5, "x"]`, `{"a": [null], "b": {}}`, `2024-02-29T01:02:03.004Z`, `[`, "\xff\x00"} {
		f.Add([]byte(text))
	}
	c := Factory{}.For("")
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, s, err := c.Decode(raw, &data.Arena{})
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if !v.IsNull() && (s == nil || v.Kind() != s.Kind) {
			t.Fatalf("%q: %s of %s", raw, golden.ShowValue(v), golden.ShowSchema(s))
		}
		text, err := c.Encode(nil, v, s)
		if err != nil {
			t.Fatalf("%q: %s cannot be written: %v", raw, golden.ShowValue(v), err)
		}
		if _, _, err := c.Decode(text, &data.Arena{}); err != nil {
			t.Fatalf("%q: written as %q, which cannot be read: %v", raw, text, err)
		}
	})
}
