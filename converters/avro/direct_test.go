package avro_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/converters"
	"culvert/converters/avro"
	jsonconv "culvert/converters/json"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

// pairOf is two converters with the two ways between them. The direct one has
// converters of its own, so that neither sees what the other has kept.
type pairOf struct {
	from, to converters.Converter
	rename   func(*data.Schema) *data.Schema
	direct   converters.Transcoder
}

func makePair(t testing.TB, from, to converters.Factory, rename func(*data.Schema) *data.Schema) *pairOf {
	t.Helper()
	p := &pairOf{from: from.For("in"), to: to.For("out"), rename: rename}
	var ok bool
	if p.direct, ok = avro.Direct(from.For("in"), to.For("out"), rename); !ok {
		t.Fatal("no direct route")
	}
	return p
}

// check takes both ways and compares; it reports whether the direct one answered itself.
func (p *pairOf) check(t testing.TB, raw []byte) bool {
	t.Helper()
	prefix := []byte("prefix")
	got, directErr := p.direct.Append(bytes.Clone(prefix), raw)
	if errors.Is(directErr, converters.ErrIndirect) {
		if !bytes.Equal(got, prefix) {
			t.Fatalf("%q: dst changed on an error", raw)
		}
		return false
	}
	v, s, err := p.from.Decode(raw, &data.Arena{})
	var want []byte
	if err == nil {
		if p.rename != nil {
			s = p.rename(s)
		}
		want, err = p.to.Encode(bytes.Clone(prefix), v, s)
	}
	switch {
	case directErr != nil || err != nil:
		if directErr == nil || err == nil || fault.Of(directErr).Class != fault.Of(err).Class {
			t.Fatalf("%q: directly %q, %v; by value %q, %v", raw, got, directErr, want, err)
		}
		return false
	case !bytes.Equal(got, want):
		t.Fatalf("%q:\ndirectly %q\nby value %q", raw, got, want)
	}
	return true
}

func srfakeURL(t testing.TB) (*srfake.Registry, string) {
	t.Helper()
	r := srfake.New()
	t.Cleanup(r.Close)
	return r, r.URL()
}

