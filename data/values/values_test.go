package values

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"culvert/data"
)

func TestAppendDouble(t *testing.T) {
	for want, f := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "1.0": 1, "100.0": 100, "9999999.0": 9999999, "1.0E7": 1e7, "0.001": 0.001, "9.999E-4": 0.0009999,
		"1.23456789E7": 12345678.9, "4.9E-324": math.SmallestNonzeroFloat64, "1.7976931348623157E308": math.MaxFloat64, "NaN": math.NaN(),
		"-Infinity": math.Inf(-1), "-2.5E-8": -2.5e-8, "123456.789": 123456.789, "0.1": 0.1, "1.0E22": 1e22,
	} {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("%g: %s, want %s", f, got, want)
		}
	}
	if got := string(AppendFloat(nil, math.SmallestNonzeroFloat32)); got != "1.4E-45" {
		t.Errorf("smallest float: %s", got)
	}
}

func TestAppendDecimal(t *testing.T) {
	for want, d := range map[string]struct {
		unscaled string
		scale    int32
	}{
		"1.50": {"150", 2}, "-0.01": {"-1", 2}, "0.00": {"0", 2}, "1500": {"1500", 0}, "1.5E+3": {"15", -2}, "1E-10": {"1", 10}, "1E+30": {"1", -30},
		"0.000001": {"1", 6}, "1E-7": {"1", 7}, "123456789012345678901234567890.12": {"12345678901234567890123456789012", 2}, "-1.23E-8": {"-123", 10},
	} {
		i, _ := new(big.Int).SetString(d.unscaled, 10)
		if got := string(AppendDecimal(nil, data.OfBigDecimal(i, d.scale))); got != want {
			t.Errorf("%s scale %d: %s, want %s", d.unscaled, d.scale, got, want)
		}
		unscaled, scale, ok := ParseDecimal(want)
		if !ok || unscaled.Cmp(i) != 0 || scale != d.scale {
			t.Errorf("%s read as %s scale %d", want, unscaled, scale)
		}
	}
	for _, bad := range []string{"", "-", ".", "1e", "1x", "1e2147483648", "--1", "1.2.3"} {
		if _, _, ok := ParseDecimal(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestReplaceMalformed(t *testing.T) {
	for in, want := range map[string]string{"a\xe2\x82b": "a\ufffdb", "\xf0\x9f\x98": "\ufffd", "\xff\xfe": "\ufffd\ufffd", "\xc0\x80": "\ufffd\ufffd", "ok é": "ok é"} {
		if got := string(ReplaceMalformed(nil, []byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestParseBlanks: nothing of a text is dropped that begins with blanks (as Kafka 4.3.1 answers).
func TestParseBlanks(t *testing.T) {
	for in, want := range map[string]string{" ": " ", " :": " :", "  :a": "  :a", ` "a"`: ` "a"`, " , ": " , ", "[ :1]": "[ :1]", "{a: }": "{a: }", ` \:`: ` \:`} {
		if v, _, err := Parse(in); err != nil || v.Kind() != data.String || v.Str() != want {
			t.Errorf("%q: %s, %v", in, v.Kind(), err)
		}
	}
	if v, _, err := Parse(" [ 1,\t]"); err != nil || v.Kind() != data.Array {
		t.Errorf("an array after blanks: %s, %v", v.Kind(), err)
	}
}

func TestParseIsBounded(t *testing.T) {
	if _, _, err := Parse(strings.Repeat("[", 1000000)); err != ErrTooDeep {
		t.Errorf("a million brackets: %v", err)
	}
	v, _, err := Parse("1e2147483647")
	if err != nil || v.Kind() != data.Decimal {
		t.Errorf("a huge exponent: %s, %v", v.Kind(), err)
	}
	if v, _, err := Parse("1e-2147483647"); err != nil || v.Kind() != data.Float32 {
		t.Errorf("a tiny number: %s, %v", v.Kind(), err)
	}
}

func TestMerge(t *testing.T) {
	var n Names
	for _, count := range []int{2, 8, 9, 100} {
		var pairs []data.Value
		for i := range count {
			pairs = append(pairs, data.OfString(fmt.Sprint(i)), data.OfInt64(int64(i)))
		}
		if got := n.Merge(pairs); len(got) != 2*count {
			t.Errorf("%d names became %d", count, len(got)/2)
		}
		got := n.Merge(append(pairs, data.OfString("1"), data.OfInt64(-1)))
		if len(got) != 2*count || got[3].Int() != -1 {
			t.Errorf("%d names and one again became %d", count, len(got)/2)
		}
	}
}

// FuzzParse reads any header text; what it found can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"[1,2.5,null]", `{"a":"b",1:[true]}`, "12:34:56.789Z", "2020-01-02T03:04:05.006Z", "0001-01-01", "-1e5", `a\:b`, "{", "\u0661", "9e999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, s, err := Parse(text)
		if err != nil {
			return
		}
		out := AppendLiteral(nil, v, s)
		if _, _, err := Parse(string(out)); err != nil {
			t.Fatalf("%q was written as %q, which cannot be read: %v", text, out, err)
		}
	})
}

// TestParseDatesWithoutSchema: a date in an array or a map that has no schema for it
// is a java.util.Date of no particular kind.
func TestParseDatesWithoutSchema(t *testing.T) {
	for text, want := range map[string]data.Kind{
		"2023-11-14": data.Date, "[2023-11-14]": data.Date, "[2023-11-14, true]": data.Timestamp, "[[2023-11-14], 1]": data.Timestamp,
		"{a:1}": data.String, `{"a":2023-11-14}`: data.Date, `{"a":"2023-11-14","b":true}`: data.Timestamp, `{"a":1,"b":[2023-11-14]}`: data.Timestamp,
	} {
		v, s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := firstDate(v); got != want {
			t.Errorf("%s: %s under %v, want %s", text, got, s, want)
		}
	}
}

// firstDate is the kind of the first date in v, of v itself if it holds none.
func firstDate(v data.Value) data.Kind {
	for _, e := range v.Elems() {
		if k := firstDate(e); k == data.Date || k == data.Timestamp {
			return k
		}
	}
	return v.Kind()
}
