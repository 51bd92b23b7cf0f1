package gen

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"culvert/data"
)

// iterator is the endless sequence of an iteration property. The memory of the
// values is of a.
type iterator interface {
	next(a *data.Arena) data.Value
}

func (g *Generator) parseIteration(n *node, props map[string]any) (iterator, error) {
	if err := exclude(props, "iteration", "length", "regex", "options", "range"); err != nil {
		return nil, err
	}
	m, ok := props["iteration"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("iteration prop must be an object, was %s instead", javaClass(props["iteration"]))
	}
	switch n.kind {
	case booleanKind:
		return g.booleanIteration(m)
	case intKind:
		return g.integralIteration(m, intField, true)
	case longKind:
		return g.integralIteration(m, integralField, false)
	case floatKind:
		return g.decimalIteration(m, floatField, true)
	case doubleKind:
		return g.decimalIteration(m, decimalField, false)
	case stringKind:
		inner, err := g.integralIteration(m, intField, true)
		if err != nil {
			return nil, err
		}
		prefix, suffix, err := affixes(props)
		return &textIterator{inner: inner, prefix: prefix, suffix: suffix}, err
	}
	return nil, fmt.Errorf("iteration property can only be specified on numeric, boolean or string schemas, not %s schema", upper(n.kind))
}

func exclude(props map[string]any, given string, others ...string) error {
	for _, o := range others {
		if _, ok := props[o]; ok {
			return fmt.Errorf("Cannot specify %s prop when %s prop is given", o, given)
		}
	}
	return nil
}

func (g *Generator) booleanIteration(m map[string]any) (iterator, error) {
	raw, ok := m["start"]
	if !ok || raw == nil {
		return nil, fmt.Errorf("iteration property must contain start field")
	}
	start, ok := raw.(bool)
	if !ok {
		return nil, fmt.Errorf("start field of iteration property for a boolean schema must be a boolean, was %s instead", javaClass(raw))
	}
	for _, f := range []string{"restart", "step"} {
		if _, ok := m[f]; ok {
			return nil, fmt.Errorf("iteration property cannot contain %s field for a boolean schema", f)
		}
	}
	return &booleanIterator{current: (g.count%2 == 1) != start}, nil
}

type booleanIterator struct{ current bool }

func (i *booleanIterator) next(*data.Arena) data.Value {
	v := i.current
	i.current = !v
	return data.OfBool(v)
}

// span is the four fields of a numeric iteration, with their defaults.
type span[N int64 | float64] struct{ start, restart, step, initial N }

// readSpan reads the fields; high is the end of an iteration that counts up,
// low that of one that counts down.
func readSpan[N int64 | float64](m map[string]any, get func(p, f string, m map[string]any) (N, bool, error), high, low N) (s span[N], err error) {
	given := map[string]bool{}
	for _, f := range []struct {
		name string
		into *N
	}{{"start", &s.start}, {"restart", &s.restart}, {"step", &s.step}, {"initial", &s.initial}} {
		v, ok, err := get("iteration", f.name, m)
		if err != nil {
			return s, err
		}
		*f.into, given[f.name] = v, ok
	}
	if !given["start"] {
		return s, fmt.Errorf("iteration property must contain start field")
	}
	if !given["initial"] {
		s.initial = s.start
	}
	if !given["step"] && !given["restart"] {
		s.restart, s.step = high, 1
		return s, nil
	}
	if given["step"] && s.step == 0 {
		return s, fmt.Errorf("step field of iteration property cannot be zero")
	}
	if given["restart"] && s.restart == s.start {
		return s, fmt.Errorf("start and restart fields of iteration property cannot be equal")
	}
	switch {
	case !given["restart"] && s.step > 0:
		s.restart = high
	case !given["restart"]:
		s.restart = low
	case !given["step"] && s.restart > s.start:
		s.step = 1
	case !given["step"]:
		s.step = -1
	case s.restart > s.start && s.step < 0:
		return s, fmt.Errorf("step field of iteration property must be positive when restart field is greater than start field")
	case s.restart < s.start && s.step > 0:
		return s, fmt.Errorf("step field of iteration property must be negative when restart field is less than start field")
	}
	return s, nil
}

