package json

import (
	"culvert/converters/json/lex"
	"culvert/data"
)

// This file is what differs in the payloads of JsonSchemaConverter.

// named reports whether a map with such keys is an object.
func (c *Converter) named(key *data.Schema) bool {
	return key.Kind == data.String && !(c.union != nil && key.Optional)
}

// entry reads {"key": …, "value": …} and pushes the pair.
func (c *Converter) entry(b []byte, i, depth int, s *data.Schema, a *data.Arena) (int, error) {
	if b[i] != '{' {
		return 0, dataError("Found invalid map entry instead of object: %s", nodeType(b, i))
	}
	parts := [2]*data.Schema{s.Key, s.Elem}
	pair := [2]data.Value{s.Key.DefaultOr(data.Value{}), s.Elem.DefaultOr(data.Value{})}
	var bad [2]error // a wrong number of members comes before them
	n := 0
	end, err := lex.Members(b, i, depth+1, func(k0, k1, v int, escaped bool) (end int, err error) {
		n++
		j := -1
		switch string(c.name(b[k0:k1], escaped)) {
		case "key":
			j = 0
		case "value":
			j = 1
		}
		if j >= 0 {
			if pair[j], end, bad[j] = c.typed(b, v, depth+2, parts[j], a); bad[j] == nil {
				return end, nil
			}
		}
		return lex.Skip(b, v, depth+2)
	})
	switch {
	case err != nil:
		return 0, err
	case n != 2:
		return 0, dataError("Found invalid map entry, expected length 2 but found :%d", n)
	case bad[0] != nil:
		return 0, bad[0]
	case bad[1] != nil:
		return 0, bad[1]
	}
	c.stack = append(c.stack, pair[0], pair[1])
	return end, nil
}

// pairKey writes an entry up to its value.
func (c *Converter) pairKey(dst []byte, k data.Value, key *data.Schema, depth int) ([]byte, error) {
	open, between := "[", ","
	if c.union != nil {
		open, between = `{"key":`, `,"value":`
	}
	dst = append(dst, open...)
	var err error
	if c.union != nil {
		dst, err = c.item(dst, k, key, depth+1)
	} else {
		dst, err = c.value(dst, k, key, depth+2)
	}
	if err != nil {
		return nil, err
	}
	return append(dst, between...), nil
}

// item writes a value that cannot be left out.
func (c *Converter) item(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	start := len(dst)
	dst, err := c.value(dst, v, s, depth+1)
	if err == nil && len(dst) == start {
		dst = append(dst, "null"...)
	}
	return dst, err
}

// oneOf reads the value of a union: as the first field whose type fits if it is no
// struct, else as the struct that has most of the object's members.
func (c *Converter) oneOf(b []byte, i, depth int, s *data.Schema, a *data.Arena) (data.Value, int, error) {
	if depth >= lex.MaxDepth {
		return data.Value{}, 0, lex.TooDeep(i)
	}
	end, err := lex.Skip(b, i, depth)
	if err == nil {
		err = c.look(end - i)
	}
	if err != nil {
		return data.Value{}, 0, err
	}
	best, most := -1, 0
	for f := range s.Fields {
		fs := s.Fields[f].Schema
		if fits(b[i:end], fs) {
			best = f
			break
		}
		n, err := c.matching(b, i, fs)
		if err != nil {
			return data.Value{}, 0, err
		}
		if n > most {
			best, most = f, n
		}
	}
	if best < 0 {
		return data.Value{}, 0, dataError("Did not find matching oneof field for data")
	}
	if c.made += len(s.Fields); c.made > c.most {
		return data.Value{}, 0, dataError("The record holds more than %d values", c.most)
	}
	fields := a.Values(len(s.Fields))
	fields[best], _, err = c.typed(b, i, depth+1, s.Fields[best].Schema, a)
	return data.OfStruct(fields), end, err
}

// fits reports whether the value could be one of a schema that is no struct.
func fits(text []byte, s *data.Schema) bool {
	number := text[0] == '-' || text[0]-'0' <= 9
	switch s.Kind.Base() {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		if !number {
			return false
		}
		_, float, err := lex.Number(text, 0)
		return err == nil && !float
	case data.Float32, data.Float64:
		return number
	case data.Bool:
		return text[0] == 't' || text[0] == 'f'
	case data.String:
		return text[0] == '"'
	case data.Bytes:
		// Java also asks whether it is binary, which a text never is, or a decimal.
		return s.Kind == data.Decimal && number
	case data.Array:
		return text[0] == '['
	case data.Map:
		return text[0] == '{' || text[0] == '['
	}
	return false
}

// matching counts the members of an object that a struct has, and those of the
// objects in it. What is looked at for one record is bounded, because unions in
// unions look at the same text again.
func (c *Converter) matching(b []byte, i int, s *data.Schema) (int, error) {
	if s.Kind != data.Struct || b[i] != '{' {
		return 0, nil
	}
	n, end := c.count(b, i, s)
	return n, c.look(end - i)
}

// look counts bytes that are looked at to choose among the types of unions.
func (c *Converter) look(n int) error {
	if c.looked += n; c.looked > 64*c.most {
		return dataError("The record has too many unions within unions").
			WithFix("Give the alternatives of oneOf in the JSON schema a simple type, or nest them less.")
	}
	return nil
}

// count is matching for an object at i that has been checked; end is behind it.
func (c *Converter) count(b []byte, i int, s *data.Schema) (n, end int) {
	i = lex.Space(b, i+1)
	for b[i] != '}' {
		k, escaped, _ := lex.String(b, i)
		f := s.FieldIndex(string(c.name(b[i+1:k-1], escaped)))
		v := lex.Space(b, lex.Space(b, k)+1)
		if f >= 0 {
			n++
		}
		if f >= 0 && b[v] == '{' && s.Fields[f].Schema.Kind == data.Struct {
			m := 0
			m, i = c.count(b, v, s.Fields[f].Schema)
			n += m
		} else {
			i, _ = lex.Skip(b, v, 0)
		}
		if i = lex.Space(b, i); b[i] == ',' {
			i = lex.Space(b, i+1)
		}
	}
	return n, i + 1
}

// choice writes the field that is set of a union.
func (c *Converter) choice(dst []byte, v data.Value, s *data.Schema, depth int) ([]byte, error) {
	fields := v.Elems()
	if len(fields) != len(s.Fields) {
		return nil, dataError("Mismatching schema.")
	}
	for i, f := range fields {
		if c.config.replaceNull {
			f = s.Fields[i].Schema.DefaultOr(f)
		}
		if !f.IsNull() {
			return c.value(dst, f, s.Fields[i].Schema, depth+1)
		}
	}
	return c.nullOf(dst, s, depth+1)
}