func avroFactory(t testing.TB, url string, props map[string]string) converters.Factory {
	t.Helper()
	all := map[string]string{"schema.registry.url": url}
	for k, v := range props {
		all[k] = v
	}
	f, err := avro.New(all, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// jsonFactories are the settings that change what JsonConverter writes.
func jsonFactories(t testing.TB) []converters.Factory {
	t.Helper()
	var all []converters.Factory
	for i := range 8 {
		props := map[string]string{"schemas.enable": fmt.Sprint(i&1 == 0), "replace.null.with.default": fmt.Sprint(i&4 == 0), "decimal.format": "BASE64"}
		if i&2 != 0 {
			props["decimal.format"] = "NUMERIC"
		}
		f, err := jsonconv.New(props, converters.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// renamer gives all structs another name, as a topic sink does.
func renamer() func(*data.Schema) *data.Schema {
	named := map[*data.Schema]*data.Schema{}
	return func(s *data.Schema) *data.Schema {
		if s == nil || s.Kind != data.Struct {
			return s
		}
		if named[s] == nil {
			c := *s
			c.Name = "out.Renamed"
			named[s] = &c
		}
		return named[s]
	}
}

const shop = `{"type":"record","name":"Order","namespace":"shop","doc":"an order","fields":[
	{"name":"id","type":"string"},{"name":"n","type":"long"},{"name":"i","type":"int"},{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"b","type":"boolean"},
	{"name":"raw","type":"bytes"},{"name":"fix","type":{"type":"fixed","name":"F","size":3}},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"time","type":{"type":"int","logicalType":"time-millis"}},{"name":"small","type":{"type":"int","connect.type":"int8"}},
	{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A","B"]}},
	{"name":"note","type":["null","string"],"default":null},{"name":"count","type":["int","null"],"default":7},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"qty","type":["null","int"]}]}}},
	{"name":"tags","type":{"type":"map","values":["null","string"]}},
	{"name":"pairs","type":{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}},
	{"name":"choice","type":["null","int","string",{"type":"array","items":"long"}]}]}`

// shopBody is a record of shop.
func shopBody() []byte {
	var b []byte
	long := func(n int64) { b = binary.AppendVarint(b, n) }
	text := func(s string) { long(int64(len(s))); b = append(b, s...) }
	text("ord-1 \"ü\U0001F600\"\n")
	long(-5_000_000_000)
	long(-7)
	b, _ = binary.Append(b, binary.LittleEndian, float32(1.5))
	b, _ = binary.Append(b, binary.LittleEndian, 1e21)
	b = append(b, 1)
	text("\x00\xff")
	b = append(b, "abc"...)
	text("\x00\x04\xd2") // 12.34
	long(1700000000123)
	long(19000)
	long(86399999)
	long(-128)
	long(1)
	long(0) // note: null
	long(1) // count: null
	long(2)
	text("x")
	long(0)
	text("y")
	long(1)
	long(3)
	long(0)
	long(2) // tags
	text("k")
	long(1)
	text("v")
	text("q\"")
	long(0)
	long(0)
	long(1) // pairs
	long(4)
	text("four")
	long(0)
	long(2)
	text("chosen")
	return b
}

func head(id int, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

func TestAvroToJSON(t *testing.T) {
	r, url := srfakeURL(t)
	r.SeedSchema("in-value", 1, 1, sr.Schema{Schema: shop})
	raw := head(1, shopBody())
	for i, to := range jsonFactories(t) {
		for _, rename := range []func(*data.Schema) *data.Schema{nil, renamer()} {
			p := makePair(t, avroFactory(t, url, nil), to, rename)
			if !p.check(t, raw) {
				t.Fatalf("settings %d: the direct route did not take a record", i)
			}
			for k := range raw { // every truncation, and every byte damaged
				p.check(t, raw[:k])
				damaged := bytes.Clone(raw)
				damaged[k] ^= 0xff
				p.check(t, damaged)
				damaged[k] = raw[k] + 2
				p.check(t, damaged)
			}
			if !p.check(t, raw) {
				t.Errorf("settings %d: bad records in between have changed something", i)
			}
		}
	}
}

func TestJSONToAvro(t *testing.T) {
	_, url := srfakeURL(t)
	from, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	raw := enveloped(t)
	for _, props := range []map[string]string{nil, {"ignore.default.for.nullables": "true"}, {"connect.meta.data": "false", "enhanced.avro.schema.support": "true"}} {
		for _, rename := range []func(*data.Schema) *data.Schema{nil, renamer()} {
			p := makePair(t, from, avroFactory(t, url, props), rename)
			if !p.check(t, raw) {
				t.Fatalf("%v: the direct route did not take a record", props)
			}
			begin := bytes.Index(raw, []byte(`"payload":`))
			for k := begin; k < len(raw); k++ {
				p.check(t, raw[:k])
				for _, c := range []byte{'n', '"', '}', ',', '9', 0} {
					damaged := bytes.Clone(raw)
					damaged[k] = c
					p.check(t, damaged)
				}
			}
			for _, change := range [][2]string{
				{`"id":`, ` "id" : `}, {`"n":`, `"unknown":{"x":[1]},"n":`}, {`"count":7,`, ``}, {`"count":7`, `"count":null`}, {`"note":null,`, ``},
				{`"id":`, `"n":1,"id":`}, {`"n":`, `"id":"again","n":`}, {`"k":"v"`, `"k":"v","k":"w"`}, {`"k":"v"`, `"\u006b":"\u0076"`},
				{`"lines":[`, `"lines":[` + strings.Repeat(`{"sku":"z"},`, 200)}, {`"schema":`, `"payload":1,"schema":`}, {`{"schema"`, `{"other":1,"schema"`},
			} {
				p.check(t, bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1))
			}
			p.check(t, append(bytes.Clone(raw[:len(raw)-1]), `,"schema":null}`...))
			p.check(t, append(bytes.Clone(raw), "trailing"...))
			if !p.check(t, raw) {
				t.Errorf("%v: bad records in between have changed something", props)
			}
		}
	}
}

// enveloped is the record of shop as JsonConverter writes it.
func enveloped(t testing.TB) []byte {
	t.Helper()
	r, url := srfakeURL(t)
	r.SeedSchema("in-value", 1, 1, sr.Schema{Schema: shop})
	p := makePair(t, avroFactory(t, url, nil), jsonFactories(t)[0], nil)
	raw, err := p.direct.Append(nil, head(1, shopBody()))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestWhatIsIndirect names what goes by value, and what has no direct route at all.
func TestWhatIsIndirect(t *testing.T) {
	r, url := srfakeURL(t)
	for id, schema := range []string{`"bytes"`, `["null","string"]`, `{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}`} {
		r.SeedSchema(fmt.Sprintf("s%d-value", id), 1, id+1, sr.Schema{Schema: schema})
	}
	p := makePair(t, avroFactory(t, url, nil), jsonFactories(t)[0], nil)
	for name, raw := range map[string][]byte{"bytes without a length": head(1, []byte("x")), "a tombstone": head(2, []byte{0}), "a schema that contains itself": head(3, []byte{0}), "no Avro": []byte("{}")} {
		if _, err := p.direct.Append(nil, raw); err == nil {
			t.Errorf("%s was taken", name)
		}
		p.check(t, raw)
	}
	plain, err := jsonconv.New(map[string]string{"schemas.enable": "false"}, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := avro.Direct(plain.For("t"), avroFactory(t, url, nil).For("t"), nil); ok {
		t.Error("a direct route for JSON without schemas")
	}
	if _, ok := avro.Direct(plain.For("t"), plain.For("t"), nil); ok {
		t.Error("a direct route from JSON to JSON")
	}
}

// TestOutage: while the registry is away, both ways say so.
func TestOutage(t *testing.T) {
	r := srfake.New()
	url := r.URL()
	r.Close()
	props := map[string]string{"max.retries": "0"}
	p := makePair(t, avroFactory(t, url, props), jsonFactories(t)[0], nil)
	if _, err := p.direct.Append(nil, head(1, shopBody())); !fault.Is(err, fault.Retry) {
		t.Errorf("%v", err)
	}
	from, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	back := makePair(t, from, avroFactory(t, url, props), nil)
	if _, err := back.direct.Append(nil, enveloped(t)); !errors.Is(err, converters.ErrIndirect) {
		t.Errorf("%v; the other way shall say what is wrong", err)
	}
}

// TestGoldenTranscoding runs every recorded Avro value, alone and in a record, to JSON
// and back again both ways, and every recorded JSON text to Avro.
func TestGoldenTranscoding(t *testing.T) {
	var r *srfake.Registry
	var url string
	all := jsonFactories(t)
	toJSON, toAvro := [2]int{}, [2]int{}
	note := func(n *[2]int, direct bool) {
		n[0]++
		if direct {
			n[1]++
		}
	}
	// One converter for each configuration: the same schemas need not be asked for again.
	var made map[string]converters.Factory
	begin := func() { // the one in process compares a new schema with all that it has
		r, url = srfakeURL(t)
		made = map[string]converters.Factory{}
	}
	factory := func(config map[string]string) converters.Factory {
		key := fmt.Sprint(config)
		if made[key] == nil {
			made[key] = avroFactory(t, url, config)
		}
		return made[key]
	}
	id := 100
	for _, f := range golden.Vectors(t, "avro") {
		for i, c := range f.Cases {
			if i%25 == 0 {
				begin()
			}
			schema, body, ok := recordedAvro(t, &c)
			if !ok {
				continue
			}
			around := fmt.Sprintf(`{"type":"record","name":"Around%d","fields":[{"name":"v","type":%s},{"name":"end","type":"int"}]}`, id, schema)
			for i, raw := range [][]byte{body, append(bytes.Clone(body), 14)} {
				id += 1000
				r.SeedSchema(fmt.Sprintf("s%d", id), 1, id, sr.Schema{Schema: []string{schema, around}[i]})
				for k, to := range all {
					p := makePair(t, factory(c.Config), to, nil)
					note(&toJSON, p.check(t, head(id, raw)))
					if text, err := p.direct.Append(nil, head(id, raw)); err == nil && k&1 == 0 {
						note(&toAvro, makePair(t, to, factory(c.Config), nil).check(t, text))
					}
				}
			}
		}
	}
	begin()
	for _, f := range golden.Vectors(t, "converters") {
		for _, c := range f.Cases {
			var in struct{ Data json.RawMessage }
			if f.Subject != jsonconv.Class || c.Op != "toConnectData" || json.Unmarshal(c.Input, &in) != nil {
				continue
			}
			raw, _, err := golden.RawData(in.Data)
			from, configErr := jsonconv.New(c.Config, converters.Value)
			if err != nil || raw == nil || configErr != nil {
				continue
			}
			conv := factory(nil)
			if _, ok := avro.Direct(from.For("in"), conv.For("out"), nil); ok {
				note(&toAvro, makePair(t, from, conv, nil).check(t, raw))
			}
		}
	}
	fmt.Printf("golden avro to json by two routes %d/%d, %d of them directly\n", toJSON[0], toJSON[0], toJSON[1])
	fmt.Printf("golden json to avro by two routes %d/%d, %d of them directly\n", toAvro[0], toAvro[0], toAvro[1])
	if toJSON[1] < toJSON[0]/2 || toAvro[1] < toAvro[0]/2 {
		t.Error("the direct routes took less than half of it")
	}
}

// recordedAvro is the Avro side of a recorded case.
func recordedAvro(t *testing.T, c *golden.VectorCase) (schema string, body []byte, ok bool) {
	t.Helper()
	var in struct {
		AvroSchema json.RawMessage `json:"avroSchema"`
		Hex        string          `json:"hex"`
	}
	part := c.Input
	if c.Op == "fromConnectData" {
		part = c.Output
	}
	if json.Unmarshal(part, &in) != nil || in.AvroSchema == nil || c.Error != nil {
		return "", nil, false
	}
	body, err := hex.DecodeString(in.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return string(in.AvroSchema), body, true
}
