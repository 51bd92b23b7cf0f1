package extjson

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"culvert/data/values"
)

// Error is a text that is no document.
type Error struct {
	Class string // Java's exception class
	Msg   string
}

func (e *Error) Error() string { return e.Msg }

func parseError(format string, args ...any) error {
	return &Error{Class: "org.bson.json.JsonParseException", Msg: fmt.Sprintf(format, args...)}
}

type tokenKind uint8

const (
	eof tokenKind = iota
	beginObject
	endObject
	beginArray
	endArray
	leftParen
	rightParen
	colon
	comma
	quoted
	unquoted
	int32Token
	int64Token
	doubleToken
	regexpToken
)

type token struct {
	kind    tokenKind
	text    string // the pattern of a regular expression
	options string // of a regular expression
	num     int64
	float   float64
}

func (t token) isText() bool { return t.kind == quoted || t.kind == unquoted }

func (t token) isInteger() bool { return t.kind == int32Token || t.kind == int64Token }

// shown is the token's value as Java prints it in error texts.
func (t token) shown() string {
	switch t.kind {
	case int32Token, int64Token:
		return strconv.FormatInt(t.num, 10)
	case doubleToken:
		return string(values.AppendDouble(nil, t.float))
	case regexpToken:
		return fmt.Sprintf("BsonRegularExpression{pattern='%s', options='%s'}", t.text, sortedOptions(t.options))
	}
	return t.text
}

// asText is JsonToken.getValue(String.class): what is no text is refused.
func (t token) asText() (string, error) {
	switch t.kind {
	case int32Token, int64Token, doubleToken, regexpToken:
		return "", parseError("Exception converting value '%s' to type java.lang.String", t.shown())
	}
	return t.text, nil
}

// scanner splits the text into tokens, one of which may be pushed back.
type scanner struct {
	s      string
	i      int
	pushed token
	has    bool
	ended  bool // the end was read as a token
}

func (sc *scanner) push(t token) { sc.pushed, sc.has = t, true }

func (sc *scanner) pop() (token, error) {
	if sc.has {
		sc.has = false
		return sc.pushed, nil
	}
	if sc.ended {
		return token{}, errPastEnd
	}
	for sc.i < len(sc.s) && isSpace(sc.s[sc.i]) {
		sc.i++
	}
	if sc.i >= len(sc.s) {
		sc.ended = true
		return token{kind: eof, text: "<eof>"}, nil
	}
	c := sc.s[sc.i]
	if k := punctuation(c); k != eof {
		sc.i++
		return token{kind: k, text: sc.s[sc.i-1 : sc.i]}, nil
	}
	switch {
	case c == '"' || c == '\'':
		return sc.str(c)
	case c == '/':
		return sc.regexp()
	case c == '-' || c >= '0' && c <= '9':
		return sc.number()
	}
	r, n := utf8.DecodeRuneInString(sc.s[sc.i:])
	switch {
	case isWideSpace(r):
		sc.i += n
		return sc.pop()
	case isLetter(r):
		return sc.word(), nil
	case unicode.IsDigit(r) && r <= math.MaxUint16:
		return sc.number()
	}
	return token{}, parseError("Invalid JSON input. Position: %d. Character: '%c'.", sc.position(sc.i)+1, r)
}

var errPastEnd = parseError("Trying to read past EOF.")

// word reads an unquoted text.
func (sc *scanner) word() token {
	start := sc.i
	for sc.i < len(sc.s) {
		r, n := utf8.DecodeRuneInString(sc.s[sc.i:])
		if !isLetter(r) && (!unicode.IsDigit(r) || r > math.MaxUint16) {
			break
		}
		sc.i += n
	}
	return token{kind: unquoted, text: sc.s[start:sc.i]}
}

// position counts as Java does, in UTF-16.
func (sc *scanner) position(i int) (n int) {
	for _, r := range sc.s[:min(i, len(sc.s))] {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// isLetter says what a word may begin with. Java looks at one half of a surrogate pair
// at a time, which is no letter.
func isLetter(r rune) bool {
	return r == '$' || r == '_' || unicode.IsLetter(r) && r <= math.MaxUint16
}

// isWideSpace is Character.isWhitespace beyond ASCII: without the spaces that do not
// break a line.
func isWideSpace(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Z) && r != 0xa0 && r != 0x2007 && r != 0x202f
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c && c <= 0x1f }

func punctuation(c byte) tokenKind {
	switch c {
	case '{':
		return beginObject
	case '}':
		return endObject
	case '[':
		return beginArray
	case ']':
		return endArray
	case '(':
		return leftParen
	case ')':
		return rightParen
	case ':':
		return colon
	case ',':
		return comma
	}
	return eof
}

// str reads a quoted string. Control characters may stand in it as they are.
func (sc *scanner) str(quote byte) (token, error) {
	start := sc.i + 1
	for i := start; i < len(sc.s); i++ {
		switch sc.s[i] {
		case quote:
			sc.i = i + 1
			return token{kind: quoted, text: sc.s[start:i]}, nil
		case '\\':
			return sc.escaped(quote, start, i)
		}
	}
	sc.ended = true
	return token{}, errInString
}

var errInString = parseError("End of file in JSON string.")

// escaped goes on reading a string at its first backslash.
func (sc *scanner) escaped(quote byte, start, i int) (token, error) {
	b := append(make([]byte, 0, i-start+32), sc.s[start:i]...)
	for i < len(sc.s) {
		c := sc.s[i]
		if c == quote {
			sc.i = i + 1
			return token{kind: quoted, text: string(b)}, nil
		}
		if c != '\\' {
			b = append(b, c)
			i++
			continue
		}
		if i+1 >= len(sc.s) {
			return token{}, &Error{Class: "java.util.IllegalFormatCodePointException", Msg: "Code point = 0xffffffff"}
		}
		i += 2
		switch e := sc.s[i-1]; e {
		case '\'', '"', '\\', '/':
			b = append(b, e)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			var err error
			if b, i, err = sc.unicode(b, i); err != nil {
				return token{}, err
			}
		default:
			r, _ := utf8.DecodeRuneInString(sc.s[i-1:])
			return token{}, parseError("Invalid escape sequence in JSON string '\\%c'.", r)
		}
	}
	sc.ended = true
	return token{}, errInString
}

// unicode reads the four digits at i and, for half a surrogate pair, the other half.
func (sc *scanner) unicode(b []byte, i int) ([]byte, int, error) {
	r, err := sc.hex(i)
	if err != nil {
		return nil, 0, err
	}
	i += 4
	if utf16.IsSurrogate(r) {
		if i+6 <= len(sc.s) && sc.s[i] == '\\' && sc.s[i+1] == 'u' {
			low, err := sc.hex(i + 2)
			if err != nil {
				return nil, 0, err
			}
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return utf8.AppendRune(b, pair), i + 6, nil
			}
		}
		return append(b, '?'), i, nil // half a character has no UTF-8
	}
	return utf8.AppendRune(b, r), i, nil
}

