package extjson

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/configdef"
	"culvert/data/values"
)

// numberFormat is java.lang.NumberFormatException.
func numberFormat(text string) error {
	return &Error{Class: "java.lang.NumberFormatException", Msg: fmt.Sprintf(`For input string: "%s"`, text)}
}

// hexFormat is the same for a hexadecimal number.
func hexFormat(text string) error {
	return &Error{Class: "java.lang.NumberFormatException", Msg: fmt.Sprintf(`For input string: "%s" under radix 16`, text)}
}

// converting is what the driver says of a text in an extended object that is no number.
func converting(text, class string) error {
	return parseError("Exception converting value '%s' to type %s", text, class)
}

// parseInteger is Integer.parseInt or Long.parseLong.
func parseInteger(text string, base, bits int) (int64, bool) {
	n, err := strconv.ParseInt(values.ASCIIDigits(text), base, bits)
	return n, err == nil
}

// parseDouble is Double.parseDouble.
func parseDouble(text string) (float64, bool) {
	return configdef.ParseDouble(strings.TrimFunc(text, func(r rune) bool { return r <= ' ' }))
}

// decimal is Decimal128.parse.
func (r *reader) decimal(text string) (kind byte, ok bool) {
	switch strings.ToLower(text) {
	case "nan":
		return r.decimalBits(0x7c00_0000_0000_0000, 0), true
	case "-nan":
		return r.decimalBits(0xfc00_0000_0000_0000, 0), true
	case "inf", "+inf", "infinity", "+infinity":
		return r.decimalBits(0x7800_0000_0000_0000, 0), true
	case "-inf", "-infinity":
		return r.decimalBits(0xf800_0000_0000_0000, 0), true
	}
	unscaled, scale, ok := values.ParseDecimal(values.ASCIIDigits(text))
	if !ok {
		return 0, false
	}
	return r.bigDecimal(unscaled, scale, text[0] == '-')
}

// bigDecimal is new Decimal128(BigDecimal): only what the 34 digits hold exactly.
func (r *reader) bigDecimal(unscaled *big.Int, scale int32, negative bool) (kind byte, ok bool) {
	d, ok := bson.ParseDecimal128FromBigInt(unscaled, int(-int64(scale)))
	if !ok {
		return 0, false
	}
	high, low := d.GetBytes()
	if negative {
		high |= 1 << 63
	}
	return r.decimalBits(high, low), true
}

func (r *reader) decimalBits(high, low uint64) byte {
	r.b = binary.LittleEndian.AppendUint64(r.b, low)
	r.b = binary.LittleEndian.AppendUint64(r.b, high)
	return typeDecimal
}

// decimalOf is BsonDouble.decimal128Value: the exact value of the double.
func (r *reader) decimalOf(f float64) (kind byte, ok bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return r.decimal(string(values.AppendDouble(nil, f)))
	}
	exact := new(big.Rat).SetFloat64(f)
	scale := exact.Denom().BitLen() - 1 // of a power of two
	five := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(scale)), nil)
	return r.bigDecimal(five.Mul(five, exact.Num()), int32(scale), false)
}
