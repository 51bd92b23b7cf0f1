package text

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// charset is one of the encodings that every Java platform has.
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
	}
	return charset{}, false
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
