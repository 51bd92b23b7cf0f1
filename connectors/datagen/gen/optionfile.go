package gen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/hamba/avro/v2"

	"culvert/data"
)

// optionFile reads the values to choose from out of a file, in Avro's JSON or
// binary form, one after the other.
func (g *Generator) optionFile(n *node, m map[string]any) ([]data.Value, error) {
	var given [2]string
	for i, f := range []string{"file", "encoding"} {
		raw, ok := m[f]
		if !ok || raw == nil {
			// The original names 'file' for both.
			return nil, fmt.Errorf("options property must contain 'file' field when given as object")
		}
		if given[i], ok = raw.(string); !ok {
			return nil, fmt.Errorf("'%s' field of options property must be given as string, was %s instead", f, javaClass(raw))
		}
	}
	file, encoding := given[0], given[1]
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.IsDir() {
			err = fs.ErrInvalid
		}
	}
	if err != nil { // Java's FileNotFoundException is for what may not be opened as well
		return nil, fmt.Errorf("Unable to locate options file '%s'", file)
	}
	var next func() (data.Value, error)
	switch encoding {
	case "json":
		dec := json.NewDecoder(f)
		dec.UseNumber()
		next = func() (data.Value, error) {
			var raw any
			if err := dec.Decode(&raw); err == io.ErrUnexpectedEOF {
				return data.Value{}, fmt.Errorf("a value has no end: %v", err)
			} else if err != nil {
				return data.Value{}, err
			}
			return g.fromJSON(n, raw, fileForm)
		}
	case "binary":
		dec := avro.NewReader(f, 4096)
		next = func() (data.Value, error) {
			v := g.fromBinary(n, dec)
			return v, dec.Error
		}
	default:
		return nil, fmt.Errorf("'encoding' field of options property only supports two formats: 'binary' and 'json'")
	}
	return readAll(n, file, next)
}

// readAll takes values until the file ends.
func readAll(n *node, file string, next func() (data.Value, error)) ([]data.Value, error) {
	values := []data.Value{}
	for {
		v, err := next()
		var mismatch *typeError
		switch {
		case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && len(values) > 0:
			return values, nil
		case errors.As(err, &mismatch):
			return nil, mismatch
		case err != nil:
			return nil, fmt.Errorf("Unable to read options file '%s'", file)
		case n.kind == nullKind: // the original takes a null for the end
			return values, nil
		}
		values = append(values, v)
	}
}

// typeError says that a value is not of the schema, as org.apache.avro.AvroTypeException does.
type typeError struct{ text string }

func (e *typeError) Error() string { return e.text }

func expected(what string, got any) error {
	token := "VALUE_STRING"
	switch v := got.(type) {
	case nil:
		token = "VALUE_NULL"
	case bool:
		if token = "VALUE_FALSE"; v {
			token = "VALUE_TRUE"
		}
	case json.Number:
		if token = "VALUE_NUMBER_INT"; isDecimal(v) {
			token = "VALUE_NUMBER_FLOAT"
		}
	case []any:
		token = "START_ARRAY"
	case map[string]any:
		token = "START_OBJECT"
	}
	return &typeError{"Expected " + what + ". Got " + token}
}

// form is which of Avro's two JSON forms a value has: they differ in unions.
type form bool

const (
	// fileForm: the value of a union is an object whose one member is the branch.
	fileForm form = false
	// defaultForm: the default of a field, which is of the first branch of a union.
	defaultForm form = true
)

// fromJSON reads a value as Avro's JsonDecoder does: a number of any kind will do
// for a number, the bytes of a text are its Latin-1 characters.
func (g *Generator) fromJSON(n *node, raw any, in form) (data.Value, error) {
	switch n.kind {
	case nullKind:
		if raw != nil {
			return data.Value{}, expected("null", raw)
		}
		return data.Value{}, nil
	case booleanKind:
		b, ok := raw.(bool)
		if !ok {
			return data.Value{}, expected("boolean", raw)
		}
		return data.OfBool(b), nil
	case intKind, longKind, floatKind, doubleKind:
		num, ok := raw.(json.Number)
		if !ok {
			return data.Value{}, expected(n.kind.String(), raw)
		}
		v, err := number(n.kind, num)
		return logical(n, v), err
	case stringKind:
		s, ok := raw.(string)
		if !ok {
			return data.Value{}, expected("string", raw)
		}
		return data.OfString(s), nil
	case bytesKind, fixedKind:
		return g.latin(n, raw)
	case enumKind:
		s, ok := raw.(string)
		switch {
		case !ok:
			return data.Value{}, expected("enum", raw)
		case !slices.Contains(n.symbols, s):
			return data.Value{}, &typeError{"Unknown symbol in enum " + s}
		}
		return data.OfString(s), nil
	}
	return g.partsFromJSON(n, raw, in)
}

// number is Jackson's conversion: a decimal number for an integer loses its
// fraction, one that does not fit is an error.
func number(k kind, num json.Number) (data.Value, error) {
	class, i, f := javaNumber(num)
	if class == "java.lang.Double" {
		i = int64(f)
	}
	tooBig := class == "java.math.BigInteger" || class == "java.lang.Double" && (f >= 1<<63 || f < -1<<63)
	switch {
	case k == floatKind || k == doubleKind:
		f, err := num.Float64()
		if k == floatKind {
			return data.OfFloat32(float32(f)), err
		}
		return data.OfFloat64(f), err
	case tooBig, k == intKind && i != int64(int32(i)):
		return data.Value{}, fmt.Errorf("%s does not fit %s", num, k)
	case k == intKind:
		return data.OfInt32(int32(i)), nil
	}
	return data.OfInt64(i), nil
}

