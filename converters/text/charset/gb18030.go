package charset

import "unicode/utf8"

// gb18030 is sun.nio.cs.GB18030: one and two bytes, and four for all the rest of
// Unicode. Four bytes are a number with digits to the bases 126, 10, 126 and 10. Those of the
// basic plane are in a table, the others follow their code points.
type gb18030 struct{ short, four *table }

const (
	fourBasic = 0x99fc  // the first number that is not of the basic plane
	fourFirst = 0x2e248 // the number of U+10000
)

func (g *gb18030) decode(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, n := g.next(raw)
		dst, raw = utf8.AppendRune(dst, r), raw[n:]
	}
	return dst
}

func (g *gb18030) next(raw []byte) (r rune, n int) {
	isDigit := func(b byte) bool { return b >= '0' && b <= '9' }
	isLead := func(b byte) bool { return b > 0x80 && b < 0xff }
	switch {
	case raw[0] < utf8.RuneSelf:
		return rune(raw[0]), 1
	case !isLead(raw[0]), len(raw) < 2, raw[1] < '0':
		return utf8.RuneError, 1
	case !isDigit(raw[1]):
		return g.short.char(pair(raw)), 2
	case len(raw) < 4:
		return utf8.RuneError, len(raw)
	case !isLead(raw[2]):
		return utf8.RuneError, 3
	case !isDigit(raw[3]):
		return utf8.RuneError, 4
	}
	number := ((rune(raw[0]-0x81)*10+rune(raw[1]-'0'))*126+rune(raw[2]-0x81))*10 + rune(raw[3]-'0')
	switch {
	case number < fourBasic:
		return g.four.char(uint16(number)), 4
	case number >= fourFirst && number-fourFirst <= utf8.MaxRune-0x10000:
		return number - fourFirst + 0x10000, 4
	}
	return utf8.RuneError, 4
}

func (g *gb18030) encode(dst, text []byte) []byte {
	for len(text) > 0 {
		r := first(&text)
		number := r - 0x10000 + fourFirst
		if r < 0x10000 {
			if code := g.short.code(r); code != none {
				dst = appendCode(dst, code)
				continue
			}
			if number = rune(g.four.code(r)); number == none {
				dst = append(dst, '?')
				continue
			}
		}
		dst = append(dst, byte(0x81+number/12600), byte('0'+number/1260%10), byte(0x81+number/10%126), byte('0'+number%10))
	}
	return dst
}
