package stream

import (
	"encoding/binary"
	"errors"
	"fmt"

	"culvert/data"
)

// The bytes of a record in the window:
//
//	flags   byte
//	print   uint32 of the record key's bytes, if flagPrint
//	key     length (uvarint) and packed join value, if flagKey
//	value   as Kafka delivered it, or packed, if flagPacked
const (
	flagPacked = 1 << iota // a transformation before the join made the value
	flagKey                // the join value cannot be read back from the key bytes
	flagPrint
)

// stored is an entry of the window, taken apart.
type stored struct {
	flags byte
	print uint32
	key   []byte
	value []byte
}

var errStored = errors.New("an entry of the join's window is damaged")

func (e *stored) append(dst []byte) []byte {
	dst = append(dst, e.flags)
	if e.flags&flagPrint != 0 {
		dst = binary.LittleEndian.AppendUint32(dst, e.print)
	}
	if e.flags&flagKey != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.key)))
		dst = append(dst, e.key...)
	}
	return append(dst, e.value...)
}

func parseStored(b []byte) (e stored, err error) {
	if len(b) == 0 {
		return e, errStored
	}
	e.flags, b = b[0], b[1:]
	if e.flags&flagPrint != 0 {
		if len(b) < 4 {
			return e, errStored
		}
		e.print, b = binary.LittleEndian.Uint32(b), b[4:]
	}
	if e.flags&flagKey != 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return e, errStored
		}
		e.key, b = b[size:size+int(n)], b[size+int(n):]
	}
	e.value = b
	return e, nil
}

// packer writes values with their schema for records that have no wire form
// any more, and reads them back. The schema stands before each value, so that an
// entry needs nothing else; it is written once for each schema and read once.
type packer struct {
	bytes   map[*data.Schema][]byte
	schemas map[string]*data.Schema
}

// A schema that nests deeper than this, or a cyclic one, is refused.
const maxDepth = 64

// pack appends schema length, schema and value.
func (p *packer) pack(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	raw, ok := p.bytes[s]
	if !ok {
		var err error
		if raw, err = packSchema(nil, s, 0); err != nil {
			return nil, err
		}
		if p.bytes == nil || len(p.bytes) > maxCached {
			p.bytes = map[*data.Schema][]byte{}
		}
		p.bytes[s] = raw
	}
	dst = packBytes(dst, raw)
	return packValue(dst, v), nil
}

// unpack reads what pack wrote. Texts and bytes share b.
func (p *packer) unpack(b []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	r := reader{b: b}
	raw := r.bytes()
	s, ok := p.schemas[string(raw)]
	if !ok && r.err == nil {
		sr := reader{b: raw}
		s = sr.schema(0)
		if sr.err != nil || len(sr.b) != 0 {
			return data.Value{}, nil, errStored
		}
		if p.schemas == nil || len(p.schemas) > maxCached {
			p.schemas = map[string]*data.Schema{}
		}
		p.schemas[string(raw)] = s
	}
	v := r.value(a, s, 0)
	if r.err != nil || len(r.b) != 0 {
		return data.Value{}, nil, errStored
	}
	return v, s, nil
}

func packBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func packSchema(dst []byte, s *data.Schema, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the schema nests deeper than %d", maxDepth)
	}
	if s == nil {
		return append(dst, 0), nil
	}
	flags := byte(1)
	for i, on := range []bool{s.Optional, s.HasDefault, s.Elem != nil, s.Key != nil} {
		if on {
			flags |= 2 << i
		}
	}
	dst = append(dst, flags, byte(s.Kind))
	dst = packBytes(dst, []byte(s.Name))
	dst = binary.AppendVarint(dst, int64(s.Version))
	dst = packBytes(dst, []byte(s.Doc))
	if s.HasDefault {
		dst = packBytes(dst, packValue(nil, s.Default))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Params)))
	for _, p := range s.Params {
		dst = packBytes(packBytes(dst, []byte(p.Name)), []byte(p.Value))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Fields)))
	var err error
	for _, f := range s.Fields {
		if dst, err = packSchema(packBytes(dst, []byte(f.Name)), f.Schema, depth+1); err != nil {
			return nil, err
		}
	}
	for _, sub := range []*data.Schema{s.Elem, s.Key} {
		if sub != nil {
			if dst, err = packSchema(dst, sub, depth+1); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

func packValue(dst []byte, v data.Value) []byte {
	dst = append(dst, byte(v.Kind()))
	switch v.Kind() {
	case data.Null:
	case data.String, data.Bytes:
		dst = packBytes(dst, v.Bytes())
	case data.Decimal:
		dst = packBytes(binary.AppendVarint(dst, int64(v.Scale())), v.Bytes())
	case data.Float32:
		dst = binary.LittleEndian.AppendUint32(dst, float32Bits(v))
	case data.Float64:
		dst = binary.LittleEndian.AppendUint64(dst, float64Bits(v))
	case data.Bool:
		if v.Bool() {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	case data.Array, data.Map, data.Struct:
		elems := v.Elems()
		dst = binary.AppendUvarint(dst, uint64(len(elems)))
		for _, e := range elems {
			dst = packValue(dst, e)
		}
	default:
		dst = binary.AppendVarint(dst, v.Int())
	}
	return dst
}
