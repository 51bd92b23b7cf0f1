package smt

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"culvert/data"
	"culvert/data/values"
)

const dayMillis = 86400000

// castValue is Cast.castValueToType.
//
// Deviation from Java: a number that its new type cannot hold is an error, where
// Java cuts its high bits, takes the largest number, or 0 for NaN.
func castValue(v data.Value, s *data.Schema, to data.Kind, a *data.Arena) (data.Value, error) {
	kind := v.Kind()
	switch {
	case kind == data.Null:
		return v, nil
	case s == nil && isLogical(kind):
		return v, unsupported("Cast", v)
	case kind == data.Array || kind == data.Map || kind == data.Struct:
		return v, badData("Cast transformation does not support casting from %s; supported types are [%s, BYTES]", values.TypeName(kind), targetNames)
	case to == data.String:
		return castToString(v, s, a), nil
	}
	switch kind {
	case data.Date, data.Time, data.Timestamp:
		var err error
		if v, err = encoded(v); err != nil {
			return v, err
		}
	case data.Bytes:
		return v, badData("Unexpected type in Cast transformation: class [B")
	}
	switch to {
	case data.Bool:
		return castToBoolean(v)
	case data.Float32, data.Float64:
		return castToFloat(v, to)
	case data.Int8, data.Int16, data.Int32, data.Int64:
		return castToInteger(v, to)
	}
	return v, badData("Unexpected type in Cast transformation: %s", values.TypeName(to))
}

func outOfRange(v data.Value) error {
	return badData("Value (%s) was out of range for requested data type", values.String(v, nil))
}

// encoded is what a date or time is written as: days, or milliseconds.
func encoded(v data.Value) (data.Value, error) {
	ms := v.Int()
	switch v.Kind() {
	case data.Date:
		if ms%dayMillis != 0 {
			return v, badData("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		return data.OfInt32(int32(ms / dayMillis)), nil
	case data.Time:
		if ms < 0 || ms > dayMillis {
			return v, badData("Kafka Connect Time type must not have any date fields set to non-zero values.")
		}
		return data.OfInt32(int32(ms)), nil
	}
	return data.OfInt64(ms), nil
}

func castToString(v data.Value, s *data.Schema, a *data.Arena) data.Value {
	switch v.Kind() {
	case data.String:
		return v
	case data.Bytes:
		raw := v.Bytes()
		return data.OfText(base64.StdEncoding.AppendEncode(a.Bytes(base64.StdEncoding.EncodedLen(len(raw))), raw))
	case data.Date, data.Time, data.Timestamp:
		return data.OfText(values.AppendLiteral(a.Bytes(32), v, s))
	}
	return data.OfText(values.AppendText(a.Bytes(32), v, s))
}

func castToBoolean(v data.Value) (data.Value, error) {
	switch v.Kind() {
	case data.Bool:
		return v, nil
	case data.String:
		return data.OfBool(strings.EqualFold(v.Str(), "true")), nil
	case data.Float32, data.Float64:
		return data.OfBool(math.Abs(v.Float()) >= 1), nil // Number.longValue is not 0
	case data.Decimal:
		// BigDecimal.longValue is not 0. Where only its high bits are not, Java says false.
		whole, ok := wholePart(v.Unscaled(), v.Scale())
		if !ok || whole.Sign() != 0 && low(whole) == 0 {
			return v, outOfRange(v)
		}
		return data.OfBool(whole.Sign() != 0), nil
	}
	return data.OfBool(v.Int() != 0), nil
}

func castToFloat(v data.Value, to data.Kind) (data.Value, error) {
	bits := 64
	if to == data.Float32 {
		bits = 32
	}
	var f float64
	switch v.Kind() {
	case data.Bool:
		if v.Bool() {
			f = 1
		}
	case data.Float32, data.Float64:
		f = v.Float()
	case data.String:
		var ok bool
		if f, ok = parseFloat(v.Str(), bits); !ok {
			return v, outOfRange(v)
		}
	case data.Decimal:
		f = toFloat(v.Unscaled(), v.Scale())
		if math.IsInf(f, 0) {
			return v, outOfRange(v)
		}
	default:
		if bits == 32 { // rounded once, not first to 64 bits
			return data.OfFloat32(float32(v.Int())), nil
		}
		f = float64(v.Int())
	}
	if bits == 64 {
		return data.OfFloat64(f), nil
	}
	if math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
		return v, outOfRange(v)
	}
	return data.OfFloat32(float32(f)), nil
}

func castToInteger(v data.Value, to data.Kind) (data.Value, error) {
	var n int64
	switch v.Kind() {
	case data.Bool:
		if v.Bool() {
			n = 1
		}
	case data.Float32, data.Float64:
		f := math.Trunc(v.Float())
		if !(f >= -(1<<63) && f < 1<<63) {
			return v, outOfRange(v)
		}
		n = int64(f)
	case data.String:
		var err error
		if n, err = strconv.ParseInt(values.ASCIIDigits(v.Str()), 10, 64); err != nil {
			return v, outOfRange(v)
		}
	case data.Decimal:
		whole, ok := wholePart(v.Unscaled(), v.Scale())
		if !ok || !whole.IsInt64() {
			return v, outOfRange(v)
		}
		n = whole.Int64()
	default:
		n = v.Int()
	}
	out := integer(to, n)
	if out.Int() != n {
		return v, outOfRange(v)
	}
	return out, nil
}
