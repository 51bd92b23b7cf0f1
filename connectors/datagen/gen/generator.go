package gen

import (
	"fmt"
	"math"

	"culvert/data"
)

// Generator makes values of one schema. It is not safe for concurrent use.
type Generator struct {
	random *Random
	top    *node
	// count is the number of values that were generated before a restart:
	// iterations go on from there.
	count int64
	// plain leaves the values of unions and decimals as Avro has them; only the
	// recorded vectors look at those.
	plain bool

	// What the value that is being made may still take.
	depth, room int
}

// Bounds of one value. Java runs out of stack or heap where these end it.
const (
	maxDepth = 1000
	maxBytes = 64 << 20
	cellSize = 24 // of an element, a member or a field
)

var (
	errDepth = fmt.Errorf("a value is nested in itself more than %d times: give the schema that contains itself a union with null, or a length that can be 0", maxDepth)
	errBound = fmt.Errorf("bound must be positive") // java.util.Random, when there is nothing to choose from
	errRoom  = fmt.Errorf("one value takes more than %d MB: give a smaller length (with min alone it may be up to 2147483647)", maxBytes>>20)
)

// New makes a Generator that draws from random. Count is the number of values
// that an earlier life has generated. The generator owns s from now on: what its
// iterations count is kept there.
func New(s *Schema, random *Random, count int64) *Generator {
	return &Generator{random: random, top: s.top, count: count}
}

// Next makes one value, positional as s.Connect() says. Its memory is of a. An
// error has the text that Java users know and comes again at each call.
func (g *Generator) Next(a *data.Arena) (data.Value, error) {
	g.depth, g.room = maxDepth, maxBytes
	return g.value(g.top, a)
}

// Taken is about how many bytes the last value takes.
func (g *Generator) Taken() int { return maxBytes - g.room }

// plan is what the properties of a node come to, or why they cannot be used. It
// is made at the first value of the node, because that is when the errors are due.
type plan struct {
	err     error
	options []data.Value
	iterate iterator

	minLen, maxLen int32 // length in [minLen, maxLen)
	regex          *regexGen
	prefix, suffix string
	hasRange       bool
	minInt, maxInt int64
	minF, maxF     float64
	odds           float64 // below 0: a fair coin
	keyOptions     []data.Value
	keys           *plan
}

func (g *Generator) value(n *node, a *data.Arena) (data.Value, error) {
	if n.plan == nil {
		n.plan = g.prepare(n)
	}
	p := n.plan
	switch {
	case p.err != nil:
		return data.Value{}, p.err
	case p.options != nil:
		if len(p.options) == 0 {
			return data.Value{}, errBound
		}
		return p.options[g.random.NextIntN(int32(len(p.options)))], nil
	case p.iterate != nil:
		return logical(n, p.iterate.next(a)), nil
	}
	switch n.kind {
	case nullKind:
		return data.Value{}, nil
	case booleanKind:
		if p.odds < 0 {
			return data.OfBool(g.random.NextBoolean()), nil
		}
		return data.OfBool(g.random.NextDouble() < p.odds), nil
	case intKind:
		return logical(n, data.OfInt32(g.int32(p))), nil
	case longKind:
		return logical(n, data.OfInt64(g.int64(p))), nil
	case floatKind:
		f := g.random.NextFloat()
		if p.hasRange {
			min, max := float32(p.minF), float32(p.maxF)
			f = min + float32(f*float32(max-min))
		}
		return data.OfFloat32(f), nil
	case doubleKind:
		f := g.random.NextDouble()
		if p.hasRange {
			f = p.minF + float64(f*float64(p.maxF-p.minF))
		}
		return data.OfFloat64(f), nil
	case bytesKind, fixedKind:
		return g.bytes(n, p, a)
	case stringKind:
		return g.text(p, a)
	case enumKind:
		if len(n.symbols) == 0 {
			return data.Value{}, errBound
		}
		return data.OfString(n.symbols[g.random.NextIntN(int32(len(n.symbols)))]), nil
	}
	return g.compound(n, p, a)
}

// compound makes a value that has others in it.
func (g *Generator) compound(n *node, p *plan, a *data.Arena) (data.Value, error) {
	if g.depth--; g.depth < 0 {
		return data.Value{}, errDepth
	}
	v, err := g.parts(n, p, a)
	g.depth++
	return v, err
}

func (g *Generator) parts(n *node, p *plan, a *data.Arena) (data.Value, error) {
	switch n.kind {
	case recordKind:
		if err := g.take(len(n.fields) * cellSize); err != nil {
			return data.Value{}, err
		}
		vals := a.Values(len(n.fields))
		for i := range n.fields {
			v, err := g.value(n.fields[i].node, a)
			if err != nil {
				return data.Value{}, err
			}
			vals[i] = v
		}
		return data.OfStruct(vals), nil
	case arrayKind:
		length, err := g.length(p, cellSize)
		if err != nil {
			return data.Value{}, err
		}
		vals := a.Values(length)
		for i := range vals {
			v, err := g.value(n.elem, a)
			if err != nil {
				return data.Value{}, err
			}
			vals[i] = v
		}
		return data.OfArray(vals), nil
	case mapKind:
		return g.mapping(n, p, a)
	}
	if len(n.branches) == 0 {
		return data.Value{}, errBound
	}
	i := int(g.random.NextIntN(int32(len(n.branches))))
	v, err := g.value(n.branches[i], a)
	if err != nil {
		return v, err
	}
	return g.wrap(n, i, v, a), nil
}

