package data

import (
	"math"
	"math/big"
	"testing"
	"unsafe"
)

func TestValueSize(t *testing.T) {
	if n := unsafe.Sizeof(Value{}); n != 24 {
		t.Errorf("a Value has %d bytes; batches are planned with 24", n)
	}
}

func TestValuesKeepWhatTheyAreGiven(t *testing.T) {
	ints := map[Value]int64{
		OfInt8(-128): -128, OfInt16(math.MaxInt16): math.MaxInt16, OfInt32(math.MinInt32): math.MinInt32, OfInt64(math.MinInt64): math.MinInt64,
		OfDate(-86_400_000): -86_400_000, OfTime(1): 1, OfTimestamp(1_750_000_000_123): 1_750_000_000_123,
	}
	for v, want := range ints {
		if v.Int() != want {
			t.Errorf("%v: %d, want %d", v.Kind(), v.Int(), want)
		}
	}
	if OfFloat32(1.5).Float() != 1.5 || OfFloat64(-0.1).Float() != -0.1 || OfFloat32(0.1).Float32() != 0.1 {
		t.Error("floats")
	}
	if !OfBool(true).Bool() || OfBool(false).Bool() || !(Value{}).IsNull() {
		t.Error("booleans and null")
	}
	if OfString("").Str() != "" || OfString("é").Str() != "é" || OfText([]byte("ab")).Str() != "ab" || OfBytes([]byte{1}).Str() != "" {
		t.Error("strings")
	}
	m := OfMap([]Value{OfString("a"), OfInt32(1), OfString("b"), {}})
	if v, ok := m.Lookup("b"); !ok || !v.IsNull() || m.Len() != 2 {
		t.Errorf("map: %v %v %d", v, ok, m.Len())
	}
	if _, ok := m.Lookup("c"); ok {
		t.Error("a key that is not there was found")
	}
	if len(OfArray(nil).Elems()) != 0 || OfInt8(1).Elems() != nil || OfInt8(1).Bytes() != nil {
		t.Error("empty and wrong kinds")
	}
}

func TestEqualAndClone(t *testing.T) {
	text := []byte("order")
	v := OfStruct([]Value{OfText(text), OfArray([]Value{OfInt32(1), OfFloat64(math.NaN())}), OfMap([]Value{OfString("k"), OfBytes([]byte{1, 2})}),
		OfBigDecimal(big.NewInt(-12345), 2)})
	c := v.Clone()
	if !v.Equal(c) {
		t.Fatal("a clone differs")
	}
	copy(text, "XXXXX")
	if v.Equal(c) || c.Elems()[0].Str() != "order" {
		t.Error("a clone shares memory")
	}
	a := OfMap([]Value{OfString("x"), OfInt8(1), OfString("y"), OfInt8(2)})
	b := OfMap([]Value{OfString("y"), OfInt8(2), OfString("x"), OfInt8(1)})
	if !a.Equal(b) {
		t.Error("the order of a map's pairs carries no meaning")
	}
	for _, o := range []Value{OfInt32(1), OfInt64(1), OfBool(true), {}, OfString("1")} {
		if OfInt8(1).Equal(o) {
			t.Errorf("an int8 equals %v", o.Kind())
		}
	}
}

func TestTwosComplementIsJavas(t *testing.T) {
	for n, want := range map[int64]string{0: "\x00", 1: "\x01", 127: "\x7f", 128: "\x00\x80", -1: "\xff", -128: "\x80", -129: "\xff\x7f", 255: "\x00\xff", -256: "\xff\x00"} {
		if got := string(TwosComplement(big.NewInt(n))); got != want {
			t.Errorf("%d: %x, want %x", n, got, want)
		}
	}
}

func FuzzTwosComplement(f *testing.F) {
	f.Add([]byte{0x80, 0})
	f.Add([]byte{0xff, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := FromTwosComplement(b)
		shortest := TwosComplement(n)
		if FromTwosComplement(shortest).Cmp(n) != 0 || len(b) > 0 && len(shortest) > len(b) {
			t.Errorf("%x is %v, written as %x", b, n, shortest)
		}
	})
}
