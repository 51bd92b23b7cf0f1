// Package raw is org.apache.kafka.connect.converters.ByteArrayConverter: bytes as
// they are.
package raw

import (
	"culvert/configdef"
	"culvert/converters"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// Class is the Java class that users configure.
const Class = "org.apache.kafka.connect.converters.ByteArrayConverter"

const dataException = "org.apache.kafka.connect.errors.DataException"

// optional is Schema.OPTIONAL_BYTES_SCHEMA.
var optional = &data.Schema{Kind: data.Bytes, Optional: true}

func specs() []configdef.Spec { return []configdef.Spec{converters.TypeKey()} }

// Plugin describes ByteArrayConverter.
func Plugin() converters.Plugin {
	return converters.Plugin{
		Class:   Class,
		Aliases: []string{"ByteArrayConverter", "ByteArray"},
		Spec:    specs,
		Check: func(props map[string]string, side converters.Side) *configdef.Report {
			return configdef.Validate(specs(), converters.WithType(props, side))
		},
		New: func(map[string]string, converters.Side, converters.Env) (converters.Factory, error) {
			return Factory{}, nil
		},
	}
}

// Factory makes byte array converters.
type Factory struct{}

// Class is the Java class name.
func (Factory) Class() string { return Class }

// For makes a converter. Bytes do not depend on the topic.
func (Factory) For(string) converters.Converter { return &Converter{} }

// Converter passes bytes on.
type Converter struct{}

// Decode returns raw as Bytes; they share its memory.
func (*Converter) Decode(raw []byte, _ *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, optional, nil
	}
	return data.OfBytes(raw), optional, nil
}

// Encode appends the bytes of v.
func (*Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if s != nil && s.Kind.Base() != data.Bytes {
		return nil, fault.New(fault.Record, "raw.data", "Invalid schema type for ByteArrayConverter: %s", values.TypeName(s.Kind)).WithJava(dataException)
	}
	if v.IsNull() {
		return nil, nil
	}
	if v.Kind() != data.Bytes {
		return nil, fault.New(fault.Record, "raw.data", "ByteArrayConverter is not compatible with objects of type class %s", values.Class(v.Kind())).WithJava(dataException)
	}
	if dst == nil {
		dst = []byte{}
	}
	return append(dst, v.Bytes()...), nil
}

var (
	_ converters.Factory   = Factory{}
	_ converters.Converter = (*Converter)(nil)
)
