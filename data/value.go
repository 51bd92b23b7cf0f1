package data

import (
	"math"
	"math/big"
	"unsafe"
)

// Kind is the type of a Value and of a Schema.
type Kind uint8

// The kinds: Connect's schema types and its logical types.
const (
	Null Kind = iota
	Bool
	Int8
	Int16
	Int32
	Int64
	Float32
	Float64
	String
	Bytes
	Decimal
	Date
	Time
	Timestamp
	Array
	Map
	Struct
)

var kindNames = [...]string{
	"null", "boolean", "int8", "int16", "int32", "int64", "float32", "float64", "string", "bytes",
	"decimal", "date", "time", "timestamp", "array", "map", "struct",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Value is one datum: 24 bytes with no interface inside, so that a slice of a
// thousand values is one allocation. The zero Value is null.
//
// A Value does not know its schema: struct fields are positional, their names
// stand in the Schema that travels with it. A Map is an ordered list of pairs.
// Date, Time and Timestamp hold milliseconds, as java.util.Date does.
type Value struct {
	p    unsafe.Pointer // data of String, Bytes, Decimal; first element of Array, Map, Struct
	n    uint64         // integer, float bits, milliseconds, or length
	aux  int32          // scale of a Decimal
	kind Kind
}

// Kind returns the kind of v.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == Null }

// OfBool makes a Bool.
func OfBool(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.n = 1
	}
	return v
}

// OfInt8 makes an Int8.
func OfInt8(i int8) Value { return ofInt(Int8, int64(i)) }

// OfInt16 makes an Int16.
func OfInt16(i int16) Value { return ofInt(Int16, int64(i)) }

// OfInt32 makes an Int32.
func OfInt32(i int32) Value { return ofInt(Int32, int64(i)) }

// OfInt64 makes an Int64.
func OfInt64(i int64) Value { return ofInt(Int64, i) }

// OfDate makes a Date from milliseconds since the epoch, midnight UTC.
func OfDate(ms int64) Value { return ofInt(Date, ms) }

// OfTime makes a Time from milliseconds since midnight.
func OfTime(ms int64) Value { return ofInt(Time, ms) }

// OfTimestamp makes a Timestamp from milliseconds since the epoch.
func OfTimestamp(ms int64) Value { return ofInt(Timestamp, ms) }

func ofInt(k Kind, i int64) Value { return Value{kind: k, n: uint64(i)} }

// OfFloat32 makes a Float32.
func OfFloat32(f float32) Value { return Value{kind: Float32, n: uint64(math.Float32bits(f))} }

// OfFloat64 makes a Float64.
func OfFloat64(f float64) Value { return Value{kind: Float64, n: math.Float64bits(f)} }

// OfString makes a String that shares s.
func OfString(s string) Value {
	return Value{kind: String, p: unsafe.Pointer(unsafe.StringData(s)), n: uint64(len(s))}
}

// OfText makes a String that shares b, which must not change while v lives.
func OfText(b []byte) Value {
	return Value{kind: String, p: unsafe.Pointer(unsafe.SliceData(b)), n: uint64(len(b))}
}

// OfBytes makes a Bytes that shares b, which must not change while v lives.
func OfBytes(b []byte) Value {
	return Value{kind: Bytes, p: unsafe.Pointer(unsafe.SliceData(b)), n: uint64(len(b))}
}

// OfDecimal makes a Decimal from the big-endian two's complement of the unscaled
// value (java.math.BigInteger.toByteArray) and its scale. It shares unscaled.
func OfDecimal(unscaled []byte, scale int32) Value {
	return Value{kind: Decimal, p: unsafe.Pointer(unsafe.SliceData(unscaled)), n: uint64(len(unscaled)), aux: scale}
}

// OfBigDecimal makes a Decimal from the unscaled value and its scale.
func OfBigDecimal(unscaled *big.Int, scale int32) Value {
	return OfDecimal(TwosComplement(unscaled), scale)
}

// OfArray makes an Array that shares elems.
func OfArray(elems []Value) Value { return ofValues(Array, elems) }

// OfMap makes a Map that shares pairs: key, value, key, value, …
func OfMap(pairs []Value) Value { return ofValues(Map, pairs) }

// OfStruct makes a Struct that shares fields, which stand in the order of the schema.
func OfStruct(fields []Value) Value { return ofValues(Struct, fields) }

func ofValues(k Kind, vs []Value) Value {
	return Value{kind: k, p: unsafe.Pointer(unsafe.SliceData(vs)), n: uint64(len(vs))}
}

