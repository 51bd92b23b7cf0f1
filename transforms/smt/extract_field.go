package smt

import (
	"culvert/configdef"
	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

type extractFieldConfig struct {
	field, syntax string
	defaults      bool
}

var extractFieldDef = &configdef.Def[extractFieldConfig]{Keys: []configdef.Key[extractFieldConfig]{
	{Spec: required(spec("field", configdef.String, configdef.Medium, "The field that takes the place of the whole.")),
		Into: configdef.Str(func(c *extractFieldConfig) *string { return &c.field })},
	replaceNull(func(c *extractFieldConfig) *bool { return &c.defaults }),
	{Spec: checked(withDefault(spec("field.syntax.version", configdef.String, configdef.High,
		"V1: field is a name. V2: it is a path, as in address.city; a name with a dot stands in backticks, as in `a.b`.c."), "V1"),
		configdef.OneOfFold("V1", "V2")),
		Into: configdef.Str(func(c *extractFieldConfig) *string { return &c.syntax })},
}}

type extractField struct {
	half     half
	text     string
	path     path
	defaults bool
	plans    *plans[[]int]
}

const extractPurpose = "field extraction"

func newExtractField(h half, c extractFieldConfig) (transforms.Transform, error) {
	p, err := parsePath(c.field, c.syntax)
	if err != nil {
		return nil, err
	}
	t := &extractField{half: h, text: c.field, path: p, defaults: c.defaults}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *extractField) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	if err != nil {
		return err
	}
	if s == nil {
		if !v.IsNull() {
			if err := requireMap(v, extractPurpose); err != nil {
				return err
			}
			if v, err = t.path.inMap(v); err != nil {
				return err
			}
		}
		c.Set(v, nil)
		return nil
	}
	if !v.IsNull() {
		if err := requireStruct(v, extractPurpose); err != nil {
			return err
		}
	}
	steps, err := t.plans.of(s)
	if err != nil {
		return err
	}
	for n, i := range *steps {
		s = s.Fields[i].Schema
		if v.IsNull() {
			continue
		}
		// On the way, defaults always stand in for nulls, as in SingleFieldPath.
		v = fieldValue(v.Elems()[i], s, t.defaults || n < len(*steps)-1)
	}
	c.Set(v, s)
	return nil
}

// plan finds the positions of the steps of the path.
func (t *extractField) plan(s *data.Schema) (*[]int, error) {
	if len(t.path) == 0 {
		return nil, emptyPath()
	}
	var steps []int
	for _, name := range t.path {
		if s.Kind != data.Struct {
			return nil, badData("Cannot look up fields on non-struct type")
		}
		i := s.FieldIndex(name)
		if i < 0 {
			return nil, fault.New(fault.Record, "smt.unknown_field", "Unknown field: %s", t.text).WithField(t.text).
				WithJava("java.lang.IllegalArgumentException")
		}
		steps, s = append(steps, i), s.Fields[i].Schema
	}
	return &steps, nil
}
