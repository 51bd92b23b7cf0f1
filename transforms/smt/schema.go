package smt

import (
	"culvert/configdef"
	"culvert/data"
)

// basics is SchemaUtil.copySchemaBasics: name, version, doc and parameters of s for
// a schema of another type. Whether it is optional, and its default, do not come along.
func basics(s *data.Schema, kind data.Kind) *data.Schema {
	return &data.Schema{Kind: data.LogicalKind(kind.Base(), s.Name), Name: s.Name, Version: s.Version, Doc: s.Doc, Params: s.Params}
}

// structure builds a struct schema as SchemaBuilder does: a name is used once, and
// is not empty.
type structure struct {
	schema *data.Schema
	seen   map[string]bool
}

// build begins a struct with the basics of s; nil: with none.
func build(s *data.Schema) *structure {
	out := &data.Schema{Kind: data.Struct}
	if s != nil {
		out = basics(s, data.Struct)
	}
	return &structure{schema: out, seen: map[string]bool{}}
}

func (b *structure) field(name string, s *data.Schema) error {
	switch {
	case name == "":
		return badSchema("fieldName cannot be null.")
	case b.seen[name]:
		return badSchema("Cannot create field because of field name duplication %s", name)
	}
	b.seen[name] = true
	b.schema.Fields = append(b.schema.Fields, data.Field{Name: name, Schema: s})
	return nil
}

func (b *structure) done() *data.Schema {
	b.schema.Index()
	return b.schema
}

// optional returns s with the flag.
func optional(s *data.Schema, yes bool) *data.Schema {
	if yes {
		return s.AsOptional()
	}
	return s
}

// plans keeps what a transformation has worked out for each input schema, keyed by
// its pointer. The schema of the last record costs one comparison.
type plans[P any] struct {
	last  *data.Schema
	plan  *P
	err   error
	known map[*data.Schema]planned[P]
	make  func(*data.Schema) (*P, error)
}

type planned[P any] struct {
	plan *P
	err  error
}

// maxPlans bounds the memory for sources whose schemas never repeat.
const maxPlans = 64

func newPlans[P any](make func(*data.Schema) (*P, error)) *plans[P] {
	return &plans[P]{make: make, known: map[*data.Schema]planned[P]{}}
}

func (c *plans[P]) of(s *data.Schema) (*P, error) {
	if s != c.last {
		c.find(s)
	}
	return c.plan, c.err
}

// find makes the plan of s the last one.
func (c *plans[P]) find(s *data.Schema) {
	p, ok := c.known[s]
	if !ok {
		p.plan, p.err = c.make(s)
		if len(c.known) >= maxPlans {
			clear(c.known)
		}
		c.known[s] = p
	}
	c.last, c.plan, c.err = s, p.plan, p.err
}

// structPlan is the plan of a transformation that keeps all fields in place.
type structPlan struct {
	schema *data.Schema
	copied copied
}

// copied says how the fields of a struct go into another one: nulls become
// defaults where that is asked for, and a null that is left must be allowed.
type copied struct {
	fields   []data.Field
	defaults []int // fields with a default
	required []int // fields that a null is refused for
}

// copying plans to copy fields. Defaults is replace.null.with.default.
func copying(fields []data.Field, defaults bool) copied {
	c := copied{fields: fields}
	for i := range fields {
		s := fields[i].Schema
		if defaults && s.HasDefault && !s.Default.IsNull() {
			c.defaults = append(c.defaults, i)
		} else if !s.Optional {
			c.required = append(c.required, i)
		}
	}
	return c
}

// to copies src to the beginning of dst.
func (c *copied) to(dst, src []data.Value) error {
	copy(dst, src)
	return c.settle(dst)
}

// settle fills in defaults and looks for nulls, after the values were copied.
func (c *copied) settle(dst []data.Value) error { return c.refused(c.filled(dst)) }

// filled fills in defaults and tells the first field that a null is refused for;
// beyond the fields: none. What a transformation does to the fields before that one
// comes first, also its error, because Java goes from field to field.
func (c *copied) filled(dst []data.Value) (missing int) {
	for _, i := range c.defaults {
		if dst[i].IsNull() {
			dst[i] = c.fields[i].Schema.Default
		}
	}
	for _, i := range c.required {
		if dst[i].IsNull() {
			return i
		}
	}
	return len(c.fields)
}

// refused is the error of the field that filled has told.
func (c *copied) refused(missing int) error { return refusedOf(c.fields, missing) }

// refusedOf is refused by another schema, which the values have by then.
func refusedOf(fields []data.Field, missing int) error {
	if missing < len(fields) {
		return nullRefused(&fields[missing])
	}
	return nil
}

// firstError is the error that Java comes to first where it has names in a hash table.
// One of them has failed before.
func firstError(names []string, try func(name string) error) error {
	for _, name := range configdef.JavaOrder(names) {
		if err := try(name); err != nil {
			return err
		}
	}
	return nil
}

// fieldValue is Struct.get, or getWithoutDefault.
func fieldValue(v data.Value, s *data.Schema, defaults bool) data.Value {
	if defaults {
		return s.DefaultOr(v)
	}
	return v
}

// putPair sets a key of a map whose pairs are in a slice with room at the end, and
// returns the pairs.
func putPair(pairs []data.Value, key string, v data.Value) []data.Value {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Kind() == data.String && pairs[i].Str() == key {
			pairs[i+1] = v
			return pairs
		}
	}
	return append(pairs, data.OfString(key), v)
}

// copyPairs copies the pairs of a map into the arena, with room for n more.
func copyPairs(a *data.Arena, v data.Value, n int) []data.Value {
	pairs := v.Elems()
	out := a.Values(len(pairs) + 2*n)
	return out[:copy(out, pairs)]
}

// lookup is Map.get: null for a key that is not there.
func lookup(v data.Value, key string) data.Value {
	found, _ := v.Lookup(key)
	return found
}
