package avro

import (
	"encoding/json"
	"slices"
	"strconv"

	"culvert/data"
)

// defaultOf sets the default of s from the field's default or from the property
// connect.default. One that does not fit the schema is ignored, as in AvroData.
func (t *toConnect) defaultOf(s *data.Schema, n *Node, field json.RawMessage) {
	annotated := prop(n.Props, propDefault)
	raw := field
	switch {
	case raw == nil:
		raw = annotated
	case t.metaData && annotated == nil && !t.discardTypeDocument:
		setParam(s, fieldDefaultParam, "true")
	}
	if raw == nil {
		return
	}
	v, ok := treeOf(string(raw))
	if !ok || v == nil {
		return
	}
	if value, ok := defaultValue(n, s, v); ok && !value.IsNull() {
		s.Default, s.HasDefault = value, true
	}
}

// defaultValue makes the value of a default: v is JSON with json.Number.
func defaultValue(n *Node, s *data.Schema, v any) (data.Value, bool) {
	if v == nil {
		return data.Value{}, true
	}
	switch n.Type {
	case Boolean:
		b, ok := v.(bool)
		return data.OfBool(b), ok
	case Int, Long:
		num, ok := v.(json.Number)
		if !ok {
			return data.Value{}, false
		}
		i, err := strconv.ParseInt(num.String(), 10, 64)
		if err != nil {
			f, ferr := num.Float64()
			if i = int64(f); ferr != nil || float64(i) != f || f >= 1<<63 {
				return data.Value{}, false
			}
		}
		return convertInt(s.Kind, i)
	case Float, Double:
		f, ok := floatOf(v)
		if n.Type == Float {
			return data.OfFloat32(float32(f)), ok
		}
		return data.OfFloat64(f), ok
	case String, Enum:
		text, ok := v.(string)
		return data.OfString(text), ok
	case Bytes, Fixed:
		return bytesDefault(n, s, v)
	case Array:
		return arrayDefault(n, s, v)
	case Map:
		return mapDefault(n, s, v)
	case Record:
		return recordDefault(n, s, v)
	case Union:
		return unionDefault(n, s, v)
	}
	return data.Value{}, false
}

// takes is Avro's Schema.isValidDefault for a default in JSON.
func (n *Node) takes(raw json.RawMessage) bool {
	v, ok := treeOf(string(raw))
	return ok && n.fits(v)
}

// fits reports whether a default has the form of n; of a union's, that of a branch.
func (n *Node) fits(v any) bool {
	switch v := v.(type) {
	case nil:
		return n.anyOf(Null)
	case bool:
		return n.anyOf(Boolean)
	case json.Number:
		_, err := strconv.ParseInt(v.String(), 10, 64)
		return n.anyOf(Float, Double) || err == nil && n.anyOf(Int, Long)
	case string:
		special := map[string]bool{"NaN": true, "Infinity": true, "-Infinity": true}[v] // numbers that JSON has no form for
		return n.anyOf(String, Bytes, Enum, Fixed) || special && n.anyOf(Float, Double)
	case []any:
		return n.anyBranch(func(b *Node) bool {
			return b.Type == Array && !slices.ContainsFunc(v, func(e any) bool { return !b.Elem.fits(e) })
		})
	case map[string]any:
		return n.anyBranch(func(b *Node) bool {
			return b.Type == Map && fitValues(b.Elem, v) || b.Type == Record && fitFields(b.Fields, v)
		})
	}
	return false
}

// anyBranch reports whether ok holds for n, or for a branch of the union n.
func (n *Node) anyBranch(ok func(*Node) bool) bool {
	if n.Type == Union {
		return slices.ContainsFunc(n.Branches, ok)
	}
	return ok(n)
}

func (n *Node) anyOf(types ...Type) bool {
	return n.anyBranch(func(b *Node) bool { return slices.Contains(types, b.Type) })
}

func fitValues(n *Node, m map[string]any) bool {
	for _, v := range m {
		if !n.fits(v) {
			return false
		}
	}
	return true
}

func fitFields(fields []Field, m map[string]any) bool {
	return !slices.ContainsFunc(fields, func(f Field) bool {
		v, given := m[f.Name]
		return given && !f.Node.fits(v) || !given && f.Default == nil
	})
}

