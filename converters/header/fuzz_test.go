package header_test

import (
	"testing"

	"culvert/converters/header"
	"culvert/data"
)

// FuzzDecode reads any header. Every one has a value, as in Java: what is not
// understood is bytes. What was written of it can be read and is written the
// same once more.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`[1,2.5,"x"]`, `{"a":[true,null]}`, `2020-01-02T03:04:05.678Z`, `"\"quoted\""`, `-9223372036854775809`,
		`[[[[`, `{"a":`, "\x00", "\xff\xfe", ` 1`, `1e400`, `NULL`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := &header.Converter{}
		v, s, err := c.Decode(raw, &data.Arena{})
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		text, err := c.Encode(nil, v, s)
		if err != nil {
			t.Fatalf("%q cannot be written: %v", raw, err)
		}
		if (text == nil) != v.IsNull() {
			t.Fatalf("%q was written as %q", raw, text)
		}
		if _, _, err := c.Decode(text, &data.Arena{}); err != nil {
			t.Fatalf("%q was written as %q, which cannot be read: %v", raw, text, err)
		}
	})
}
