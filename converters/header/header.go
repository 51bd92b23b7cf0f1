// Package header is org.apache.kafka.connect.storage.SimpleHeaderConverter: header
// values as texts whose type is guessed when they are read.
package header

import (
	"unicode/utf8"

	"culvert/configdef"
	"culvert/converters"
	"culvert/data"
	"culvert/data/values"
)

// Class is the Java class that users configure.
const Class = "org.apache.kafka.connect.storage.SimpleHeaderConverter"

// Plugin describes SimpleHeaderConverter. It has no configuration.
func Plugin() converters.Plugin {
	return converters.Plugin{
		Class:   Class,
		Aliases: []string{"SimpleHeaderConverter", "Simple"},
		Sides:   []converters.Side{converters.Header},
		Spec:    func() []configdef.Spec { return nil },
		Check: func(props map[string]string, _ converters.Side) *configdef.Report {
			return configdef.Validate(nil, props)
		},
		New: func(map[string]string, converters.Side, converters.Env) (converters.Factory, error) {
			return Factory{}, nil
		},
	}
}

// Factory makes simple header converters.
type Factory struct{}

// Class is the Java class name.
func (Factory) Class() string { return Class }

// For makes a converter. Headers do not depend on the topic.
func (Factory) For(string) converters.Converter { return &Converter{} }

// Converter reads and writes header values.
type Converter struct{}

var bytesSchema = data.Of(data.Bytes)

// Decode guesses what the text is. What cannot be read at all (it nests too deep, or
// holds only control characters) is bytes, as in Java.
func (*Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	text := raw
	if !utf8.Valid(text) {
		text = values.ReplaceMalformed(a.Bytes(3*len(raw)), raw)
	}
	v, s, err := values.Parse(data.OfText(text).Str())
	if err != nil {
		return data.OfBytes(raw), bytesSchema, nil
	}
	return v, s, nil
}

// Encode appends the text of v.
func (*Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if v.IsNull() {
		return nil, nil
	}
	if dst == nil {
		dst = []byte{}
	}
	return values.AppendLiteral(dst, v, s), nil
}

var (
	_ converters.Factory   = Factory{}
	_ converters.Converter = (*Converter)(nil)
)
