package charset

import (
	"bytes"
	"unicode/utf8"
)

// iso2022jp is sun.nio.cs.ext.ISO2022_JP with its variants: seven bits, and escape
// sequences that choose the set of what follows.
type iso2022jp struct {
	kanji, more *table // JIS X 0208 and 0212; nil: no such set
	wideKana    bool   // narrow Katakana is written as wide (MS50220)
	replacement []byte // of the set kanji
}

func newISO2022JP(tables []*table, replacement []byte) *iso2022jp {
	c := &iso2022jp{kanji: tables[0], replacement: replacement}
	if *tables[1].chars != *newPlane() {
		c.more = tables[1]
	}
	return c
}

// The sets of ISO-2022-JP.
const (
	ascii = iota
	roman
	kana
	kanji
	more
)

const escape = 0x1b

var designators = [...]string{ascii: "\x1b(B", roman: "\x1b(J", kana: "\x1b(I", kanji: "\x1b$B", more: "\x1b$(D"}

// What the set roman has in the place of two characters of ASCII, and where narrow
// Katakana stand in Unicode.
const yen, overline, narrow = '¥', '‾', 0xff40

func (c *iso2022jp) decode(dst, raw []byte) []byte {
	set, before := ascii, ascii
	for len(raw) > 0 {
		switch raw[0] {
		case escape:
			to, n := c.designator(raw)
			if raw = raw[n:]; to < 0 {
				dst = utf8.AppendRune(dst, utf8.RuneError)
				continue
			}
			set = to
		case shiftOut:
			before, set, raw = set, kana, raw[1:]
		case shiftIn:
			set, raw = before, raw[1:]
		default:
			r, n := c.next(raw, set)
			dst, raw = utf8.AppendRune(dst, r), raw[n:]
		}
	}
	return dst
}

// designator reads an escape sequence: the set and its length, or -1 and how much of
// it is none.
func (c *iso2022jp) designator(raw []byte) (set, n int) {
	switch {
	case len(raw) < 3:
		return -1, len(raw)
	case raw[1] != '(' && raw[1] != '$':
		return -1, 2
	case string(raw[:3]) == "\x1b$@": // JIS C 6226 of 1978
		return kanji, 3
	case string(raw[:3]) == "\x1b$(" && c.more != nil:
		if len(raw) < 4 {
			return -1, 3
		}
		if raw[3] != 'D' {
			return -1, 4
		}
		return more, 4
	}
	for set := ascii; set <= kanji; set++ {
		if string(raw[:3]) == designators[set] {
			return set, 3
		}
	}
	return -1, 3
}

func (c *iso2022jp) next(raw []byte, set int) (r rune, n int) {
	b := raw[0]
	switch {
	case b >= utf8.RuneSelf:
		return utf8.RuneError, 1
	case set == kana && b > 0x5f:
		return utf8.RuneError, 1
	case set == kana:
		return narrow + rune(b), 1
	case set == roman && b == '\\':
		return yen, 1
	case set == roman && b == '~':
		return overline, 1
	case set == ascii || set == roman:
		return rune(b), 1
	case len(raw) < 2:
		return utf8.RuneError, 1
	case set == more:
		return c.more.char(pair(raw)), 2
	}
	return c.kanji.char(pair(raw)), 2
}

func (c *iso2022jp) encode(dst, text []byte) []byte {
	set := ascii
	in := func(to int) []byte {
		if set != to {
			set, dst = to, append(dst, designators[to]...)
		}
		return dst
	}
	for len(text) > 0 {
		r := first(&text)
		switch {
		case r < utf8.RuneSelf:
			dst = append(in(ascii), byte(r))
		case r >= 0xff61 && r <= 0xff9f && !c.wideKana:
			dst = append(in(kana), byte(r-narrow))
		case r == yen:
			dst = append(in(roman), '\\')
		case r == overline:
			dst = append(in(roman), '~')
		case c.kanji.code(r) != none:
			dst = appendCode(in(kanji), c.kanji.code(r))
		case c.more != nil && c.more.code(r) != none:
			dst = appendCode(in(more), c.more.code(r))
		default:
			dst = append(in(kanji), c.replacement...)
		}
	}
	return in(ascii)
}

// iso2022kr is sun.nio.cs.ext.ISO2022_KR: ASCII, and KS X 1001 between shifts.
type iso2022kr struct {
	*table
	replacement []byte
}

const korean = "\x1b$)C"

func (c *iso2022kr) decode(dst, raw []byte) []byte {
	double := false
	for len(raw) > 0 {
		r, n := utf8.RuneError, 1
		switch b := raw[0]; {
		case b == shiftOut, b == shiftIn:
			double, raw = b == shiftOut, raw[1:]
			continue
		case bytes.HasPrefix(raw, []byte(korean)):
			raw = raw[len(korean):]
			continue
		case b == escape:
			// What is shorter than a sequence is one malformed one; single shifts choose from
			// sets that this charset has not.
			n = min(len(raw), 4)
			if n == 4 && raw[1] != 'N' && raw[1] != 'O' {
				n = 2
			}
		case !double:
			r = rune(b)
		case len(raw) > 1:
			r, n = c.char(pair(raw)&0x7f7f), 2
		}
		dst, raw = utf8.AppendRune(dst, r), raw[n:]
	}
	return dst
}

// encode shifts back before it writes a replacement, as that of shifting does.
func (c *iso2022kr) encode(dst, text []byte) []byte {
	double, announced := false, false
	for len(text) > 0 {
		r := first(&text)
		code := none
		if r >= utf8.RuneSelf {
			code = int(c.code(r))
		}
		if code == none {
			if double {
				dst, double = append(dst, shiftIn), false
			}
			if r < utf8.RuneSelf {
				dst = append(dst, byte(r))
			} else {
				dst = append(dst, c.replacement...)
			}
			announced = announced && r != '\n'
			continue
		}
		if !announced {
			dst, announced = append(dst, korean...), true
		}
		if !double {
			dst, double = append(dst, shiftOut), true
		}
		dst = appendCode(dst, uint16(code))
	}
	return dst
}
