package avro

import (
	"encoding/json"
	"strings"
	"testing"

	"culvert/data"
)

// TestDefaultsThatAvroTakes: Schema.isValidDefault. What it refuses is left out of the
// field, and stays in connect.default.
func TestDefaultsThatAvroTakes(t *testing.T) {
	const record = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"],"default":null}]}`
	for _, c := range []struct {
		schema, value string
		want          bool
	}{
		{`"int"`, `1`, true}, {`"int"`, `1.5`, false}, {`"int"`, `"1"`, false}, {`"double"`, `1`, true}, {`"float"`, `"NaN"`, true}, {`"double"`, `"-Infinity"`, true}, {`"double"`, `"x"`, false},
		{`"boolean"`, `true`, true}, {`"boolean"`, `1`, false}, {`"string"`, `"x"`, true}, {`"bytes"`, `"x"`, true}, {`"bytes"`, `[1]`, false}, {`"null"`, `null`, true}, {`"int"`, `null`, false},
		{`{"type":"array","items":"int"}`, `[1,2]`, true}, {`{"type":"array","items":"int"}`, `[1,"2"]`, false}, {`{"type":"array","items":"int"}`, `{}`, false},
		{`{"type":"array","items":["null","int"]}`, `[1,null]`, true}, {`{"type":"map","values":"int"}`, `{"k":1}`, true}, {`{"type":"map","values":"int"}`, `{"k":null}`, false},
		{record, `{"a":1,"b":"x"}`, true}, {record, `{"a":1}`, true}, {record, `{"b":"x"}`, false}, {record, `{"a":"x"}`, false}, {record, `[]`, false},
		{`{"type":"array","items":` + record + `}`, `[[1,"x"]]`, false}, {`{"type":"array","items":` + record + `}`, `[]`, true}, {`["int","string"]`, `"x"`, true}, {`["int","string"]`, `true`, false},
	} {
		n, err := Parse(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.takes(json.RawMessage(c.value)); got != c.want {
			t.Errorf("%s takes %s: %t", c.schema, c.value, got)
		}
	}
}

// TestDefaultOfPairs: the default of a map whose keys are no strings is no list of
// records, so that the field has none, also where a null is allowed.
func TestDefaultOfPairs(t *testing.T) {
	pairs := &data.Schema{Kind: data.Map, Key: data.Of(data.Int32), Elem: data.Of(data.Bool), HasDefault: true,
		Default: data.OfMap([]data.Value{data.OfInt32(1), data.OfBool(true)})}
	n, err := mapping{metaData: true}.Derive(data.NewStruct("R", data.Field{Name: "m", Schema: pairs}, data.Field{Name: "o", Schema: pairs.AsOptional()}))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range n.Fields {
		if f.Default != nil {
			t.Errorf("%s has the default %s", f.Name, f.Default)
		}
	}
	if text := string(n.JSON()); !strings.Contains(text, `"connect.default":[[1,true]]`) {
		t.Error(text)
	}
}

// TestDefaultOfAUnion: AvroData looks for the branch by the class that the default
// has in Java, which for a symbol is String and for a record Map.
func TestDefaultOfAUnion(t *testing.T) {
	const enum, record = `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"record","name":"R2","fields":[{"name":"a","type":"int"}]}`
	for _, c := range []struct {
		union, value string
		at           int // of the field that is set, -1 for no default
	}{
		{`["int","string"]`, `5`, 0}, {`["string","null","int"]`, `"x"`, 0}, {"[" + enum + `,"int"]`, `"A"`, -1}, {"[" + enum + `,"null","string"]`, `"A"`, 1}, {"[" + record + `,"int"]`, `{"a":1}`, -1},
	} {
		n, err := Parse(`{"type":"record","name":"R","fields":[{"name":"u","type":` + c.union + `,"default":` + c.value + `}]}`)
		if err != nil {
			t.Fatal(err)
		}
		s, err := mapping{metaData: true}.Connect(n, 0)
		if err != nil {
			t.Fatal(err)
		}
		u := s.Fields[0].Schema
		if u.HasDefault != (c.at >= 0) {
			t.Errorf("%s: default %v", c.union, u.HasDefault)
			continue
		}
		for i, e := range u.Default.Elems() {
			if e.IsNull() == (i == c.at) {
				t.Errorf("%s: field %d null: %t", c.union, i, e.IsNull())
			}
		}
	}
}

// TestNamesOfAnyScript: Avro's Java library takes letters and digits of any script.
func TestNamesOfAnyScript(t *testing.T) {
	for name, want := range map[string]bool{"é": true, "日本": true, "_1": true, "x٣": true, "٣": false, "1x": false, "a-b": false, "a b": false, "": false, "𝔸": false} {
		_, err := mapping{}.Derive(data.NewStruct("R", data.Field{Name: name, Schema: data.Of(data.Int32)}))
		if (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	n, err := mapping{scrub: true}.Derive(data.NewStruct("R", data.Field{Name: "é", Schema: data.Of(data.Int32)}))
	if err != nil || n.Fields[0].Name != "_C3_A9" {
		t.Errorf("scrubbed: %v", err)
	}
}

// TestSchemalessBytes: AvroData knows no bytes without a schema, though it reads them.
func TestSchemalessBytes(t *testing.T) {
	var m mapping
	n, err := m.Derive(nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEncoder(m, nil, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.append(nil, data.OfBytes([]byte{1}), 0); err == nil || err.Error() != "Unknown Java type for schemaless data: class [B" {
		t.Errorf("%v", err)
	}
}
