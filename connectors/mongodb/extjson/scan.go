package extjson

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
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
	text    string // as the driver prints it; the pattern of a regular expression
	options string // of a regular expression
	num     int64
	float   float64
}

func (t token) isText() bool { return t.kind == quoted || t.kind == unquoted }

// scanner splits the text into tokens, one of which may be pushed back.
type scanner struct {
	s      string
	i      int
	pushed token
	has    bool
}

func (sc *scanner) push(t token) { sc.pushed, sc.has = t, true }

func (sc *scanner) pop() (token, error) {
	if sc.has {
		sc.has = false
		return sc.pushed, nil
	}
	for sc.i < len(sc.s) && isSpace(sc.s[sc.i]) {
		sc.i++
	}
	if sc.i >= len(sc.s) {
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
	if unicode.IsSpace(r) {
		sc.i += n
		return sc.pop()
	}
	if r != '$' && r != '_' && !unicode.IsLetter(r) {
		return token{}, parseError("Invalid JSON input. Position: %d. Character: '%c'.", sc.i+1, r)
	}
	start := sc.i
	for sc.i < len(sc.s) {
		r, n := utf8.DecodeRuneInString(sc.s[sc.i:])
		if r != '$' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		sc.i += n
	}
	return token{kind: unquoted, text: sc.s[start:sc.i]}, nil
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
	return token{}, parseError("End of file in JSON string.")
}

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
			break
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
			return token{}, parseError("Invalid escape sequence in JSON string '\\%c'.", e)
		}
	}
	return token{}, parseError("End of file in JSON string.")
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
		return 0, parseError("End of file in JSON string.")
	}
	n, err := strconv.ParseUint(sc.s[i:i+4], 16, 16)
	if err != nil {
		return 0, &Error{Class: "java.lang.NumberFormatException", Msg: fmt.Sprintf("For input string: %q", sc.s[i:i+4])}
	}
	return rune(n), nil
}

func (sc *scanner) regexp() (token, error) {
	var pattern []byte
	i := sc.i + 1
	for ; ; i++ {
		if i >= len(sc.s) {
			return token{}, parseError("Invalid JSON regular expression. Position: %d.", i)
		}
		c := sc.s[i]
		if c == '/' {
			break
		}
		pattern = append(pattern, c)
		if c == '\\' && i+1 < len(sc.s) {
			i++
			pattern = append(pattern, sc.s[i])
		}
	}
	start := i + 1
	for i = start; i < len(sc.s) && (sc.s[i] == 'i' || sc.s[i] == 'm' || sc.s[i] == 'x' || sc.s[i] == 's'); i++ {
	}
	if i < len(sc.s) && !isSpace(sc.s[i]) && sc.s[i] != ',' && sc.s[i] != '}' && sc.s[i] != ']' && sc.s[i] != ')' {
		return token{}, parseError("Invalid JSON regular expression. Position: %d.", i)
	}
	sc.i = i
	return token{kind: regexpToken, text: string(pattern), options: sc.s[start:i]}, nil
}

// number reads a number: leading zeros are allowed, as the driver allows them.
func (sc *scanner) number() (token, error) {
	start, i := sc.i, sc.i
	at := func() byte {
		if i < len(sc.s) {
			return sc.s[i]
		}
		return ','
	}
	digits := func() bool {
		from := i
		for at() >= '0' && at() <= '9' {
			i++
		}
		return i > from
	}
	invalid := parseError("Invalid JSON number")
	if at() == '-' {
		i++
		if len(sc.s) >= i+8 && sc.s[i:i+8] == "Infinity" {
			if i += 8; !endsNumber(at()) {
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
		if isDouble = true; !digits() {
			return token{}, invalid
		}
	}
	if !endsNumber(at()) {
		return token{}, invalid
	}
	sc.i = i
	text := sc.s[start:i]
	if isDouble {
		return double(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return token{}, &Error{Class: "java.lang.NumberFormatException", Msg: fmt.Sprintf("For input string: %q", text)}
	}
	if int64(int32(n)) == n {
		return token{kind: int32Token, text: text, num: n, float: float64(n)}, nil
	}
	return token{kind: int64Token, text: text, num: n, float: float64(n)}, nil
}

// double accepts what is beyond the range, as infinity, like Double.parseDouble.
func double(text string) (token, error) {
	f, _ := strconv.ParseFloat(text, 64)
	return token{kind: doubleToken, text: text, float: f}, nil
}

func endsNumber(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ')' || isSpace(c)
}
