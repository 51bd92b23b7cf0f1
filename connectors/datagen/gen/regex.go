package gen

import (
	"fmt"
	"unicode/utf8"
)

// regexGen makes texts that match an expression. A text always matches as a
// whole, so anchors mean nothing.
type regexGen struct {
	top rx
	buf []byte
}

// rxOp is what an rx is.
type rxOp uint8

const (
	rxEmpty rxOp = iota
	rxLiteral
	rxClass
	rxAlternate
	rxConcat
	rxRepeat
)

// rx is one part of an expression with the lengths, in characters, of the
// shortest and the longest text that it matches.
type rx struct {
	op       rxOp
	runes    []rune // the text, or pairs of a class
	subs     []rx
	from, to int // repetitions
	lo, hi   int
}

const (
	// unbounded stands for "no longest text" and "any number of times".
	unbounded = 1 << 30
	// spare is how much longer than needed a repetition without end may get.
	spare = 16
	// attempts to hit the length: (ab)* is one of the few expressions that may
	// need more than one.
	attempts = 20
)

func newRegexGen(expr string) (*regexGen, error) {
	top, err := parseRegex(expr)
	if err != nil {
		return nil, err
	}
	if top.lo > maxBytes/utf8.UTFMax {
		return nil, fmt.Errorf("regex %q: %w", expr, errRoom)
	}
	return &regexGen{top: top}, nil
}

func literal(text ...rune) rx {
	return rx{op: rxLiteral, runes: text, lo: len(text), hi: len(text)}
}

// class keeps the part of a class that can be read, if there is one.
func class(pairs []rune) rx {
	var keep []rune
	for i := 0; i+1 < len(pairs); i += 2 {
		if lo, hi := max(pairs[i], ' '), min(pairs[i+1], '~'); lo <= hi {
			keep = append(keep, lo, hi)
		}
	}
	if keep == nil {
		keep = pairs
	}
	if len(keep) == 0 {
		return rx{}
	}
	return rx{op: rxClass, runes: keep, lo: 1, hi: 1}
}

func concat(subs []rx) rx {
	if len(subs) == 1 {
		return subs[0]
	}
	x := rx{op: rxConcat, subs: subs}
	for i := range subs {
		x.lo, x.hi = plus(x.lo, subs[i].lo), plus(x.hi, subs[i].hi)
	}
	return x
}

func alternate(subs []rx) rx {
	if len(subs) == 1 {
		return subs[0]
	}
	x := rx{op: rxAlternate, subs: subs, lo: unbounded}
	for i := range subs {
		x.lo, x.hi = min(x.lo, subs[i].lo), max(x.hi, subs[i].hi)
	}
	return x
}

func repeat(sub rx, from, to int) rx {
	if to < from || sub.hi == 0 { // nothing, however often
		return rx{}
	}
	return rx{op: rxRepeat, subs: []rx{sub}, from: from, to: to, lo: times(sub.lo, from), hi: times(sub.hi, to)}
}

func plus(a, b int) int { return min(a+b, unbounded) }

func times(a, n int) int {
	if a == 0 || n == 0 {
		return 0
	}
	if a > unbounded/n {
		return unbounded
	}
	return a * n
}

// generate makes a text with a length in [lo, hi] if the expression has one,
// else one as near as it gets. It is valid until the next call.
func (g *regexGen) generate(r *Random, lo, hi int) []byte {
	x := &g.top
	lo = min(max(lo, x.lo), x.hi)
	hi = min(max(hi, lo), x.hi)
	for range attempts {
		g.buf = x.emit(g.buf[:0], r, lo, hi)
		if n := utf8.RuneCount(g.buf); n >= lo && n <= hi {
			break
		}
	}
	return g.buf
}

// emit appends a text of x whose length is, where possible, in [lo, hi].
func (x *rx) emit(b []byte, r *Random, lo, hi int) []byte {
	switch x.op {
	case rxLiteral:
		for _, c := range x.runes {
			b = utf8.AppendRune(b, c)
		}
	case rxClass:
		b = utf8.AppendRune(b, pick(x.runes, r))
	case rxAlternate:
		b = x.choose(r, lo, hi).emit(b, r, lo, hi)
	case rxConcat:
		restLo, restHi := x.lo, 0
		endless := 0
		for i := range x.subs {
			if x.subs[i].hi >= unbounded {
				endless++
			} else {
				restHi += x.subs[i].hi
			}
		}
		for i := range x.subs {
			s := &x.subs[i]
			restLo -= s.lo
			if s.hi >= unbounded {
				endless--
			} else {
				restHi -= s.hi
			}
			least := s.lo // what the parts after this one cannot make up for
			if endless == 0 {
				least = max(least, lo-restHi)
			}
			before := len(b)
			b = s.emit(b, r, least, max(min(hi-restLo, s.hi), least))
			n := utf8.RuneCount(b[before:])
			lo, hi = max(lo-n, 0), max(hi-n, 0)
		}
	case rxRepeat:
		s := &x.subs[0]
		for n := x.count(r, lo, hi); n > 0; n-- {
			least := max(s.lo, lo-times(s.hi, n-1))
			most := max(min(hi-times(s.lo, n-1), s.hi), least)
			before := len(b)
			b = s.emit(b, r, least, most)
			k := utf8.RuneCount(b[before:])
			lo, hi = max(lo-k, 0), max(hi-k, 0)
		}
	}
	return b
}

// choose draws one of the alternatives whose length can fit.
func (x *rx) choose(r *Random, lo, hi int) *rx {
	fit := 0
	for i := range x.subs {
		if x.subs[i].lo <= hi && x.subs[i].hi >= lo {
			fit++
		}
	}
	if fit == 0 {
		return &x.subs[r.NextIntN(int32(len(x.subs)))]
	}
	at := int(r.NextIntN(int32(fit)))
	for i := range x.subs {
		if x.subs[i].lo <= hi && x.subs[i].hi >= lo {
			if at == 0 {
				return &x.subs[i]
			}
			at--
		}
	}
	return &x.subs[0]
}

// count draws how often the part is repeated to come to a length in [lo, hi].
func (x *rx) count(r *Random, lo, hi int) int {
	s := &x.subs[0]
	first, last := x.from, x.to
	if s.hi > 0 && s.hi < unbounded {
		first = max(first, (lo+s.hi-1)/s.hi)
	} else if s.hi >= unbounded && lo > 0 {
		first = max(first, 1)
	}
	if s.lo > 0 {
		last = min(last, hi/s.lo)
	}
	last = min(last, first+spare)
	first = min(first, x.to)
	if last <= first {
		return first
	}
	return first + int(r.NextIntN(int32(last-first+1)))
}

// pick draws one of the characters of a class.
func pick(class []rune, r *Random) rune {
	var total int32
	for i := 0; i+1 < len(class); i += 2 {
		total += class[i+1] - class[i] + 1
	}
	if total <= 0 {
		return ' '
	}
	at := r.NextIntN(total)
	for i := 0; i+1 < len(class); i += 2 {
		if n := class[i+1] - class[i] + 1; at < n {
			return class[i] + at
		} else {
			at -= n
		}
	}
	return ' '
}
