package smt

import (
	"slices"

	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type headerFromConfig struct {
	fields, headers []string
	operation       string
	defaults        bool
}

var headerFromDef = &configdef.Def[headerFromConfig]{Keys: []configdef.Key[headerFromConfig]{
	{Spec: checked(required(spec("fields", configdef.List, configdef.High, "The fields whose values become headers.")), nonEmptyList),
		Into: configdef.Strs(func(c *headerFromConfig) *[]string { return &c.fields })},
	{Spec: checked(required(spec("headers", configdef.List, configdef.High, "The names of the headers, in the order of fields.")), nonEmptyList),
		Into: configdef.Strs(func(c *headerFromConfig) *[]string { return &c.headers })},
	{Spec: checked(required(spec("operation", configdef.String, configdef.High, "move takes the fields away, copy leaves them.")), configdef.OneOf("move", "copy")),
		Into: configdef.Str(func(c *headerFromConfig) *string { return &c.operation })},
	replaceNull(func(c *headerFromConfig) *bool { return &c.defaults }),
}}

type headerFrom struct {
	headerFromConfig
	half    half
	purpose string
	move    bool
	plans   *plans[headerPlan]
}

type headerPlan struct {
	from   []int        // position of each header's field, -1 for one that is not there
	schema *data.Schema // of what is left
	rest   []int        // positions of what is left
	copied copied       // of what is left
}

func newHeaderFrom(h half, c headerFromConfig) (transforms.Transform, error) {
	if len(c.fields) != len(c.headers) {
		return nil, badConfig("'fields' config must have the same number of elements as 'headers' config.").WithField("headers")
	}
	t := &headerFrom{headerFromConfig: c, half: h, purpose: "header " + c.operation, move: c.operation == "move"}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *headerFrom) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	if err != nil {
		return err
	}
	if s == nil {
		return t.schemaless(r, c, v, a)
	}
	if err := requireStruct(v, t.purpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	all := v.Elems()
	var left []data.Value
	if t.move {
		left = a.Values(len(p.rest))
		for i, from := range p.rest {
			left[i] = all[from]
		}
		if err := p.copied.settle(left); err != nil {
			return err
		}
	}
	headers := slices.Grow(slices.Clip(r.Headers), len(p.from))
	for i, from := range p.from {
		if from < 0 {
			return badData("Field does not exist: %s", t.fields[i]).WithField(t.fields[i]).WithJava("java.lang.NullPointerException")
		}
		fs := s.Fields[from].Schema
		fv := fieldValue(all[from], fs, t.defaults)
		if fv.IsNull() && !fs.Optional { // ConnectHeaders.checkSchemaMatches
			return badData("A null value requires an optional schema but was %s", schemaText(fs)).WithField(t.fields[i])
		}
		headers = append(headers, data.Header{Key: t.headers[i], Value: data.ValueCell(fv, fs)})
	}
	r.Headers = headers
	if t.move {
		c.Set(data.OfStruct(left), p.schema)
	}
	return nil
}

func (t *headerFrom) schemaless(r *data.Record, c *data.Cell, v data.Value, a *data.Arena) error {
	if err := requireMap(v, t.purpose); err != nil {
		return err
	}
	r.Headers = slices.Grow(slices.Clip(r.Headers), len(t.fields))
	for i, name := range t.fields {
		r.Headers = append(r.Headers, data.Header{Key: t.headers[i], Value: data.ValueCell(lookup(v, name), nil)})
	}
	if t.move {
		c.Set(data.OfMap(without(a, v, t.fields)), nil)
	}
	return nil
}

// without copies the pairs of a map but those with the given keys.
func without(a *data.Arena, v data.Value, names []string) []data.Value {
	pairs := v.Elems()
	left := a.Values(len(pairs))[:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Kind() != data.String || !slices.Contains(names, pairs[i].Str()) {
			left = append(left, pairs[i], pairs[i+1])
		}
	}
	return left
}

func (t *headerFrom) plan(s *data.Schema) (*headerPlan, error) {
	p := &headerPlan{}
	for _, name := range t.fields {
		p.from = append(p.from, s.FieldIndex(name))
	}
	b := build(s)
	for i, f := range s.Fields {
		if slices.Contains(t.fields, f.Name) {
			continue
		}
		p.rest = append(p.rest, i)
		if err := b.field(f.Name, f.Schema); err != nil {
			return nil, err
		}
	}
	p.schema = b.done()
	p.copied = copying(p.schema.Fields, t.defaults)
	return p, nil
}
