package text

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// charset is one of the encodings that every Java platform has, or one of those of
// single bytes that most have.
type charset struct {
	decode func(dst, raw []byte) []byte // to UTF-8; nil: raw is UTF-8
	encode func(dst, text []byte) []byte
}

// charsetOf finds a charset by the names that Java knows it under.
func charsetOf(name string) (charset, bool) {
	switch strings.ToUpper(name) {
	case "UTF-8", "UTF8":
		return charset{}, true
	case "ISO-8859-1", "ISO8859_1", "ISO8859-1", "LATIN1":
		return charset{decodeLatin1, encodeBytes(0xff)}, true
	case "US-ASCII", "ASCII", "ISO646-US":
		return charset{decodeASCII, encodeBytes(0x7f)}, true
	case "UTF-16", "UTF_16", "UTF16":
		return charset{decodeUTF16(nil), encodeUTF16(binary.BigEndian, true)}, true
	case "UTF-16BE", "UTF_16BE":
		return charset{decodeUTF16(binary.BigEndian), encodeUTF16(binary.BigEndian, false)}, true
	case "UTF-16LE", "UTF_16LE":
		return charset{decodeUTF16(binary.LittleEndian), encodeUTF16(binary.LittleEndian, false)}, true
	case "UTF-32", "UTF_32":
		return charset{decodeUTF32(nil), encodeUTF32(binary.BigEndian)}, true
	case "UTF-32BE", "UTF_32BE":
		return charset{decodeUTF32(binary.BigEndian), encodeUTF32(binary.BigEndian)}, true
	case "UTF-32LE", "UTF_32LE":
		return charset{decodeUTF32(binary.LittleEndian), encodeUTF32(binary.LittleEndian)}, true
	}
	if m := singleByte(name); m != nil {
		return charset{decodeMap(m), encodeMap(m)}, true
	}
	return charset{}, false
}

// singleBytes are character sets of one byte for each character, by Java's names
// without their separators.
var singleBytes = map[string]*charmap.Charmap{
	"IBM437": charmap.CodePage437, "IBM850": charmap.CodePage850, "IBM852": charmap.CodePage852, "IBM855": charmap.CodePage855, "IBM858": charmap.CodePage858,
	"IBM00858": charmap.CodePage858, "IBM862": charmap.CodePage862, "IBM866": charmap.CodePage866,
	"ISO88592": charmap.ISO8859_2, "ISO88593": charmap.ISO8859_3, "ISO88594": charmap.ISO8859_4, "ISO88595": charmap.ISO8859_5, "ISO88596": charmap.ISO8859_6,
	"ISO88597": charmap.ISO8859_7, "ISO88598": charmap.ISO8859_8, "ISO88599": charmap.ISO8859_9, "ISO885913": charmap.ISO8859_13, "ISO885915": charmap.ISO8859_15,
	"ISO885916": charmap.ISO8859_16, "KOI8R": charmap.KOI8R, "KOI8U": charmap.KOI8U,
	"WINDOWS1250": charmap.Windows1250, "WINDOWS1251": charmap.Windows1251, "WINDOWS1252": charmap.Windows1252, "WINDOWS1253": charmap.Windows1253,
	"WINDOWS1254": charmap.Windows1254, "WINDOWS1255": charmap.Windows1255, "WINDOWS1256": charmap.Windows1256, "WINDOWS1257": charmap.Windows1257,
	"WINDOWS1258": charmap.Windows1258, "WINDOWS874": charmap.Windows874, "XWINDOWS874": charmap.Windows874,
}

func singleByte(name string) *charmap.Charmap {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	if number, ok := strings.CutPrefix(name, "CP"); ok { // Java's older names
		if m := singleBytes["WINDOWS"+number]; m != nil {
			return m
		}
		name = "IBM" + number
	}
	return singleBytes[name]
}

func decodeMap(m *charmap.Charmap) func(dst, raw []byte) []byte {
	return func(dst, raw []byte) []byte {
		for _, c := range raw {
			r := m.DecodeByte(c)
			switch {
			case isISO(m) && control(rune(c)):
				r = rune(c)
			case isWindows(m) && control(r): // a place that is empty in Java
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst
	}
}

func isWindows(m *charmap.Charmap) bool { return strings.HasPrefix(m.String(), "Windows") }
func isISO(m *charmap.Charmap) bool     { return strings.HasPrefix(m.String(), "ISO") }

// control reports whether r is one of the second block of control characters, which
// the library leaves out of ISO's sets and puts into Windows' ones.
func control(r rune) bool { return r >= 0x80 && r < 0xa0 }

func encodeMap(m *charmap.Charmap) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		for _, r := range string(text) {
			c, ok := m.EncodeRune(r)
			switch {
			case isISO(m) && control(r):
				c = byte(r)
			case !ok || isWindows(m) && control(r):
				c = '?'
			}
			dst = append(dst, c)
		}
		return dst
	}
}

// decodeUTF32 reads units in the given order; nil looks for a mark and takes
// big-endian without one.
func decodeUTF32(order binary.ByteOrder) func(dst, raw []byte) []byte {
	return func(dst, raw []byte) []byte {
		o := order
		if o == nil {
			o = binary.BigEndian
			if len(raw) >= 4 && binary.LittleEndian.Uint32(raw) == 0xfeff {
				o = binary.LittleEndian
			}
			if len(raw) >= 4 && o.Uint32(raw) == 0xfeff {
				raw = raw[4:]
			}
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

func encodeUTF32(order binary.AppendByteOrder) func(dst, text []byte) []byte {
	return func(dst, text []byte) []byte {
		for _, r := range string(text) {
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
		for _, r := range string(text) {
			if r > last {
				r = '?'
			}
			dst = append(dst, byte(r))
		}
		return dst
	}
}

// decodeUTF16 reads units in the given order; nil looks for a mark and takes
// big-endian without one.
func decodeUTF16(order binary.ByteOrder) func(dst, raw []byte) []byte {
	return func(dst, raw []byte) []byte {
		o := order
		if o == nil {
			o = binary.BigEndian
			if len(raw) >= 2 && raw[0] == 0xff && raw[1] == 0xfe {
				o = binary.LittleEndian
			}
			if len(raw) >= 2 && o.Uint16(raw) == 0xfeff {
				raw = raw[2:]
			}
		}
		for len(raw) >= 2 {
			r := rune(o.Uint16(raw))
			raw = raw[2:]
			if utf16.IsSurrogate(r) {
				pair := utf8.RuneError
				if len(raw) >= 2 {
					pair = utf16.DecodeRune(r, rune(o.Uint16(raw)))
				}
				if r = pair; pair != utf8.RuneError {
					raw = raw[2:]
				}
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
		var units [2]uint16
		for _, r := range string(text) {
			for _, u := range utf16.AppendRune(units[:0], r) {
				dst = order.AppendUint16(dst, u)
			}
		}
		return dst
	}
}
