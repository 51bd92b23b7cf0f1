package avro

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

const written = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"id","type":"int"},
	{"name":"gone","type":{"type":"array","items":"string"}},
	{"name":"customer","type":"string"},
	{"name":"price","type":"float"},
	{"name":"at","type":"long"},
	{"name":"status","type":{"type":"enum","name":"Status","symbols":["OPEN","PAID","LOST"]}},
	{"name":"note","type":["null","string"]},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"n","type":"int"}]}}},
	{"name":"tags","type":{"type":"map","values":"int"}},
	{"name":"either","type":["int","string"]},
	{"name":"raw","type":"bytes"}]}`

const latest = `{"type":"record","name":"PurchaseOrder","namespace":"shop","aliases":["Order"],"fields":[
	{"name":"buyer","type":"string","aliases":["customer"]},
	{"name":"id","type":"long"},
	{"name":"price","type":"double"},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"status","type":{"type":"enum","name":"Status","symbols":["UNKNOWN","PAID","OPEN"],"default":"UNKNOWN"}},
	{"name":"note","type":["null","string"],"default":null},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"unit","type":"string","default":"kg"},{"name":"n","type":["null","double"]}]}}},
	{"name":"tags","type":{"type":"map","values":["null","long"]}},
	{"name":"either","type":["null","string","long","boolean"]},
	{"name":"raw","type":"string"},
	{"name":"channel","type":"string","default":"web"},
	{"name":"extra","type":["null","int"],"default":null},
	{"name":"box","type":{"type":"record","name":"Box","fields":[{"name":"w","type":"int"}]},"default":{"w":3}}]}`

// encoded is a record of the schema written, made by hand.
func encoded() []byte {
	var b []byte
	b = appendLong(b, 7)
	b = append(appendBytes(appendLong(b, 1), []byte("x")), 0)
	b = appendBytes(b, []byte("Ann"))
	b = append(b, 0, 0, 0xc0, 0x3f)
	b = appendLong(b, 1700000000123)
	b = appendLong(b, 2) // LOST
	b = appendBytes(appendLong(b, 1), []byte("hi"))
	b = append(appendLong(appendLong(appendLong(b, 2), 5), 6), 0)
	b = append(appendLong(appendBytes(appendLong(b, 1), []byte("k")), -1), 0)
	b = appendLong(appendLong(b, 0), 9)
	return appendBytes(b, []byte("raw"))
}

// TestReadWithLatest: use.latest.version reads what was written before with the
// latest version.
func TestReadWithLatest(t *testing.T) {
	r := registry(t)
	r.SeedSchema("orders-value", 1, 1, sr.Schema{Schema: written})
	r.SeedSchema("orders-value", 2, 2, sr.Schema{Schema: latest})
	raw := append([]byte{0, 0, 0, 0, 1}, encoded()...)
	if v, s, err := factory(t, r.URL(), converters.Value).For("orders").Decode(raw, nil); err != nil || s.Version != 1 || v.Elems()[2].Str() != "Ann" {
		t.Fatalf("as written: %v", err)
	}
	v, s, err := factory(t, r.URL(), converters.Value, "use.latest.version", "true").For("orders").Decode(raw, &data.Arena{})
	if err != nil {
		t.Fatal(fault.Explain(err))
	}
	if s.Name != "shop.PurchaseOrder" || s.Version != 2 {
		t.Errorf("%s", golden.ShowSchema(s))
	}
	want := `struct["Ann" int64(7) float64(1.5) timestamp(1700000000123) "UNKNOWN" "hi" array[struct["kg" float64(5)] struct["kg" float64(6)]] ` +
		`map["k" int64(-1)] struct[null int64(9) null] "raw" "web" null struct[int32(3)]]`
	if got := golden.ShowValue(v); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestUnreadableWithLatest(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"no default":        {`{"type":"record","name":"R","fields":[]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`, "missing required field a"},
		"narrower":          {`{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`, "Found long, expecting int"},
		"not in the union":  {`{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":["null","string"]}]}`, "Found long"},
		"no such symbol":    {`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["A"]}}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["B"]}}]}`, "No match for A"},
		"another structure": {`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"int"}}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"int"}}]}`, "Found array, expecting map"},
	} {
		r := registry(t)
		r.SeedSchema("t-value", 1, 1, sr.Schema{Schema: c.from})
		r.SeedSchema("t-value", 2, 2, sr.Schema{Schema: c.to})
		_, _, err := factory(t, r.URL(), converters.Value, "use.latest.version", "true").For("t").Decode([]byte{0, 0, 0, 0, 1, 0, 0}, nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), c.want) {
			t.Errorf("%s: %q, want %q", name, fault.Explain(err), c.want)
		}
	}
}

// TestLatestCompatibilityStrict: what a consumer with the latest version could not
// read is not written with its id, unless the check is off.
func TestLatestCompatibilityStrict(t *testing.T) {
	s := data.NewStruct("R", data.Field{Name: "a", Schema: data.Of(data.String)})
	v := data.OfStruct([]data.Value{data.OfString("B")})
	write := func(schema, strict string) error {
		r := registry(t)
		r.SeedSchema("t-value", 1, 1, sr.Schema{Schema: schema})
		_, err := factory(t, r.URL(), converters.Value, "auto.register.schemas", "false", "use.latest.version", "true",
			"latest.compatibility.strict", strict).For("t").Encode(nil, v, s)
		return err
	}
	other := `{"type":"record","name":"Other","fields":[{"name":"a","type":"string"}]}`
	if err := write(other, "true"); !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), "latest.compatibility.strict=false") {
		t.Errorf("strict: %v", fault.Explain(err))
	}
	if err := write(other, "false"); err != nil {
		t.Errorf("not strict: %v", fault.Explain(err))
	}
	if err := write(`{"type":"record","name":"R","fields":[{"name":"b","type":"int","default":1},{"name":"a","type":["null","string"]}]}`, "true"); err != nil {
		t.Errorf("compatible: %v", fault.Explain(err))
	}
}

// FuzzResolve: no bytes do harm when they are read as another schema, and what is
// read has the form of that schema.
func FuzzResolve(f *testing.F) {
	from, err := Parse(written)
	if err != nil {
		f.Fatal(err)
	}
	to, err := Parse(latest)
	if err != nil {
		f.Fatal(err)
	}
	w, err := newResolvingWriter(goldenMapping(nil), from, to, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded())
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d decoder
		v, s, err := w.decode(&d, raw, &data.Arena{})
		if err != nil {
			return
		}
		if len(v.Elems()) != len(s.Fields) {
			t.Fatalf("%x: %s", raw, golden.ShowValue(v))
		}
		e, err := newEncoder(goldenMapping(nil), s, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.append(nil, v, 0); err != nil {
			t.Fatalf("%x: %s cannot be written: %v", raw, golden.ShowValue(v), err)
		}
	})
}
