package charset

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// unicodes are the charsets that need no table, by Java's names of them.
var unicodes = []struct {
	names string
	Charset
}{
	{"UTF-8 UTF8 unicode-1-1-utf-8", Charset{}},
	{"ISO-8859-1 819 ISO8859-1 l1 ISO_8859-1:1987 ISO_8859-1 8859_1 iso-ir-100 latin1 cp819 ISO8859_1 IBM819 ISO_8859_1 IBM-819 csISOLatin1",
		Charset{decodeLatin1, encodeBytes(0xff)}},
	{"US-ASCII ASCII ANSI_X3.4-1968 cp367 csASCII iso-ir-6 iso_646.irv:1983 ANSI_X3.4-1986 ascii7 default ISO_646.irv:1991 ISO646-US IBM367 646 us",
		Charset{decodeASCII, encodeBytes(0x7f)}},
	{"UTF-16 UTF_16 utf16 unicode UnicodeBig", Charset{decodeUTF16(nil, binary.BigEndian), encodeUTF16(binary.BigEndian, true)}},
	{"x-UTF-16LE-BOM UnicodeLittle", Charset{decodeUTF16(nil, binary.LittleEndian), encodeUTF16(binary.LittleEndian, true)}},
	{"UTF-16BE UTF_16BE X-UTF-16BE ISO-10646-UCS-2 UnicodeBigUnmarked", Charset{decodeUTF16(binary.BigEndian, nil), encodeUTF16(binary.BigEndian, false)}},
	{"UTF-16LE UTF_16LE X-UTF-16LE UnicodeLittleUnmarked", Charset{decodeUTF16(binary.LittleEndian, nil), encodeUTF16(binary.LittleEndian, false)}},
	{"UTF-32 UTF_32 UTF32", Charset{decodeUTF32(nil), encodeUTF32(binary.BigEndian, false)}},
	{"UTF-32BE UTF_32BE X-UTF-32BE", Charset{decodeUTF32(binary.BigEndian), encodeUTF32(binary.BigEndian, false)}},
	{"UTF-32LE UTF_32LE X-UTF-32LE", Charset{decodeUTF32(binary.LittleEndian), encodeUTF32(binary.LittleEndian, false)}},
	{"X-UTF-32BE-BOM UTF_32BE_BOM UTF-32BE-BOM", Charset{decodeUTF32(binary.BigEndian), encodeUTF32(binary.BigEndian, true)}},
	{"X-UTF-32LE-BOM UTF_32LE_BOM UTF-32LE-BOM", Charset{decodeUTF32(binary.LittleEndian), encodeUTF32(binary.LittleEndian, true)}},
}

// decodeUTF32 reads units in the given order behind its mark, which may be missing; nil
// takes either mark, and big-endian without one.
func decodeUTF32(order binary.ByteOrder) func(dst, raw []byte) []byte {
	return func(dst, raw []byte) []byte {
		o := order
		if o == nil {
			o = binary.BigEndian
			if len(raw) >= 4 && binary.LittleEndian.Uint32(raw) == 0xfeff {
				o = binary.LittleEndian
			}
		}
		if len(raw) >= 4 && o.Uint32(raw) == 0xfeff {
			raw = raw[4:]
		}
		for ; len(raw) >= 4; raw = raw[4:] {
			r := utf8.RuneError
			if u := o.Uint32(raw); u <= utf8.MaxRune && !utf16.IsSurrogate(rune(u)) {
				r = rune(u)
			}
			dst = utf8.AppendRune(dst, r)
		}
		if len(raw) > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		return dst
	}
}

func encodeUTF32(order binary.AppendByteOrder, mark bool) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		if mark && len(text) > 0 {
			dst = order.AppendUint32(dst, 0xfeff)
		}
		for len(text) > 0 {
			r := first(&text)
			dst = order.AppendUint32(dst, uint32(r))
		}
		return dst
	}
}

func decodeLatin1(dst, raw []byte) []byte {
	for _, c := range raw {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst
}

func decodeASCII(dst, raw []byte) []byte {
	for _, c := range raw {
		if c >= utf8.RuneSelf {
			dst = utf8.AppendRune(dst, utf8.RuneError)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// encodeBytes writes one byte for each character; what is above last becomes '?'.
func encodeBytes(last rune) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		for len(text) > 0 {
			r := first(&text)
			if r > last {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		return dst
	}
}

// decodeUTF16 reads units in the given order; nil looks for a mark and takes the other
// order without one.
func decodeUTF16(order, unmarked binary.ByteOrder) func(dst, raw []byte) []byte {
	return func(dst, raw []byte) []byte {
		o := order
		if o == nil {
			o = unmarked
			if len(raw) >= 2 && raw[0] == 0xff && raw[1] == 0xfe {
				o = binary.LittleEndian
			}
			if len(raw) >= 2 && raw[0] == 0xfe && raw[1] == 0xff {
				o = binary.BigEndian
			}
			if len(raw) >= 2 && o.Uint16(raw) == 0xfeff {
				raw = raw[2:]
			}
		}
		for len(raw) >= 2 {
			r := rune(o.Uint16(raw))
			raw = raw[2:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if len(raw) >= 2 {
					low = rune(o.Uint16(raw))
				}
				if r < 0xdc00 { // Java takes what follows a high surrogate for its other half
					raw = raw[min(2, len(raw)):]
				}
				r = utf16.DecodeRune(r, low)
			}
			dst = utf8.AppendRune(dst, r)
		}
		if len(raw) == 1 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		return dst
	}
}

func encodeUTF16(order binary.AppendByteOrder, mark bool) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		if mark && len(text) > 0 {
			dst = order.AppendUint16(dst, 0xfeff)
		}
		for len(text) > 0 {
			r := first(&text)
			if r < 0x10000 {
				dst = order.AppendUint16(dst, uint16(r))
				continue
			}
			high, low := utf16.EncodeRune(r)
			dst = order.AppendUint16(order.AppendUint16(dst, uint16(high)), uint16(low))
		}
		return dst
	}
}
