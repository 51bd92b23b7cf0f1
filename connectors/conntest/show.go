package conntest

import (
	"fmt"
	"strings"
	"testing"

	"culvert/data"
)

// snapshot prints the records of a batch for comparison.
func snapshot(t *testing.T, b *data.Batch) []string {
	t.Helper()
	var out []string
	for i := range b.Records {
		r := &b.Records[i]
		key, _, err := r.Key.Value(b.Arena)
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := r.Value.Value(b.Arena)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.Topic+" "+Show(key)+" "+Show(value))
	}
	return out
}

// Show prints a value: for comparing in tests, not for reading back.
func Show(v data.Value) string {
	switch v.Kind() {
	case data.Null:
		return "null"
	case data.Bool:
		return fmt.Sprint(v.Bool())
	case data.String:
		return fmt.Sprintf("%q", v.Str())
	case data.Bytes:
		return fmt.Sprintf("%x", v.Bytes())
	case data.Decimal:
		return fmt.Sprintf("%v/%d", v.Unscaled(), v.Scale())
	case data.Float32, data.Float64:
		return fmt.Sprint(v.Float())
	case data.Array, data.Map, data.Struct:
		var parts []string
		for _, e := range v.Elems() {
			parts = append(parts, Show(e))
		}
		return v.Kind().String() + "(" + strings.Join(parts, " ") + ")"
	}
	return fmt.Sprint(v.Int())
}
