package avro_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"culvert/converters"
	jsonconv "culvert/converters/json"
)

// written are schemas whose records are damaged.
var written = []string{
	shop,
	`{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"]},{"name":"all","type":{"type":"array","items":"Node"}}]}`,
	`{"type":"array","items":{"type":"map","values":{"type":"array","items":["null","long"]}}}`,
	`{"type":"map","values":{"type":"record","name":"Empty","fields":[]}}`,
	`["null",{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}]`,
	`{"type":"record","name":"D","fields":[{"name":"a","type":{"type":"record","name":"E","fields":[{"name":"x","type":["string","null"],"default":"dflt"}]}},{"name":"u","type":["int",{"type":"map","values":"E"}]}]}`,
	`"bytes"`, `"double"`,
}

// FuzzAvroToJSON holds the two ways against each other on damaged records.
func FuzzAvroToJSON(f *testing.F) {
	r, url := srfakeURL(f)
	var pairs []*pairOf
	for _, to := range jsonFactories(f) {
		pairs = append(pairs, makePair(f, avroFactory(f, url, nil), to, nil), makePair(f, avroFactory(f, url, nil), to, renamer()))
	}
	for i, schema := range written {
		r.SeedSchema(fmt.Sprintf("s%d-value", i), 1, i+1, sr.Schema{Schema: schema})
	}
	f.Add(uint8(0), uint8(0), shopBody())
	f.Add(uint8(1), uint8(3), []byte{2, 2, 4, 0, 2, 6, 0, 0, 0, 0})
	f.Add(uint8(2), uint8(0), []byte{2, 4, 2, 'a', 4, 2, 8, 0, 0, 2, 'b', 0, 0, 0})
	f.Add(uint8(3), uint8(1), []byte{4, 2, 'a', 2, 'a', 0})
	f.Add(uint8(4), uint8(2), []byte{2, 4, 0xff, 1})
	f.Add(uint8(5), uint8(8), []byte{2, 2, 2, 2, 'k', 0, 2, 'v', 0})
	f.Fuzz(func(t *testing.T, which, settings uint8, body []byte) {
		pairs[int(settings)%len(pairs)].check(t, head(1+int(which)%len(written), body))
	})
}

// FuzzJSONToAvro holds the two ways against each other on any payload of some schemas,
// and on any text.
func FuzzJSONToAvro(f *testing.F) {
	schemas := []string{
		``, // the payload is the whole text
		string(schemaOf(enveloped(f))),
		`{"type":"struct","fields":[{"field":"a","type":"int32","default":4},{"field":"m","type":"map","keys":{"type":"int32"},"values":{"type":"string","optional":true}},{"field":"s","type":"string","optional":true}]}`,
		`{"type":"array","items":{"type":"map","keys":{"type":"string"},"values":{"type":"array","optional":true,"items":{"type":"double"}}}}`,
		`{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}`,
		`{"type":"struct","name":"a.B","fields":[{"field":"x","type":"struct","name":"C","optional":true,"default":{"y":"d"},"fields":[{"field":"y","type":"string"}]},{"field":"z","type":"int8","optional":true}]}`,
		`{"type":"bytes"}`,
	}
	_, url := srfakeURL(f)
	from, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		f.Fatal(err)
	}
	keepNull, err := jsonconv.New(map[string]string{"replace.null.with.default": "false"}, converters.Value)
	if err != nil {
		f.Fatal(err)
	}
	pairs := []*pairOf{
		makePair(f, from, avroFactory(f, url, nil), nil),
		makePair(f, keepNull, avroFactory(f, url, map[string]string{"ignore.default.for.nullables": "true"}), nil),
		makePair(f, keepNull, avroFactory(f, url, nil), renamer()),
	}
	whole := enveloped(f)
	f.Add(uint8(0), uint8(0), whole)
	f.Add(uint8(1), uint8(0), whole[bytes.Index(whole, []byte(`"payload":`))+len(`"payload":`):len(whole)-1])
	f.Add(uint8(2), uint8(1), []byte(`{"a":null,"m":[[1,"x"],[2,null]],"s":"\u00e9\n"}`))
	f.Add(uint8(2), uint8(1), []byte(`{"m":[],"unknown":[{}]}`))
	f.Add(uint8(3), uint8(2), []byte(`[{"a":[1,2.5e3,"NaN"],"b":null},{}]`))
	f.Add(uint8(4), uint8(0), []byte(`"AQ=="`))
	f.Add(uint8(5), uint8(1), []byte(`{"x":null,"z":-128}`))
	f.Fuzz(func(t *testing.T, which, settings uint8, payload []byte) {
		raw := payload
		if i := int(which) % len(schemas); i > 0 {
			raw = fmt.Appendf(nil, `{"schema":%s,"payload":%s}`, schemas[i], payload)
		}
		pairs[int(settings)%len(pairs)].check(t, raw)
	})
}

func schemaOf(raw []byte) []byte {
	return raw[len(`{"schema":`):bytes.Index(raw, []byte(`,"payload":`))]
}