// Bool returns the value of a Bool.
func (v Value) Bool() bool { return v.n != 0 }

// Int returns the value of an Int8 to Int64, and the milliseconds of a Date,
// Time or Timestamp.
func (v Value) Int() int64 { return int64(v.n) }

// Float returns the value of a Float32 or Float64.
func (v Value) Float() float64 {
	if v.kind == Float32 {
		return float64(math.Float32frombits(uint32(v.n)))
	}
	return math.Float64frombits(v.n)
}

// Float32 returns the value of a Float32.
func (v Value) Float32() float32 { return math.Float32frombits(uint32(v.n)) }

// Str returns the value of a String without a copy; it is "" for other kinds.
func (v Value) Str() string {
	if v.kind != String {
		return ""
	}
	return unsafe.String((*byte)(v.p), int(v.n))
}

// Bytes returns the data of a String, Bytes or Decimal (the unscaled value)
// without a copy. It must not be written to.
func (v Value) Bytes() []byte {
	switch v.kind {
	case String, Bytes, Decimal:
		return unsafe.Slice((*byte)(v.p), int(v.n))
	}
	return nil
}

// Scale returns the scale of a Decimal.
func (v Value) Scale() int32 { return v.aux }

// Unscaled returns the unscaled value of a Decimal.
func (v Value) Unscaled() *big.Int { return FromTwosComplement(v.Bytes()) }

// Elems returns the elements of an Array, the fields of a Struct, or the pairs
// of a Map (key, value, key, value, …), without a copy.
func (v Value) Elems() []Value {
	switch v.kind {
	case Array, Map, Struct:
		return unsafe.Slice((*Value)(v.p), int(v.n))
	}
	return nil
}

// Len is the number of bytes of a String, Bytes or Decimal, of elements of an
// Array, of fields of a Struct, and of pairs of a Map.
func (v Value) Len() int {
	switch v.kind {
	case Map:
		return int(v.n / 2)
	case String, Bytes, Decimal, Array, Struct:
		return int(v.n)
	}
	return 0
}

// Lookup returns the value under the string key of a Map.
func (v Value) Lookup(key string) (Value, bool) {
	if v.kind != Map {
		return Value{}, false
	}
	pairs := v.Elems()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].kind == String && pairs[i].Str() == key {
			return pairs[i+1], true
		}
	}
	return Value{}, false
}

// Clone returns a Value that shares no memory with v.
func (v Value) Clone() Value {
	switch v.kind {
	case String, Bytes, Decimal:
		c := v
		c.p = unsafe.Pointer(unsafe.SliceData(append(make([]byte, 0, v.n), v.Bytes()...)))
		return c
	case Array, Map, Struct:
		elems := make([]Value, v.n)
		for i, e := range v.Elems() {
			elems[i] = e.Clone()
		}
		return ofValues(v.kind, elems)
	}
	return v
}

// Equal reports whether v and o are the same datum of the same kind. Maps are
// equal when they hold the same pairs in any order; floats compare by their
// bits, so NaN equals NaN.
func (v Value) Equal(o Value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case String, Bytes:
		return string(v.Bytes()) == string(o.Bytes())
	case Decimal:
		return v.aux == o.aux && string(v.Bytes()) == string(o.Bytes())
	case Map:
		return equalPairs(v.Elems(), o.Elems())
	case Array, Struct:
		return equalElems(v.Elems(), o.Elems())
	}
	return v.n == o.n
}

func equalElems(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

func equalPairs(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
next:
	for i := 0; i+1 < len(a); i += 2 {
		for j := 0; j+1 < len(b); j += 2 {
			if a[i].Equal(b[j]) && a[i+1].Equal(b[j+1]) {
				continue next
			}
		}
		return false
	}
	return true
}

// TwosComplement is the shortest big-endian two's complement of i, as
// java.math.BigInteger.toByteArray gives it.
func TwosComplement(i *big.Int) []byte {
	if i.Sign() >= 0 {
		b := i.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b
	}
	length := i.BitLen()/8 + 1
	b := new(big.Int).Add(i, new(big.Int).Lsh(big.NewInt(1), uint(length*8))).Bytes()
	if len(b) > 1 && b[0] == 0xff && b[1]&0x80 != 0 {
		b = b[1:]
	}
	return b
}

// FromTwosComplement reads what TwosComplement writes. No bytes are zero.
func FromTwosComplement(b []byte) *big.Int {
	i := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(len(b)*8)))
	}
	return i
}
