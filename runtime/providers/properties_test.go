package providers_test

import (
	"maps"
	"testing"

	"culvert/runtime/providers"
)

// TestProperties: as java.util.Properties.load reads them.
func TestProperties(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"a=1\r\nb=2\rc=3\n":     {"a": "1", "b": "2", "c": "3"},
		"a=x\\\r\n  y\r\nb=2":   {"a": "xy", "b": "2"},
		"a=x\\\r\ty\nb=2":       {"a": "xy", "b": "2"},
		"a=x\\\n  y":            {"a": "xy"},
		`a=\ud83d\uDE00!`:       {"a": "😀!"},
		`a=\\ud83d\\ude00`:      {"a": `\ud83d\ude00`},
		`a=\u00e9\u0301 ${x:y}`: {"a": "é\u0301 ${x:y}"},
		"\\ud83d\\ude00=1":      {"😀": "1"},
		"a=x\\\\\r\nb=2":        {"a": `x\`, "b": "2"},
		"a=\\r\\n\r\n":          {"a": "\r\n"},
	} {
		if got, err := providers.ParseProperties(text); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := providers.ParseProperties(`a=\u12`); err == nil {
		t.Error("half an escape is read")
	}
}
