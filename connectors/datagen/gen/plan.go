package gen

import (
	"encoding/json"
	"fmt"
	"math"
)

// prepare reads the properties of n in the order in which Java looks at them.
func (g *Generator) prepare(n *node) *plan {
	p := &plan{odds: -1}
	props, err := properties(n)
	if err == nil {
		err = g.fill(n, p, props)
	}
	p.err = err
	return p
}

func (g *Generator) fill(n *node, p *plan, props map[string]any) (err error) {
	if _, ok := props["options"]; ok {
		p.options, err = g.parseOptions(n, props)
		return err
	}
	if _, ok := props["iteration"]; ok {
		p.iterate, err = g.parseIteration(n, props)
		return err
	}
	switch n.kind {
	case booleanKind:
		return p.fillOdds(props)
	case intKind, longKind:
		return p.fillIntRange(n.kind, props)
	case floatKind, doubleKind:
		return p.fillFloatRange(n.kind, props)
	case bytesKind:
		if n.decimal {
			return p.fillDecimalRange(n, props)
		}
		return p.fillLength(props["length"], true)
	case stringKind:
		return p.fillText(props)
	case arrayKind:
		return p.fillLength(props["length"], true)
	case mapKind:
		if err := p.fillLength(props["length"], true); err != nil {
			return err
		}
		return g.fillKeys(p, props)
	}
	return nil
}

func properties(n *node) (map[string]any, error) {
	if n.props == nil {
		return nil, nil
	}
	m, ok := n.props.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("arg.properties property must be given as object, was %s instead", javaClass(n.props))
	}
	return m, nil
}

func (g *Generator) fillKeys(p *plan, props map[string]any) error {
	raw, ok := props["keys"]
	if !ok || raw == nil {
		return nil
	}
	keys, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("keys prop must be an object")
	}
	if _, ok := keys["options"]; ok {
		var err error
		p.keyOptions, err = g.parseOptions(&node{kind: stringKind}, keys)
		return err
	}
	p.keys = &plan{odds: -1}
	p.keys.err = p.keys.fillText(keys) // due when the first key is made: an empty map has none
	return nil
}

func (p *plan) fillOdds(props map[string]any) error {
	odds, ok, err := decimalField("arg.properties", "odds", props)
	switch {
	case err != nil:
		return err
	case !ok:
		return nil
	case odds < 0 || odds > 1:
		return fmt.Errorf("odds property must be in the range [0.0, 1.0]")
	}
	p.odds = odds
	return nil
}

func (p *plan) fillIntRange(k kind, props map[string]any) error {
	r, ok := props["range"].(map[string]any)
	if !ok {
		return nil // anything but an object is ignored here
	}
	p.hasRange, p.minInt, p.maxInt = true, math.MinInt64, math.MaxInt64
	get := integralField
	if k == intKind {
		p.minInt, p.maxInt, get = math.MinInt32, math.MaxInt32, intField
	}
	for _, f := range []struct {
		name string
		into *int64
	}{{"min", &p.minInt}, {"max", &p.maxInt}} {
		v, ok, err := get("range", f.name, r)
		if err != nil {
			return err
		}
		if ok {
			*f.into = v
		}
	}
	if p.minInt >= p.maxInt {
		return errRange
	}
	return nil
}

var errRange = fmt.Errorf("'min' field must be strictly less than 'max' field in range property")

func (p *plan) fillFloatRange(k kind, props map[string]any) error {
	raw, ok := props["range"]
	if !ok || raw == nil {
		return nil
	}
	r, ok := raw.(map[string]any)
	if !ok {
		if k == doubleKind {
			return fmt.Errorf("range property must be an object")
		}
		return nil
	}
	if k == floatKind {
		return p.fillBounds(r, math.MaxFloat32, floatField)
	}
	return p.fillBounds(r, math.MaxFloat64, decimalField)
}

// fillDecimalRange: the range of a decimal is of the number, not of its unscaled
// value, and all that the precision allows where it is not given.
func (p *plan) fillDecimalRange(n *node, props map[string]any) error {
	if n.prec > maxPrecision {
		return fmt.Errorf("a decimal of %d digits is too long: give a precision of at most %d", n.prec, maxPrecision)
	}
	switch r := props["range"].(type) {
	case nil:
		return nil
	case map[string]any:
		return p.fillBounds(r, math.Pow(10, float64(n.prec-int(n.scale))), decimalField)
	}
	return fmt.Errorf("range property must be an object")
}

