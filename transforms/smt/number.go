package smt

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"culvert/data"
)

// integer makes an integer of the kind, cutting what does not fit.
func integer(k data.Kind, n int64) data.Value {
	switch k {
	case data.Int8:
		return data.OfInt8(int8(n))
	case data.Int16:
		return data.OfInt16(int16(n))
	case data.Int32:
		return data.OfInt32(int32(n))
	}
	return data.OfInt64(n)
}

// maxDigits bounds the numbers that a decimal with an exponent is written out to.
const maxDigits = 400

// wholePart is BigDecimal.toBigInteger; ok is false for numbers with more than
// maxDigits digits before the point.
func wholePart(unscaled *big.Int, scale int32) (whole *big.Int, ok bool) {
	switch digits := int64(len(unscaled.String())); {
	case scale == 0 || unscaled.Sign() == 0:
		return unscaled, true
	case digits-int64(scale) > maxDigits:
		return nil, false
	case int64(scale) > digits:
		return new(big.Int), true
	case scale > 0:
		return new(big.Int).Quo(unscaled, power(int64(scale))), true
	default:
		return new(big.Int).Mul(unscaled, power(-int64(scale))), true
	}
}

func power(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// toFloat is BigDecimal.doubleValue: infinite where the number is too large.
func toFloat(unscaled *big.Int, scale int32) float64 {
	f, _ := strconv.ParseFloat(unscaled.String()+"e"+strconv.FormatInt(-int64(scale), 10), 64) // out of range is what Inf says
	return f
}

// javaNaN is the NaN of Java's classes, Double.NaN; Go's has another bit set, which Avro would write.
var javaNaN = math.Float64frombits(0x7ff8 << 48)

// parseFloat is Double.parseDouble or Float.parseFloat: blanks around the number
// and a suffix d or f are taken, special values have one spelling. A finite number
// beyond the range is refused, where Java makes it infinite.
func parseFloat(s string, bits int) (float64, bool) {
	s = trim(s)
	body := strings.TrimLeft(s, "+-")
	switch {
	case len(s)-len(body) > 1 || body == "" || strings.ContainsRune(s, '_'):
		return 0, false
	case body == "NaN" || body == "Infinity":
		if body == "NaN" {
			return javaNaN, true
		}
		f, err := strconv.ParseFloat(strings.TrimPrefix(s, "+"), bits)
		return f, err == nil
	case body[0] != '.' && (body[0] < '0' || body[0] > '9'):
		return 0, false
	}
	if hex := strings.HasPrefix(body, "0x") || strings.HasPrefix(body, "0X"); hex && !strings.ContainsAny(body, "pP") {
		return 0, false
	}
	if last := s[len(s)-1]; last == 'd' || last == 'D' || last == 'f' || last == 'F' {
		s = s[:len(s)-1]
	}
	f, err := strconv.ParseFloat(s, bits)
	return f, err == nil
}
