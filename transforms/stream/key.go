package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"culvert/data"
)

// appendKey appends the bytes under which a join value is kept: equal values of
// equal types have equal bytes. Converters would not do, because they may put
// a schema id before the data.
func appendKey(dst []byte, v data.Value) []byte {
	dst = append(dst, byte(v.Kind()))
	switch v.Kind() {
	case data.Null:
	case data.String, data.Bytes:
		dst = append(dst, v.Bytes()...)
	case data.Decimal:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.Scale()))
		dst = append(dst, v.Bytes()...)
	case data.Float32, data.Float64:
		dst = appendFloat(dst, v)
	case data.Bool:
		dst = append(dst, map[bool]byte{true: 1}[v.Bool()])
	case data.Array, data.Struct:
		for _, e := range v.Elems() {
			dst = appendNested(dst, e)
		}
	case data.Map:
		dst = appendPairs(dst, v)
	default:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Int()))
	}
	return dst
}

// appendNested appends a value with its length before it.
func appendNested(dst []byte, v data.Value) []byte {
	at := len(dst)
	dst = appendKey(append(dst, 0, 0, 0, 0), v)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendPairs appends the pairs of a map in the order of their bytes: maps are
// equal in any order.
func appendPairs(dst []byte, v data.Value) []byte {
	elems := v.Elems()
	pairs := make([][]byte, 0, len(elems)/2)
	for i := 0; i+1 < len(elems); i += 2 {
		pairs = append(pairs, appendNested(appendNested(nil, elems[i]), elems[i+1]))
	}
	slices.SortFunc(pairs, bytes.Compare)
	for _, p := range pairs {
		dst = append(dst, p...)
	}
	return dst
}

// appendFloat makes one value of both zeros, as a Java Double does not: nobody
// means -0 by a key.
func appendFloat(dst []byte, v data.Value) []byte {
	if v.Float() == 0 {
		return append(dst, 0)
	}
	if v.Kind() == data.Float32 {
		v = data.OfFloat64(v.Float())
	}
	return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
}

// simple reports whether a value of the kind can be read back from its key
// bytes alone.
func simple(k data.Kind) bool {
	switch k {
	case data.String, data.Bytes, data.Bool, data.Int8, data.Int16, data.Int32, data.Int64, data.Date, data.Time, data.Timestamp:
		return true
	}
	return false
}

// keyType describes the type of a join value for the comparison of both sides:
// the kind, and the fields of a Struct.
func keyType(k data.Kind, s *data.Schema) string {
	if k != data.Struct || s == nil {
		return k.String()
	}
	var b strings.Builder
	b.WriteString("struct{")
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", f.Name, keyType(f.Schema.Kind, f.Schema))
	}
	return b.String() + "}"
}

// sameKey reports whether a record key is the join value: the same datum, the
// same number, or its text (keys are often written by a StringConverter).
func sameKey(key, v data.Value) bool {
	switch {
	case key.Equal(v):
		return true
	case whole(v) && whole(key):
		return key.Int() == v.Int()
	case whole(v) && (key.Kind() == data.String || key.Kind() == data.Bytes):
		var text [20]byte
		return string(key.Bytes()) == string(strconv.AppendInt(text[:0], v.Int(), 10))
	case v.Kind() == data.String && key.Kind() == data.Bytes, v.Kind() == data.Bytes && key.Kind() == data.String:
		return string(key.Bytes()) == string(v.Bytes())
	}
	return false
}

func whole(v data.Value) bool { return v.Kind() >= data.Int8 && v.Kind() <= data.Int64 }

// show is a join value in an error text.
func show(v data.Value) string {
	switch {
	case v.Kind() == data.String:
		return strconv.Quote(clip(v.Str()))
	case whole(v):
		return strconv.FormatInt(v.Int(), 10)
	}
	return "of type " + v.Kind().String()
}