// fillBounds reads min and max, which are -most and most where they are not given.
func (p *plan) fillBounds(r map[string]any, most float64, get func(property, name string, m map[string]any) (float64, bool, error)) error {
	p.hasRange, p.minF, p.maxF = true, -most, most
	for _, f := range []struct {
		name string
		into *float64
	}{{"min", &p.minF}, {"max", &p.maxF}} {
		v, ok, err := get("range", f.name, r)
		if err != nil {
			return err
		}
		if ok {
			*f.into = v
		}
	}
	if p.minF >= p.maxF {
		return errRange
	}
	return nil
}

func (p *plan) fillText(props map[string]any) error {
	if raw, ok := props["regex"]; ok && raw != nil {
		expr, ok := raw.(string)
		if !ok {
			return fmt.Errorf("regex property must be a string")
		}
		if err := p.fillLength(props["length"], true); err != nil {
			return err
		}
		var err error
		if p.regex, err = newRegexGen(expr); err != nil {
			return err
		}
	} else if err := p.fillLength(props["length"], true); err != nil {
		return err
	}
	var err error
	p.prefix, p.suffix, err = affixes(props)
	return err
}

func affixes(props map[string]any) (prefix, suffix string, err error) {
	for _, f := range []struct {
		name string
		into *string
	}{{"prefix", &prefix}, {"suffix", &suffix}} {
		raw, ok := props[f.name]
		if !ok || raw == nil {
			continue
		}
		s, ok := raw.(string)
		if !ok {
			return "", "", fmt.Errorf("%s property must be a string", f.name)
		}
		*f.into = s
	}
	return prefix, suffix, nil
}

// The length where none is given.
const defaultMinLen, defaultMaxLen = 8, 16

func (p *plan) fillLength(raw any, wanted bool) error {
	p.minLen, p.maxLen = defaultMinLen, defaultMaxLen
	if raw == nil || !wanted {
		return nil
	}
	if n, ok := raw.(json.Number); ok {
		if class, i, _ := javaNumber(n); class == "java.lang.Integer" {
			if i < 0 {
				return fmt.Errorf("when given as integral number, length property cannot be negative")
			}
			p.minLen, p.maxLen = int32(i), int32(i)+1
			return nil
		}
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("length property must either be an integral number or an object, was %s instead", javaClass(raw))
	}
	lo, hasLo, err := intField("length", "min", m)
	if err != nil {
		return err
	}
	hi, hasHi, err := intField("length", "max", m)
	switch {
	case err != nil:
		return err
	case !hasLo && !hasHi:
		return fmt.Errorf("length property must contain at least one of 'min' or 'max' fields when given as object")
	}
	if !hasHi {
		hi = math.MaxInt32
	}
	if lo < 0 {
		return fmt.Errorf("min field of length property cannot be negative")
	}
	if hi <= lo {
		return fmt.Errorf("max field must be strictly greater than min field for length property")
	}
	p.minLen, p.maxLen = int32(lo), int32(hi)
	return nil
}

// integralField reads a whole number; ok is false if it is absent.
func integralField(property, name string, m map[string]any) (v int64, ok bool, err error) {
	raw, given := m[name]
	if !given || raw == nil {
		return 0, false, nil
	}
	if n, isNum := raw.(json.Number); isNum {
		if class, i, _ := javaNumber(n); class == "java.lang.Integer" || class == "java.lang.Long" {
			return i, true, nil
		}
	}
	return 0, false, fmt.Errorf("'%s' field of %s property must be an integral number, was %s instead", name, property, javaClass(raw))
}

func intField(property, name string, m map[string]any) (int64, bool, error) {
	v, ok, err := integralField(property, name, m)
	if err == nil && v != int64(int32(v)) {
		return 0, false, fmt.Errorf("'%s' field of %s property must be a valid int for int schemas", name, property)
	}
	return v, ok, err
}

func decimalField(property, name string, m map[string]any) (v float64, ok bool, err error) {
	raw, given := m[name]
	if !given || raw == nil {
		return 0, false, nil
	}
	if n, isNum := raw.(json.Number); isNum {
		if class, i, f := javaNumber(n); class == "java.lang.Double" {
			return f, true, nil
		} else if class != "java.math.BigInteger" {
			return float64(i), true, nil
		}
	}
	return 0, false, fmt.Errorf("'%s' field of %s property must be a number, was %s instead", name, property, javaClass(raw))
}

func floatField(property, name string, m map[string]any) (float64, bool, error) {
	v, ok, err := decimalField(property, name, m)
	if err == nil && (v > math.MaxFloat32 || v < -math.MaxFloat32) {
		return 0, false, fmt.Errorf("'%s' field of %s property must be a valid float for float schemas", name, property)
	}
	return float64(float32(v)), ok, err
}
