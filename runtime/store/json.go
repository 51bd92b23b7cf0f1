package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"culvert/data"
)

// This file is Java's JsonConverter with schemas.enable=false, as Connect uses it
// for its own topics. The bytes matter where they are keys: a Java worker finds an
// offset only under the bytes that it would write itself.

// appendValue appends v as JsonConverter writes it. Maps whose keys are not all
// strings become arrays of pairs, bytes become base64.
func appendValue(dst []byte, v data.Value) []byte {
	switch v.Kind() {
	case data.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case data.Int8, data.Int16, data.Int32, data.Int64, data.Date, data.Time, data.Timestamp:
		return strconv.AppendInt(dst, v.Int(), 10)
	case data.Float32:
		return appendJavaFloat(dst, v.Float(), 32)
	case data.Float64:
		return appendJavaFloat(dst, v.Float(), 64)
	case data.String:
		return appendString(dst, v.Str())
	case data.Bytes, data.Decimal:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"')
	case data.Array, data.Struct:
		return appendList(dst, v.Elems())
	case data.Map:
		return appendMap(dst, v.Elems())
	}
	return append(dst, "null"...)
}

func appendList(dst []byte, elems []data.Value) []byte {
	dst = append(dst, '[')
	for i, e := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, e)
	}
	return append(dst, ']')
}

func appendMap(dst []byte, pairs []data.Value) []byte {
	object := true
	for i := 0; i+1 < len(pairs); i += 2 {
		object = object && pairs[i].Kind() == data.String
	}
	open, sep, end := byte('{'), byte(':'), byte('}')
	if !object {
		open, sep, end = '[', ',', ']'
	}
	dst = append(dst, open)
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !object {
			dst = append(dst, '[')
		}
		dst = appendValue(dst, pairs[i])
		dst = append(dst, sep)
		dst = appendValue(dst, pairs[i+1])
		if !object {
			dst = append(dst, ']')
		}
	}
	return append(dst, end)
}

const upperHex = "0123456789ABCDEF"

// appendString escapes what Jackson escapes, and nothing else: quotes,
// backslashes and control characters. What is not UTF-8 becomes U+FFFD, as it
// would on its way into a Java string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		}
	}
	return append(dst, '"')
}

// appendJavaFloat writes a number as Double.toString and Float.toString do:
// plain from 1e-3 up to 1e7, else with an exponent, and always with a digit after
// the point. What JSON has no number for is written as a string.
func appendJavaFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if !bytes.ContainsRune(dst[start:], '.') {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	dst = append(dst, mantissa...)
	dst = append(dst, 'E')
	return strconv.AppendInt(dst, int64(n), 10)
}

// maxDepth bounds the nesting of what is read, so that a hostile record cannot
// exhaust the stack.
const maxDepth = 200

var errDepth = errors.New("nested too deeply")

// parseValue reads JSON as JsonConverter gives it to Connect: every integer is an
// Int64, every other number a Float64, objects are Maps in their order.
func parseValue(raw []byte) (data.Value, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := readValue(d, 0)
	if err != nil {
		return data.Value{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return data.Value{}, errors.New("more than one JSON value")
	}
	return v, nil
}

func readValue(d *json.Decoder, depth int) (data.Value, error) {
	if depth > maxDepth {
		return data.Value{}, errDepth
	}
	t, err := d.Token()
	if err != nil {
		return data.Value{}, err
	}
	switch t := t.(type) {
	case nil:
		return data.Value{}, nil
	case bool:
		return data.OfBool(t), nil
	case string:
		return data.OfString(t), nil
	case json.Number:
		return readNumber(t)
	case json.Delim:
		return readNested(d, t, depth)
	}
	return data.Value{}, fmt.Errorf("unexpected token %v", t)
}

func readNested(d *json.Decoder, open json.Delim, depth int) (data.Value, error) {
	var elems []data.Value
	for d.More() {
		v, err := readValue(d, depth+1)
		if err != nil {
			return data.Value{}, err
		}
		elems = append(elems, v)
	}
	if _, err := d.Token(); err != nil {
		return data.Value{}, err
	}
	if open == '{' {
		return data.OfMap(elems), nil
	}
	return data.OfArray(elems), nil
}

func readNumber(n json.Number) (data.Value, error) {
	if !strings.ContainsAny(string(n), ".eE") {
		if i, err := n.Int64(); err == nil {
			return data.OfInt64(i), nil
		}
	}
	f, err := n.Float64()
	return data.OfFloat64(f), err
}

// canonical is a text that is equal for equal values: maps in the order of their
// keys. Numbers compare by how they are written, so an Int32 of a plugin equals
// the Int64 that was read.
func canonical(v data.Value) string { return string(appendValue(nil, sortKeys(v))) }

func sortKeys(v data.Value) data.Value {
	switch v.Kind() {
	case data.Array, data.Struct:
		elems := slices.Clone(v.Elems())
		for i := range elems {
			elems[i] = sortKeys(elems[i])
		}
		return data.OfArray(elems)
	case data.Map:
		type pair struct {
			text string
			k, v data.Value
		}
		var pairs []pair
		old := v.Elems()
		for i := 0; i+1 < len(old); i += 2 {
			k := sortKeys(old[i])
			pairs = append(pairs, pair{string(appendValue(nil, k)), k, sortKeys(old[i+1])})
		}
		slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.text, b.text) })
		sorted := make([]data.Value, 0, 2*len(pairs))
		for _, p := range pairs {
			sorted = append(sorted, p.k, p.v)
		}
		return data.OfMap(sorted)
	}
	return v
}

// appendField appends `"name":` with a comma before all but the first field.
func appendField(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = appendString(dst, name)
	return append(dst, ':')
}

// appendNullable appends s, or null when it is empty.
func appendNullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

// appendProperties appends a config in the order of its keys. Java writes them in
// the order of a hash table; nobody can rely on it.
func appendProperties(dst []byte, props map[string]string) []byte {
	keys := make([]string, 0, len(props))
	for k := range props {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for _, k := range keys {
		dst = appendField(dst, k)
		dst = appendString(dst, props[k])
	}
	return append(dst, '}')
}
