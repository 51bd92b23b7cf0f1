package extjson

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// BSON types.
const (
	typeDouble     = 0x01
	typeString     = 0x02
	typeDocument   = 0x03
	typeArray      = 0x04
	typeBinary     = 0x05
	typeUndefined  = 0x06
	typeObjectID   = 0x07
	typeBool       = 0x08
	typeDate       = 0x09
	typeNull       = 0x0a
	typeRegexp     = 0x0b
	typeDBPointer  = 0x0c
	typeJavaScript = 0x0d
	typeSymbol     = 0x0e
	typeScopedCode = 0x0f
	typeInt32      = 0x10
	typeTimestamp  = 0x11
	typeInt64      = 0x12
	typeDecimal    = 0x13
	typeMinKey     = 0xff
	typeMaxKey     = 0x7f
)

// maxDepth bounds the nesting; a server takes 100 levels.
const maxDepth = 500

// Append appends the document that text is to dst. On an error dst is returned
// as it was.
func Append(dst []byte, text string) ([]byte, error) {
	r := reader{scanner: scanner{s: text}, b: dst}
	if err := r.mustDocument(1); err != nil {
		return dst, err
	}
	return r.b, nil
}

const invalidOperation = "org.bson.BsonInvalidOperationException"

// mustDocument reads a value that has to be a document.
func (r *reader) mustDocument(depth int) error {
	t, err := r.pop()
	if err != nil {
		return err
	}
	found := "END_OF_DOCUMENT"
	switch t.kind {
	case eof:
	case beginArray:
		found = TypeName(typeArray)
	default:
		kind, err := r.value(t, depth, false)
		if err != nil || kind == typeDocument {
			return err
		}
		found = TypeName(kind)
	}
	return &Error{Class: invalidOperation, Msg: fmt.Sprintf(
		"readStartDocument can only be called when CurrentBSONType is DOCUMENT, not when CurrentBSONType is %s.", found)}
}

var typeNames = map[byte]string{typeDouble: "DOUBLE", typeString: "STRING", typeDocument: "DOCUMENT", typeArray: "ARRAY", typeBinary: "BINARY",
	typeUndefined: "UNDEFINED", typeObjectID: "OBJECT_ID", typeBool: "BOOLEAN", typeDate: "DATE_TIME", typeNull: "NULL",
	typeRegexp: "REGULAR_EXPRESSION", typeDBPointer: "DB_POINTER", typeJavaScript: "JAVASCRIPT", typeSymbol: "SYMBOL",
	typeScopedCode: "JAVASCRIPT_WITH_SCOPE", typeInt32: "INT32", typeTimestamp: "TIMESTAMP", typeInt64: "INT64", typeDecimal: "DECIMAL128",
	typeMinKey: "MIN_KEY", typeMaxKey: "MAX_KEY"}

// TypeName is the name of a BSON type in Java's BsonType.
func TypeName(kind byte) string { return typeNames[kind] }

// nameRef is where an element begins and the hash of its name.
type nameRef struct {
	at   int
	hash uint32
}

// reader appends values to b as it reads them.
type reader struct {
	scanner
	b []byte
	// names are the elements of all open documents.
	names []nameRef
}

// object reads what follows an opening brace and returns its BSON type: a
// document, or what its first name says it stands for.
func (r *reader) object(depth int, inside bool) (byte, error) {
	name, err := r.pop()
	if err != nil {
		return 0, err
	}
	if _, err := name.asText(); err != nil {
		return 0, err
	}
	if name.isText() && len(name.text) > 0 && name.text[0] == '$' {
		if kind, ok, err := r.extended(name.text, depth, inside); ok || err != nil {
			return kind, err
		}
	}
	r.push(name)
	if err := r.leadingComma(inside); err != nil {
		return 0, err
	}
	return typeDocument, r.document(depth)
}

// leadingComma skips one behind the opening of a document or an array that stands inside
// of another one: the driver takes it for the comma behind a value.
func (r *reader) leadingComma(inside bool) error {
	if !inside {
		return nil
	}
	return r.skipComma()
}

// document reads the fields of a document.
func (r *reader) document(depth int) error {
	if depth > maxDepth {
		return parseError("The document is nested deeper than %d levels.", maxDepth)
	}
	start := r.open()
	first := len(r.names)
	defer func() { r.names = r.names[:first] }()
	for {
		name, err := r.pop()
		if err != nil {
			return err
		}
		if name.kind == endObject {
			break
		}
		if !name.isText() {
			return parseError("JSON reader was expecting a name but found '%s'.", name.shown())
		}
		if c, err := r.pop(); err != nil {
			return err
		} else if c.kind != colon {
			return parseError("JSON reader was expecting ':' but found '%s'.", c.shown())
		}
		at, err := r.name(name.text)
		if err != nil {
			return err
		}
		if err := r.element(at, depth); err != nil {
			return err
		}
		r.unique(first, at)
		if err := r.skipComma(); err != nil {
			return err
		}
	}
	r.shut(start)
	return nil
}

