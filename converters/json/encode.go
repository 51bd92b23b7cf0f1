package json

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"culvert/converters/json/lex"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// Encode appends the JSON of v, in an envelope with its schema if schemas are
// enabled. Null without a schema is a tombstone.
func (c *Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if s == nil && v.IsNull() {
		return nil, nil
	}
	if dst == nil {
		dst = []byte{}
	}
	if !c.config.schemas {
		return c.value(dst, v, s, 0)
	}
	head, err := c.head(s)
	if err != nil {
		return nil, err
	}
	if dst, err = c.value(append(dst, head...), v, s, 0); err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

// head is the envelope up to the payload. It is made once per schema.
func (c *Converter) head(s *data.Schema) ([]byte, error) {
	if s == nil {
		return []byte(`{"schema":null,"payload":`), nil
	}
	if h, ok := c.envelopes[s]; ok {
		return h, nil
	}
	h, err := c.appendSchema([]byte(`{"schema":`), s, "", 0)
	if err != nil {
		return nil, err
	}
	h = append(h, `,"payload":`...)
	if c.envelopes == nil || len(c.envelopes) >= max(c.config.cacheSize, 1) {
		c.envelopes = map[*data.Schema][]byte{}
	}
	c.envelopes[s] = h
	return h, nil
}

// value is JsonConverter.convertToJson.
func (c *Converter) value(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	if depth > lex.MaxDepth {
		return nil, dataError("The value is nested deeper than %d levels", lex.MaxDepth)
	}
	if v.IsNull() {
		return c.nullOf(dst, s, depth)
	}
	if s == nil {
		return c.untyped(dst, v, depth)
	}
	if logical(s) {
		return c.logicalValue(dst, v, s)
	}
	if c.union != nil && s.Kind == data.Struct && v.Kind() == data.Struct && c.union(s) {
		return c.choice(dst, v, s, depth)
	}
	if v.Kind() != s.Kind {
		return nil, dataError("Invalid type for %s: class %s", values.TypeName(s.Kind), values.Class(v.Kind()))
	}
	switch s.Kind {
	case data.Array:
		return c.list(dst, v, s.Elem, depth)
	case data.Map:
		return c.mapping(dst, v, s.Key, s.Elem, c.named(s.Key), depth)
	case data.Struct:
		return c.fieldsOf(dst, v, s, depth)
	}
	return scalar(dst, v), nil
}

func (c *Converter) nullOf(dst []byte, s *data.Schema, depth int) ([]byte, error) {
	switch {
	case s == nil:
	case s.HasDefault && c.config.replaceNull:
		return c.value(dst, s.Default, s, depth)
	case s.Optional:
	case c.union != nil:
		return dst, nil
	default:
		return nil, dataError("Conversion error: null value for field that is required and has no default value")
	}
	return append(dst, "null"...), nil
}

func (c *Converter) untyped(dst []byte, v data.Value, depth int) ([]byte, error) {
	switch v.Kind() {
	case data.Decimal, data.Date, data.Time, data.Timestamp:
		return nil, dataError("Java class class %s does not have corresponding schema type.", values.Class(v.Kind()))
	case data.Struct:
		return nil, dataError("Mismatching schema.")
	case data.Array:
		return c.list(dst, v, nil, depth)
	case data.Map:
		names := true
		for pairs := v.Elems(); len(pairs) > 1 && names; pairs = pairs[2:] {
			names = pairs[0].Kind() == data.String
		}
		return c.mapping(dst, v, nil, nil, names, depth)
	}
	return scalar(dst, v), nil
}

func scalar(dst []byte, v data.Value) []byte {
	switch v.Kind() {
	case data.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case data.Float32:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(values.AppendFloat(append(dst, '"'), v.Float32()), '"')
		}
		return values.AppendFloat(dst, v.Float32())
	case data.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(values.AppendDouble(append(dst, '"'), f), '"')
		}
		return values.AppendDouble(dst, v.Float())
	case data.String:
		return appendText(dst, v.Bytes())
	case data.Bytes:
		return appendBase64(dst, v.Bytes())
	}
	return strconv.AppendInt(dst, v.Int(), 10)
}

