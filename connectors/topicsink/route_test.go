package topicsink

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/connectors"
	"culvert/converters"
	"culvert/converters/avro"
	jsonconv "culvert/converters/json"
	"culvert/data"
)

const order = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"n","type":"long"},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"qty","type":["null","int"],"default":null}]}}}]}`

// TestFormats writes a topic in Avro as JSON and one in JSON as Avro. The messages are
// those of the way by value, which is taken when a transformation has set the value.
func TestFormats(t *testing.T) {
	r := srfake.New()
	defer r.Close()
	r.SeedSchema("orders-value", 1, 7, sr.Schema{Schema: order})
	inAvro := binary.BigEndian.AppendUint32([]byte{0}, 7)
	inAvro = append(inAvro, 4, 'a', '1', 10, 4, 2, 'x', 0, 2, 'y', 2, 6, 0)

	avros, err := avro.New(map[string]string{"schema.registry.url": r.URL()}, converters.Value, converters.Env{})
	if err != nil {
		t.Fatal(err)
	}
	jsons, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		t.Fatal(err)
	}
	inJSON := send(t, avros, jsons, "", inAvro)
	if want := []byte(`"payload":{"id":"a1","n":5,"lines":[{"sku":"x","qty":null},{"sku":"y","qty":3}]}}`); !bytes.HasSuffix(inJSON, want) {
		t.Errorf("%s", inJSON)
	}
	if back := send(t, jsons, avros, "", inJSON); !bytes.Equal(back[5:], inAvro[5:]) {
		t.Errorf("%x came back as %x", inAvro, back)
	}
	if named := send(t, avros, jsons, "output.schema.name=out.Row", inAvro); !bytes.Contains(named, []byte(`"name":"out.Row"`)) {
		t.Errorf("%s is not renamed", named)
	}
	send(t, jsons, avros, "output.schema.name=out.Row", inJSON)
}

// send encodes a value in wire form, directly and by value, and holds the first to no
// allocation for a record.
func send(t *testing.T, from, to converters.Factory, config string, raw []byte) []byte {
	t.Helper()
	s, err := Open(t.Context(), connectors.Env{Converter: func(string, converters.Side) (converters.Factory, error) { return to, nil }}, props(config))
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch()
	dec := from.For("orders")
	v, schema, err := dec.Decode(raw, b.Arena)
	if err != nil {
		t.Fatal(err)
	}
	b.Append().Value = data.WireCell(raw, dec)
	b.Append().Value = data.ValueCell(v, schema)
	out, err := s.Encode(t.Context(), b, nil)
	if err != nil || len(out) != 2 || !bytes.Equal(out[0].Value, out[1].Value) {
		t.Fatalf("%v, %v, %v", out, err, b.Failed())
	}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		cell := data.WireCell(raw, dec)
		if _, _, err := s.values.append(&cell, nil, buf); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations: not the direct way", n)
	}
	return out[0].Value
}
