package mongostub

import (
	"bytes"
	"encoding/binary"
	"math"
)

// BSON types that the stub looks at.
const (
	typeDouble   = 0x01
	typeString   = 0x02
	typeDocument = 0x03
	typeArray    = 0x04
	typeObjectID = 0x07
	typeBool     = 0x08
	typeInt32    = 0x10
	typeInt64    = 0x12
)

// element is one field of a document: its type, name and value bytes.
type element struct {
	kind byte
	name []byte
	data []byte
	// raw is the whole element, type byte included.
	raw []byte
}

// next cuts the first element off rest (the inside of a document, without
// length and terminator). ok is false at the end and for malformed input.
func next(rest []byte) (e element, tail []byte, ok bool) {
	if len(rest) < 2 {
		return e, nil, false
	}
	end := bytes.IndexByte(rest[1:], 0)
	if end < 0 {
		return e, nil, false
	}
	e.kind, e.name = rest[0], rest[1:1+end]
	value := rest[2+end:]
	n := valueLen(e.kind, value)
	if n < 0 || n > len(value) {
		return e, nil, false
	}
	e.data = value[:n]
	e.raw = rest[:2+end+n]
	return e, value[n:], true
}

// inside is the part of a document that holds its elements.
func inside(doc []byte) []byte {
	if len(doc) < 5 {
		return nil
	}
	return doc[4 : len(doc)-1]
}

func valueLen(kind byte, v []byte) int {
	size := func(extra int) int {
		if len(v) < 4 {
			return -1
		}
		n := int(int32(binary.LittleEndian.Uint32(v)))
		if n < 0 || n > len(v) {
			return -1
		}
		return n + extra
	}
	switch kind {
	case typeDouble, 0x09, 0x11, typeInt64:
		return 8
	case typeString, 0x0d, 0x0e:
		return size(4)
	case typeDocument, typeArray, 0x0f:
		return size(0)
	case 0x05:
		return size(5)
	case typeObjectID:
		return 12
	case typeBool:
		return 1
	case 0x06, 0x0a, 0xff, 0x7f:
		return 0
	case 0x0b:
		a := bytes.IndexByte(v, 0)
		if a < 0 {
			return -1
		}
		b := bytes.IndexByte(v[a+1:], 0)
		if b < 0 {
			return -1
		}
		return a + b + 2
	case 0x0c:
		return size(4 + 12)
	case typeInt32:
		return 4
	case 0x13:
		return 16
	}
	return -1
}

// lookup finds a field by its dotted path.
func lookup(doc []byte, path string) (element, bool) {
	for rest := inside(doc); ; {
		e, tail, ok := next(rest)
		if !ok {
			return element{}, false
		}
		if string(e.name) == path {
			return e, true
		}
		if n := len(e.name); e.kind == typeDocument && len(path) > n && path[n] == '.' && string(e.name) == path[:n] {
			if sub, found := lookup(e.data, path[n+1:]); found {
				return sub, true
			}
		}
		rest = tail
	}
}

func (e element) text() string {
	if e.kind != typeString || len(e.data) < 5 {
		return ""
	}
	return string(e.data[4 : len(e.data)-1])
}

func (e element) truth() bool {
	switch e.kind {
	case typeBool:
		return e.data[0] == 1
	case typeInt32:
		return binary.LittleEndian.Uint32(e.data) != 0
	case typeInt64:
		return binary.LittleEndian.Uint64(e.data) != 0
	case typeDouble:
		return math.Float64frombits(binary.LittleEndian.Uint64(e.data)) != 0
	}
	return false
}

// value is the identity of an element's value: type and bytes.
func (e element) value() string { return string(append([]byte{e.kind}, e.data...)) }

// A builder appends a document. The order of calls is the order of fields.
type builder struct {
	b     []byte
	start []int
}

func newDoc(dst []byte) *builder {
	d := &builder{b: dst}
	d.open()
	return d
}

func (d *builder) open() {
	d.start = append(d.start, len(d.b))
	d.b = append(d.b, 0, 0, 0, 0)
}

func (d *builder) close() *builder {
	last := len(d.start) - 1
	at := d.start[last]
	d.start = d.start[:last]
	d.b = append(d.b, 0)
	binary.LittleEndian.PutUint32(d.b[at:], uint32(len(d.b)-at))
	return d
}

func (d *builder) head(kind byte, name string) *builder {
	d.b = append(d.b, kind)
	d.b = append(d.b, name...)
	d.b = append(d.b, 0)
	return d
}

func (d *builder) double(name string, f float64) *builder {
	d.head(typeDouble, name)
	d.b = binary.LittleEndian.AppendUint64(d.b, math.Float64bits(f))
	return d
}

func (d *builder) int32(name string, i int32) *builder {
	d.head(typeInt32, name)
	d.b = binary.LittleEndian.AppendUint32(d.b, uint32(i))
	return d
}

func (d *builder) int64(name string, i int64) *builder {
	d.head(typeInt64, name)
	d.b = binary.LittleEndian.AppendUint64(d.b, uint64(i))
	return d
}

func (d *builder) str(name, s string) *builder {
	d.head(typeString, name)
	d.b = binary.LittleEndian.AppendUint32(d.b, uint32(len(s)+1))
	d.b = append(append(d.b, s...), 0)
	return d
}

func (d *builder) bool(name string, v bool) *builder {
	d.head(typeBool, name)
	if v {
		d.b = append(d.b, 1)
	} else {
		d.b = append(d.b, 0)
	}
	return d
}

func (d *builder) doc(name string) *builder { d.head(typeDocument, name).open(); return d }

func (d *builder) array(name string) *builder { d.head(typeArray, name).open(); return d }

// raw appends a finished document as a field.
func (d *builder) raw(name string, doc []byte) *builder {
	d.head(typeDocument, name)
	d.b = append(d.b, doc...)
	return d
}

func (d *builder) bytes() []byte { return d.close().b }

// copyOf appends the value of an element under another name.
func (d *builder) copyOf(name string, e element) *builder {
	d.head(e.kind, name)
	d.b = append(d.b, e.data...)
	return d
}
