package expr

import (
	"maps"
	"slices"

	"culvert/data"
)

// plans keeps what was worked out about schemas, so that the next record with the
// same schema costs no more than the copy of its fields, and equal records have the
// same schema.
type plans struct {
	made map[*data.Schema][]*plan
	last *plan
	n    int
}

const maxPlans = 1000

// plan says how a struct is put together when the fields that are set have certain
// types.
type plan struct {
	from  *data.Schema
	names []string
	types []*data.Schema // of the fields that are set; nil: left out
	to    *data.Schema
	order []int // of the new fields: an old one i, or -1-i for the one set as i
}

func (p *plan) fits(from *data.Schema, names []string, types []*data.Schema) bool {
	return p.from == from && slices.Equal(p.types, types) && slices.Equal(p.names, names)
}

func (ps *plans) of(from *data.Schema, names []string, types []*data.Schema) *plan {
	if ps.last != nil && ps.last.fits(from, names, types) {
		return ps.last
	}
	for _, p := range ps.made[from] {
		if p.fits(from, names, types) {
			ps.last = p
			return p
		}
	}
	if ps.made == nil || ps.n >= maxPlans {
		ps.made, ps.n = map[*data.Schema][]*plan{}, 0
	}
	p := newPlan(from, slices.Clone(names), slices.Clone(types))
	for _, other := range ps.made[from] {
		if other.to.Equal(p.to) {
			p.to = other.to
		}
	}
	ps.made[from] = append(ps.made[from], p)
	ps.n++
	ps.last = p
	return p
}

// newPlan keeps fields that are there in their place; new ones follow by name.
func newPlan(from *data.Schema, names []string, types []*data.Schema) *plan {
	p := &plan{from: from, names: names, types: types}
	var fields []data.Field
	put := func(name string, s *data.Schema, place int) {
		if s != nil {
			fields, p.order = append(fields, data.Field{Name: name, Schema: s}), append(p.order, place)
		}
	}
	for i := range from.Fields {
		f := &from.Fields[i]
		if k, ok := slices.BinarySearch(names, f.Name); ok {
			put(f.Name, types[k], -1-k)
		} else {
			put(f.Name, f.Schema, i)
		}
	}
	for k, name := range names {
		if from.FieldIndex(name) < 0 {
			put(name, types[k], -1-k)
		}
	}
	p.to = data.NewStruct(from.Name, fields...)
	p.to.Version, p.to.Optional, p.to.Params = from.Version, from.Optional, from.Params
	return p
}

// layout is where the fields that are set stand in the schema met last, and room for
// their values.
type layout struct {
	from   *data.Schema
	names  []string
	old    []*data.Schema // nil: a new field
	values []data.Value
	types  []*data.Schema
	own    [data.Struct + 1]*data.Schema // of a new field by kind
}

func (l *layout) begin(from *data.Schema, names []string) {
	if l.from == from && slices.Equal(l.names, names) {
		return
	}
	l.from, l.names = from, names
	l.old, l.values, l.types = make([]*data.Schema, len(names)), make([]data.Value, len(names)), make([]*data.Schema, len(names))
	for k, name := range names {
		if i := from.FieldIndex(name); i >= 0 {
			l.old[k] = from.Fields[i].Schema
		}
	}
}

// named gives the fields that an expression sets a fixed order.
func (t *transform) named(fields map[string]any) []string {
	known := len(fields) == len(t.names)
	for _, n := range t.names {
		if _, there := fields[n]; !there {
			known = false
		}
	}
	if !known {
		t.names = slices.Sorted(maps.Keys(fields))
	}
	return t.names
}

// set puts fields into v. Fields that are there keep their place, and with a schema
// their type if the result fits it; new ones follow by name and are optional.
func (t *transform) set(v data.Value, s *data.Schema, fields map[string]any, a *data.Arena) (data.Value, *data.Schema, error) {
	switch {
	case s == nil && (v.Kind() == data.Map || v.IsNull()):
		out, err := setFree(v, t.named(fields), fields)
		return out, nil, err
	case s != nil && v.Kind() == data.Struct:
		return t.setTyped(v, s, fields, a)
	}
	return v, s, bad("fields can be set in a struct or a map, not in %s", v.Kind())
}

func setFree(v data.Value, names []string, fields map[string]any) (data.Value, error) {
	pairs := make([]data.Value, 0, v.Len()*2+2*len(fields))
	old := v.Elems()
	there := make([]bool, len(names))
	put := func(name data.Value, out any) error {
		if out == (any(omitted{})) {
			return nil
		}
		n, err := free(out, 0)
		pairs = append(pairs, name, n)
		return err
	}
	for i := 0; i+1 < len(old); i += 2 {
		if old[i].Kind() == data.String {
			if k, ok := slices.BinarySearch(names, old[i].Str()); ok {
				there[k] = true
				if err := put(old[i], fields[names[k]]); err != nil {
					return v, err
				}
				continue
			}
		}
		pairs = append(pairs, old[i], old[i+1])
	}
	for k, n := range names {
		if !there[k] {
			if err := put(data.OfString(n), fields[n]); err != nil {
				return v, err
			}
		}
	}
	return data.OfMap(pairs), nil
}

func (t *transform) setTyped(v data.Value, s *data.Schema, fields map[string]any, a *data.Arena) (data.Value, *data.Schema, error) {
	names := t.named(fields)
	l := &t.layout
	l.begin(s, names)
	for k, name := range names {
		out := fields[name]
		if out == any(omitted{}) {
			l.values[k], l.types[k] = data.Value{}, nil
			continue
		}
		var err error
		if l.values[k], l.types[k], err = l.typed(name, out, l.old[k]); err != nil {
			return v, s, err
		}
	}
	p := t.plans.of(s, names, l.types)
	old, made := v.Elems(), a.Values(len(p.order))
	for i, from := range p.order {
		if from >= 0 {
			made[i] = old[from]
		} else {
			made[i] = l.values[-1-from]
		}
	}
	return data.OfStruct(made), p.to, nil
}

// typed is a result with its schema: that of the field, if it is of its type, else one
// of its own.
func (l *layout) typed(name string, out any, s *data.Schema) (data.Value, *data.Schema, error) {
	if t, ok := out.(taken); ok {
		if t.s != nil {
			return l.taken(name, t, s)
		}
		out = nil // there is no such field
	}
	v, ok := scalar(out)
	if !ok {
		return v, nil, bad("field %s: a result of type %T has no schema; a text, number, boolean, time or null has", name, out)
	}
	if s != nil {
		w, ok, err := as(v, s)
		if err != nil {
			return v, nil, bad("field %s: %w", name, err)
		}
		if ok {
			return w, s, nil
		}
	}
	if v.IsNull() {
		return v, nil, bad("field %s: null, which its schema does not allow or which has no type", name)
	}
	own := &l.own[v.Kind()]
	if *own == nil {
		*own = data.Of(v.Kind()).AsOptional()
	}
	return v, *own, nil
}

// taken is a field that is set to another one. It keeps its own type, unless the field
// that is there has one that it fits.
func (l *layout) taken(name string, t taken, s *data.Schema) (data.Value, *data.Schema, error) {
	if s == nil || s == t.s || s.Equal(t.s) {
		return t.v, t.s, nil
	}
	if v, ok := scalar(native(t.v, t.s)); ok && !v.IsNull() {
		if w, ok, err := as(v, s); err != nil {
			return v, nil, bad("field %s: %w", name, err)
		} else if ok {
			return w, s, nil
		}
	}
	return t.v, t.s, nil
}
