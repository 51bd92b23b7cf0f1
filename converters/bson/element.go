package bson

import (
	"encoding/binary"
	"math"
	"strconv"

	driver "go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// BSON's types, as they stand before an element's name.
const (
	typeDouble   = byte(driver.TypeDouble)
	typeString   = byte(driver.TypeString)
	typeDocument = byte(driver.TypeEmbeddedDocument)
	typeArray    = byte(driver.TypeArray)
	typeBinary   = byte(driver.TypeBinary)
	typeBoolean  = byte(driver.TypeBoolean)
	typeDate     = byte(driver.TypeDateTime)
	typeNull     = byte(driver.TypeNull)
	typeInt32    = byte(driver.TypeInt32)
	typeInt64    = byte(driver.TypeInt64)
	typeDecimal  = byte(driver.TypeDecimal128)
)

// maxDepth is above what any converter decodes.
const maxDepth = 1100

func appendInt32(dst []byte, v int32) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(v))
}

func appendInt64(dst []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

func appendDouble(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

func appendString(dst, text []byte) []byte {
	dst = appendInt32(dst, int32(len(text)+1))
	return append(append(dst, text...), 0)
}

func appendBinary(dst, b []byte) []byte {
	return append(append(appendInt32(dst, int32(len(b))), 0), b...)
}

// open begins a document or array; closeAt ends the one that began at start.
func open(dst []byte) (_ []byte, start int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

func closeAt(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// appendIndex appends the name of an array's element.
func appendIndex(dst []byte, i int) []byte {
	if i < 10 {
		return append(dst, byte('0'+i), 0)
	}
	return append(strconv.AppendInt(dst, int64(i), 10), 0)
}

// appendDecimal appends a Decimal128 of the same unscaled value and scale; ok is
// false if there is none.
func appendDecimal(dst, unscaled []byte, scale int32) (_ []byte, ok bool) {
	const bias, maxExponent = 6176, 12287
	if exp := bias - int64(scale); len(unscaled) <= 8 && exp >= 0 && exp <= maxExponent {
		n := values.SmallInt(unscaled)
		high := uint64(exp) << 49
		low := uint64(n)
		if n < 0 {
			high |= 1 << 63
			low = -low
		}
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, low), high), true
	}
	i := data.FromTwosComplement(unscaled)
	if len(i.Text(10)) > 35 { // 34 digits and a sign
		return dst, false
	}
	d, ok := driver.ParseDecimal128FromBigInt(i, -int(scale))
	if !ok {
		return dst, false
	}
	high, low := d.GetBytes()
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, low), high), true
}

func dataError(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "bson.data", format, args...).WithJava("org.apache.kafka.connect.errors.DataException")
}
