package smt

import (
	"math/big"
	"slices"

	"culvert/configdef"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
	"culvert/transforms"
)

type maskFieldConfig struct {
	fields      []string
	replacement *string
	defaults    bool
}

var maskFieldDef = &configdef.Def[maskFieldConfig]{Keys: []configdef.Key[maskFieldConfig]{
	{Spec: distinct(required(spec("fields", configdef.List, configdef.High, "The fields to mask."))),
		Into: configdef.Strs(func(c *maskFieldConfig) *[]string { return &c.fields })},
	{Spec: checked(spec("replacement", configdef.String, configdef.Low, "What stands in the masked fields instead; for texts and numbers alone."), configdef.NonEmpty),
		Into: text(func(c *maskFieldConfig) **string { return &c.replacement })},
	replaceNull(func(c *maskFieldConfig) *bool { return &c.defaults }),
}}

type maskField struct {
	fields   []string
	defaults bool
	half     half
	custom   bool
	masks    map[data.Kind]mask // with a replacement
	plans    *plans[maskPlan]
}

// mask is what a value of some kind becomes.
type mask struct {
	value data.Value
	err   error
}

type maskPlan struct {
	masked []int
	copied copied
}

const maskPurpose = "mask fields"

func newMaskField(h half, c maskFieldConfig) (transforms.Transform, error) {
	t := &maskField{fields: c.fields, defaults: c.defaults, half: h, custom: c.replacement != nil}
	if t.custom {
		t.masks = replacements(*c.replacement)
	}
	t.plans = newPlans(t.plan)
	return each(t.apply), nil
}

func (t *maskField) apply(r *data.Record, a *data.Arena) error {
	c := t.half.of(r)
	v, s, err := c.Value(a)
	if err != nil {
		return err
	}
	if s == nil {
		return t.schemaless(c, v, a)
	}
	if err := requireStruct(v, maskPurpose); err != nil {
		return err
	}
	p, err := t.plans.of(s)
	if err != nil {
		return err
	}
	out := a.Values(len(s.Fields))
	copy(out, v.Elems())
	missing := p.copied.filled(out)
	for _, i := range p.masked {
		if i > missing {
			break
		}
		if out[i], err = t.masked(out[i]); err != nil {
			return err
		}
	}
	if err := p.copied.refused(missing); err != nil {
		return err
	}
	c.Set(data.OfStruct(out), s)
	return nil
}

func (t *maskField) schemaless(c *data.Cell, v data.Value, a *data.Arena) error {
	if err := requireMap(v, maskPurpose); err != nil {
		return err
	}
	pairs := copyPairs(a, v, len(t.fields))
	for _, name := range t.fields {
		m, err := t.masked(lookup(v, name))
		if err != nil {
			return firstError(t.fields, func(name string) error { // Java has them in a HashSet
				_, err := t.masked(lookup(v, name))
				return err
			})
		}
		pairs = putPair(pairs, name, m)
	}
	c.Set(data.OfMap(pairs), nil)
	return nil
}

func (t *maskField) plan(s *data.Schema) (*maskPlan, error) {
	p := &maskPlan{copied: copying(s.Fields, t.defaults)}
	for i, f := range s.Fields {
		if slices.Contains(t.fields, f.Name) {
			p.masked = append(p.masked, i)
		}
	}
	return p, nil
}

func (t *maskField) masked(v data.Value) (data.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	if !t.custom {
		return zero(v)
	}
	m, ok := t.masks[v.Kind()]
	if !ok {
		return v, badData("Cannot mask value of type %s with custom replacement.", classOf(v))
	}
	return m.value, m.err
}

var decimalZero = data.OfDecimal([]byte{0}, 0)

// zero is the value of v's kind that says nothing.
func zero(v data.Value) (data.Value, error) {
	switch v.Kind() {
	case data.Bool:
		return data.OfBool(false), nil
	case data.Int8, data.Int16, data.Int32, data.Int64:
		return integer(v.Kind(), 0), nil
	case data.Float32:
		return data.OfFloat32(0), nil
	case data.Float64:
		return data.OfFloat64(0), nil
	case data.String:
		return data.OfString(""), nil
	case data.Decimal:
		return decimalZero, nil
	case data.Date:
		return data.OfDate(0), nil
	case data.Time:
		return data.OfTime(0), nil
	case data.Timestamp:
		return data.OfTimestamp(0), nil
	case data.Array:
		return data.OfArray(nil), nil
	case data.Map:
		return data.OfMap(nil), nil
	}
	return v, badData("Cannot mask value of type: %s", classOf(v))
}

// replacements reads the text of replacement as a value of each kind that it may
// stand for. A number is cut as Java cuts it: what it replaces is meant to be lost.
func replacements(text string) map[data.Kind]mask {
	masks := map[data.Kind]mask{data.String: {value: data.OfString(text)}}
	unscaled, scale, ok := values.ParseDecimal(values.ASCIIDigits(text))
	if !ok {
		err := unreadable(text, "a number")
		for _, k := range []data.Kind{data.Int8, data.Int16, data.Int32, data.Int64, data.Float32, data.Float64} {
			masks[k] = mask{err: err}
		}
		masks[data.Decimal] = mask{err: unreadable(text, "number")}
		return masks
	}
	n, f := lowBits(unscaled, scale), toFloat(unscaled, scale)
	for _, k := range []data.Kind{data.Int8, data.Int16, data.Int32, data.Int64} {
		masks[k] = mask{value: integer(k, n)}
	}
	masks[data.Float32] = mask{value: data.OfFloat32(float32(f))}
	masks[data.Float64] = mask{value: data.OfFloat64(f)}
	masks[data.Decimal] = mask{value: data.OfBigDecimal(unscaled, scale)}
	return masks
}

func unreadable(text, what string) *fault.Error {
	return badData("Unable to convert %s (class java.lang.String) to %s", text, what).WithFix("Set replacement to a number.")
}

// lowBits is BigDecimal.longValue: the low 64 bits of the whole part.
func lowBits(unscaled *big.Int, scale int32) int64 {
	whole, ok := wholePart(unscaled, scale)
	if !ok {
		return 0
	}
	return low(whole)
}

// low is BigInteger.longValue: the low 64 bits of the two's complement.
func low(whole *big.Int) int64 {
	return int64(new(big.Int).And(whole, new(big.Int).SetUint64(1<<64-1)).Uint64())
}
