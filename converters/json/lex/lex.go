// Package lex splits JSON text into tokens as Jackson does for Connect's
// JsonConverter: numbers may start with zeros, control characters in strings and
// invalid UTF-8 are errors. It works on bytes and allocates nothing.
//
// Positions are indices into the text. A function that reads a token returns the
// index behind it.
package lex

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Limits of Jackson's StreamReadConstraints.
const (
	MaxDepth  = 1000
	MaxNumber = 1000 // characters of one number
)

// Error says where and why a text is not JSON.
type Error struct {
	At  int // byte position
	Why string
}

func (e *Error) Error() string { return fmt.Sprintf("not JSON at byte %d: %s", e.At, e.Why) }

func fail(at int, format string, args ...any) error {
	return &Error{At: at, Why: fmt.Sprintf(format, args...)}
}

// Unexpected is the error for what stands at i where want should stand.
func Unexpected(b []byte, i int, want string) error {
	if i >= len(b) {
		return fail(i, "the text ends where %s was expected", want)
	}
	if b[i] < 0x20 || b[i] >= 0x7f {
		return fail(i, "found byte 0x%02x where %s was expected", b[i], want)
	}
	return fail(i, "found %q where %s was expected", b[i], want)
}

// TooDeep is the error for nesting beyond MaxDepth.
func TooDeep(i int) error {
	return fail(i, "nested deeper than %d levels", MaxDepth)
}

// Space skips white space.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special finds the first byte of eight that is a quote, a backslash, a control
// character or not ASCII; 8 if there is none.
func special(w uint64) int {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w - ones*0x20) | w) & highs
	return bits.TrailingZeros64(hit) >> 3
}

// String reads the string whose opening quote stands at i. Its text is
// b[i+1:end-1], to be unescaped if escaped is set.
func String(b []byte, i int) (end int, escaped bool, err error) {
	start := i
	i++
	for {
		for i+8 <= len(b) {
			n := special(binary.LittleEndian.Uint64(b[i:]))
			i += n
			if n < 8 {
				break
			}
		}
		if i >= len(b) {
			return 0, false, fail(start, "the string that starts here has no end")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			escaped = true
			if i, err = escape(b, i); err != nil {
				return 0, false, err
			}
		case c < 0x20:
			return 0, false, fail(i, "control character 0x%02x in a string has to be escaped", c)
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				return 0, false, fail(i, "byte 0x%02x is not UTF-8", c)
			}
			i += n
		}
	}
}

// escape checks the escape sequence at i.
func escape(b []byte, i int) (int, error) {
	if i+1 >= len(b) {
		return 0, fail(i, "the text ends in an escape sequence")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		if _, ok := hex4(b, i+2); !ok {
			return 0, fail(i, `\u needs four hexadecimal digits`)
		}
		return i + 6, nil
	}
	return 0, fail(i, "unknown escape character %q", b[i+1])
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Unescape appends the text of a string that String has accepted. A surrogate
// without its other half becomes '?', as Java writes it in UTF-8.
func Unescape(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' {
			j := i + 1
			for j < len(text) && text[j] != '\\' {
				j++
			}
			dst = append(dst, text[i:j]...)
			i = j
			continue
		}
		switch c = text[i+1]; c {
		case 'u':
			var r rune
			r, i = escapedRune(text, i)
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		dst = append(dst, c)
		i += 2
	}
	return dst
}

func escapedRune(text []byte, i int) (rune, int) {
	r, _ := hex4(text, i+2)
	i += 6
	switch {
	case r < 0xd800 || r > 0xdfff:
		return r, i
	case r < 0xdc00 && i+6 <= len(text) && text[i] == '\\' && text[i+1] == 'u':
		if low, ok := hex4(text, i+2); ok && low >= 0xdc00 && low <= 0xdfff {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), i + 6
		}
	}
	return '?', i
}

// Literal checks that word stands at i and ends there.
func Literal(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return 0, Unexpected(b, i, "a value (string, number, array, object, true, false or null)")
	}
	i += len(word)
	if i < len(b) && identifierPart(b[i]) {
		return 0, Unexpected(b, i, "the end of "+word)
	}
	return i, nil
}

func identifierPart(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}