func (g *Generator) integralIteration(m map[string]any, get func(p, f string, m map[string]any) (int64, bool, error), isInt bool) (iterator, error) {
	// Counting down without restart, the original negates the lowest number, so
	// it wraps at the highest and one: kept, since the values follow from it.
	high, low := int64(math.MaxInt64), int64(math.MinInt64)
	if isInt {
		high, low = math.MaxInt32, -math.MinInt32
	}
	s, err := readSpan(m, get, high, low)
	if err != nil {
		return nil, err
	}
	start := big.NewInt(s.start)
	it := &integralIterator{
		isInt: isInt, start: start, step: big.NewInt(s.step),
		modulo:   new(big.Int).Abs(new(big.Int).Sub(big.NewInt(s.restart), start)),
		current:  new(big.Int).Sub(big.NewInt(s.initial), start),
		negative: s.step < 0,
	}
	if it.modulo.Sign() == 0 {
		return nil, fmt.Errorf("BigInteger: modulus not positive") // it starts where it would restart
	}
	if g.count > 0 {
		it.advance(new(big.Int).Mul(big.NewInt(g.count), it.step))
	}
	it.narrow()
	return it, nil
}

// integralIterator counts in big integers as the original does; where nothing
// can overflow, in machine words.
type integralIterator struct {
	isInt, negative              bool
	start, step, modulo, current *big.Int

	small                       bool
	sStart, sStep, sMod, sValue int64 // sMod 0: so far away that it does not count
}

func (i *integralIterator) advance(by *big.Int) {
	i.current.Add(i.current, by)
	i.current.Abs(i.current).Mod(i.current, i.modulo)
	if i.negative {
		i.current.Neg(i.current)
	}
}

// safe is how many bits a number may have so that the sum of two is none to worry about.
const safe = 61

func (i *integralIterator) narrow() {
	for _, b := range []*big.Int{i.start, i.step, i.current} {
		if b.BitLen() > safe {
			return
		}
	}
	i.small = true
	i.sStart, i.sStep, i.sValue = i.start.Int64(), i.step.Int64(), i.current.Int64()
	if i.modulo.BitLen() <= safe {
		i.sMod = i.modulo.Int64()
	}
}

func (i *integralIterator) next(*data.Arena) data.Value {
	if i.small && i.sMod == 0 && (i.sValue >= 1<<safe || i.sValue <= -1<<safe) {
		i.small = false
		i.current.SetInt64(i.sValue)
		i.advance(new(big.Int)) // it may have come to where it restarts
	}
	var v int64
	if i.small {
		v = i.sValue + i.sStart
		i.sValue += i.sStep
		if i.sValue < 0 {
			i.sValue = -i.sValue
		}
		if i.sMod != 0 {
			i.sValue %= i.sMod
		}
		if i.negative {
			i.sValue = -i.sValue
		}
	} else {
		sum := new(big.Int).Add(i.current, i.start)
		v = int64(new(big.Int).And(sum, maxUint64).Uint64()) // the low 64 bits, as longValue
		i.advance(i.step)
	}
	if i.isInt {
		return data.OfInt32(int32(v))
	}
	return data.OfInt64(v)
}

var maxUint64 = new(big.Int).SetUint64(math.MaxUint64)

func (g *Generator) decimalIteration(m map[string]any, get func(p, f string, m map[string]any) (float64, bool, error), isFloat bool) (iterator, error) {
	high := math.MaxFloat64
	if isFloat {
		high = math.MaxFloat32
	}
	s, err := readSpan(m, get, high, high)
	if err != nil {
		return nil, err
	}
	start := decimal(s.start)
	it := &decimalIterator{
		isFloat: isFloat, start: start, step: decimal(s.step),
		modulo:  new(big.Rat).Sub(decimal(s.restart), start),
		current: new(big.Rat).Sub(decimal(s.initial), start),
	}
	if it.modulo.Sign() == 0 {
		return nil, fmt.Errorf("Division by zero")
	}
	if g.count > 0 {
		it.current.Add(it.current, new(big.Rat).Mul(new(big.Rat).SetInt64(g.count), it.step))
		it.wrap()
	}
	it.narrow()
	return it, nil
}

