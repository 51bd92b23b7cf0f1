package datagen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"culvert/data"
)

// generic is v as an Avro library takes a value that has no logical type.
func generic(v data.Value, s *data.Schema) any {
	switch v.Kind() {
	case data.Bool:
		return v.Bool()
	case data.Int32:
		return int(v.Int())
	case data.Date:
		return int(v.Int() / 86_400_000)
	case data.Int64, data.Timestamp:
		return v.Int()
	case data.Float64:
		return v.Float()
	case data.String:
		return v.Str()
	case data.Decimal:
		return []byte(v.Unscaled().String())
	case data.Array:
		list := []any{}
		for _, e := range v.Elems() {
			list = append(list, generic(e, s.Elem))
		}
		return list
	case data.Map:
		m := map[string]any{}
		for e := v.Elems(); len(e) > 0; e = e[2:] {
			m[e[0].Str()] = generic(e[1], s.Elem)
		}
		return m
	case data.Struct:
		m := map[string]any{}
		for i, e := range v.Elems() {
			m[s.Fields[i].Name] = generic(e, s.Fields[i].Schema)
		}
		return m
	}
	return fmt.Sprintf("no quickstart has a %v", v.Kind())
}

// TestQuickstarts: the records of every name are of its schema, as a library of
// others reads it, and a restart goes on with the same stream.
func TestQuickstarts(t *testing.T) {
	if len(quickstarts) != 38 {
		t.Errorf("%d names, the original has 38", len(quickstarts))
	}
	const records, cut = 10_000, 3
	for i := range quickstarts {
		q := &quickstarts[i]
		t.Run(q.name, func(t *testing.T) {
			text, err := schemas.ReadFile(q.file())
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := avro.ParseBytesWithCache([]byte(strings.ReplaceAll(string(text), `"logicalType"`, `"kind"`)), "", &avro.SchemaCache{})
			if err != nil {
				t.Fatal(err)
			}
			props := map[string]string{"kafka.topic": "t", "quickstart": strings.ToUpper(q.name), "max.interval": "0", "random.seed": "7"}
			s := start(t, nil, props)
			if got, want := s.keyField, s.stream.schema().FieldIndex(q.key); got != want || want < 0 {
				t.Errorf("the key is field %d, want %d, %s", got, want, q.key)
			}
			values, offsets := read(t, s, records)
			for n, v := range values {
				if _, err := avro.Marshal(parsed, generic(v, s.stream.schema())); err != nil {
					t.Fatalf("record %d: %v", n, err)
				}
			}
			again, _ := read(t, start(t, offsets[cut], props), batchRecords)
			for n, v := range again[:batchRecords] {
				if want := values[(cut+1)*batchRecords+n]; !v.Equal(want) {
					t.Fatalf("record %d after a restart is %v, want %v", n, v, want)
				}
			}
			named, _ := read(t, start(t, nil, map[string]string{"kafka.topic": "t", "schema.filename": q.resource, "max.interval": "0", "random.seed": "7"}), 1)
			if !named[0].Equal(values[0]) {
				t.Errorf("schema.filename %s gives %v, want %v", q.resource, named[0], values[0])
			}
		})
	}
}