func (g *Generator) latin(n *node, raw any) (data.Value, error) {
	s, ok := raw.(string)
	if !ok {
		return data.Value{}, expected(n.kind.String(), raw)
	}
	var b []byte
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	if n.kind == fixedKind && len(b) != n.size {
		return data.Value{}, &typeError{fmt.Sprintf("Expected fixed length %d, but got%d", n.size, len(b))}
	}
	return g.binary(n, b), nil
}

func (g *Generator) partsFromJSON(n *node, raw any, in form) (data.Value, error) {
	object, isObject := raw.(map[string]any)
	switch n.kind {
	case arrayKind:
		list, ok := raw.([]any)
		if !ok {
			return data.Value{}, expected("array-start", raw)
		}
		vals := make([]data.Value, len(list))
		for i, e := range list {
			var err error
			if vals[i], err = g.fromJSON(n.elem, e, in); err != nil {
				return data.Value{}, err
			}
		}
		return data.OfArray(vals), nil
	case mapKind:
		if !isObject {
			return data.Value{}, expected("map-start", raw)
		}
		var pairs []data.Value
		for _, k := range slices.Sorted(maps.Keys(object)) {
			v, err := g.fromJSON(n.elem, object[k], in)
			if err != nil {
				return data.Value{}, err
			}
			pairs = append(pairs, data.OfString(k), v)
		}
		return data.OfMap(pairs), nil
	case recordKind:
		if !isObject {
			return data.Value{}, expected("record-start", raw)
		}
		return g.recordFromJSON(n, object, in)
	}
	return g.unionFromJSON(n, raw, in)
}

func (g *Generator) recordFromJSON(n *node, object map[string]any, in form) (data.Value, error) {
	vals := make([]data.Value, len(n.fields))
	for i, f := range n.fields {
		e, given := object[f.name]
		at := in
		switch {
		case !given && in == defaultForm && f.hasDef:
			e = f.def
		case !given:
			return data.Value{}, &typeError{"Expected field name not found: " + f.name}
		}
		var err error
		if vals[i], err = g.fromJSON(f.node, e, at); err != nil {
			return data.Value{}, err
		}
	}
	return data.OfStruct(vals), nil
}

func (g *Generator) unionFromJSON(n *node, raw any, in form) (data.Value, error) {
	label, inner := "null", raw
	if object, ok := raw.(map[string]any); ok && len(object) == 1 && in == fileForm {
		for label, inner = range object {
		}
	} else if raw != nil && in == fileForm {
		return data.Value{}, expected("start-union", raw)
	}
	for i, b := range n.branches {
		if name := b.name; in == defaultForm || name == label || name == "" && b.kind.String() == label {
			v, err := g.fromJSON(b, inner, in)
			if err != nil {
				return data.Value{}, err
			}
			return g.wrap(n, i, v, nil), nil
		}
	}
	return data.Value{}, &typeError{"Unknown union branch " + label}
}

// fromBinary reads a value in Avro's binary form. A failure is r.Error.
func (g *Generator) fromBinary(n *node, r *avro.Reader) data.Value {
	switch n.kind {
	case booleanKind:
		var b [1]byte // any byte but 1 is false
		r.Read(b[:])
		return data.OfBool(b[0] == 1)
	case intKind:
		return logical(n, data.OfInt32(r.ReadInt()))
	case longKind:
		return logical(n, data.OfInt64(r.ReadLong()))
	case floatKind:
		return data.OfFloat32(r.ReadFloat())
	case doubleKind:
		return data.OfFloat64(r.ReadDouble())
	case bytesKind:
		return g.binary(n, r.ReadBytes())
	case fixedKind:
		b := make([]byte, n.size)
		r.Read(b)
		return g.binary(n, b)
	case stringKind:
		return data.OfString(r.ReadString())
	case enumKind:
		if i := int(r.ReadInt()); i >= 0 && i < len(n.symbols) {
			return data.OfString(n.symbols[i])
		}
		r.ReportError("enum", "no symbol of that number")
	case nullKind:
	default:
		return g.partsFromBinary(n, r)
	}
	return data.Value{}
}

func (g *Generator) partsFromBinary(n *node, r *avro.Reader) data.Value {
	if g.depth--; g.depth < 0 {
		r.ReportError("value", errDepth.Error())
		return data.Value{}
	}
	defer func() { g.depth++ }()
	var vals []data.Value
	switch n.kind {
	case recordKind:
		for i := 0; i < len(n.fields) && r.Error == nil; i++ {
			vals = append(vals, g.fromBinary(n.fields[i].node, r))
		}
		return data.OfStruct(vals)
	case unionKind:
		i := int(r.ReadLong())
		if r.Error != nil || i < 0 || i >= len(n.branches) {
			r.ReportError("union", "no branch of that number")
			return data.Value{}
		}
		return g.wrap(n, i, g.fromBinary(n.branches[i], r), nil)
	}
	for r.Error == nil {
		count, _ := r.ReadBlockHeader()
		if count == 0 {
			break
		}
		for ; count > 0 && r.Error == nil; count-- {
			if err := g.take(cellSize); err != nil {
				r.ReportError("value", err.Error())
				break
			}
			if n.kind == mapKind {
				vals = append(vals, data.OfString(r.ReadString()))
			}
			vals = append(vals, g.fromBinary(n.elem, r))
		}
	}
	if n.kind == mapKind {
		return data.OfMap(vals)
	}
	return data.OfArray(vals)
}