func appendBase64(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

func (c *Converter) list(dst []byte, v data.Value, elem *data.Schema, depth int) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i, e := range v.Elems() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = c.item(dst, e, elem, depth); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// mapping writes an object if all keys are strings, else an array of pairs.
func (c *Converter) mapping(dst []byte, v data.Value, key, elem *data.Schema, names bool, depth int) ([]byte, error) {
	open, closing := byte('['), byte(']')
	if names {
		open, closing = '{', '}'
	}
	dst = append(dst, open)
	pairs := v.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if names {
			dst, err = c.memberName(dst, pairs[i], key, depth)
		} else {
			dst, err = c.pairKey(dst, pairs[i], key, depth)
		}
		if err != nil {
			return nil, err
		}
		if dst, err = c.item(dst, pairs[i+1], elem, depth); err != nil {
			return nil, err
		}
		switch {
		case names:
		case c.union != nil:
			dst = append(dst, '}')
		default:
			dst = append(dst, ']')
		}
	}
	return append(dst, closing), nil
}

func (c *Converter) memberName(dst []byte, k data.Value, key *data.Schema, depth int) ([]byte, error) {
	start := len(dst)
	dst, err := c.value(dst, k, key, depth+1)
	if err != nil {
		return nil, err
	}
	if len(dst) == start || dst[start] != '"' { // null as a name is the text "null"
		text := string(dst[start:])
		dst = appendString(dst[:start], text)
	}
	return append(dst, ':'), nil
}

func (c *Converter) fieldsOf(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	fields := v.Elems()
	if len(fields) != len(s.Fields) {
		return nil, dataError("Mismatching schema.")
	}
	dst = append(dst, '{')
	start := len(dst)
	var err error
	for i, f := range fields {
		before := len(dst)
		if before > start {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, s.Fields[i].Name), ':')
		named := len(dst)
		if dst, err = c.value(dst, f, s.Fields[i].Schema, depth+1); err != nil {
			return nil, fault.InField(err, s.Fields[i].Name)
		}
		if len(dst) == named { // left out
			dst = dst[:before]
		}
	}
	return append(dst, '}'), nil
}

func (c *Converter) logicalValue(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	class := values.Class(v.Kind())
	isDate := v.Kind() == data.Date || v.Kind() == data.Time || v.Kind() == data.Timestamp
	switch s.Name {
	case data.DecimalName:
		if v.Kind() != data.Decimal {
			return nil, dataError("Invalid type for Decimal, expected BigDecimal but was class %s", class)
		}
		return c.decimal(dst, v, s)
	case data.DateName:
		if !isDate {
			return nil, dataError("Invalid type for Date, expected Date but was class %s", class)
		}
		if v.Int()%dayMillis != 0 {
			return nil, dataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		return strconv.AppendInt(dst, v.Int()/dayMillis, 10), nil
	case data.TimeName:
		if !isDate {
			return nil, dataError("Invalid type for Time, expected Date but was class %s", class)
		}
		if v.Int() < 0 || v.Int() > dayMillis {
			return nil, dataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
		}
	default:
		if !isDate {
			return nil, dataError("Invalid type for Timestamp, expected Date but was class %s", class)
		}
	}
	return strconv.AppendInt(dst, v.Int(), 10), nil
}

func (c *Converter) decimal(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if c.config.numeric() {
		return values.AppendDecimal(dst, v), nil
	}
	scale, ok := decimalScale(s)
	if !ok {
		return nil, dataError("Invalid Decimal schema: scale parameter not found.")
	}
	if scale != v.Scale() {
		return nil, dataError("Decimal value has mismatching scale for given Decimal schema. Schema has scale %d, value has scale %d.", scale, v.Scale())
	}
	return appendBase64(dst, v.Bytes()), nil
}

func appendString(dst []byte, s string) []byte { return appendText(dst, []byte(s)) }

const hexDigits = "0123456789ABCDEF"

// appendText writes a string as Jackson does: what lies outside the basic plane
// as two escapes, everything else above ASCII as UTF-8.
func appendText(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < 0xf0 {
			i++
			continue
		}
		dst = append(dst, text[start:i]...)
		if c >= 0xf0 {
			n := 0
			if dst, n = appendSurrogates(dst, text[i:]); n > 0 {
				i += n
				start = i
				continue
			}
			start = i
			i++
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, text[start:]...), '"')
}

// appendSurrogates writes the code point at the start of text as two escapes; n
// is its length, 0 if it is not valid UTF-8.
func appendSurrogates(dst, text []byte) ([]byte, int) {
	r, n := utf8.DecodeRune(text)
	if r == utf8.RuneError {
		return dst, 0
	}
	high, low := utf16.EncodeRune(r)
	for _, u := range [2]rune{high, low} {
		dst = append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
	}
	return dst, n
}
