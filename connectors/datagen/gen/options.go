package gen

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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
	return g.binary(n, []byte(s)), true
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
				v, err := g.fromJSON(f.node, f.def, defaultForm)
				if vals[i] = v; err != nil {
					return data.Value{}, false
				}
				continue
			}
			if vals[i], ok = g.option(f.node, e, false); !ok {
				return data.Value{}, false
			}
		}
		return data.OfStruct(vals), true
	}
	for i, b := range n.branches {
		if v, ok := g.option(b, o, false); ok {
			return g.wrap(n, i, v, nil), true
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
	switch v := o.(type) {
	case []any:
		if n.kind == arrayKind {
			return "org.apache.avro.generic.GenericData$Array", javaText(o)
		}
	case map[string]any:
		if n.kind == recordKind {
			return "org.apache.avro.generic.GenericData$Record", recordText(n, v)
		}
	}
	return javaClass(o), javaText(o)
}

// recordText is how a record is printed that has the given members, and the
// defaults of the others.
func recordText(n *node, m map[string]any) string {
	parts := make([]string, len(n.fields))
	for i, f := range n.fields {
		v, given := m[f.name]
		if !given {
			v = f.def
		}
		parts[i] = strconv.Quote(f.name) + ": " + jsonText(v)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// jsonText is JSON with the spaces that Avro puts in.
func jsonText(o any) string {
	var parts []string
	switch v := o.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	case []any:
		for _, e := range v {
			parts = append(parts, jsonText(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, strconv.Quote(k)+": "+jsonText(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return javaText(o)
}

func javaText(o any) string {
	switch v := o.(type) {
	case jsonNull:
		return javaClass(o)
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