func floatOf(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string: // what JSON cannot say as a number
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

// convertInt makes a value of an integer kind, or of a logical kind that integers encode.
func convertInt(k data.Kind, i int64) (data.Value, bool) {
	switch k {
	case data.Int8:
		return data.OfInt8(int8(i)), i == int64(int8(i))
	case data.Int16:
		return data.OfInt16(int16(i)), i == int64(int16(i))
	case data.Int32:
		return data.OfInt32(int32(i)), i == int64(int32(i))
	case data.Int64:
		return data.OfInt64(i), true
	case data.Date:
		return data.OfDate(i * dayMillis), i == int64(int32(i))
	case data.Time:
		return data.OfTime(i), i >= 0 && i <= dayMillis
	case data.Timestamp:
		return data.OfTimestamp(i), true
	}
	return data.Value{}, false
}

const dayMillis = 86400000

func bytesDefault(n *Node, s *data.Schema, v any) (data.Value, bool) {
	text, ok := v.(string)
	if !ok {
		return data.Value{}, false
	}
	var b []byte
	for _, r := range text {
		if r > 255 {
			return data.Value{}, false
		}
		b = append(b, byte(r))
	}
	if n.Type == Fixed && len(b) != n.Size {
		return data.Value{}, false
	}
	if s.Kind == data.Decimal {
		return data.OfDecimal(shortest(b), n.Scale), len(b) > 0
	}
	return data.OfBytes(b), true
}

func arrayDefault(n *Node, s *data.Schema, v any) (data.Value, bool) {
	list, ok := v.([]any)
	if !ok {
		return data.Value{}, false
	}
	if s.Kind == data.Map {
		return pairsDefault(n, s, list)
	}
	elems := make([]data.Value, len(list))
	for i, e := range list {
		if elems[i], ok = defaultValue(n.Elem, s.Elem, e); !ok {
			return data.Value{}, false
		}
	}
	return data.OfArray(elems), true
}

// pairsDefault reads a map whose keys are not strings: records, or pairs as
// AvroData writes them.
func pairsDefault(n *Node, s *data.Schema, list []any) (data.Value, bool) {
	var pairs []data.Value
	for _, e := range list {
		var k, v any
		switch e := e.(type) {
		case map[string]any:
			k, v = e["key"], e["value"]
		case []any:
			if len(e) != 2 {
				return data.Value{}, false
			}
			k, v = e[0], e[1]
		default:
			return data.Value{}, false
		}
		key, ok := defaultValue(n.Elem.Fields[0].Node, s.Key, k)
		if !ok {
			return data.Value{}, false
		}
		value, ok := defaultValue(n.Elem.Fields[1].Node, s.Elem, v)
		if !ok {
			return data.Value{}, false
		}
		pairs = append(pairs, key, value)
	}
	return data.OfMap(pairs), true
}

func mapDefault(n *Node, s *data.Schema, v any) (data.Value, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return data.Value{}, false
	}
	pairs := make([]data.Value, 0, 2*len(m))
	for _, k := range sortedKeys(m) {
		e, ok := defaultValue(n.Elem, s.Elem, m[k])
		if !ok {
			return data.Value{}, false
		}
		pairs = append(pairs, data.OfString(k), e)
	}
	return data.OfMap(pairs), true
}

func recordDefault(n *Node, s *data.Schema, v any) (data.Value, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(s.Fields) != len(n.Fields) {
		return data.Value{}, false
	}
	fields := make([]data.Value, len(n.Fields))
	for i := range n.Fields {
		fs := s.Fields[i].Schema
		e, given := m[n.Fields[i].Name]
		if !given {
			fields[i] = fs.DefaultOr(data.Value{})
		} else if fields[i], ok = defaultValue(n.Fields[i].Node, fs, e); !ok {
			return data.Value{}, false
		}
		if fields[i].IsNull() && !fs.Optional {
			return data.Value{}, false
		}
	}
	return data.OfStruct(fields), true
}

// unionDefault reads a default that, as Avro wants it, has the type of the first branch.
func unionDefault(n *Node, s *data.Schema, v any) (data.Value, bool) {
	if n.As == AsNullable {
		for _, b := range n.Branches {
			if b.Type != Null {
				return defaultValue(b, s, v)
			}
		}
	}
	if len(n.Branches) == 0 || n.Branches[0].Type == Null {
		return data.Value{}, false
	}
	at := 0
	switch n.Branches[0].Type {
	case Record: // AvroData has a Map then, which no record takes
		return data.Value{}, false
	case Enum: // and a String, which only a string takes
		at = slices.IndexFunc(n.Branches, func(b *Node) bool { return b.Type == String })
	}
	if at < 0 || n.slots[at] < 0 {
		return data.Value{}, false
	}
	fields := make([]data.Value, len(s.Fields))
	e, ok := defaultValue(n.Branches[at], s.Fields[n.slots[at]].Schema, v)
	if !ok {
		return data.Value{}, false
	}
	fields[n.slots[at]] = e
	return data.OfStruct(fields), true
}
