package stream

import (
	"encoding/binary"
	"math"

	"culvert/data"
)

func float32Bits(v data.Value) uint32 { return math.Float32bits(v.Float32()) }
func float64Bits(v data.Value) uint64 { return math.Float64bits(v.Float()) }

// reader takes packed bytes apart. After an error it gives zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	r.err, r.b = errStored, nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// count reads a length of things that take at least one byte each, so that
// damaged bytes cannot ask for more memory than they have.
func (r *reader) count() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)-size) {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) bytes() []byte { return r.take(r.count()) }
func (r *reader) text() string  { return string(r.bytes()) }

func (r *reader) schema(depth int) *data.Schema {
	flags := r.byte()
	if flags == 0 || r.err != nil {
		return nil
	}
	s := &data.Schema{Kind: data.Kind(r.byte())}
	if s.Kind == data.Struct {
		s = data.NewStruct("")
	}
	if s.Kind == data.Null || s.Kind > data.Struct || depth > maxDepth {
		r.fail()
		return nil
	}
	s.Optional, s.HasDefault = flags&2 != 0, flags&4 != 0
	s.Name, s.Version, s.Doc = r.text(), int32(r.int()), r.text()
	if s.HasDefault {
		d := reader{b: r.bytes()}
		s.Default = d.value(nil, nil, depth)
		if d.err != nil || len(d.b) != 0 {
			r.fail()
		}
	}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		s.Params = append(s.Params, data.Param{Name: r.text(), Value: r.text()})
	}
	var fields []data.Field
	for n := r.count(); n > 0 && r.err == nil; n-- {
		fields = append(fields, data.Field{Name: r.text(), Schema: r.schema(depth + 1)})
	}
	if s.Kind == data.Struct {
		indexed := data.NewStruct(s.Name, fields...)
		indexed.Optional, indexed.Version, indexed.Doc, indexed.Params = s.Optional, s.Version, s.Doc, s.Params
		indexed.Default, indexed.HasDefault = s.Default, s.HasDefault
		s = indexed
	} else if len(fields) > 0 {
		r.fail()
	}
	if flags&8 != 0 {
		s.Elem = r.schema(depth + 1)
	}
	if flags&16 != 0 {
		s.Key = r.schema(depth + 1)
	}
	return s
}

// value reads one value. Where s describes a Struct, the number of fields must
// fit, because they are found by position.
func (r *reader) value(a *data.Arena, s *data.Schema, depth int) data.Value {
	kind := data.Kind(r.byte())
	if depth > maxDepth {
		r.fail()
	}
	switch kind {
	case data.String:
		return data.OfText(r.bytes())
	case data.Bytes:
		return data.OfBytes(r.bytes())
	case data.Decimal:
		scale := int32(r.int())
		return data.OfDecimal(r.bytes(), scale)
	case data.Bool:
		return data.OfBool(r.byte() != 0)
	case data.Float32:
		if b := r.take(4); b != nil {
			return data.OfFloat32(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case data.Float64:
		if b := r.take(8); b != nil {
			return data.OfFloat64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case data.Int8:
		return data.OfInt8(int8(r.int()))
	case data.Int16:
		return data.OfInt16(int16(r.int()))
	case data.Int32:
		return data.OfInt32(int32(r.int()))
	case data.Int64:
		return data.OfInt64(r.int())
	case data.Date:
		return data.OfDate(r.int())
	case data.Time:
		return data.OfTime(r.int())
	case data.Timestamp:
		return data.OfTimestamp(r.int())
	case data.Array, data.Map, data.Struct:
		return r.elems(a, kind, s, depth)
	case data.Null:
	default:
		r.fail()
	}
	return data.Value{}
}

func (r *reader) elems(a *data.Arena, kind data.Kind, s *data.Schema, depth int) data.Value {
	n := r.count()
	if kind == data.Map && n%2 != 0 || kind == data.Struct && s != nil && n != len(s.Fields) {
		r.fail()
	}
	if r.err != nil {
		return data.Value{}
	}
	elems := a.Values(n)
	for i := range elems {
		var sub *data.Schema
		switch {
		case s == nil:
		case kind == data.Struct:
			sub = s.Fields[i].Schema
		case kind == data.Array || kind == data.Map && i%2 == 1:
			sub = s.Elem
		case kind == data.Map:
			sub = s.Key
		}
		elems[i] = r.value(a, sub, depth+1)
	}
	switch kind {
	case data.Array:
		return data.OfArray(elems)
	case data.Map:
		return data.OfMap(elems)
	}
	return data.OfStruct(elems)
}
