package mongodb

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// BSON types that the sink looks at.
const (
	typeDouble   = 0x01
	typeString   = 0x02
	typeDocument = 0x03
	typeArray    = 0x04
	typeBinary   = 0x05
	typeObjectID = 0x07
	typeBool     = 0x08
	typeDate     = 0x09
	typeNull     = 0x0a
	typeInt32    = 0x10
	typeInt64    = 0x12
	typeDecimal  = 0x13
)

const idField = "_id"

// field is one element of a document, by its positions in it: the element is
// doc[start:end], its value doc[value:end].
type field struct {
	kind              byte
	start, value, end int
	name              []byte
}

// first is the position of a document's first element.
const first = 4

// next reads the element at position at; ok is false at the end of the document
// and for malformed BSON.
func next(doc []byte, at int) (f field, ok bool) {
	if at >= len(doc)-1 {
		return f, false
	}
	n := bytes.IndexByte(doc[at+1:], 0)
	if n < 0 {
		return f, false
	}
	f = field{kind: doc[at], start: at, value: at + 2 + n, name: doc[at+1 : at+1+n]}
	size := valueSize(f.kind, doc[f.value:])
	if size < 0 || f.value+size > len(doc)-1 {
		return f, false
	}
	f.end = f.value + size
	return f, true
}

// valueSize is the length of the value that v begins with, -1 if v is too short
// or the type is unknown.
func valueSize(kind byte, v []byte) int {
	prefixed := func(extra int) int {
		if len(v) < 4 {
			return -1
		}
		n := int(int32(binary.LittleEndian.Uint32(v)))
		if n < 0 || n+extra > len(v) {
			return -1
		}
		return n + extra
	}
	switch kind {
	case 0x01, typeDate, 0x11, typeInt64:
		return 8
	case typeString, 0x0d, 0x0e:
		return prefixed(4)
	case typeDocument, typeArray, 0x0f:
		return prefixed(0)
	case typeBinary:
		return prefixed(5)
	case typeObjectID:
		return 12
	case typeBool:
		return 1
	case 0x06, typeNull, 0xff, 0x7f:
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
		return prefixed(4 + 12)
	case typeInt32:
		return 4
	case 0x13:
		return 16
	}
	return -1
}

// find returns the field of that name.
func find(doc []byte, name string) (field, bool) {
	for at := first; at < len(doc)-1; { // next, but for what only a match needs
		n := bytes.IndexByte(doc[at+1:], 0)
		if n < 0 {
			break
		}
		value := at + 2 + n
		size := valueSize(doc[at], doc[value:])
		if size < 0 || value+size > len(doc)-1 {
			break
		}
		if n == len(name) && string(doc[at+1:value-1]) == name {
			return field{kind: doc[at], start: at, value: value, end: value + size, name: doc[at+1 : value-1]}, true
		}
		at = value + size
	}
	return field{}, false
}

// lookup follows a dotted path as Java's BsonDocumentFieldLookup: a field whose
// name is the whole path comes first.
func lookup(doc []byte, path string) (value, bool) {
	if f, ok := find(doc, path); ok {
		return value{f.kind, doc[f.value:f.end]}, true
	}
	head, tail, ok := strings.Cut(path, ".")
	if !ok || tail == "" || strings.HasSuffix(path, ".") {
		return value{}, false
	}
	if f, ok := find(doc, head); ok && f.kind == typeDocument {
		return lookup(doc[f.value:f.end], tail)
	}
	return value{}, false
}

// value is one BSON value.
type value struct {
	kind byte
	data []byte
}

func documentValue(doc []byte) value { return value{typeDocument, doc} }

func stringValue(dst []byte, s string) value {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
	return value{typeString, append(append(dst, s...), 0)}
}

func (v value) text() string { return string(v.data[4 : len(v.data)-1]) }

var emptyDocument = []byte{5, 0, 0, 0, 0}

// openDocument begins a document (or array) at the end of dst; closeDocument ends
// the one that began at position at.
func openDocument(dst []byte) (_ []byte, at int) { return append(dst, 0, 0, 0, 0), len(dst) }

func closeDocument(dst []byte, at int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

func appendHead(dst []byte, kind byte, name string) []byte {
	return append(append(append(dst, kind), name...), 0)
}

func appendField(dst []byte, name string, v value) []byte {
	return append(appendHead(dst, v.kind, name), v.data...)
}

// withField appends doc to dst with the field set: in its place if it is there,
// else at the end, as in a Java map.
func withField(dst, doc []byte, name string, v value) []byte {
	dst, at := openDocument(dst)
	if f, ok := find(doc, name); ok {
		dst = append(dst, doc[first:f.start]...)
		dst = appendField(dst, name, v)
		dst = append(dst, doc[f.end:len(doc)-1]...)
	} else {
		dst = append(dst, doc[first:len(doc)-1]...)
		dst = appendField(dst, name, v)
	}
	return closeDocument(dst, at)
}

// withoutField appends doc to dst without the field.
func withoutField(dst, doc []byte, name string) []byte {
	f, ok := find(doc, name)
	if !ok {
		return append(dst, doc...)
	}
	return cutField(dst, doc, f)
}

// cutField appends doc to dst but for the element f.
func cutField(dst, doc []byte, f field) []byte {
	dst, at := openDocument(dst)
	dst = append(dst, doc[first:f.start]...)
	dst = append(dst, doc[f.end:len(doc)-1]...)
	return closeDocument(dst, at)
}

// appendFlat appends the fields of doc with nested documents written as dotted
// names, as Java's WriteModelHelper.flattenKeys: an empty document leaves nothing.
func appendFlat(dst, doc []byte, prefix string) []byte {
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return dst
		}
		if v := doc[f.value:f.end]; f.kind == typeDocument {
			dst = appendFlat(dst, v, prefix+string(f.name)+".")
		} else {
			dst = append(append(append(dst, f.kind), prefix...), f.name...)
			dst = append(append(dst, 0), v...)
		}
		at = f.end
	}
}

// valid reports whether doc is well-formed at every level, and how long it is:
// bytes behind it are ignored, as the Java driver ignores them.
func valid(doc []byte) (size int, ok bool) {
	if len(doc) < 5 {
		return 0, false
	}
	size = int(int32(binary.LittleEndian.Uint32(doc)))
	if size < 5 || size > len(doc) || doc[size-1] != 0 {
		return 0, false
	}
	doc = doc[:size]
	at := first
	for at < size-1 {
		f, ok := next(doc, at)
		if !ok {
			return 0, false
		}
		v := doc[f.value:f.end]
		switch f.kind {
		case typeDocument, typeArray:
			if n, ok := valid(v); !ok || n != len(v) {
				return 0, false
			}
		case typeString, 0x0d, 0x0e:
			if len(v) < 5 || v[len(v)-1] != 0 {
				return 0, false
			}
		case typeBool:
			if v[0] > 1 {
				return 0, false
			}
		}
		at = f.end
	}
	return size, true
}
