package datagen

import (
	"encoding/json"
	"strings"
	"testing"

	"culvert/connectors"
	"culvert/data"
)

// FuzzSchema: whatever the schema, a source gives records that can be written as
// Avro, or says what is wrong.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{
		`"null"`, `["null"]`, `["null","int"]`, `{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":["null"]},{"name":"b","type":{"type":"array","items":"null"}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":[{"type":"record","name":"A","fields":[]},{"type":"record","name":"x.A","fields":[]}]}]}`,
		`[{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"a","type":"int"}]}]`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":3,"scale":5}},{"name":"b","type":{"type":"map","values":["null","R"],"arg.properties":{"length":1}}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"int","logicalType":"time-millis"}},{"name":"b","type":{"type":"fixed","name":"F","size":0}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":["int","string",{"type":"enum","name":"E","symbols":["A"]},{"type":"fixed","name":"F","size":3,"logicalType":"decimal","precision":5,"scale":1}]}]}`,
	} {
		f.Add(s)
	}
	conv := avroFor(f, "t")
	f.Fuzz(func(t *testing.T, schema string) {
		if !json.Valid([]byte(schema)) || strings.Contains(schema, `"file"`) {
			return
		}
		props := map[string]string{"kafka.topic": "t", "schema.string": schema, "schema.keyfield": "a", "max.interval": "0", "random.seed": "1", keyTask: "0"}
		check(t.Context(), props)
		src, err := open(t.Context(), connectors.Env{}, props)
		if err != nil {
			return
		}
		b := data.NewBatch()
		if err := src.Read(t.Context(), b); err != nil {
			return
		}
		for i := range b.Records[:min(3, len(b.Records))] {
			for _, c := range []*data.Cell{&b.Records[i].Key, &b.Records[i].Value} {
				v, s, err := c.Value(b.Arena)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = conv.Encode(nil, v, s)
			}
		}
	})
}