func (r *reader) array(depth int) error {
	if depth > maxDepth {
		return parseError("The document is nested deeper than %d levels.", maxDepth)
	}
	if err := r.leadingComma(true); err != nil {
		return err
	}
	start := r.open()
	for i := 0; ; i++ {
		t, err := r.pop()
		if err != nil {
			return err
		}
		switch t.kind {
		case endArray:
			r.shut(start)
			return nil
		case eof:
			return errPastEnd
		}
		at := len(r.b)
		r.b = strconv.AppendInt(append(r.b, 0), int64(i), 10)
		r.b = append(r.b, 0)
		kind, err := r.value(t, depth+1, true)
		if err != nil {
			return err
		}
		r.b[at] = kind
		if err := r.skipComma(); err != nil {
			return err
		}
	}
}

// name appends the head of an element: room for the type, and the name.
func (r *reader) name(name string) (at int, err error) {
	at = len(r.b)
	for i := 0; i < len(name); i++ {
		if name[i] == 0 {
			return 0, &Error{Class: "org.bson.BsonSerializationException",
				Msg: fmt.Sprintf("BSON cstring '%s' is not valid because it contains a null character at index %d", name, i)}
		}
	}
	r.b = append(append(append(r.b, 0), name...), 0)
	return at, nil
}

func (r *reader) element(at, depth int) error {
	t, err := r.pop()
	if err == nil && t.kind == eof {
		err = errPastEnd // the driver takes it for a value, and looks for the comma behind it
	}
	if err != nil {
		return err
	}
	kind, err := r.value(t, depth+1, true)
	if err != nil {
		return err
	}
	r.b[at] = kind
	return nil
}

// unique lets a field that comes twice have its last value at its first place,
// as in a Java map. at is where the new element begins, at the end of b.
func (r *reader) unique(first, at int) {
	name := cstring(r.b[at+1:])
	hash := uint32(2166136261)
	for _, c := range name {
		hash = (hash ^ uint32(c)) * 16777619
	}
	for i, have := range r.names[first:] {
		if have.hash != hash || string(cstring(r.b[have.at+1:])) != string(name) {
			continue
		}
		end := at
		if first+i+1 < len(r.names) {
			end = r.names[first+i+1].at
		}
		element := append([]byte(nil), r.b[at:]...)
		rest := append([]byte(nil), r.b[end:at]...)
		shift := len(element) - (end - have.at)
		r.b = append(append(r.b[:have.at], element...), rest...)
		for k := first + i + 1; k < len(r.names); k++ {
			r.names[k].at += shift
		}
		return
	}
	r.names = append(r.names, nameRef{at, hash})
}

func cstring(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

func (r *reader) skipComma() error {
	t, err := r.pop()
	if err != nil {
		return err
	}
	if t.kind != comma {
		r.push(t)
	}
	return nil
}

func (r *reader) open() int {
	r.b = append(r.b, 0, 0, 0, 0)
	return len(r.b) - 4
}

func (r *reader) shut(start int) {
	r.b = append(r.b, 0)
	binary.LittleEndian.PutUint32(r.b[start:], uint32(len(r.b)-start))
}

// value appends the value that begins with t and returns its type. inside says whether
// it stands in a document or an array.
func (r *reader) value(t token, depth int, inside bool) (byte, error) {
	switch t.kind {
	case beginObject:
		return r.object(depth, inside)
	case beginArray:
		return typeArray, r.array(depth)
	case quoted:
		return r.str(t.text), nil
	case int32Token:
		return r.int32(int32(t.num)), nil
	case int64Token:
		return r.int64(typeInt64, t.num), nil
	case doubleToken:
		return r.double(t.float), nil
	case regexpToken:
		return r.regex(t.text, t.options)
	case unquoted:
		if kind, ok, err := r.literal(t.text); ok || err != nil {
			return kind, err
		}
	}
	return 0, parseError("JSON reader was expecting a value but found '%s'.", t.shown())
}

func (r *reader) str(s string) byte {
	r.b = binary.LittleEndian.AppendUint32(r.b, uint32(len(s)+1))
	r.b = append(append(r.b, s...), 0)
	return typeString
}

func (r *reader) int32(n int32) byte {
	r.b = binary.LittleEndian.AppendUint32(r.b, uint32(n))
	return typeInt32
}

func (r *reader) int64(kind byte, n int64) byte {
	r.b = binary.LittleEndian.AppendUint64(r.b, uint64(n))
	return kind
}

func (r *reader) double(f float64) byte {
	r.b = binary.LittleEndian.AppendUint64(r.b, math.Float64bits(f))
	return typeDouble
}

func (r *reader) binary(subtype byte, data []byte) byte {
	n := len(data)
	if subtype == 2 { // the old form has its length twice
		r.b = binary.LittleEndian.AppendUint32(r.b, uint32(n+4))
		r.b = binary.LittleEndian.AppendUint32(append(r.b, subtype), uint32(n))
	} else {
		r.b = append(binary.LittleEndian.AppendUint32(r.b, uint32(n)), subtype)
	}
	r.b = append(r.b, data...)
	return typeBinary
}

// regex appends a regular expression with its options in order, as BSON asks for.
func (r *reader) regex(pattern, options string) (byte, error) {
	if strings.Contains(pattern, "\x00") || strings.Contains(options, "\x00") {
		return 0, parseError("A regular expression contains a null character.")
	}
	r.b = append(append(append(append(r.b, pattern...), 0), sortedOptions(options)...), 0)
	return typeRegexp, nil
}

func sortedOptions(options string) string {
	o := []rune(options)
	slices.Sort(o)
	return string(o)
}