// decimal is BigDecimal.valueOf: the number that the shortest text of f names.
func decimal(f float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r
}

// decimalIterator counts in exact decimals; in whole numbers of the smallest
// decimal place while those, and what they come to as a double, are exact.
type decimalIterator struct {
	isFloat                      bool
	start, step, modulo, current *big.Rat

	small                       bool
	sStart, sStep, sMod, sValue int64   // sMod 0: so far away that it does not count
	unit                        float64 // of the decimal place
	exact                       int64   // numbers below it divided by unit are rounded once
}

// narrow goes over to machine words if they will do.
func (i *decimalIterator) narrow() {
	const places = 10 // powers of ten that a float32 holds
	i.exact = 1 << 53
	if i.isFloat {
		i.exact = 1 << 22
	}
	ten, scale := big.NewRat(10, 1), big.NewRat(1, 1)
	for range places {
		if i.narrowTo(scale) {
			i.unit, _ = scale.Float64()
			i.small = true
			return
		}
		scale.Mul(scale, ten)
	}
}

func (i *decimalIterator) narrowTo(scale *big.Rat) bool {
	for _, f := range []struct {
		from *big.Rat
		into *int64
	}{{i.start, &i.sStart}, {i.step, &i.sStep}, {i.current, &i.sValue}, {i.modulo, &i.sMod}} {
		v := new(big.Rat).Mul(f.from, scale)
		switch {
		case f.from == i.modulo && v.Num().BitLen()-v.Denom().BitLen() > 62:
			*f.into = 0
		case !v.IsInt() || !v.Num().IsInt64() || v.Num().BitLen() > 60:
			return false
		default:
			*f.into = v.Num().Int64()
		}
	}
	return true
}

// widen goes back to decimals, for good.
func (i *decimalIterator) widen() {
	i.small = false
	unit := new(big.Rat).SetInt64(int64(i.unit))
	i.current.Quo(new(big.Rat).SetInt64(i.sValue), unit)
}

// wrap is BigDecimal.remainder: the sign of the result is that of the dividend.
func (i *decimalIterator) wrap() {
	q := new(big.Rat).Quo(i.current, i.modulo)
	whole := new(big.Int).Quo(q.Num(), q.Denom())
	i.current.Sub(i.current, new(big.Rat).Mul(new(big.Rat).SetInt(whole), i.modulo))
}

func (i *decimalIterator) next(*data.Arena) data.Value {
	if i.small {
		if v := i.sValue + i.sStart; v < i.exact && v > -i.exact {
			if i.sValue += i.sStep; i.sMod != 0 {
				i.sValue %= i.sMod
			}
			if i.isFloat {
				return data.OfFloat32(float32(v) / float32(i.unit))
			}
			return data.OfFloat64(float64(v) / i.unit)
		}
		i.widen()
	}
	v := new(big.Rat).Add(i.current, i.start)
	i.current.Add(i.current, i.step)
	i.wrap()
	if i.isFloat {
		f, _ := v.Float32()
		return data.OfFloat32(f)
	}
	f, _ := v.Float64()
	return data.OfFloat64(f)
}

// textIterator prints a number between prefix and suffix.
type textIterator struct {
	inner          iterator
	prefix, suffix string
}

func (i *textIterator) next(a *data.Arena) data.Value {
	const digits = 11 // of an int, with its sign
	b := append(a.Bytes(len(i.prefix)+digits+len(i.suffix)), i.prefix...)
	b = append(strconv.AppendInt(b, i.inner.next(a).Int(), 10), i.suffix...)
	return data.OfText(b)
}
