package gen

import "math"

// Random is java.util.Random, bit for bit: the values of a seeded generator
// follow from it. It is not safe for concurrent use.
type Random struct {
	state    uint64
	gaussian float64
	pending  bool // gaussian holds the second value of a pair
}

const (
	multiplier = 0x5DEECE66D
	addend     = 0xB
	mask       = 1<<48 - 1
)

// NewRandom makes a Random with a seed.
func NewRandom(seed int64) *Random {
	r := &Random{}
	r.SetSeed(seed)
	return r
}

// SetSeed starts the sequence of seed.
func (r *Random) SetSeed(seed int64) {
	r.state = (uint64(seed) ^ multiplier) & mask
	r.pending = false
}

func (r *Random) next(bits uint) int32 {
	r.state = (r.state*multiplier + addend) & mask
	return int32(r.state >> (48 - bits))
}

// NextInt is any int.
func (r *Random) NextInt() int32 { return r.next(32) }

// NextIntN is an int in [0, bound). Bound must be positive.
func (r *Random) NextIntN(bound int32) int32 {
	if bound <= 0 {
		panic("gen: bound must be positive")
	}
	bits := r.next(31)
	m := bound - 1
	if bound&m == 0 {
		return int32(int64(bound) * int64(bits) >> 31)
	}
	// The last, incomplete stretch of [0, 2^31) is drawn again; int32 overflow shows it.
	v := bits % bound
	for bits-v+m < 0 {
		bits = r.next(31)
		v = bits % bound
	}
	return v
}

// NextLong is any long that two ints make.
func (r *Random) NextLong() int64 {
	high := int64(r.next(32)) << 32
	return high + int64(r.next(32))
}

// NextDouble is a double in [0, 1).
func (r *Random) NextDouble() float64 {
	high := int64(r.next(26)) << 27
	return float64(high+int64(r.next(27))) * 0x1.0p-53
}

// NextFloat is a float in [0, 1).
func (r *Random) NextFloat() float32 { return float32(r.next(24)) / (1 << 24) }

// NextBoolean is true or false.
func (r *Random) NextBoolean() bool { return r.next(1) != 0 }

// NextGaussian is a double of the normal distribution with mean 0 and deviation 1.
func (r *Random) NextGaussian() float64 {
	if r.pending {
		r.pending = false
		return r.gaussian
	}
	for {
		v1 := 2*r.NextDouble() - 1
		v2 := 2*r.NextDouble() - 1
		s := float64(v1*v1) + float64(v2*v2)
		if s >= 1 || s == 0 {
			continue
		}
		m := math.Sqrt(-2 * math.Log(s) / s)
		r.gaussian, r.pending = v2*m, true
		return v1 * m
	}
}

// NextBytes fills b.
func (r *Random) NextBytes(b []byte) {
	for i := 0; i < len(b); {
		v := r.NextInt()
		for n := 0; n < 4 && i < len(b); n++ {
			b[i] = byte(v)
			v >>= 8
			i++
		}
	}
}
