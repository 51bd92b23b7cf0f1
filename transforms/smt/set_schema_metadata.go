package smt

import (
	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type setSchemaMetadataConfig struct {
	name     *string
	version  *int32
	defaults bool
}

var setSchemaMetadataDef = &configdef.Def[setSchemaMetadataConfig]{Keys: []configdef.Key[setSchemaMetadataConfig]{
	{Spec: spec("schema.name", configdef.String, configdef.High, "The name that the schema gets."),
		Into: text(func(c *setSchemaMetadataConfig) **string { return &c.name })},
	{Spec: spec("schema.version", configdef.Int, configdef.High, "The version that the schema gets."),
		Into: func(c *setSchemaMetadataConfig, v configdef.Parsed) { n := int32(v.Int); c.version = &n }},
	replaceNull(func(c *setSchemaMetadataConfig) *bool { return &c.defaults }),
}}

type setSchemaMetadata struct {
	setSchemaMetadataConfig
	half  half
	plans *plans[structPlan]
}

func newSetSchemaMetadata(h half, c setSchemaMetadataConfig) (transforms.Transform, error) {
	if c.name == nil && c.version == nil {
		return nil, badConfig("Neither schema name nor version configured")
	}
	t := &setSchemaMetadata{setSchemaMetadataConfig: c, half: h}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *setSchemaMetadata) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil:
		return err
	case s == nil && v.IsNull():
		return nil
	case s == nil:
		return badData("Schema required for [updating schema metadata]")
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	if v.Kind() == data.Struct {
		out := a.Values(len(s.Fields))
		if err := p.copied.to(out, v.Elems()); err != nil {
			return err
		}
		v = data.OfStruct(out)
	}
	c.Set(v, p.schema)
	return nil
}

func (t *setSchemaMetadata) plan(s *data.Schema) (*structPlan, error) {
	list, err := fields(s) // Java 4.3 cannot do it for other types either
	if err != nil {
		return nil, err
	}
	out := *s
	if t.name != nil {
		out.Name = *t.name
	}
	if t.version != nil {
		out.Version = *t.version
	}
	return &structPlan{schema: &out, copied: copying(list, t.defaults)}, nil
}
