// Package number is the converters of org.apache.kafka.connect.converters for
// numbers and booleans, each in the form of Kafka's serializer of that type.
package number

import (
	"encoding/binary"
	"math"

	"culvert/configdef"
	"culvert/converters"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

const dataException = "org.apache.kafka.connect.errors.DataException"

// kind is one of the converters.
type kind struct {
	class  string // without its package
	name   string // as Java's error texts say it
	kind   data.Kind
	size   int
	decode func(b []byte) data.Value
	encode func(dst []byte, v data.Value) []byte
}

var kinds = []kind{
	{"ShortConverter", "short", data.Int16, 2,
		func(b []byte) data.Value { return data.OfInt16(int16(binary.BigEndian.Uint16(b))) },
		func(dst []byte, v data.Value) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v.Int())) }},
	{"IntegerConverter", "integer", data.Int32, 4,
		func(b []byte) data.Value { return data.OfInt32(int32(binary.BigEndian.Uint32(b))) },
		func(dst []byte, v data.Value) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v.Int())) }},
	{"LongConverter", "long", data.Int64, 8,
		func(b []byte) data.Value { return data.OfInt64(int64(binary.BigEndian.Uint64(b))) },
		func(dst []byte, v data.Value) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v.Int())) }},
	{"FloatConverter", "float", data.Float32, 4,
		func(b []byte) data.Value { return data.OfFloat32(math.Float32frombits(binary.BigEndian.Uint32(b))) },
		func(dst []byte, v data.Value) []byte {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(v.Float32()))
		}},
	{"DoubleConverter", "double", data.Float64, 8,
		func(b []byte) data.Value { return data.OfFloat64(math.Float64frombits(binary.BigEndian.Uint64(b))) },
		func(dst []byte, v data.Value) []byte {
			if f := v.Float(); f == f {
				return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
			}
			return binary.BigEndian.AppendUint64(dst, 0x7ff8<<48) // Double.doubleToLongBits knows one NaN, Float.floatToRawIntBits all
		}},
	{"BooleanConverter", "boolean", data.Bool, 1,
		func(b []byte) data.Value { return data.OfBool(b[0] == 1) },
		func(dst []byte, v data.Value) []byte {
			if v.Bool() {
				return append(dst, 1)
			}
			return append(dst, 0)
		}},
}

func specs() []configdef.Spec { return []configdef.Spec{converters.TypeKey()} }

// Plugins describes the converters.
func Plugins() []converters.Plugin {
	var list []converters.Plugin
	for i := range kinds {
		k := &kinds[i]
		list = append(list, converters.Plugin{
			Class:   "org.apache.kafka.connect.converters." + k.class,
			Aliases: []string{k.class, k.class[:len(k.class)-len("Converter")]},
			Spec:    specs,
			Check: func(props map[string]string, side converters.Side) *configdef.Report {
				return configdef.Validate(specs(), converters.WithType(props, side))
			},
			New: func(map[string]string, converters.Side, converters.Env) (converters.Factory, error) {
				return factory{k}, nil
			},
		})
	}
	return list
}

type factory struct{ kind *kind }

func (f factory) Class() string { return "org.apache.kafka.connect.converters." + f.kind.class }

func (f factory) For(string) converters.Converter {
	return &converter{kind: f.kind, schema: &data.Schema{Kind: f.kind.kind, Optional: true}}
}

type converter struct {
	kind   *kind
	schema *data.Schema
}

func (c *converter) Decode(raw []byte, _ *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, c.schema, nil
	}
	if len(raw) != c.kind.size || c.kind.kind == data.Bool && raw[0] > 1 {
		err := fault.New(fault.Record, "number.malformed", "Failed to deserialize %s: ", c.kind.name).WithJava(dataException)
		return data.Value{}, nil, err.WithFix("The record has %d bytes where %d are read; use the converter that fits what the topic holds.", len(raw), c.kind.size)
	}
	return c.kind.decode(raw), c.schema, nil
}

func (c *converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	// Java's BooleanConverter looks at the schema, the others only at the value.
	if c.kind.kind == data.Bool && s != nil && s.Kind != data.Bool {
		return nil, fault.New(fault.Record, "number.data", "Invalid schema type for BooleanConverter: %s", values.TypeName(s.Kind)).WithJava(dataException)
	}
	if v.IsNull() {
		return nil, nil
	}
	if v.Kind() != c.kind.kind {
		class := values.Class(v.Kind())
		if c.kind.kind == data.Bool {
			return nil, fault.New(fault.Record, "number.data", "BooleanConverter is not compatible with objects of type class %s", class).WithJava(dataException)
		}
		return nil, fault.New(fault.Record, "number.data", "Failed to serialize to %s (was class %s): ", c.kind.name, class).WithJava(dataException)
	}
	return c.kind.encode(dst, v), nil
}

var (
	_ converters.Factory   = factory{}
	_ converters.Converter = (*converter)(nil)
)
