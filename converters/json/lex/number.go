package lex

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"
)

// Number reads the number at i. float tells that it has a fraction or an exponent.
func Number(b []byte, i int) (end int, float bool, err error) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i == digits {
		return 0, false, Unexpected(b, i, "a digit")
	}
	if i < len(b) && b[i] == '.' {
		float = true
		i++
		digits = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == digits {
			return 0, false, Unexpected(b, i, "a digit behind the decimal point")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		float = true
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		digits = i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == digits {
			return 0, false, Unexpected(b, i, "a digit of the exponent")
		}
	}
	if i-start > MaxNumber {
		return 0, false, fail(start, "a number of %d characters, at most %d are read", i-start, MaxNumber)
	}
	return i, float, nil
}

// Int reads a token of Number without fraction and exponent; ok is false when it
// does not fit 64 bits.
func Int(text []byte) (n int64, ok bool) {
	i := 0
	neg := text[0] == '-'
	if neg {
		i = 1
	}
	var u uint64
	for ; i < len(text); i++ {
		if u > (math.MaxUint64-9)/10 {
			return 0, false
		}
		u = u*10 + uint64(text[i]-'0')
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}

var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// Float reads a token of Number as a double, the way new BigDecimal(text)
// .doubleValue() does: there is no negative zero, and what is too large is
// infinite. ok is false when the exponent does not fit 32 bits.
func Float(text []byte) (f float64, ok bool) {
	var m uint64
	digits, scale, i := 0, 0, 0
	neg := text[0] == '-'
	if neg {
		i = 1
	}
	fraction := false
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			fraction = true
			continue
		}
		if c-'0' > 9 {
			break
		}
		if m != 0 || c != '0' {
			digits++
		}
		if digits <= 18 {
			m = m*10 + uint64(c-'0')
			if fraction {
				scale++
			}
		}
	}
	// A mantissa of at most 53 bits and a power of ten of at most 22 are both exact,
	// so that one operation rounds correctly.
	if i == len(text) && digits <= 18 && m < 1<<53 && scale < len(powers) {
		f = float64(m) / powers[scale]
		if neg && m != 0 {
			f = -f
		}
		return f, true
	}
	return slowFloat(text, i)
}

func slowFloat(text []byte, i int) (float64, bool) {
	if i < len(text) {
		if _, err := strconv.ParseInt(string(text[i+1:]), 10, 32); err != nil {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	if f == 0 && !bytes.ContainsAny(text[:i], "123456789") {
		return 0, true // a zero has no sign, but what is too small for a float has
	}
	return f, true
}
