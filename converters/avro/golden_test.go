package avro

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"culvert/data"
	"culvert/internal/golden"
)

func goldenMapping(config map[string]string) mapping {
	on := func(key string) bool { return config[key] == "true" }
	return mapping{metaData: config["connect.meta.data"] != "false", enhanced: on("enhanced.avro.schema.support"), scrub: on("scrub.invalid.names"),
		generalized: on("generalized.sum.type.support"), ignoreDefault: on("ignore.default.for.nullables"), optionalMapKeys: on("allow.optional.map.keys"),
		discardTypeDocument: on("discard.type.doc.default")}
}

// TestGoldenAvro runs the recorded conversions between Avro and Connect.
func TestGoldenAvro(t *testing.T) {
	golden.RunVectors(t, "avro", "avro", func(_ *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if c.Op == "toConnectData" {
			return goldenToConnect(c), true
		}
		return goldenFromConnect(c), true
	})
}

func goldenToConnect(c *golden.VectorCase) error {
	var in struct {
		AvroSchema json.RawMessage `json:"avroSchema"`
		Hex        string          `json:"hex"`
	}
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return err
	}
	s, v, err := connectFromHex(goldenMapping(c.Config), string(in.AvroSchema), in.Hex)
	if handled, err := golden.CompareError(c.Error, err); handled {
		return err
	}
	var want struct{ Schema, Value json.RawMessage }
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	if err := golden.CompareSchema(want.Schema, s); err != nil {
		return err
	}
	return golden.CompareValue(want.Value, v)
}

func connectFromHex(m mapping, schema, text string) (*data.Schema, data.Value, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return nil, data.Value{}, err
	}
	n, err := Parse(schema)
	if err != nil {
		return nil, data.Value{}, fmt.Errorf("parse: %w", err)
	}
	w, err := newWriter(m, n, 0)
	if err != nil {
		return nil, data.Value{}, err
	}
	var d decoder
	v, s, err := w.decode(&d, raw, &data.Arena{})
	return s, v, err
}

func goldenFromConnect(c *golden.VectorCase) error {
	var in struct{ Schema, Value json.RawMessage }
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return err
	}
	s, err := golden.SchemaOf(in.Schema)
	if err != nil {
		return err
	}
	v, err := golden.ValueOf(in.Value)
	if err != nil {
		return err
	}
	m := goldenMapping(c.Config)
	n, err := m.Derive(s)
	var got []byte
	if err == nil {
		var e *encoder
		if e, err = newEncoder(m, s, n); err == nil {
			got, err = e.append(nil, v, 0)
		}
	}
	if handled, err := golden.CompareError(c.Error, err); handled {
		return err
	}
	if c.Output == nil || string(c.Output) == "null" {
		return fmt.Errorf("got %x, want null", got)
	}
	var want struct {
		AvroSchema json.RawMessage `json:"avroSchema"`
		Hex        string          `json:"hex"`
	}
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	if hex.EncodeToString(got) != want.Hex {
		return fmt.Errorf("got %x, want %s", got, want.Hex)
	}
	var a, b any
	if err := json.Unmarshal(n.JSON(), &a); err != nil {
		return fmt.Errorf("derived schema %s: %w", n.JSON(), err)
	}
	if err := json.Unmarshal(want.AvroSchema, &b); err != nil {
		return err
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("got schema %s, want %s", n.JSON(), want.AvroSchema)
	}
	return nil
}
