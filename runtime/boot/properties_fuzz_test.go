package boot

import (
	"testing"

	"culvert/fault"
)

// FuzzProperties reads any file: it is refused with an error that names it, or every
// character of what was read came out of it.
func FuzzProperties(f *testing.F) {
	for _, s := range []string{"a=b\n", "a : b\\\n  c\n# note\n! note\n", "\\u00e9=\\u20ac", "k", "=v", "a=${file:/x:y}", "a=\\u12", "\\", "a=b\r\nc=d\re=f", "a=1\na=2", "\xff=\xfe"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		props, err := parseProperties("worker.properties", raw)
		if err != nil {
			if !fault.Is(err, fault.Config) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		size := 0
		for k, v := range props {
			size += len(k) + len(v)
		}
		if size > 3*len(raw) { // a Latin-1 byte has two in UTF-8, an escape has fewer
			t.Fatalf("%d bytes of properties from a file of %d", size, len(raw))
		}
	})
}

// FuzzConnector reads any JSON file of a connector.
func FuzzConnector(f *testing.F) {
	for _, s := range []string{`{"name":"a","config":{"x":1,"y":true,"z":null}}`, `{"connector.class":"F","initial_state":"stopped"}`, `{"name":"a","config":{"x":[]}}`,
		`{"name":"a","config":null}`, `{}{}`, `{"config":{},"initial_state":"gone"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := connectorJSON(raw); err == nil && c.Config == nil {
			t.Fatalf("%q: no configuration and no error", raw)
		}
	})
}
