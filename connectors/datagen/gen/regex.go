package gen

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"unicode/utf8"
)

// regexGen makes texts that match an expression. The expressions are those of
// the Automaton library: anchors mean nothing, since a text always matches as a
// whole.
type regexGen struct {
	top rx
	buf []byte
}

// rx is one part of an expression with the lengths, in characters, of the
// shortest and the longest text that it matches.
type rx struct {
	op       syntax.Op // Literal, CharClass, AnyChar, Alternate, Concat, Repeat, or EmptyMatch
	runes    []rune    // the text, or pairs of a class
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
	re, err := syntax.Parse(expr, syntax.Perl|syntax.DotNL)
	if err != nil {
		var e *syntax.Error
		if errors.As(err, &e) && e.Code == syntax.ErrMissingParen {
			return nil, fmt.Errorf("unexpected end-of-string")
		}
		return nil, fmt.Errorf("regex %q: %w", expr, err)
	}
	return &regexGen{top: compile(re)}, nil
}

func compile(re *syntax.Regexp) rx {
	x := rx{op: re.Op}
	for _, s := range re.Sub {
		x.subs = append(x.subs, compile(s))
	}
	switch re.Op {
	case syntax.OpLiteral:
		x.runes = re.Rune
		x.lo, x.hi = len(re.Rune), len(re.Rune)
	case syntax.OpCharClass:
		x.runes, x.lo, x.hi = printable(re.Rune), 1, 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		x.op, x.runes, x.lo, x.hi = syntax.OpCharClass, []rune{' ', '~'}, 1, 1
	case syntax.OpCapture:
		return x.subs[0]
	case syntax.OpConcat:
		for _, s := range x.subs {
			x.lo, x.hi = plus(x.lo, s.lo), plus(x.hi, s.hi)
		}
	case syntax.OpAlternate:
		x.lo = unbounded
		for _, s := range x.subs {
			x.lo, x.hi = min(x.lo, s.lo), max(x.hi, s.hi)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		x.op = syntax.OpRepeat
		x.from, x.to = repeats(re)
		x.lo, x.hi = times(x.subs[0].lo, x.from), times(x.subs[0].hi, x.to)
	default: // anchors, word boundaries, the empty text
		x.op = syntax.OpEmptyMatch
	}
	return x
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

func repeats(re *syntax.Regexp) (from, to int) {
	switch re.Op {
	case syntax.OpStar:
		return 0, unbounded
	case syntax.OpPlus:
		return 1, unbounded
	case syntax.OpQuest:
		return 0, 1
	}
	if re.Max < 0 {
		return re.Min, unbounded
	}
	return re.Min, re.Max
}

// printable keeps the part of a class that can be read, if there is one.
func printable(class []rune) []rune {
	var keep []rune
	for i := 0; i+1 < len(class); i += 2 {
		if lo, hi := max(class[i], ' '), min(class[i+1], '~'); lo <= hi {
			keep = append(keep, lo, hi)
		}
	}
	if keep == nil {
		return class
	}
	return keep
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
	case syntax.OpLiteral:
		for _, c := range x.runes {
			b = utf8.AppendRune(b, c)
		}
	case syntax.OpCharClass:
		b = utf8.AppendRune(b, pick(x.runes, r))
	case syntax.OpAlternate:
		b = x.choose(r, lo, hi).emit(b, r, lo, hi)
	case syntax.OpConcat:
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
	case syntax.OpRepeat:
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
