package values

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"culvert/data"
)

// String is AppendText as a string.
func String(v data.Value, s *data.Schema) string { return string(AppendText(nil, v, s)) }

// AppendText appends v as Java's String.valueOf writes the object: lists as
// [a, b], maps as {k=v}, structs as Struct{f=v} without the fields that are null.
func AppendText(dst []byte, v data.Value, s *data.Schema) []byte {
	switch v.Kind() {
	case data.Null:
		return append(dst, "null"...)
	case data.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case data.Float32:
		return AppendFloat(dst, v.Float32())
	case data.Float64:
		return AppendDouble(dst, v.Float())
	case data.String:
		return append(dst, v.Bytes()...)
	case data.Bytes:
		h := fnv.New32a() // Java shows the address of the array; ours at least is stable
		_, _ = h.Write(v.Bytes())
		return fmt.Appendf(dst, "[B@%x", h.Sum32())
	case data.Decimal:
		return AppendDecimal(dst, v)
	case data.Date, data.Time, data.Timestamp:
		return appendJavaDate(dst, v.Int())
	case data.Array:
		return appendList(dst, v, s)
	case data.Map:
		return appendMap(dst, v, s)
	case data.Struct:
		return appendStruct(dst, v, s)
	}
	return strconv.AppendInt(dst, v.Int(), 10)
}

func appendList(dst []byte, v data.Value, s *data.Schema) []byte {
	dst = append(dst, '[')
	for i, e := range v.Elems() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendText(dst, e, elem(s))
	}
	return append(dst, ']')
}

func appendMap(dst []byte, v data.Value, s *data.Schema) []byte {
	dst = append(dst, '{')
	pairs := v.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(AppendText(dst, pairs[i], key(s)), '=')
		dst = AppendText(dst, pairs[i+1], elem(s))
	}
	return append(dst, '}')
}

func appendStruct(dst []byte, v data.Value, s *data.Schema) []byte {
	dst = append(dst, "Struct{"...)
	first := true
	for i, f := range v.Elems() {
		if f.IsNull() || s == nil || i >= len(s.Fields) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(dst, s.Fields[i].Name...), '=')
		dst = AppendText(dst, f, s.Fields[i].Schema)
	}
	return append(dst, '}')
}

func elem(s *data.Schema) *data.Schema {
	if s == nil {
		return nil
	}
	return s.Elem
}

func key(s *data.Schema) *data.Schema {
	if s == nil {
		return nil
	}
	return s.Key
}

// appendJavaDate is java.util.Date.toString in UTC.
func appendJavaDate(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "Mon Jan 02 15:04:05 UTC 2006")
}

// javaClasses are the classes that Java Connect holds each kind in.
var javaClasses = [...]string{
	data.Null: "null", data.Bool: "java.lang.Boolean", data.Int8: "java.lang.Byte", data.Int16: "java.lang.Short",
	data.Int32: "java.lang.Integer", data.Int64: "java.lang.Long", data.Float32: "java.lang.Float",
	data.Float64: "java.lang.Double", data.String: "java.lang.String", data.Bytes: "[B",
	data.Decimal: "java.math.BigDecimal", data.Date: "java.util.Date", data.Time: "java.util.Date",
	data.Timestamp: "java.util.Date", data.Array: "java.util.ArrayList", data.Map: "java.util.HashMap",
	data.Struct: "org.apache.kafka.connect.data.Struct",
}

// Class is the name of the Java class that holds a value of kind k, as error
// texts show it.
func Class(k data.Kind) string { return javaClasses[k] }

var typeNames = [...]string{
	data.Null: "NULL", data.Bool: "BOOLEAN", data.Int8: "INT8", data.Int16: "INT16", data.Int32: "INT32",
	data.Int64: "INT64", data.Float32: "FLOAT32", data.Float64: "FLOAT64", data.String: "STRING",
	data.Bytes: "BYTES", data.Array: "ARRAY", data.Map: "MAP", data.Struct: "STRUCT",
}

// TypeName is Connect's Schema.Type of kind k, as error texts show it.
func TypeName(k data.Kind) string { return typeNames[k.Base()] }