func (sc *scanner) hex(i int) (rune, error) {
	if i+4 > len(sc.s) {
		sc.ended = true
		return 0, errPastEnd
	}
	n, ok := parseInteger(sc.s[i:i+4], 16, 32) // +123 and -123 are numbers too
	if !ok {
		return 0, hexFormat(sc.s[i : i+4])
	}
	return rune(uint16(n)), nil
}

func (sc *scanner) regexp() (token, error) {
	start := sc.i + 1
	i := start
	for ; i < len(sc.s) && sc.s[i] != '/'; i++ {
		if sc.s[i] == '\\' {
			i++
		}
	}
	if i >= len(sc.s) {
		sc.ended = true
		if i > len(sc.s) { // Java takes the end for what the backslash escapes
			return token{}, errPastEnd
		}
		return token{}, sc.invalidRegexp(i)
	}
	pattern := sc.s[start:i]
	start = i + 1
	for i = start; i < len(sc.s) && (sc.s[i] == 'i' || sc.s[i] == 'm' || sc.s[i] == 'x' || sc.s[i] == 's'); i++ {
	}
	if !sc.endsValue(i) {
		return token{}, sc.invalidRegexp(i + 1)
	}
	sc.i = i
	return token{kind: regexpToken, text: pattern, options: sc.s[start:i]}, nil
}

func (sc *scanner) invalidRegexp(at int) error {
	return parseError("Invalid JSON regular expression. Position: %d.", sc.position(at))
}

// number reads a number: leading zeros are allowed, as the driver allows them, and
// the digits of other scripts in integers.
func (sc *scanner) number() (token, error) {
	start, i := sc.i, sc.i
	at := func() byte {
		if i < len(sc.s) {
			return sc.s[i]
		}
		return 0
	}
	digits := func() bool {
		from := i
		for i < len(sc.s) {
			if c := sc.s[i]; c >= '0' && c <= '9' {
				i++
				continue
			}
			r, n := utf8.DecodeRuneInString(sc.s[i:])
			if r < utf8.RuneSelf || r > math.MaxUint16 || !unicode.IsDigit(r) {
				break
			}
			i += n
		}
		return i > from
	}
	invalid := parseError("Invalid JSON number")
	if at() == '-' {
		i++
		if strings.HasPrefix(sc.s[i:], "Infinity") {
			if i += 8; !sc.endsValue(i) {
				return token{}, invalid
			}
			sc.i = i
			return double(sc.s[start:i])
		}
	}
	if !digits() {
		return token{}, invalid
	}
	isDouble := false
	if at() == '.' {
		i++
		if isDouble = true; !digits() {
			return token{}, invalid
		}
	}
	if at() == 'e' || at() == 'E' {
		i++
		if at() == '+' || at() == '-' {
			i++
		}
		if isDouble = true; !digits() || i == len(sc.s) {
			return token{}, invalid
		}
	}
	if !sc.endsValue(i) {
		return token{}, invalid
	}
	sc.i = i
	text := sc.s[start:i]
	if isDouble {
		return double(text)
	}
	n, ok := parseInteger(text, 10, 64)
	if !ok {
		return token{}, numberFormat(text)
	}
	if int64(int32(n)) == n {
		return token{kind: int32Token, num: n}, nil
	}
	return token{kind: int64Token, num: n}, nil
}

// double accepts what is beyond the range, as infinity.
func double(text string) (token, error) {
	f, ok := parseDouble(text)
	if !ok {
		return token{}, numberFormat(text)
	}
	return token{kind: doubleToken, float: f}, nil
}

// endsValue reports whether a number or a regular expression may end at i.
func (sc *scanner) endsValue(i int) bool {
	if i >= len(sc.s) {
		return true
	}
	c := sc.s[i]
	if c < utf8.RuneSelf {
		return c == ',' || c == '}' || c == ']' || c == ')' || isSpace(c)
	}
	r, _ := utf8.DecodeRuneInString(sc.s[i:])
	return isWideSpace(r)
}
