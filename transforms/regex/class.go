package regex

import (
	"slices"
	"strings"
	"sync"
	"unicode"
)

// span is a range of characters, both ends included.
type span struct{ low, high rune }

// set is a set of characters: spans in order, apart from each other.
type set []span

// newSet makes a set of pairs of ends.
func newSet(ends ...rune) set {
	var s set
	for i := 0; i < len(ends); i += 2 {
		s = append(s, span{ends[i], ends[i+1]})
	}
	return s.tidy()
}

func (s set) tidy() set {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b span) int { return int(a.low) - int(b.low) })
	out := s[:0]
	for _, r := range s {
		if n := len(out); n > 0 && r.low <= out[n-1].high+1 {
			out[n-1].high = max(out[n-1].high, r.high)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (s set) union(o set) set { return append(slices.Clone(s), o...).tidy() }

func (s set) negate() set {
	var out set
	next := rune(0)
	for _, r := range s.tidy() {
		if r.low > next {
			out = append(out, span{next, r.low - 1})
		}
		next = r.high + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

func (s set) intersect(o set) set { return s.negate().union(o.negate()).negate() }

// fold adds the other case of each letter.
func (s set) fold(all bool) set {
	var more set
	for _, r := range s {
		if all {
			letters := foldable()
			i, _ := slices.BinarySearch(letters, r.low)
			for ; i < len(letters) && letters[i] <= r.high; i++ {
				for f := unicode.SimpleFold(letters[i]); f != letters[i]; f = unicode.SimpleFold(f) {
					more = append(more, span{f, f})
				}
			}
			continue
		}
		if low, high := max(r.low, 'a'), min(r.high, 'z'); low <= high {
			more = append(more, span{low - 32, high - 32})
		}
		if low, high := max(r.low, 'A'), min(r.high, 'Z'); low <= high {
			more = append(more, span{low + 32, high + 32})
		}
	}
	return s.union(more)
}

// foldable lists the characters that have another case, in order.
var foldable = sync.OnceValue(func() []rune {
	var list []rune
	for c := rune(0); c <= unicode.MaxRune; c++ {
		if unicode.SimpleFold(c) != c {
			list = append(list, c)
		}
	}
	return list
})

// String writes the set so that both engines read it: a character, or a class of
// plain ranges.
func (s set) String() string {
	var b strings.Builder
	switch {
	case len(s) == 0:
		return `[^\x00-\x{10FFFF}]`
	case len(s) == 1 && s[0].low == s[0].high:
		quoted(&b, s[0].low)
		return b.String()
	}
	b.WriteByte('[')
	for _, r := range s {
		quoted(&b, r.low)
		if r.high > r.low {
			b.WriteByte('-')
			quoted(&b, r.high)
		}
	}
	b.WriteByte(']')
	return b.String()
}

// quoted writes a character so that it stands for itself, in a class and outside.
func quoted(b *strings.Builder, c rune) {
	switch {
	case isWordRune(c), c > unicode.MaxASCII && unicode.IsLetter(c):
		b.WriteRune(c)
	default: // the engines do not agree on what a backslash does before a hyphen
		b.WriteString(`\x{` + hexOf(c) + `}`)
	}
}

func hexOf(c rune) string {
	const digits = "0123456789abcdef"
	var out []byte
	for n := uint32(c); n > 0 || len(out) == 0; n >>= 4 {
		out = append(out, digits[n&15])
	}
	slices.Reverse(out)
	return string(out)
}

var (
	digits      = newSet('0', '9')
	words       = newSet('0', '9', 'A', 'Z', '_', '_', 'a', 'z')
	spaces      = newSet('\t', '\r', ' ', ' ')
	horizontals = newSet('\t', '\t', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x180e, 0x180e, 0x2000, 0x200a, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000)
	verticals   = newSet('\n', '\r', 0x85, 0x85, 0x2028, 0x2029)
)

// class reads a class in brackets, with its unions and intersections.
func (t *translator) class() (set, error) {
	if t.depth++; t.depth > maxNesting {
		return nil, t.fail(t.at, "Classes are nested deeper than %d levels", maxNesting)
	}
	defer func() { t.depth-- }()
	t.at++
	negated := t.peek() == '^'
	if negated {
		t.at++
	}
	s, err := t.classBody()
	if err != nil {
		return nil, err
	}
	t.at++ // the closing bracket
	if negated {
		s = s.negate()
	}
	return s, nil
}

// classBody reads up to the closing bracket. Each && takes what both its sides hold.
func (t *translator) classBody() (set, error) {
	var s set
	var left *set
	some := false
	for {
		switch c := t.peek(); {
		case !t.more():
			return nil, t.fail(len(t.src)-1, "Unclosed character class")
		case c == ']' && (some || left != nil):
			if left != nil {
				return left.intersect(s), nil
			}
			return s.tidy(), nil
		case c == '&' && t.peekAt(1) == '&':
			t.at += 2
			if next := t.peek(); next == '&' || next == ']' { // && without a right side adds nothing
				if !some {
					return nil, t.fail(t.at-1, "Bad class syntax")
				}
				continue
			}
			if left != nil {
				s = left.intersect(s)
			}
			if some { // without a left side, it is the right one
				both := s
				left, s = &both, nil
			}
			some = true
			continue
		case c == '[':
			inner, err := t.class()
			if err != nil {
				return nil, err
			}
			s = append(s, inner...)
		default:
			item, err := t.classItem()
			if err != nil {
				return nil, err
			}
			s = append(s, t.folded(item)...)
		}
		some = true
	}
}

// classItem reads a character, a range, or an escape that stands for a set.
func (t *translator) classItem() (set, error) {
	if t.peek() == '\\' {
		if t.peekAt(1) == 'Q' {
			t.quote()
			return nil, nil
		}
		if s, ok, err := t.classEscape(); ok || err != nil {
			return s, err
		}
	}
	low, err := t.classRune()
	if err != nil {
		return nil, err
	}
	if t.peek() != '-' || t.peekAt(1) == ']' || t.peekAt(1) == '[' || t.at+1 >= len(t.src) {
		return single(low), nil
	}
	t.at++
	if t.peek() == '\\' && strings.ContainsRune("dDwWsShHvV", t.peekAt(1)) {
		return nil, t.fail(t.at+1, "Illegal character range")
	}
	high, err := t.classRune()
	if err != nil {
		return nil, err
	}
	if high < low {
		return nil, t.fail(t.at-1, "Illegal character range")
	}
	return set{{low, high}}, nil
}

func (t *translator) classRune() (rune, error) {
	if t.peek() != '\\' {
		t.at++
		return t.src[t.at-1], nil
	}
	if t.at+1 >= len(t.src) {
		return 0, t.fail(t.at+1, "Unclosed character class") // behind what Java puts at the end
	}
	return t.character()
}
