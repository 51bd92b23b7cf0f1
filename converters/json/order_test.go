package json

import (
	"math"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"
)

// TestErrorOrder: each value is read once, and still the errors come as in Java, which
// parses the whole text first, and counts an entry's parts before it reads them.
func TestErrorOrder(t *testing.T) {
	content := `{"type":"struct","fields":[{"field":"a","type":"int32"},{"field":"m","type":"map","optional":true,` +
		`"keys":{"type":"int32"},"values":{"type":"string"}}]}`
	f, err := New(map[string]string{"schema.content": content}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := f.For("t")
	for _, test := range []struct{ raw, want string }{
		{`{"a":"x","b":[1,}`, "serialization error"},
		{`{"a":"x","b":[1]}`, "does not fit the type"},
		{`{"m":[["x","y",1]],"a":1}`, "expected length 2 but found :3"},
		{`{"m":[["x"]],"a":1}`, "expected length 2 but found :1"},
		{`{"m":[["x",1]],"a":1}`, `The value "x" does not fit`},
		{`{"m":[[1,1]],"a":1}`, `The value 1 does not fit`},
		{`{"m":[["x",1,}]],"a":1}`, "serialization error"},
		{`{"a":nul}`, "serialization error"},
		{`{"a":`, "serialization error"},
	} {
		_, _, err := c.Decode([]byte(test.raw), nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.raw, err, test.want)
		}
	}
	v, _, err := c.Decode([]byte(`{"x":{"y":[{}]},"m":[[1,"one"],[2,"two"],[1,"eins"]],"a":7}`), &data.Arena{})
	want := data.OfStruct([]data.Value{data.OfInt32(7), data.OfMap([]data.Value{
		data.OfInt32(1), data.OfString("eins"), data.OfInt32(2), data.OfString("two")})})
	if err != nil || !v.Equal(want) {
		t.Errorf("%v, %v", v, err)
	}
}

// TestSchemaContent: what is wrong with the schema is said in Java's words, and it
// may hold whatever the schema of a message may.
func TestSchemaContent(t *testing.T) {
	for content, want := range map[string]string{
		`{"type":`:         "Failed to parse schema in converter config due to serialization error: ",
		`{"type":"struct"`: "Failed to parse schema in converter config due to serialization error: ",
		`{"fields":[]}`:    "Schema must contain 'type' field",
		`{"type":"map","keys":{"type":"string"},"values":{"type":"int32"},"default":[]}`:                                                                 "Maps with string fields should be encoded as JSON objects, but found ARRAY",
		`{"type":"map","keys":{"type":"string"},"values":{"type":"struct","fields":[{"field":"a","type":"int32"}]},"default":{"k":{"a":1},"l":{"a":2}}}`: "",
	} {
		_, err := New(map[string]string{"schema.content": content}, 0)
		if want == "" && err != nil || want != "" && (!fault.Is(err, fault.Config) || err.Error() != want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	f, err := New(map[string]string{"schema.content": `{"type":"int32"}`}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for raw, ok := range map[string]bool{"12": true, "12 x": true, "12x": false, "12'": false} {
		if _, _, err := f.For("t").Decode([]byte(raw), nil); (err == nil) != ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestExactNumbers: a fraction that no float shows is a fraction, a whole number is
// one however it is written, and what is too small for a float keeps its sign.
func TestExactNumbers(t *testing.T) {
	f, err := New(map[string]string{"schema.content": `{"type":"int64"}`}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]int64{"-6412754261773546.733": 0, "1.00000000000000000001": 0, "0.99999999999999999999": 0, "9007199254740993.0": 9007199254740993, "1e18": 1e18, "1e19": 0, "12.00e-1": 0, "120e-1": 12} {
		v, _, err := f.For("t").Decode([]byte(raw), nil)
		if (err == nil) != (want != 0) || err == nil && v.Int() != want {
			t.Errorf("%s: %v, %v, want %d", raw, v.Int(), err, want)
		}
	}
	if f, err = New(map[string]string{"schemas.enable": "false"}, 0); err != nil {
		t.Fatal(err)
	}
	for raw, negative := range map[string]bool{"-6e-361": true, "-0.001E-400": true, "-0.0": false, "-0e5": false, "6e-361": false} {
		v, _, err := f.For("t").Decode([]byte(raw), nil)
		if err != nil || v.Float() != 0 || math.Signbit(v.Float()) != negative {
			t.Errorf("%s: %v, %v", raw, v.Float(), err)
		}
	}
}

// TestBase64WithBlanks: white space stands between units of four characters.
func TestBase64WithBlanks(t *testing.T) {
	f, err := New(map[string]string{"schema.content": `{"type":"bytes"}`}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{`"YWJj ZGVm"`: "abcdef", `" YWJj\n"`: "abc", `"YWJjZA== "`: "abcd", `"YWJ jZGVm"`: "", `"YWJjZ A=="`: ""} {
		v, _, err := f.For("t").Decode([]byte(raw), nil)
		if (err == nil) != (want != "") || string(v.Bytes()) != want {
			t.Errorf("%s: %q, %v, want %q", raw, v.Bytes(), err, want)
		}
	}
}
