package values

import (
	"math"
	"math/big"
	"strconv"

	"culvert/data"
)

// AppendDouble appends f as java.lang.Double.toString writes it.
func AppendDouble(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

// AppendFloat appends f as java.lang.Float.toString writes it.
func AppendFloat(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case f == 0:
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "0.0"...)
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], math.Abs(f), 'e', -1, bits)
	if text[1] != '.' {
		// Java has at least two digits, and of all with two the nearest: 4.9E-324, not 5.0E-324.
		text = strconv.AppendFloat(buf[:0], math.Abs(f), 'e', 1, bits)
	}
	if math.Signbit(f) {
		dst = append(dst, '-')
	}
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	exp := atoi(text[e+1:])
	digits := append(append(make([]byte, 0, 24), text[0]), text[2:e]...)
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		return appendPlain(dst, digits, exp)
	}
	dst = append(append(append(dst, digits[0], '.'), digits[1:]...), 'E')
	return strconv.AppendInt(dst, int64(exp), 10)
}

// appendPlain writes d.ddd times ten to the power of exp without an exponent and
// with at least one digit after the point.
func appendPlain(dst, digits []byte, exp int) []byte {
	for len(digits) > 1 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if exp < 0 {
		dst = append(dst, "0."...)
		for i := -1; i > exp; i-- {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	for i := 0; i <= exp; i++ {
		if i < len(digits) {
			dst = append(dst, digits[i])
		} else {
			dst = append(dst, '0')
		}
	}
	dst = append(dst, '.')
	if len(digits) > exp+1 {
		return append(dst, digits[exp+1:]...)
	}
	return append(dst, '0')
}

func atoi(b []byte) int {
	n, neg := 0, false
	for _, c := range b {
		switch {
		case c == '-':
			neg = true
		case c >= '0' && c <= '9':
			n = n*10 + int(c-'0')
		}
	}
	if neg {
		return -n
	}
	return n
}

// AppendDecimal appends a Decimal as java.math.BigDecimal.toString writes it.
func AppendDecimal(dst []byte, v data.Value) []byte {
	var buf [24]byte
	digits := unscaledDigits(buf[:0], v.Bytes())
	if digits[0] == '-' {
		dst = append(dst, '-')
		digits = digits[1:]
	}
	scale := int64(v.Scale())
	if scale == 0 {
		return append(dst, digits...)
	}
	exp := int64(len(digits)) - 1 - scale
	if scale < 0 || exp < -6 {
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		dst = append(dst, 'E')
		if exp > 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, exp, 10)
	}
	if whole := int64(len(digits)) - scale; whole > 0 {
		return append(append(append(dst, digits[:whole]...), '.'), digits[whole:]...)
	}
	dst = append(dst, "0."...)
	for i := int64(len(digits)); i < scale; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// unscaledDigits writes the two's complement b as a decimal integer.
func unscaledDigits(dst, b []byte) []byte {
	if len(b) <= 8 {
		return strconv.AppendInt(dst, SmallInt(b), 10)
	}
	return data.FromTwosComplement(b).Append(dst, 10)
}

// SmallInt is the value of a big-endian two's complement of at most eight bytes.
func SmallInt(b []byte) int64 {
	var n int64
	if len(b) > 0 && b[0]&0x80 != 0 {
		n = -1
	}
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}

// ParseDecimal reads a decimal number, with or without exponent, as new
// java.math.BigDecimal(text) does.
func ParseDecimal(text string) (unscaled *big.Int, scale int32, ok bool) {
	digits := make([]byte, 0, len(text))
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		if text[i] == '-' {
			digits = append(digits, '-')
		}
		i++
	}
	point, seen := int64(0), 0
	inFraction := false
	for ; i < len(text); i++ {
		c := text[i]
		if c >= '0' && c <= '9' {
			digits = append(digits, c)
			seen++
			if inFraction {
				point++
			}
			continue
		}
		if c == '.' && !inFraction {
			inFraction = true
			continue
		}
		break
	}
	if seen == 0 {
		return nil, 0, false
	}
	var exp int64
	if i < len(text) {
		if text[i] != 'e' && text[i] != 'E' {
			return nil, 0, false
		}
		var err error
		if exp, err = strconv.ParseInt(text[i+1:], 10, 32); err != nil {
			return nil, 0, false
		}
	}
	if point -= exp; point > math.MaxInt32 || point < math.MinInt32 {
		return nil, 0, false
	}
	unscaled, ok = new(big.Int).SetString(string(digits), 10)
	return unscaled, int32(point), ok
}
