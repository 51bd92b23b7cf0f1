package bson

import (
	"bytes"
	"slices"

	"culvert/data"
	"culvert/data/values"
)

// Append appends the document that v, a Struct or a Map with string keys, stands
// for. Errors have class Record; dst is then returned as it was.
func Append(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	var out []byte
	var err error
	switch v.Kind() {
	case data.Struct:
		out, err = appendStruct(dst, v, s, 0)
	case data.Map:
		// A map at the top goes to the driver's codec, which knows no defaults and no
		// structs (MapRecordConverter).
		if s != nil && holdsStruct(v) {
			return dst, dataError("Can't find a codec for class %s.", values.Class(data.Struct)).WithJava("org.bson.codecs.configuration.CodecConfigurationException")
		}
		out, err = appendPairs(dst, v, s, nil, 0)
	default:
		err = dataError("No converter present due to unexpected object type: %s", values.Class(v.Kind()))
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// holdsStruct reports whether a map or an array has a struct in it.
func holdsStruct(v data.Value) bool {
	switch v.Kind() {
	case data.Struct:
		return true
	case data.Map, data.Array:
		return slices.ContainsFunc(v.Elems(), holdsStruct)
	}
	return false
}

func tooDeep() error { return dataError("The value is nested deeper than %d levels", maxDepth) }

// appendElement appends type, name and value.
func appendElement(dst []byte, name string, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	head := len(dst)
	dst = append(append(dst, 0), name...)
	if i := bytes.IndexByte(dst[head+1:], 0); i >= 0 {
		return nil, dataError("BSON cstring '%s' is not valid because it contains a null character at index %d", name, i)
	}
	dst = append(dst, 0)
	dst, kind, err := appendValue(dst, v, s, depth)
	if err != nil {
		return nil, err
	}
	dst[head] = kind
	return dst, nil
}

func appendValue(dst []byte, v data.Value, s *data.Schema, depth int) (_ []byte, kind byte, err error) {
	if depth > maxDepth {
		return nil, 0, tooDeep()
	}
	switch v.Kind() {
	case data.Null:
		return dst, typeNull, nil
	case data.Bool:
		if v.Bool() {
			return append(dst, 1), typeBoolean, nil
		}
		return append(dst, 0), typeBoolean, nil
	case data.Int8, data.Int16, data.Int32:
		return appendInt32(dst, int32(v.Int())), typeInt32, nil
	case data.Int64:
		return appendInt64(dst, v.Int()), typeInt64, nil
	case data.Date, data.Time, data.Timestamp:
		return appendInt64(dst, v.Int()), typeDate, nil
	case data.Float32, data.Float64:
		return appendDouble(dst, v.Float()), typeDouble, nil
	case data.String:
		return appendString(dst, v.Bytes()), typeString, nil
	case data.Bytes:
		return appendBinary(dst, v.Bytes()), typeBinary, nil
	case data.Decimal:
		dst, ok := appendDecimal(dst, v.Bytes(), v.Scale())
		if !ok {
			return nil, 0, dataError("The decimal %s does not fit a Decimal128, which has 34 digits", values.String(v, nil))
		}
		return dst, typeDecimal, nil
	case data.Array:
		dst, err = appendArray(dst, v, s, depth)
		return dst, typeArray, err
	case data.Map:
		dst, err = appendMap(dst, v, s, depth)
	default:
		dst, err = appendStruct(dst, v, s, depth)
	}
	return dst, typeDocument, err
}

func appendArray(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	dst, start := open(dst)
	for i, e := range v.Elems() {
		head := len(dst)
		dst = appendIndex(append(dst, 0), i)
		out, kind, err := appendValue(dst, e, elemOf(s), depth+1)
		if err != nil {
			return nil, err
		}
		dst = out
		dst[head] = kind
	}
	return closeAt(dst, start), nil
}

func elemOf(s *data.Schema) *data.Schema {
	if s == nil {
		return nil
	}
	return s.Elem
}

func appendMap(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	elem := elemOf(s)
	if elem != nil && elem.HasDefault && scalar(elem.Kind) {
		return appendPairs(dst, v, s, elem, depth)
	}
	return appendPairs(dst, v, s, nil, depth)
}

// appendPairs appends a map; null stands for the default of defaults, if that is given.
func appendPairs(dst []byte, v data.Value, s, defaults *data.Schema, depth int) ([]byte, error) {
	dst, start := open(dst)
	pairs := v.Elems()
	elem := elemOf(s)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Kind() != data.String {
			return nil, dataError("class %s cannot be cast to class java.lang.String", values.Class(pairs[i].Kind())).WithJava("java.lang.ClassCastException")
		}
		e := pairs[i+1]
		if defaults != nil {
			e = defaults.DefaultOr(e)
		}
		var err error
		if dst, err = appendElement(dst, pairs[i].Str(), e, elem, depth+1); err != nil {
			return nil, err
		}
	}
	return closeAt(dst, start), nil
}

func scalar(k data.Kind) bool { return k != data.Array && k != data.Map && k != data.Struct }

func appendStruct(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	fields := v.Elems()
	if s == nil || len(s.Fields) != len(fields) {
		return nil, dataError("Can't find a codec for class org.apache.kafka.connect.data.Struct.")
	}
	dst, start := open(dst)
	for i, f := range fields {
		fs := s.Fields[i].Schema
		out, err := appendElement(dst, s.Fields[i].Name, fs.DefaultOr(f), fs, depth+1)
		if err != nil {
			return nil, dataError("error while processing field %s: %s", s.Fields[i].Name, err)
		}
		dst = out
	}
	return closeAt(dst, start), nil
}
