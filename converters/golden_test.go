package converters_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"culvert/converters"
	"culvert/converters/header"
	jsonconv "culvert/converters/json"
	"culvert/converters/number"
	"culvert/converters/raw"
	"culvert/converters/text"
	"culvert/data"
	"culvert/internal/golden"
)

func plugins() map[string]converters.Plugin {
	m := map[string]converters.Plugin{}
	for _, p := range append(number.Plugins(), header.Plugin(), jsonconv.Plugin(), raw.Plugin(), text.Plugin()) {
		m[p.Class] = p
	}
	return m
}

// TestGoldenConverters runs the recorded calls of every converter class.
func TestGoldenConverters(t *testing.T) {
	known := plugins()
	golden.RunVectors(t, "converters", "converters", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		p, ok := known[f.Subject]
		if !ok {
			return fmt.Errorf("no converter %s", f.Subject), true
		}
		return runCase(p, c), true
	})
}

func runCase(p converters.Plugin, c *golden.VectorCase) error {
	side := converters.Value
	if c.Op == "toConnectHeader" || c.Op == "fromConnectHeader" {
		side = converters.Header
	}
	var in struct {
		Topic  string          `json:"topic"`
		Schema json.RawMessage `json:"schema"`
		Value  json.RawMessage `json:"value"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return err
	}
	factory, err := p.New(c.Config, side, converters.Env{})
	if c.Error != nil && c.Error.Stage == "configure" {
		_, err = golden.CompareError(c.Error, err)
		return err
	}
	if err != nil {
		_, err = golden.CompareError(nil, err)
		return err
	}
	conv := factory.For(in.Topic)
	if c.Op == "toConnectData" || c.Op == "toConnectHeader" {
		return decodes(conv, c, in.Data)
	}
	return encodes(conv, c, in.Schema, in.Value)
}

func decodes(conv converters.Converter, c *golden.VectorCase, input json.RawMessage) error {
	raw, _, err := golden.RawData(input)
	if err != nil {
		return err
	}
	var a data.Arena
	v, s, err := conv.Decode(raw, &a)
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

func encodes(conv converters.Converter, c *golden.VectorCase, schema, value json.RawMessage) error {
	s, err := golden.SchemaOf(schema)
	if err != nil {
		return err
	}
	v, err := golden.ValueOf(value)
	if err != nil {
		return err
	}
	want, masked, err := golden.RawData(c.Output)
	if err != nil {
		return err
	}
	got, err := conv.Encode(nil, v, paramOrder(s, want))
	if handled, err := golden.CompareError(c.Error, err); handled {
		return err
	}
	if masked {
		form := regexp.QuoteMeta(string(want))
		form = regexp.MustCompile("@HASH").ReplaceAllString(form, "@[0-9a-f]+")
		if !regexp.MustCompile("^" + form + "$").Match(got) {
			return fmt.Errorf("got %q, want the form %q", got, want)
		}
		return nil
	}
	if (got == nil) != (want == nil) || !bytes.Equal(got, want) && !shorterNumbers(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// scientific is a float in Java's scientific form.
var scientific = regexp.MustCompile(`-?[0-9]+\.[0-9]+E-?[0-9]+`)

// shorterNumbers accepts a shorter form of the same number: Java 17 prints some
// numbers with more digits than are needed.
func shorterNumbers(got, want []byte) bool {
	for _, bits := range []int{64, 32} {
		canonical := func(text []byte) []byte {
			f, err := strconv.ParseFloat(string(text), bits)
			if err != nil || bits == 32 && len(text) > len("-1.23456789E-38") {
				return text
			}
			return strconv.AppendFloat(nil, f, 'e', -1, bits)
		}
		if bytes.Equal(scientific.ReplaceAllFunc(got, canonical), scientific.ReplaceAllFunc(want, canonical)) {
			return true
		}
	}
	return false
}

// paramOrder gives the schema the order of parameters that the recorded text
// shows, because the recorded input does not keep it.
func paramOrder(s *data.Schema, want []byte) *data.Schema {
	f, err := jsonconv.New(nil, converters.Value)
	if err != nil {
		return s
	}
	if _, recorded, err := f.For("").Decode(want, nil); err == nil && s != nil && s.Equal(recorded) {
		return recorded
	}
	return s
}
