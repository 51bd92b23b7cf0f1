package gen

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"culvert/data"
)

// A random decimal is made of doubles, 15 digits from each. Its length is bounded
// since the time it takes grows with the square.
const decimalDigits, decimalStep, maxPrecision = 15, 1_000_000_000_000_000, 10_000

// decimal makes a number of at most prec digits with a random sign, or one in the
// range.
func (g *Generator) decimal(n *node, p *plan, a *data.Arena) (data.Value, error) {
	if p.hasRange {
		f := p.minF + float64(g.random.NextDouble()*float64(p.maxF-p.minF))
		if v, ok := smallUnscaled(f, int(n.scale)); ok {
			return g.binary(n, twosComplement(v, a)), nil
		}
		v, err := unscaled(f, n.scale)
		if err != nil {
			return data.Value{}, err
		}
		return g.binary(n, data.TwosComplement(v)), nil
	}
	if n.prec <= decimalDigits {
		v := int64(g.random.NextDouble()*decimalStep) / powers[decimalDigits-n.prec]
		if g.random.NextBoolean() {
			v = -v
		}
		return g.binary(n, twosComplement(v, a)), nil
	}
	v, digits := new(big.Int), 0
	for ; digits < n.prec; digits += decimalDigits {
		v.Mul(v, big.NewInt(decimalStep))
		v.Add(v, big.NewInt(int64(g.random.NextDouble()*decimalStep)))
	}
	v.Quo(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits-n.prec)), nil))
	if g.random.NextBoolean() {
		v.Neg(v)
	}
	return g.binary(n, data.TwosComplement(v)), nil
}

// powers are those of ten that an int64 holds.
var powers = func() (p [19]int64) {
	p[0] = 1
	for i := range p[1:] {
		p[i+1] = 10 * p[i]
	}
	return p
}()

// twosComplement is data.TwosComplement in the memory of a.
func twosComplement(v int64, a *data.Arena) []byte {
	size := 1
	for limit := v; limit > 0x7f || limit < -0x80; limit >>= 8 {
		size++
	}
	b := a.Bytes(size)
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}

// smallUnscaled is unscaled without memory of its own, where an int64 will do.
func smallUnscaled(f float64, scale int) (int64, bool) {
	abs := math.Abs(f)
	if !(abs < 1<<53) { // NaN too
		return 0, false
	}
	var buf [32]byte
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(buf[:0], abs, 'e', -1, 64), []byte("e"))
	v, digits := int64(0), 0
	for _, c := range mantissa {
		if c != '.' {
			v = 10*v + int64(c-'0')
			digits++
		}
	}
	e := 0
	for _, c := range exponent[1:] {
		e = 10*e + int(c-'0')
	}
	if exponent[0] == '-' {
		e = -e
	}
	switch shift := e - (digits - 1) + scale; {
	case shift < -18:
		v = 0
	case shift < 0:
		v /= powers[-shift]
	case shift > 18-digits:
		return 0, false
	default:
		v *= powers[shift]
	}
	if f < 0 {
		v = -v
	}
	return v, true
}

// unscaled is BigDecimal.valueOf(f).scaleByPowerOfTen(scale).toBigInteger(): the
// digits of the text of f, cut off behind the scale.
func unscaled(f float64, scale int32) (*big.Int, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("the range of a decimal is wider than a double")
	}
	v, exponent := digitsOf(f)
	shift := exponent + int(scale)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil)
	if shift < 0 {
		return v.Quo(v, power), nil
	}
	return v.Mul(v, power), nil
}

// digitsOf returns digits and exponent of the text that Java 17 has for f. That is
// the shortest one, but for whole numbers from 2^53 to 2^63: they have all digits,
// less the last ones that do not matter (jdk.internal.math.FloatingDecimal).
func digitsOf(f float64) (*big.Int, int) {
	const low, high = 1 << 53, 1 << 63
	if a := math.Abs(f); a >= low && a < high {
		v, drop := int64(f), 0
		switch _, e := math.Frexp(f); {
		case e > 61:
			drop = 2
		case e > 58:
			drop = 1
		}
		return roundOff(v, drop), drop
	}
	mantissa, e, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent, _ := strconv.Atoi(e)
	v, _ := new(big.Int).SetString(whole+fraction, 10)
	return v, exponent - len(fraction)
}

// roundOff drops decimal digits, rounding half away from zero.
func roundOff(v int64, drop int) *big.Int {
	unit := int64(math.Pow10(drop))
	rest := v % unit
	v /= unit
	switch {
	case drop == 0:
	case rest >= unit/2:
		v++
	case rest <= -unit/2:
		v--
	}
	return big.NewInt(v)
}
