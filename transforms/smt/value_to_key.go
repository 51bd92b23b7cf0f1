package smt

import (
	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type valueToKeyConfig struct {
	fields   []string
	defaults bool
}

var valueToKeyDef = &configdef.Def[valueToKeyConfig]{Keys: []configdef.Key[valueToKeyConfig]{
	{Spec: distinct(required(spec("fields", configdef.List, configdef.High, "The fields of the value that make the key."))),
		Into: configdef.Strs(func(c *valueToKeyConfig) *[]string { return &c.fields })},
	replaceNull(func(c *valueToKeyConfig) *bool { return &c.defaults }),
}}

type valueToKey struct {
	fields   []string
	defaults bool
	plans    *plans[keyPlan]
}

type keyPlan struct {
	schema *data.Schema
	from   []int // positions of the key's fields in the value
	copied copied
}

const keyPurpose = "copying fields from value to key"

func newValueToKey(c valueToKeyConfig) (transforms.Transform, error) {
	t := &valueToKey{fields: c.fields, defaults: c.defaults}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *valueToKey) apply(r *data.Record, a *data.Arena) error {
	v, s, err := r.Value.Value(a)
	if err != nil {
		return err
	}
	if s == nil {
		return t.schemaless(r, v, a)
	}
	if err := requireStruct(v, keyPurpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	out, all := a.Values(len(p.from)), v.Elems()
	for i, from := range p.from {
		out[i] = all[from]
	}
	if err := p.copied.settle(out); err != nil {
		return err
	}
	r.Key.Set(data.OfStruct(out), p.schema)
	return nil
}

func (t *valueToKey) schemaless(r *data.Record, v data.Value, a *data.Arena) error {
	if err := requireMap(v, keyPurpose); err != nil {
		return err
	}
	pairs := a.Values(2 * len(t.fields))
	for i, name := range t.fields {
		pairs[2*i], pairs[2*i+1] = data.OfString(name), lookup(v, name)
	}
	r.Key.Set(data.OfMap(pairs), nil)
	return nil
}

func (t *valueToKey) plan(s *data.Schema) (*keyPlan, error) {
	b, p := build(nil), &keyPlan{}
	for _, name := range t.fields {
		i := s.FieldIndex(name)
		if i < 0 {
			return nil, badData("Field does not exist: %s", name).WithField(name)
		}
		p.from = append(p.from, i)
		if err := b.field(name, s.Fields[i].Schema); err != nil {
			return nil, err
		}
	}
	p.schema = b.done()
	p.copied = copying(p.schema.Fields, t.defaults)
	return p, nil
}
