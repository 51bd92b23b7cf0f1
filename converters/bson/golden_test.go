package bson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	driver "go.mongodb.org/mongo-driver/v2/bson"

	"culvert/converters"
	"culvert/converters/bson"
	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

// TestGoldenConvert runs the recorded conversions of records to documents, as far
// as they are this package's: structs and maps. Texts and bytes are the sink's.
func TestGoldenConvert(t *testing.T) {
	golden.RunVectors(t, "mongosink", "mongosink/convert (structs, maps)", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if f.Name != "convert" {
			return nil, false
		}
		return goldenConvert(c)
	})
}

func goldenConvert(c *golden.VectorCase) (error, bool) {
	var in struct {
		ValueSchema json.RawMessage `json:"valueSchema"`
		Value       json.RawMessage `json:"value"`
		Key         json.RawMessage `json:"key"`
	}
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return err, true
	}
	s, err := golden.SchemaOf(in.ValueSchema)
	if err != nil {
		return err, true
	}
	v, err := golden.ValueOf(in.Value)
	if golden.AsUnrepresentable(err) || string(in.Key) != "null" {
		return nil, false
	}
	if err != nil {
		return err, true
	}
	if v.Kind() != data.Struct && v.Kind() != data.Map {
		return nil, false
	}
	got, err := bson.Append(nil, v, s)
	if c.Error != nil {
		if err == nil {
			return fmt.Errorf("made %s, want %s", driver.Raw(got), c.Error.Message), true
		}
		return nil, true // the sink words the error
	}
	if err != nil {
		return err, true
	}
	var want struct{ ValueDoc json.RawMessage }
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err, true
	}
	return sameDocument(got, want.ValueDoc), true
}

func sameDocument(got []byte, want json.RawMessage) error {
	var d driver.D
	if err := driver.UnmarshalExtJSON(want, true, &d); err != nil {
		return err
	}
	b, err := driver.Marshal(d)
	if err != nil {
		return err
	}
	if driver.Raw(got).String() != driver.Raw(b).String() { // the texts, because NaN has many forms
		return fmt.Errorf("got %s, want %s", driver.Raw(got), want)
	}
	return nil
}

// bothRoutes transcodes raw and compares with decoding it and writing the value.
// It reports whether the direct route answered itself.
func bothRoutes(t testing.TB, conv converters.Converter, direct converters.Transcoder, raw []byte) bool {
	t.Helper()
	prefix := []byte("prefix")
	got, err := direct.Append(bytes.Clone(prefix), raw)
	if err != nil && err != converters.ErrIndirect {
		t.Fatalf("%q: %v", raw, err)
	}
	if err != nil {
		if !bytes.Equal(got, prefix) {
			t.Fatalf("%q: dst changed on an error", raw)
		}
		return false
	}
	v, s, err := conv.Decode(raw, &data.Arena{})
	if err != nil {
		t.Fatalf("%q: direct made %s, decoding fails: %v", raw, driver.Raw(got[len(prefix):]), err)
	}
	want, err := bson.Append(bytes.Clone(prefix), v, s)
	if err != nil {
		t.Fatalf("%q: direct made %s, the other route fails: %v", raw, driver.Raw(got[len(prefix):]), err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%q: direct made %s, want %s", raw, driver.Raw(got[len(prefix):]), driver.Raw(want[len(prefix):]))
	}
	if err := driver.Raw(got[len(prefix):]).Validate(); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return true
}

func jsonBoth(t testing.TB) (converters.Converter, converters.Transcoder) {
	t.Helper()
	f, err := jsonconv.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	conv := f.For("t")
	direct, ok := bson.For(conv)
	if !ok {
		t.Fatal("no direct route for plain JSON")
	}
	return conv, direct
}

// TestGoldenJSONRoutes runs every recorded JSON text through both routes.
func TestGoldenJSONRoutes(t *testing.T) {
	conv, direct := jsonBoth(t)
	n, own := 0, 0
	for _, f := range golden.Vectors(t, "converters") {
		for _, c := range f.Cases {
			var in struct{ Data json.RawMessage }
			if c.Op != "toConnectData" || json.Unmarshal(c.Input, &in) != nil {
				continue
			}
			raw, _, err := golden.RawData(in.Data)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if raw != nil && bothRoutes(t, conv, direct, raw) {
				own++
			}
		}
	}
	fmt.Printf("golden json to bson by two routes %d/%d, %d of them directly\n", n, n, own)
	if own == 0 {
		t.Error("the direct route answered nothing")
	}
}

func TestNoRoute(t *testing.T) {
	f, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := bson.For(f.For("t")); ok {
		t.Error("a direct route for JSON in envelopes")
	}
	_, direct := jsonBoth(t)
	for _, raw := range []string{"", "5", "null", `{"a":1,"a":2}`, `{"a":12345678901234567890}`, "{\"a\\u0000b\":1}", `{"a":"` + "\xff" + `"}`} {
		if _, err := direct.Append(nil, []byte(raw)); err != converters.ErrIndirect {
			t.Errorf("%q: %v, want ErrIndirect", raw, err)
		}
	}
	v := data.OfMap([]data.Value{data.OfString("a\x00b"), data.OfInt64(1)})
	if _, err := bson.Append(nil, v, nil); !fault.Is(err, fault.Record) {
		t.Errorf("a name with a zero: %v", err)
	}
}
