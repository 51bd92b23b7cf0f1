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
	"strconv"
	"strings"

	"github.com/hamba/avro/v2"

	"culvert/data"
)

// parseOptions reads the values to choose from: a list, or a file of values in
// Avro's JSON or binary form.
func (g *Generator) parseOptions(n *node, props map[string]any) ([]data.Value, error) {
	if err := exclude(props, "options", "length", "regex", "iteration", "range"); err != nil {
		return nil, err
	}
	switch raw := props["options"].(type) {
	case []any:
		if len(raw) == 0 {
			return nil, fmt.Errorf("options property cannot be empty")
		}
		return g.optionValues(n, raw)
	case map[string]any:
		return g.optionFile(n, raw)
	}
	return nil, fmt.Errorf("options prop must be an array or an object, was %s instead", javaClass(props["options"]))
}

func (g *Generator) optionValues(n *node, raw []any) ([]data.Value, error) {
	values := make([]data.Value, 0, len(raw))
	for _, o := range raw {
		if n.kind == recordKind {
			if err := complete(n, o); err != nil {
				return nil, err
			}
		}
		v, ok := g.option(n, o, true)
		if !ok {
			class, shown := describe(n, o)
			return nil, fmt.Errorf("Invalid option for %s schema: type %s, value '%s'", n.kind, class, shown)
		}
		values = append(values, v)
	}
	return values, nil
}

// complete reports the field that a record option leaves out.
func complete(n *node, o any) error {
	m, ok := o.(map[string]any)
	if !ok {
		return nil
	}
	for i, f := range n.fields {
		if _, given := m[f.name]; !given && !f.hasDef {
			return fmt.Errorf("Field %s type:%s pos:%d not set and has no default value", f.name, upper(f.node.kind), i)
		}
	}
	return nil
}

func upper(k kind) string { return strings.ToUpper(k.String()) }

// option turns a JSON value into a value of n if Java would take it for one.
// Only the option itself is widened (top): inside arrays, maps and records an
// integer is no long and a text is no enum symbol.
func (g *Generator) option(n *node, o any, top bool) (data.Value, bool) {
	switch n.kind {
	case nullKind:
		return data.Value{}, o == nil
	case booleanKind:
		b, ok := o.(bool)
		return data.OfBool(b), ok
	case intKind, longKind, floatKind, doubleKind:
		num, ok := o.(json.Number)
		if !ok {
			return data.Value{}, false
		}
		v, ok := numberOption(n.kind, num, top)
		return logical(n, v), ok
	case stringKind:
		s, ok := o.(string)
		return data.OfString(s), ok
	case bytesKind, fixedKind:
		return g.bytesOption(n, o, top)
	case enumKind:
		s, ok := o.(string)
		if !ok || !top {
			return data.Value{}, false
		}
		for _, sym := range n.symbols {
			if sym == s {
				return data.OfString(s), true
			}
		}
		return data.Value{}, false
	}
	return g.compoundOption(n, o, top)
}

func numberOption(k kind, num json.Number, top bool) (data.Value, bool) {
	class, i, f := javaNumber(num)
	switch k {
	case intKind:
		return data.OfInt32(int32(i)), class == "java.lang.Integer"
	case longKind:
		return data.OfInt64(i), class == "java.lang.Long" || top && class == "java.lang.Integer"
	case floatKind:
		return data.OfFloat32(float32(f)), top && class == "java.lang.Double"
	}
	return data.OfFloat64(f), class == "java.lang.Double"
}

func (g *Generator) bytesOption(n *node, o any, top bool) (data.Value, bool) {
	s, ok := o.(string)
	if !ok || !top || n.kind == fixedKind && len(s) != n.size {
		return data.Value{}, false
	}
	if n.logical == "decimal" && !g.plain {
		return data.OfDecimal([]byte(s), n.scale), true
	}
	return data.OfBytes([]byte(s)), true
}

