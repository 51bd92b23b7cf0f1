package charset

import "unicode/utf8"

// multibyte is a charset of one and two bytes for each character, and of three where it
// has a third table. Java's decoders differ in how many bytes one replacement character
// stands for.
type multibyte struct {
	*table
	third       *table // behind the byte single shift 3; nil: no such byte
	bad         func(m *multibyte, lead, trail byte) int
	replacement []byte
}

// The bytes that announce one character of another set.
const shift2, shift3 = 0x8e, 0x8f

func (m *multibyte) single(b byte) bool { return m.chars[0][b] != none }
func (m *multibyte) lead(b byte) bool   { return b != 0 && m.chars[b] != empty }

// badDouble is sun.nio.cs.DoubleByte.Decoder: what cannot be a second byte is read again.
func badDouble(m *multibyte, lead, trail byte) int {
	if !m.lead(lead) || m.lead(trail) || m.single(trail) {
		return 1
	}
	return 2
}

// badPair is DoubleByte.Decoder_DBCSONLY, EUC_JP.Decoder and HKSCS.Decoder: every pair is one.
func badPair(*multibyte, byte, byte) int { return 2 }

// badSimple is DoubleByte.Decoder_EUC_SIM: EUC without its further sets.
func badSimple(_ *multibyte, lead, _ byte) int {
	if lead == shift2 || lead == shift3 {
		return 1
	}
	return 2
}

func (m *multibyte) decode(dst, raw []byte) []byte {
	for len(raw) > 0 {
		r, n := m.next(raw)
		dst, raw = utf8.AppendRune(dst, r), raw[n:]
	}
	return dst
}

func (m *multibyte) next(raw []byte) (r rune, n int) {
	switch {
	case m.single(raw[0]):
		return rune(m.chars[0][raw[0]]), 1
	case m.third != nil && raw[0] == shift3:
		if len(raw) < 3 {
			return utf8.RuneError, len(raw)
		}
		return m.third.char(pair(raw[1:])), 3
	case len(raw) < 2:
		return utf8.RuneError, 1
	}
	if r = m.char(pair(raw)); r == utf8.RuneError {
		return r, m.bad(m, raw[0], raw[1])
	}
	return r, 2
}

func pair(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

func (m *multibyte) encode(dst, text []byte) []byte {
	for len(text) > 0 {
		r := first(&text)
		code := m.code(r)
		switch {
		case code != none:
			dst = appendCode(dst, code)
		case m.third != nil && m.third.code(r) != none:
			dst = appendCode(append(dst, shift3), m.third.code(r))
		default:
			dst = append(dst, m.replacement...)
		}
	}
	return dst
}

func appendCode(dst []byte, code uint16) []byte {
	if code > 0xff {
		dst = append(dst, byte(code>>8))
	}
	return append(dst, byte(code))
}

// shifting is EBCDIC with two sets, of single and of double bytes
// (sun.nio.cs.DoubleByte.Decoder_EBCDIC): bytes shift from one to the other.
type shifting struct {
	single, double *table
	replacement    []byte
}

const shiftOut, shiftIn = 0x0e, 0x0f

func (s *shifting) decode(dst, raw []byte) []byte {
	double := false
	for len(raw) > 0 {
		b, n, r := raw[0], 1, utf8.RuneError
		switch {
		case b == shiftOut && !double, b == shiftIn && double:
			double, raw = !double, raw[1:]
			continue
		case b == shiftOut, b == shiftIn:
		case !double:
			r = s.single.char(uint16(b))
		case len(raw) > 1:
			r, n = s.double.char(pair(raw)), 2
		}
		dst, raw = utf8.AppendRune(dst, r), raw[n:]
	}
	return dst
}

// encode shifts back before it writes a replacement, which is a single byte. Java
// writes it as half of a double one, and what follows is lost.
func (s *shifting) encode(dst, text []byte) []byte {
	double := false
	shift := func(to bool) {
		switch {
		case to && !double:
			dst = append(dst, shiftOut)
		case !to && double:
			dst = append(dst, shiftIn)
		}
		double = to
	}
	for len(text) > 0 {
		r := first(&text)
		if code := s.single.code(r); code != none {
			shift(false)
			dst = append(dst, byte(code))
		} else if code = s.double.code(r); code != none {
			shift(true)
			dst = appendCode(dst, code)
		} else {
			shift(false)
			dst = append(dst, s.replacement...)
		}
	}
	shift(false)
	return dst
}
