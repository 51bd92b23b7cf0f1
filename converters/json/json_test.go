package json

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

func converter(t testing.TB, props ...string) *Converter {
	t.Helper()
	m := map[string]string{}
	for i := 0; i+1 < len(props); i += 2 {
		m[props[i]] = props[i+1]
	}
	f, err := New(m, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	return f.For("t").(*Converter)
}

func plain(t testing.TB) *Converter { return converter(t, "schemas.enable", "false") }

func TestOrderAndDuplicates(t *testing.T) {
	c := plain(t)
	var text strings.Builder
	text.WriteByte('{')
	for i := range 40 {
		fmt.Fprintf(&text, `"k%d":%d,`, i, i)
	}
	text.WriteString(`"k7":"again"}`)
	v, _, err := c.Decode([]byte(text.String()), &data.Arena{})
	if err != nil || v.Len() != 40 {
		t.Fatalf("%d members, %v", v.Len(), err)
	}
	for i, pairs := 0, v.Elems(); i < 40; i++ {
		if pairs[2*i].Str() != fmt.Sprintf("k%d", i) {
			t.Fatalf("member %d is %s", i, pairs[2*i].Str())
		}
	}
	if got, _ := v.Lookup("k7"); got.Str() != "again" {
		t.Errorf("k7 is %s", golden.ShowValue(got))
	}
	raw, err := c.Encode(nil, v, nil)
	if err != nil || !strings.HasPrefix(string(raw), `{"k0":0,"k1":1,`) {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestDepth(t *testing.T) {
	c := plain(t)
	for _, open := range []string{"[", `{"a":`} {
		deep := []byte(strings.Repeat(open, 100000))
		if _, _, err := c.Decode(deep, nil); !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), "nested deeper than 1000") {
			t.Errorf("%s: %v", open, fault.Explain(err))
		}
	}
}

// TestErrorsSayWhere: Java's text first, then position and remedy.
func TestErrorsSayWhere(t *testing.T) {
	_, _, err := plain(t).Decode([]byte(`{"a": tru}`), nil)
	text := fault.Explain(err)
	for _, part := range []string{"Converting byte[] to Kafka Connect data failed due to serialization error: ", "byte 6", "Make the producer write JSON"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
	_, _, err = converter(t).Decode([]byte(`{"schema":{"type":"struct","fields":[{"field":"in","type":"struct","fields":[{"field":"n","type":"int32"}]}]},"payload":{"in":{"n":"x"}}}`), nil)
	if e := fault.Of(err); e == nil || e.Field != "in.n" {
		t.Errorf("%v: field %q", err, e.Field)
	}
}

func TestSchemasAreInterned(t *testing.T) {
	c := converter(t)
	text := []byte(`{"schema":{"type":"string","optional":true},"payload":"x"}`)
	_, a, err := c.Decode(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := c.Decode(text, nil)
	if err != nil || a != b {
		t.Errorf("one text, two schemas; %v", err)
	}
}

func TestCachesAreBounded(t *testing.T) {
	c := converter(t, "schemas.cache.size", "10")
	for i := range 1000 {
		if _, _, err := c.Decode(fmt.Appendf(nil, `{"schema":{"type":"string","doc":"%d"},"payload":"x"}`, i), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Encode(nil, data.OfInt64(1), &data.Schema{Kind: data.Int64}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.byText) > 10 || len(c.envelopes) > 10 {
		t.Errorf("%d schemas read, %d written are kept", len(c.byText), len(c.envelopes))
	}
}

func TestDefaultsOutliveTheRecord(t *testing.T) {
	c := converter(t)
	raw := []byte(`{"schema":{"type":"string","optional":true,"default":"kept"},"payload":null}`)
	_, s, err := c.Decode(raw, &data.Arena{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] = '#'
	}
	if s.Default.Str() != "kept" {
		t.Errorf("default %q", s.Default.Str())
	}
}

// numbers reads numbers as Jackson does, through BigDecimal.
func TestNumbers(t *testing.T) {
	c := plain(t)
	for text, want := range map[string]data.Value{
		"0": data.OfInt64(0), "-0": data.OfInt64(0), "007": data.OfInt64(7), "-9223372036854775808": data.OfInt64(math.MinInt64),
		"-0.0": data.OfFloat64(0), "1e2": data.OfFloat64(100), "123456789012345678.5": data.OfFloat64(123456789012345678.5),
		"0.1": data.OfFloat64(0.1), "9007199254740993.0": data.OfFloat64(9007199254740992), "1e-400": data.OfFloat64(0),
		"1e400": data.OfFloat64(math.Inf(1)), "0.000001": data.OfFloat64(0.000001), "12.34": data.OfFloat64(12.34),
	} {
		v, _, err := c.Decode([]byte(text), nil)
		if err != nil || !v.Equal(want) {
			t.Errorf("%s: %s, %v", text, golden.ShowValue(v), err)
		}
	}
}

// FuzzDecode holds plain decoding against encoding/json, and reads again what it wrote.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5,"x\u00e9\n",null,true]}`, `[]`, ` "\ud83d\ude00" `, `1e5`, `{"a":1,"a":2}`, "\x00\x31"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := plain(t)
		v, _, err := c.Decode(raw, &data.Arena{})
		if err != nil || raw == nil {
			if err != nil && !fault.Is(err, fault.Record) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		var want any
		if json.Unmarshal(raw, &want) == nil && !strings.ContainsRune(string(raw), '\\') {
			if got := generic(v); !same(got, want) {
				t.Fatalf("%q: %v, encoding/json says %v", raw, got, want)
			}
		}
		text, err := c.Encode(nil, v, nil)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", golden.ShowValue(v), err)
		}
		if text == nil {
			return
		}
		again, _, err := c.Decode(text, &data.Arena{})
		if err != nil || !again.Equal(v) && !strings.Contains(string(text), "Infinity") {
			t.Fatalf("%q came back as %s, %v", text, golden.ShowValue(again), err)
		}
	})
}

func generic(v data.Value) any {
	switch v.Kind() {
	case data.Bool:
		return v.Bool()
	case data.Int64:
		return float64(v.Int())
	case data.Float64:
		return v.Float()
	case data.String:
		return v.Str()
	case data.Array:
		list := make([]any, 0, v.Len())
		for _, e := range v.Elems() {
			list = append(list, generic(e))
		}
		return list
	case data.Map:
		m := map[string]any{}
		for i, e := range v.Elems() {
			if i%2 == 1 {
				m[v.Elems()[i-1].Str()] = generic(e)
			}
		}
		return m
	}
	return nil
}

// same compares; encoding/json knows a negative zero.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || fmt.Sprint(a) == strings.ReplaceAll(fmt.Sprint(b), "-0", "0")
}

// FuzzEnvelope reads damaged envelopes.
func FuzzEnvelope(f *testing.F) {
	f.Add(`{"type":"struct","fields":[{"field":"a","type":"int32","default":4},{"field":"m","type":"map","keys":{"type":"int32"},"values":{"type":"string","optional":true}}]}`, `{"a":1,"m":[[1,"x"]]}`)
	f.Add(`{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}`, `1.50`)
	f.Add(`{"type":"array","items":{"type":"bytes","optional":true}}`, `["AQ==",null]`)
	f.Fuzz(func(t *testing.T, schema, payload string) {
		c := converter(t)
		v, s, err := c.Decode([]byte(`{"schema":`+schema+`,"payload":`+payload+`}`), &data.Arena{})
		if err != nil {
			if !fault.Is(err, fault.Record) {
				t.Fatalf("class of %v", err)
			}
			return
		}
		text, err := c.Encode(nil, v, s)
		if err != nil || text == nil {
			return // a default or a scale that does not fit its schema
		}
		if _, _, err := c.Decode(text, &data.Arena{}); err != nil {
			t.Fatalf("%q was written and cannot be read: %v", text, err)
		}
	})
}
