package json

import (
	"encoding/base64"
	"math"
	"strconv"

	"culvert/converters/json/lex"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// envelope reads {"schema": …, "payload": …}.
func (c *Converter) envelope(b []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	i := lex.Space(b, 0)
	if i == len(b) || b[i] != '{' {
		if i < len(b) {
			end, err := lex.Skip(b, i, 0)
			if err == nil {
				err = rootEnd(b, i, end)
			}
			if err != nil {
				return data.Value{}, nil, malformed(err)
			}
		}
		return data.Value{}, nil, noEnvelope()
	}
	e, err := c.split(b, i)
	if err != nil {
		return data.Value{}, nil, asRecordError(err)
	}
	if !e.whole {
		return data.Value{}, nil, noEnvelope()
	}
	s, err := c.schemaFor(e.schema)
	if err != nil {
		return data.Value{}, nil, err
	}
	v, err := c.root(e.payload, s, a)
	return v, s, err
}

// enveloped are the parts of an envelope.
type enveloped struct {
	schema, payload []byte
	begin           int  // where the payload begins
	ordered         bool // the schema stands before the payload
	whole           bool // both are there, and nothing else
}

// split checks the envelope at i, to its end, and finds its parts.
func (c *Converter) split(b []byte, i int) (enveloped, error) {
	e := enveloped{whole: true}
	_, err := lex.Members(b, i, 0, func(k0, k1, v int, escaped bool) (int, error) {
		end, err := lex.Skip(b, v, 1)
		if err != nil {
			return 0, err
		}
		switch string(c.name(b[k0:k1], escaped)) {
		case "schema":
			e.schema = b[v:end]
			e.ordered = e.payload == nil
		case "payload":
			e.payload, e.begin = b[v:end], v
		default:
			e.whole = false
		}
		return end, nil
	})
	e.whole = e.whole && e.schema != nil && e.payload != nil
	return e, err
}

func noEnvelope() error {
	return fault.New(fault.Record, "json.no_envelope", "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional fields."+
		" If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.").WithJava(dataException)
}

func (c *Converter) name(text []byte, escaped bool) []byte {
	if !escaped {
		return text
	}
	c.text = lex.Unescape(c.text[:0], text)
	return c.text
}

// root reads a document of schema s.
func (c *Converter) root(b []byte, s *data.Schema, a *data.Arena) (data.Value, error) {
	i := lex.Space(b, 0)
	if i == len(b) {
		return c.null(s)
	}
	v, end, err := c.typed(b, i, 0, s, a)
	if err == nil && c.union == nil {
		err = rootEnd(b, i, end)
	}
	if err == nil {
		return v, nil
	}
	// Java parses the whole text before it looks at what it means.
	if _, broken := lex.Skip(b, i, 0); broken != nil {
		err = broken
	}
	return data.Value{}, asRecordError(err)
}

// null is what a null or a missing member of schema s becomes.
func (c *Converter) null(s *data.Schema) (data.Value, error) {
	switch {
	case s == nil:
		return data.Value{}, nil
	case s.HasDefault && (c.config.replaceNull || c.union != nil):
		return s.Default, nil
	case s.Optional:
		return data.Value{}, nil
	}
	return data.Value{}, dataError("Invalid null value for required %s field", values.TypeName(s.Kind))
}

var nodeTypes = map[byte]string{'"': "STRING", '{': "OBJECT", '[': "ARRAY", 't': "BOOLEAN", 'f': "BOOLEAN", 'n': "NULL"}

// nodeType is Jackson's name of what stands at i.
func nodeType(b []byte, i int) string {
	if n, ok := nodeTypes[b[i]]; ok {
		return n
	}
	return "NUMBER"
}

// typed reads the value at i as schema s says.
func (c *Converter) typed(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if s == nil {
		return c.plain(b, i, depth, a)
	}
	if i < len(b) && b[i] == 'n' {
		end, err := lex.Literal(b, i, "null")
		if err != nil {
			return data.Value{}, 0, err
		}
		v, err := c.null(s)
		return v, end, err
	}
	if logical(s) {
		return c.logical(b, i, depth, s, a)
	}
	switch s.Kind {
	case data.Struct:
		if c.union != nil && c.union(s) {
			return c.oneOf(b, i, depth, s, a)
		}
		return c.structure(b, i, depth, s, a)
	case data.Map:
		if c.named(s.Key) {
			return c.namedMap(b, i, depth, s, a)
		}
		return c.pairMap(b, i, depth, s, a)
	case data.Array:
		return c.typedArray(b, i, depth, s, a)
	}
	v, end, err := c.plain(b, i, depth, a)
	if err != nil {
		return data.Value{}, 0, err
	}
	v, err = coerce(v, b[i:end], s, a)
	return v, end, err
}

// coerce makes a scalar of the schema's kind from a plain value, as Jackson's
// node methods do as long as nothing is lost by it.
func coerce(v data.Value, text []byte, s *data.Schema, a *data.Arena) (data.Value, error) {
	switch s.Kind {
	case data.Bool:
		if v.Kind() == data.Bool {
			return v, nil
		}
	case data.String:
		if v.Kind() == data.String {
			return v, nil
		}
	case data.Bytes:
		if v.Kind() == data.String {
			raw, ok := base64Bytes(v.Bytes(), a)
			if !ok {
				return data.Value{}, dataError("Invalid bytes field")
			}
			return data.OfBytes(raw), nil
		}
	case data.Float32, data.Float64:
		if f, ok := asFloat(v); ok {
			if s.Kind == data.Float32 {
				return data.OfFloat32(float32(f)), nil
			}
			return data.OfFloat64(f), nil
		}
	default:
		if n, ok := asInteger(v, text); ok {
			if w, ok := ofInteger(s.Kind, n); ok {
				return w, nil
			}
		}
	}
	if len(text) > 40 {
		text = append(text[:40:40], "…"...)
	}
	return data.Value{}, dataError("The value %s does not fit the type %s of its schema", text, values.TypeName(s.Kind)).
		WithFix("Correct the producer, whose values do not follow the schema it sends; Java's worker would read 0, false or null here.")
}

// asFloat also reads the texts that JsonConverter writes for what JSON cannot say.
func asFloat(v data.Value) (float64, bool) {
	switch v.Kind() {
	case data.Int64:
		return float64(v.Int()), true
	case data.Float64:
		return v.Float(), true
	case data.String:
		switch v.Str() {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
	}
	return 0, false
}

// asInteger is the number v, of that text, if it is a whole one: a fraction may be too
// small for a float to show.
func asInteger(v data.Value, text []byte) (int64, bool) {
	switch v.Kind() {
	case data.Int64:
		return v.Int(), true
	case data.Float64:
		if unscaled, scale, ok := values.ParseDecimal(string(text)); ok {
			return values.Integral(unscaled, scale)
		}
	}
	return 0, false
}

func ofInteger(k data.Kind, n int64) (data.Value, bool) {
	switch k {
	case data.Int8:
		return data.OfInt8(int8(n)), n == int64(int8(n))
	case data.Int16:
		return data.OfInt16(int16(n)), n == int64(int16(n))
	case data.Int32:
		return data.OfInt32(int32(n)), n == int64(int32(n))
	}
	return data.OfInt64(n), k == data.Int64
}

// base64Bytes reads MIME base64 with padding; white space between its units is skipped.
func base64Bytes(text []byte, a *data.Arena) ([]byte, bool) {
	dense := text
	for i, c := range text {
		if c <= ' ' {
			dense = append(a.Bytes(len(text)), text[:i]...)
			for _, c := range text[i:] {
				switch {
				case c > ' ':
					dense = append(dense, c)
				case len(dense)%4 != 0:
					return nil, false // Jackson takes white space between the units of four alone
				}
			}
			break
		}
	}
	buf := a.Bytes(base64.StdEncoding.DecodedLen(len(dense)))
	out, err := base64.StdEncoding.AppendDecode(buf, dense)
	return out, err == nil
}

// logical reports whether the schema's name is one of Connect's logical types,
// whatever its base type is.
func logical(s *data.Schema) bool {
	switch s.Kind {
	case data.Decimal, data.Date, data.Time, data.Timestamp:
		return true
	}
	return s.Name != "" && logicalName(s.Name)
}

func logicalName(name string) bool {
	switch name {
	case data.DecimalName, data.DateName, data.TimeName, data.TimestampName:
		return true
	}
	return false
}

func (c *Converter) logical(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if i < len(b) && (b[i] == '-' || b[i]-'0' <= 9) {
		end, float, err := lex.Number(b, i)
		if err != nil {
			return data.Value{}, 0, err
		}
		v, err := logicalNumber(b[i:end], float, s)
		return v, end, err
	}
	v, end, err := c.plain(b, i, depth, a)
	if err != nil {
		return data.Value{}, 0, err
	}
	if s.Name == data.DecimalName {
		if v.Kind() != data.String {
			return data.Value{}, 0, dataError("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", nodeType(b, i))
		}
		raw, ok := base64Bytes(v.Bytes(), a)
		scale, scaled := decimalScale(s)
		if !ok || !scaled || len(raw) == 0 {
			return data.Value{}, 0, dataError("Invalid bytes for Decimal field")
		}
		return data.OfDecimal(shortest(raw), scale), end, nil
	}
	return data.Value{}, 0, notIntegral(s, nodeType(b, i))
}

// shortest drops leading bytes that add nothing to a two's complement.
func shortest(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

func decimalScale(s *data.Schema) (int32, bool) {
	text, ok := s.Param(data.ScaleParam)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(n), err == nil
}

func notIntegral(s *data.Schema, node string) error {
	switch s.Name {
	case data.DateName:
		return dataError("Invalid type for Date, underlying representation should be integer but was %s", node)
	case data.TimeName:
		return dataError("Invalid type for Time, underlying representation should be integer but was %s", node)
	}
	return dataError("Invalid type for Timestamp, underlying representation should be integral but was %s", node)
}

const dayMillis = 86400000

func logicalNumber(text []byte, float bool, s *data.Schema) (data.Value, error) {
	if s.Name == data.DecimalName {
		unscaled, scale, ok := values.ParseDecimal(string(text))
		if !ok {
			return data.Value{}, &lex.Error{Why: "the exponent of a number is too large"}
		}
		return data.OfBigDecimal(unscaled, scale), nil
	}
	if float {
		return data.Value{}, notIntegral(s, "NUMBER")
	}
	n, ok := lex.Int(text)
	if !ok {
		return data.Value{}, tooLarge(text)
	}
	if s.Name == data.TimestampName {
		return data.OfTimestamp(n), nil
	}
	if n != int64(int32(n)) {
		return data.Value{}, notIntegral(s, "NUMBER")
	}
	if s.Name == data.DateName {
		return data.OfDate(n * dayMillis), nil
	}
	if n < 0 || n > dayMillis {
		return data.Value{}, dataError("Time values must use number of milliseconds greater than 0 and less than 86400000")
	}
	return data.OfTime(n), nil
}

func (c *Converter) typedArray(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	start := len(c.stack)
	push := func(v int) (int, error) {
		elem, end, err := c.typed(b, v, depth+1, s.Elem, a)
		c.stack = append(c.stack, elem)
		return end, err
	}
	var end int
	var err error
	switch {
	case i < len(b) && b[i] == '[':
		end, err = lex.Items(b, i, depth, push)
	case i < len(b) && b[i] == '{': // Java iterates over the members' values
		end, err = lex.Members(b, i, depth, func(_, _, v int, _ bool) (int, error) { return push(v) })
	default:
		var v data.Value
		if v, end, err = c.plain(b, i, depth, a); err == nil {
			_, err = coerce(v, b[i:end], s, a)
		}
	}
	if err != nil {
		return data.Value{}, 0, err
	}
	return data.OfArray(c.pop(start, a)), end, nil
}

func (c *Converter) namedMap(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if i >= len(b) || b[i] != '{' {
		if _, _, err := c.plain(b, i, depth, a); err != nil {
			return data.Value{}, 0, err
		}
		return data.Value{}, 0, dataError("Maps with string fields should be encoded as JSON objects, but found %s", nodeType(b, i))
	}
	start := len(c.stack)
	end, err := lex.Members(b, i, depth, func(k0, k1, v int, escaped bool) (int, error) {
		text := b[k0:k1]
		if escaped {
			text = lex.Unescape(a.Bytes(len(text)), text)
		}
		elem, end, err := c.typed(b, v, depth+1, s.Elem, a)
		c.stack = append(c.stack, data.OfText(text), elem)
		return end, err
	})
	if err != nil {
		return data.Value{}, 0, err
	}
	c.stack = c.stack[:start+len(c.seen.Merge(c.stack[start:]))]
	return data.OfMap(c.pop(start, a)), end, nil
}

// pairMap reads a map whose keys are not strings: an array of [key, value].
func (c *Converter) pairMap(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if i >= len(b) || b[i] != '[' {
		if _, _, err := c.plain(b, i, depth, a); err != nil {
			return data.Value{}, 0, err
		}
		return data.Value{}, 0, dataError("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", nodeType(b, i))
	}
	start := len(c.stack)
	end, err := lex.Items(b, i, depth, func(v int) (int, error) {
		if c.union != nil {
			return c.entry(b, v, depth, s, a)
		}
		return c.tuple(b, v, depth, s, a)
	})
	if err != nil {
		return data.Value{}, 0, err
	}
	return data.OfMap(lastOfEach(c.pop(start, a))), end, nil
}

// tuple reads [key, value] and pushes the pair.
func (c *Converter) tuple(b []byte, i, depth int, s *data.Schema, a *data.Arena) (int, error) {
	if b[i] != '[' {
		return 0, dataError("Found invalid map entry instead of array tuple: %s", nodeType(b, i))
	}
	var parts [2]data.Value
	var bad error // the first; a wrong number of parts comes before it
	n := 0
	end, err := lex.Items(b, i, depth+1, func(v int) (int, error) {
		if n++; n > len(parts) || bad != nil {
			return lex.Skip(b, v, depth+2)
		}
		part := s.Key
		if n == len(parts) {
			part = s.Elem
		}
		var end int
		if parts[n-1], end, bad = c.typed(b, v, depth+2, part, a); bad != nil {
			return lex.Skip(b, v, depth+2)
		}
		return end, nil
	})
	switch {
	case err != nil:
		return 0, err
	case n != len(parts):
		return 0, dataError("Found invalid map entry, expected length 2 but found :%d", n)
	case bad != nil:
		return 0, bad
	}
	c.stack = append(c.stack, parts[0], parts[1])
	return end, nil
}

// lastOfEach drops pairs whose key comes again later, as in a Java map.
func lastOfEach(pairs []data.Value) []data.Value {
	type scalar struct {
		kind data.Kind
		bits int64
		text string
	}
	at := make(map[scalar]int, len(pairs)/2)
	out := pairs[:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		k := pairs[i]
		id := scalar{kind: k.Kind(), text: string(k.Bytes())}
		switch k.Kind() {
		case data.Array, data.Map, data.Struct:
			out = append(out, k, pairs[i+1])
			continue
		case data.Float32, data.Float64:
			id.bits = int64(math.Float64bits(k.Float()))
		case data.Decimal:
			id.bits = int64(k.Scale())
		case data.String, data.Bytes, data.Null:
		default:
			id.bits = k.Int()
		}
		if j, ok := at[id]; ok {
			out[j+1] = pairs[i+1]
			continue
		}
		at[id] = len(out)
		out = append(out, k, pairs[i+1])
	}
	return out
}

func (c *Converter) structure(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if i >= len(b) || b[i] != '{' {
		if _, _, err := c.plain(b, i, depth, a); err != nil {
			return data.Value{}, 0, err
		}
		return data.Value{}, 0, dataError("Structs should be encoded as JSON objects, but found %s", nodeType(b, i))
	}
	if c.made += len(s.Fields); c.made > c.most {
		return data.Value{}, 0, dataError("The record holds more than %d values", c.most)
	}
	fields := a.Values(len(s.Fields))
	next := 0 // members mostly come in the order of the schema
	end, err := lex.Members(b, i, depth, func(k0, k1, v int, escaped bool) (int, error) {
		name := c.name(b[k0:k1], escaped)
		f := next
		if f >= len(s.Fields) || s.Fields[f].Name != string(name) {
			if f = s.FieldIndex(string(name)); f < 0 {
				return lex.Skip(b, v, depth+1)
			}
		}
		next = f + 1
		if b[v] == 'n' && c.union == nil {
			fields[f] = data.Value{}
			return lex.Literal(b, v, "null")
		}
		member, end, err := c.typed(b, v, depth+1, s.Fields[f].Schema, a)
		fields[f] = member
		return end, fault.InField(err, s.Fields[f].Name)
	})
	if err != nil {
		return data.Value{}, 0, err
	}
	for f := range fields {
		if fields[f].IsNull() && c.union != nil {
			fields[f] = s.Fields[f].Schema.DefaultOr(data.Value{}) // also a required field may be missing
			continue
		}
		if fields[f].IsNull() {
			if fields[f], err = c.null(s.Fields[f].Schema); err != nil {
				return data.Value{}, 0, fault.InField(err, s.Fields[f].Name)
			}
		}
	}
	return data.OfStruct(fields), end, nil
}