func (g *Generator) compoundOption(n *node, o any, top bool) (data.Value, bool) {
	switch n.kind {
	case arrayKind:
		list, ok := o.([]any)
		if !ok {
			return data.Value{}, false
		}
		vals := make([]data.Value, len(list))
		for i, e := range list {
			if vals[i], ok = g.option(n.elem, e, false); !ok {
				return data.Value{}, false
			}
		}
		return data.OfArray(vals), true
	case mapKind:
		m, ok := o.(map[string]any)
		if !ok {
			return data.Value{}, false
		}
		var pairs []data.Value
		for _, k := range slices.Sorted(maps.Keys(m)) { // the same seed gives the same bytes
			v, ok := g.option(n.elem, m[k], false)
			if !ok {
				return data.Value{}, false
			}
			pairs = append(pairs, data.OfString(k), v)
		}
		return data.OfMap(pairs), true
	case recordKind:
		m, ok := o.(map[string]any)
		if !ok || !top {
			return data.Value{}, false
		}
		vals := make([]data.Value, len(n.fields))
		for i, f := range n.fields {
			e, given := m[f.name]
			if !given {
				e = f.def
			}
			if vals[i], ok = g.option(f.node, e, false); !ok {
				return data.Value{}, false
			}
		}
		return data.OfStruct(vals), true
	}
	for i, b := range n.branches {
		if v, ok := g.option(b, o, false); ok {
			if g.plain {
				return v, true
			}
			return wrap(n, i, v, nil), true
		}
	}
	return data.Value{}, false
}

// describe gives class and text of a refused option as Java prints them.
func describe(n *node, o any) (class, shown string) {
	if s, ok := o.(string); ok {
		switch n.kind {
		case fixedKind:
			parts := make([]string, len(s))
			for i := range len(s) {
				parts[i] = strconv.Itoa(int(int8(s[i])))
			}
			return "org.apache.avro.generic.GenericData$Fixed", "[" + strings.Join(parts, ", ") + "]"
		case enumKind:
			return "org.apache.avro.generic.GenericData$EnumSymbol", s
		}
	}
	if o == nil {
		return javaClass(o), javaClass(o)
	}
	return javaClass(o), javaText(o)
}

func javaText(o any) string {
	switch v := o.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = javaText(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+"="+javaText(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(o)
}

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
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("Unable to locate options file '%s'", file)
	}
	if err != nil {
		return nil, fmt.Errorf("Unable to read options file '%s'", file)
	}
	defer f.Close()
	switch encoding {
	case "json":
		return g.jsonFile(n, f, file)
	case "binary":
		return g.binaryFile(n, f, file)
	}
	return nil, fmt.Errorf("'encoding' field of options property only supports two formats: 'binary' and 'json'")
}

func (g *Generator) jsonFile(n *node, r io.Reader, file string) ([]data.Value, error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	var values []data.Value
	for {
		var raw any
		err := dec.Decode(&raw)
		if err == io.EOF && len(values) > 0 {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("Unable to read options file '%s'", file)
		}
		v, ok := g.option(n, raw, true)
		if !ok {
			return nil, fmt.Errorf("Unable to read options file '%s'", file)
		}
		values = append(values, v)
	}
}

// binaryFile reads values one after the other, of the types that need no schema
// of their own.
func (g *Generator) binaryFile(n *node, r io.Reader, file string) ([]data.Value, error) {
	if n.kind > stringKind {
		return nil, fmt.Errorf("options file '%s': binary encoding of a %s schema is not supported; use \"encoding\": \"json\"", file, n.kind)
	}
	dec := avro.NewReader(r, 1024)
	var values []data.Value
	for {
		v := readBinary(n.kind, dec)
		if dec.Error != nil {
			if errors.Is(dec.Error, io.EOF) && len(values) > 0 {
				return values, nil
			}
			return nil, fmt.Errorf("Unable to read options file '%s'", file)
		}
		values = append(values, logical(n, v))
	}
}

func readBinary(k kind, r *avro.Reader) data.Value {
	switch k {
	case booleanKind:
		return data.OfBool(r.ReadBool())
	case intKind:
		return data.OfInt32(r.ReadInt())
	case longKind:
		return data.OfInt64(r.ReadLong())
	case floatKind:
		return data.OfFloat32(r.ReadFloat())
	case doubleKind:
		return data.OfFloat64(r.ReadDouble())
	case bytesKind:
		return data.OfBytes(r.ReadBytes())
	}
	return data.OfString(r.ReadString())
}
