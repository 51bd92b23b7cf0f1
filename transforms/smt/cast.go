package smt

import (
	"strings"

	"culvert/configdef"
	"culvert/data"
	"culvert/transforms"
)

type castConfig struct {
	casts    []cast
	defaults bool
}

// cast is one entry of spec. Field is empty, and whole set, for the whole value.
type cast struct {
	field string
	whole bool
	to    data.Kind
}

var castDef = &configdef.Def[castConfig]{Keys: []configdef.Key[castConfig]{
	{Spec: checked(required(spec("spec", configdef.List, configdef.High,
		"Fields and the types that they get, as in price:float64,quantity:int32; or one type for the whole. Types are int8, int16, int32, int64, float32, float64, boolean and string. "+
			"A number beyond the range of its new type is an error.")), checkCasts),
		Into: func(c *castConfig, v configdef.Parsed) { c.casts, _ = parseCasts(v.List) }},
	replaceNull(func(c *castConfig) *bool { return &c.defaults }),
}}

func checkCasts(_ string, v configdef.Parsed) error {
	if len(v.List) == 0 {
		return configdef.Sentence("Must specify at least one field to cast.")
	}
	_, err := parseCasts(v.List)
	return err
}

// targets are the types that can be cast to, by their upper case names.
var targets = map[string]data.Kind{"INT8": data.Int8, "INT16": data.Int16, "INT32": data.Int32, "INT64": data.Int64,
	"FLOAT32": data.Float32, "FLOAT64": data.Float64, "BOOLEAN": data.Bool, "STRING": data.String}

const targetNames = "INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING"

// parseCasts is Cast.parseFieldTypes, errors included. A later entry for a field
// takes the place of an earlier one.
func parseCasts(list []string) ([]cast, error) {
	var casts []cast
	for _, mapping := range list {
		parts := splitPair(mapping)
		if len(parts) > 2 {
			return nil, configdef.Sentence("Invalid value [" + strings.Join(list, ", ") + "] for configuration renames: Invalid rename mapping: " + mapping)
		}
		c := cast{field: trim(parts[0]), whole: len(parts) == 1}
		name := trim(parts[len(parts)-1])
		kind, ok := targets[strings.ToUpper(name)]
		switch strings.ToUpper(name) {
		case "BYTES", "ARRAY", "MAP", "STRUCT":
			return nil, configdef.Sentence("Cast transformation does not support casting to " + strings.ToUpper(name) + "; supported types are [" + targetNames + "]")
		}
		if !ok {
			return nil, configdef.Sentence("Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type." +
				strings.ToUpper(name) + " for configuration Invalid type found in casting spec: " + name)
		}
		c.to = kind
		if c.whole {
			c.field = ""
		}
		casts = replaceCast(casts, c)
	}
	for _, c := range casts {
		if c.whole && len(list) > 1 {
			return nil, configdef.Sentence("Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
		}
	}
	return casts, nil
}

// trim is String.trim.
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

func replaceCast(casts []cast, c cast) []cast {
	for i := range casts {
		if casts[i].field == c.field && casts[i].whole == c.whole {
			casts[i] = c
			return casts
		}
	}
	return append(casts, c)
}

// caster is Cast. In a struct, and in a map, only fields at the top can be cast.
type caster struct {
	casts    []cast
	half     half
	defaults bool
	plans    *plans[castPlan]
}

type castPlan struct {
	schema *data.Schema
	copied copied
	casts  []castAt
}

// castAt is a cast of the field at a position.
type castAt struct {
	at int
	to data.Kind
}

const castPurpose = "cast types"

func newCast(h half, c castConfig) (transforms.Transform, error) {
	t := &caster{casts: c.casts, half: h, defaults: c.defaults}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *caster) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	switch {
	case err != nil || v.IsNull():
		return err
	case s == nil:
		return t.schemaless(c, v, a)
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	if t.casts[0].whole {
		if v, err = castValue(v, s, t.casts[0].to, a); err == nil {
			c.Set(v, p.schema)
		}
		return err
	}
	if err := requireStruct(v, castPurpose); err != nil {
		return err
	}
	out := a.Values(len(s.Fields))
	copy(out, v.Elems())
	missing := p.copied.filled(out)
	for _, f := range p.casts {
		if f.at > missing {
			break
		}
		if out[f.at], err = castValue(out[f.at], s.Fields[f.at].Schema, f.to, a); err != nil {
			return err
		}
	}
	if err := refusedOf(p.schema.Fields, missing); err != nil {
		return err
	}
	c.Set(data.OfStruct(out), p.schema)
	return nil
}

func (t *caster) schemaless(c *data.Cell, v data.Value, a *data.Arena) error {
	if t.casts[0].whole {
		v, err := castValue(v, nil, t.casts[0].to, a)
		if err == nil {
			c.Set(v, nil)
		}
		return err
	}
	if err := requireMap(v, castPurpose); err != nil {
		return err
	}
	pairs := copyPairs(a, v, len(t.casts))
	for _, f := range t.casts {
		cast, err := castValue(lookup(v, f.field), nil, f.to, a)
		if err != nil {
			return t.firstError(v)
		}
		pairs = putPair(pairs, f.field, cast)
	}
	c.Set(data.OfMap(pairs), nil)
	return nil
}

// firstError is the error of the fields of a map: Java has them in a HashMap.
func (t *caster) firstError(v data.Value) error {
	to, names := make(map[string]data.Kind, len(t.casts)), make([]string, len(t.casts))
	for i, f := range t.casts {
		to[f.field], names[i] = f.to, f.field
	}
	return firstError(names, func(name string) error {
		_, err := castValue(lookup(v, name), nil, to[name], nil)
		return err
	})
}

func (t *caster) plan(s *data.Schema) (*castPlan, error) {
	if t.casts[0].whole {
		out := basics(s, t.casts[0].to)
		err := castDefault(out, s, t.casts[0].to, s.Optional)
		if err == nil && out.HasDefault && isLogical(data.LogicalKind(s.Kind.Base(), s.Name)) {
			err = badSchema("Invalid default value") // the name stays, but the default is no date, time or decimal any more
		}
		return &castPlan{schema: out}, err
	}
	list, err := fields(s)
	if err != nil {
		return nil, err
	}
	to := make(map[string]data.Kind, len(t.casts))
	for _, c := range t.casts {
		to[c.field] = c.to
	}
	p, b := &castPlan{copied: copying(list, t.defaults)}, build(s)
	for i, f := range list {
		kind, ok := to[f.Name]
		if ok {
			p.casts = append(p.casts, castAt{i, kind})
			out := &data.Schema{Kind: kind}
			if err := castDefault(out, f.Schema, kind, f.Schema.Optional); err != nil {
				return nil, err
			}
			f.Schema = out
		}
		if err := b.field(f.Name, f.Schema); err != nil {
			return nil, err
		}
	}
	p.schema = b.done()
	p.schema.Optional = s.Optional
	if s.HasDefault && !s.Default.IsNull() {
		// A default for the whole struct cannot be cast to a struct.
		_, err = castValue(s.Default, s, data.Struct, nil)
	}
	return p, err
}

// castDefault gives a schema the default of s, cast.
func castDefault(out, s *data.Schema, to data.Kind, isOptional bool) (err error) {
	out.Optional = isOptional
	if s.HasDefault && !s.Default.IsNull() {
		out.HasDefault = true
		out.Default, err = castValue(s.Default, s, to, nil)
		out.Default = out.Default.Clone()
	}
	return err
}