// wrap puts the value of branch i where Connect has it.
func (g *Generator) wrap(n *node, i int, v data.Value, a *data.Arena) data.Value {
	if g.plain || n.connect == nil || n.connect.Name != unionName || n.branches[i].kind == nullKind {
		return v
	}
	vals := a.Values(len(n.connect.Fields))
	at := 0
	for _, b := range n.branches[:i] {
		if b.kind != nullKind {
			at++
		}
	}
	vals[at] = v
	return data.OfStruct(vals)
}

// mapping makes a map; a key that comes twice keeps its first place and gets
// the later value.
func (g *Generator) mapping(n *node, p *plan, a *data.Arena) (data.Value, error) {
	length, err := g.length(p, 2*cellSize)
	if err != nil {
		return data.Value{}, err
	}
	pairs := a.Values(2 * length)[:0]
next:
	for range length {
		key, err := g.key(p, a)
		if err != nil {
			return data.Value{}, err
		}
		v, err := g.value(n.elem, a)
		if err != nil {
			return data.Value{}, err
		}
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i].Equal(key) {
				pairs[i+1] = v
				continue next
			}
		}
		pairs = append(pairs, key, v)
	}
	return data.OfMap(pairs), nil
}

func (g *Generator) key(p *plan, a *data.Arena) (data.Value, error) {
	switch {
	case p.keyOptions != nil:
		return p.keyOptions[g.random.NextIntN(int32(len(p.keyOptions)))], nil
	case p.keys != nil:
		if p.keys.err != nil {
			return data.Value{}, p.keys.err
		}
		return g.text(p.keys, a)
	}
	return data.OfText(g.ascii(a.Bytes(1), 1)), nil
}

func (g *Generator) text(p *plan, a *data.Arena) (data.Value, error) {
	if p.regex != nil {
		s := p.regex.generate(g.random, int(p.minLen), int(p.maxLen)-1)
		if err := g.take(len(s)); err != nil {
			return data.Value{}, err
		}
		b := a.Bytes(len(p.prefix) + len(s) + len(p.suffix))
		b = append(append(append(b, p.prefix...), s...), p.suffix...)
		return data.OfText(b), nil
	}
	n, err := g.length(p, 1)
	if err != nil {
		return data.Value{}, err
	}
	b := append(a.Bytes(len(p.prefix)+n+len(p.suffix)), p.prefix...)
	b = append(g.ascii(b, n), p.suffix...)
	return data.OfText(b), nil
}

// ascii appends n characters below 128, control characters included.
func (g *Generator) ascii(b []byte, n int) []byte {
	for range n {
		b = append(b, byte(g.random.NextIntN(128)))
	}
	return b
}

// length draws how many parts of the given size there are.
func (g *Generator) length(p *plan, size int) (int, error) {
	n := int(p.minLen + g.random.NextIntN(p.maxLen-p.minLen))
	return n, g.take(n * size)
}

// take counts the memory of a value against its bound.
func (g *Generator) take(n int) error {
	if g.room -= n; g.room < 0 {
		return errRoom
	}
	return nil
}

func (g *Generator) int32(p *plan) int32 {
	if !p.hasRange {
		return g.random.NextInt()
	}
	min, max := int32(p.minInt), int32(p.maxInt)
	f := g.random.NextDouble() * float64(max-min) // the difference may overflow, as in Java
	return min + int32(saturate(f, math.MinInt32, math.MaxInt32))
}

func (g *Generator) int64(p *plan) int64 {
	if !p.hasRange {
		return g.random.NextLong()
	}
	f := g.random.NextDouble() * float64(p.maxInt-p.minInt)
	return p.minInt + saturate(f, math.MinInt64, math.MaxInt64)
}

// saturate is Java's cast of a double to an integer of that range.
func saturate(f float64, min, max int64) int64 {
	switch {
	case f != f:
		return 0
	case f <= float64(min):
		return min
	case f >= float64(max):
		return max
	}
	return int64(f)
}

func (g *Generator) bytes(n *node, p *plan, a *data.Arena) (data.Value, error) {
	if n.decimal {
		return g.decimal(n, p, a)
	}
	size, err := n.size, error(nil)
	if n.kind == bytesKind {
		size, err = g.length(p, 1)
	} else {
		err = g.take(size)
	}
	if err != nil {
		return data.Value{}, err
	}
	b := a.Bytes(size)[:size]
	g.random.NextBytes(b)
	return g.binary(n, b), nil
}

// binary is b as a value of n: the unscaled value where Connect has a decimal.
func (g *Generator) binary(n *node, b []byte) data.Value {
	if n.connect != nil && n.connect.Kind == data.Decimal && !g.plain {
		return data.OfDecimal(b, n.scale)
	}
	return data.OfBytes(b)
}

// logical turns numbers into the kinds that Connect has for them.
func logical(n *node, v data.Value) data.Value {
	if n.connect == nil {
		return v
	}
	const day = 24 * 60 * 60 * 1000
	switch n.connect.Kind {
	case data.Date:
		return data.OfDate(v.Int() * day)
	case data.Time:
		return data.OfTime(v.Int())
	case data.Timestamp:
		return data.OfTimestamp(v.Int())
	case data.Int8:
		return data.OfInt8(int8(v.Int()))
	case data.Int16:
		return data.OfInt16(int16(v.Int()))
	}
	return v
}
