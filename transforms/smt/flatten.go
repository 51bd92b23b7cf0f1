package smt

import (
	"slices"

	"culvert/configdef"
	"culvert/data"
	"culvert/data/values"
	"culvert/transforms"
)

type flattenConfig struct{ delimiter string }

var flattenDef = &configdef.Def[flattenConfig]{Keys: []configdef.Key[flattenConfig]{
	{Spec: withDefault(spec("delimiter", configdef.String, configdef.Medium, "What stands between the names of the levels."), "."),
		Into: configdef.Str(func(c *flattenConfig) *string { return &c.delimiter })},
}}

type flatten struct {
	half      half
	delimiter string
	plans     *plans[flatPlan]
	names     values.Names
}

// flatPlan is a flattened schema and how the levels go into it.
type flatPlan struct {
	schema *data.Schema
	levels []flat
}

// flat is one field of a level: a leaf, or a struct with fields of its own.
type flat struct {
	field  *data.Field
	inner  []flat
	leaves int // of a struct
	isLeaf bool
	null   bool // whether the flattened field may be null
	into   *data.Field
}

const flattenPurpose = "flattening"

func newFlatten(h half, c flattenConfig) (transforms.Transform, error) {
	t := &flatten{half: h, delimiter: c.delimiter}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *flatten) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil || v.IsNull():
		return err
	case s == nil:
		return t.schemaless(c, v, a)
	}
	if err := requireStruct(v, flattenPurpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	out := a.Values(len(p.schema.Fields))
	if _, err := fill(out, p.levels, v.Elems()); err != nil {
		return err
	}
	c.Set(data.OfStruct(out), p.schema)
	return nil
}

// fill puts the leaves of a level into out and returns what is left of it.
func fill(out []data.Value, levels []flat, all []data.Value) ([]data.Value, error) {
	for i := range levels {
		l := &levels[i]
		v := all[i]
		if l.isLeaf { // Java reads a struct by getStruct, which knows of no default
			v = l.field.Schema.DefaultOr(v)
		}
		switch {
		case l.isLeaf && v.IsNull() && !l.null:
			return nil, nullRefused(l.into)
		case l.isLeaf:
			out[0] = v
			out = out[1:]
		case v.IsNull(): // so are its fields
			out = out[l.leaves:]
		default:
			var err error
			if out, err = fill(out, l.inner, v.Elems()); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (t *flatten) plan(s *data.Schema) (*flatPlan, error) {
	b := build(s)
	levels, err := t.level(b, s, "", s.Optional, s.Default, nil)
	if err != nil {
		return nil, err
	}
	p := &flatPlan{schema: b.done(), levels: levels}
	name(p.levels, p.schema.Fields)
	return p, nil
}

// name gives each leaf its field in the flattened schema, for errors.
func name(levels []flat, fields []data.Field) []data.Field {
	for i := range levels {
		if levels[i].isLeaf {
			levels[i].into, levels[i].null = &fields[0], fields[0].Schema.Optional
			fields = fields[1:]
		} else {
			fields = name(levels[i].inner, fields)
		}
	}
	return fields
}

// level adds the fields of s to b. A field is optional if one of the structs around
// it is, and takes its default from theirs where it has none. Around are those
// structs: one that contains itself has no end.
func (t *flatten) level(b *structure, s *data.Schema, prefix string, isOptional bool, parent data.Value, around []*data.Schema) ([]flat, error) {
	if slices.Contains(around, s) {
		return nil, badData("Flatten transformation does not support a struct that contains itself (for field %s).", prefix).WithField(prefix)
	}
	around = append(around, s)
	levels := make([]flat, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		fieldName := t.join(prefix, f.Name)
		fallback := data.Value{}
		if f.Schema.HasDefault {
			fallback = f.Schema.Default
		} else if !parent.IsNull() {
			fallback = parent.Elems()[i]
		}
		levels[i] = flat{field: f, isLeaf: true}
		switch f.Schema.Kind {
		case data.Map:
			return nil, badData("Flatten transformation does not support MAP for record with schemas (for field %s).", fieldName).WithField(fieldName)
		case data.Struct:
			before := len(b.schema.Fields)
			inner, err := t.level(b, f.Schema, fieldName, isOptional || f.Schema.Optional, fallback, around)
			if err != nil {
				return nil, err
			}
			levels[i] = flat{field: f, inner: inner, leaves: len(b.schema.Fields) - before}
		default:
			if err := b.field(fieldName, leaf(f.Schema, isOptional || f.Schema.Optional, fallback)); err != nil {
				return nil, err
			}
		}
	}
	return levels, nil
}

// leaf is the schema of a flattened field.
func leaf(s *data.Schema, isOptional bool, fallback data.Value) *data.Schema {
	out := basics(s, s.Kind)
	out.Elem, out.Optional = s.Elem, isOptional
	out.Default, out.HasDefault = fallback, !fallback.IsNull()
	return out
}

func (t *flatten) join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + t.delimiter + name
}

func (t *flatten) schemaless(c *data.Cell, v data.Value, a *data.Arena) error {
	if err := requireMap(v, flattenPurpose); err != nil {
		return err
	}
	n, err := t.leaves(v, nil)
	if err != nil {
		return err
	}
	pairs := t.pairs(a.Values(2 * n)[:0], v, nil, a)
	if len(t.names.Merge(pairs)) < len(pairs) { // Java loses one of the two
		return badSchema("Cannot create a field twice: two fields have the same name after flattening").
			WithFix("Choose a delimiter that the names of the fields do not hold.")
	}
	c.Set(data.OfMap(pairs), nil)
	return nil
}

// leaves counts what stays of a map, and refuses what Java cannot flatten.
func (t *flatten) leaves(v data.Value, prefix []byte) (int, error) {
	n, pairs := 0, v.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i]
		switch e := pairs[i+1]; {
		case name.Kind() != data.String:
			return 0, badData("Flatten transformation does not support a key of %s (in field %s)", classOf(name), prefix)
		case e.Kind() == data.Map:
			inner, err := t.leaves(e, t.appendName(prefix[:len(prefix):len(prefix)], prefix, name))
			if err != nil {
				return 0, err
			}
			n += inner
		case isLogical(e.Kind()):
			return 0, unsupported("Flatten", e)
		default:
			n++
		}
	}
	return n, nil
}

func (t *flatten) appendName(dst, prefix []byte, name data.Value) []byte {
	if len(prefix) > 0 {
		dst = append(dst, t.delimiter...)
	}
	return append(dst, name.Bytes()...)
}

// pairs appends the leaves of v with their names, which lie in the arena.
func (t *flatten) pairs(dst []data.Value, v data.Value, prefix []byte, a *data.Arena) []data.Value {
	pairs := v.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		key, e := pairs[i], pairs[i+1]
		full := key
		if len(prefix) > 0 {
			room := a.Bytes(len(prefix) + len(t.delimiter) + key.Len())
			full = data.OfText(t.appendName(append(room, prefix...), prefix, key))
		}
		if e.Kind() == data.Map {
			dst = t.pairs(dst, e, full.Bytes(), a)
		} else {
			dst = append(dst, full, e)
		}
	}
	return dst
}

// isLogical reports whether Java holds the kind in a class that schemaless data
// does not know.
func isLogical(k data.Kind) bool { return k != k.Base() }

// unsupported is the error of such a value.
func unsupported(transformation string, v data.Value) error {
	return badData("%s transformation was passed a value of type %s which is not supported by Connect's data API", transformation, classOf(v))
}
