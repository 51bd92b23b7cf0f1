package smt

import (
	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type hoistFieldConfig struct{ field string }

var hoistFieldDef = &configdef.Def[hoistFieldConfig]{Keys: []configdef.Key[hoistFieldConfig]{
	{Spec: required(spec("field", configdef.String, configdef.Medium, "The name of the one field of the struct or map that the data is put into.")),
		Into: configdef.Str(func(c *hoistFieldConfig) *string { return &c.field })},
}}

type hoistField struct {
	half  half
	field string
	plans *plans[data.Schema]
}

func newHoistField(h half, c hoistFieldConfig) (transforms.Transform, error) {
	t := &hoistField{half: h, field: c.field}
	t.plans = newPlans(func(s *data.Schema) (*data.Schema, error) {
		b := build(nil)
		err := b.field(t.field, s)
		return b.done(), err
	})
	return each(t.apply), nil
}

func (t *hoistField) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	if err != nil {
		return err
	}
	if s == nil {
		pair := a.Values(2)
		pair[0], pair[1] = data.OfString(t.field), v
		c.Set(data.OfMap(pair), nil)
		return nil
	}
	out, err := t.plans.of(s)
	if err != nil {
		return err
	}
	if v.IsNull() && !s.Optional {
		return nullRefused(&out.Fields[0])
	}
	one := a.Values(1)
	one[0] = v
	c.Set(data.OfStruct(one), out)
	return nil
}
