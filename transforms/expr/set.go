package expr

import (
	"culvert/data"
)

// plans keeps the schemas that were made, so that equal records have the same one.
type plans struct {
	known map[*data.Schema][]*data.Schema
}

const maxPlans = 1000

// of returns a schema equal to made, which came from s.
func (p *plans) of(s, made *data.Schema) *data.Schema {
	for _, k := range p.known[s] {
		if k.Equal(made) {
			return k
		}
	}
	if p.known == nil || len(p.known) >= maxPlans || len(p.known[s]) >= maxPlans {
		p.known = map[*data.Schema][]*data.Schema{}
	}
	p.known[s] = append(p.known[s], made)
	return made
}

// set puts fields into v. Fields that are there keep their place, and with a schema
// their type if the result fits it; new ones follow by name and are optional.
func (t *transform) set(v data.Value, s *data.Schema, fields map[string]any, a *data.Arena) (data.Value, *data.Schema, error) {
	switch {
	case s == nil && (v.Kind() == data.Map || v.IsNull()):
		out, err := setFree(v, fields)
		return out, nil, err
	case s != nil && v.Kind() == data.Struct:
		return t.setTyped(v, s, fields, a)
	}
	return v, s, bad("fields can be set in a struct or a map, not in %s", v.Kind())
}

func setFree(v data.Value, fields map[string]any) (data.Value, error) {
	pairs := make([]data.Value, 0, v.Len()*2+2*len(fields))
	old := v.Elems()
	there := make(map[string]bool, len(fields))
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
			if out, ok := fields[old[i].Str()]; ok {
				there[old[i].Str()] = true
				if err := put(old[i], out); err != nil {
					return v, err
				}
				continue
			}
		}
		pairs = append(pairs, old[i], old[i+1])
	}
	for _, n := range names(fields) {
		if !there[n] {
			if err := put(data.OfString(n), fields[n]); err != nil {
				return v, err
			}
		}
	}
	return data.OfMap(pairs), nil
}

func (t *transform) setTyped(v data.Value, s *data.Schema, fields map[string]any, a *data.Arena) (data.Value, *data.Schema, error) {
	old := v.Elems()
	made := make([]data.Field, 0, len(old)+len(fields))
	vs := make([]data.Value, 0, len(old)+len(fields))
	there := make(map[string]bool, len(fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		out, ok := fields[f.Name]
		if !ok {
			made, vs = append(made, data.Field{Name: f.Name, Schema: f.Schema}), append(vs, old[i])
			continue
		}
		there[f.Name] = true
		if out == any(omitted{}) {
			continue
		}
		n, fs, err := typed(f.Name, out, f.Schema)
		if err != nil {
			return v, s, err
		}
		made, vs = append(made, data.Field{Name: f.Name, Schema: fs}), append(vs, n)
	}
	for _, name := range names(fields) {
		if there[name] || fields[name] == any(omitted{}) {
			continue
		}
		n, fs, err := typed(name, fields[name], nil)
		if err != nil {
			return v, s, err
		}
		made, vs = append(made, data.Field{Name: name, Schema: fs}), append(vs, n)
	}
	shape := data.NewStruct(s.Name, made...)
	shape.Version, shape.Optional, shape.Params = s.Version, s.Optional, s.Params
	held := a.Values(len(vs))
	copy(held, vs)
	return data.OfStruct(held), t.plans.of(s, shape), nil
}

// typed is a result with its schema: that of the field, if it fits, else one of its own.
func typed(name string, out any, s *data.Schema) (data.Value, *data.Schema, error) {
	v, ok := scalar(out)
	if !ok {
		return v, nil, bad("field %s: a result of type %T has no schema; a text, number, boolean, time or null has", name, out)
	}
	if s != nil {
		if w, ok := as(v, s); ok {
			return w, s, nil
		}
		if v.Kind() == data.Int64 && s.Kind <= data.Int64 && s.Kind >= data.Int8 {
			return v, nil, bad("field %s: %d does not fit the type %s", name, v.Int(), s.Kind)
		}
	}
	if v.IsNull() {
		return v, nil, bad("field %s: null, which its schema does not allow or which has no type", name)
	}
	return v, data.Of(v.Kind()).AsOptional(), nil
}
