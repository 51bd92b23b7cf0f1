package regex

import (
	"strconv"
	"unicode"
)

// escape translates what begins with a backslash, outside of a class.
func (t *translator) escape() error {
	c := t.peekAt(1)
	switch {
	case t.at+1 >= len(t.src):
		return t.fail(t.at+1, "Unexpected internal error")
	case c == 'Q':
		t.quote()
		return nil
	case c >= '1' && c <= '9':
		t.at += 2
		n := int(c - '0')
		for isDigit(t.peek()) && n*10+int(t.peek()-'0') <= t.groups {
			n = n*10 + int(t.peek()-'0')
			t.at++
		}
		t.reference(n)
		return nil
	case c == 'k':
		return t.namedReference()
	case c == 'b' && string(t.src[t.at:min(t.at+5, len(t.src))]) == `\b{g}`: // between any two characters of ASCII
		t.emit("(?:)")
		t.at += 5
		return nil
	case t.boundary(c):
		t.at += 2
		return nil
	}
	if s, ok, err := t.classEscape(); ok || err != nil {
		if err == nil {
			t.emit(s.String())
		}
		t.single = true
		return err
	}
	t.single = true
	r, err := t.character()
	if err == nil {
		t.literal(r)
	}
	return err
}

// boundary translates the anchors; false: c is none.
func (t *translator) boundary(c rune) bool {
	switch c {
	case 'A', 'G': // a search begins at the start
		t.emit(`\A`)
	case 'z':
		t.emit(`\z`)
	case 'Z':
		t.lastLine()
	case 'b', 'B':
		t.words = true
		t.emit(`\` + string(c))
	case 'R':
		t.emit(`(?:\r\n|` + verticals.String() + `)`)
	case 'X': // a character with its marks; Java's graphemes are longer in some scripts, not in ASCII
		t.endless = true
		m := marks()
		t.emit(`(?:\r\n|` + m.negate().String() + m.String() + `*|` + m.String() + `+)`)
	default:
		return false
	}
	return true
}

// quote translates \Q…\E; a quantifier behind it holds for the last character.
func (t *translator) quote() {
	start := t.at + 2
	end := start
	for end < len(t.src) && !(t.src[end] == '\\' && end+1 < len(t.src) && t.src[end+1] == 'E') {
		end++
	}
	rest := t.src[min(end+2, len(t.src)):]
	// The expression goes on with its characters, each escaped.
	var plain []rune
	for _, c := range t.src[start:end] {
		if !isWordRune(c) {
			plain = append(plain, '\\')
		}
		plain = append(plain, c)
	}
	t.src = append(append(append([]rune(nil), t.src[:t.at]...), plain...), rest...)
}

func (t *translator) namedReference() error {
	t.at += 2
	if t.peek() != '<' {
		return t.fail(t.at, "\\k is not followed by '<' for named capturing group")
	}
	t.at++
	name, err := t.groupName()
	if err != nil {
		return err
	}
	n, ok := t.names[name]
	if !ok {
		return t.fail(t.at-1, "named capturing group <%s> does not exist", name)
	}
	t.reference(n)
	return nil
}

// classEscape reads an escape that stands for a set of characters; ok is false if
// it is none.
func (t *translator) classEscape() (s set, ok bool, err error) {
	c := t.peekAt(1)
	switch c {
	case 'd', 'D':
		s = digits
	case 'w', 'W':
		s = words
	case 's', 'S':
		s = spaces
	case 'h', 'H':
		s = horizontals
	case 'v', 'V':
		s = verticals
	case 'p', 'P':
		return t.property(c == 'P')
	default:
		return nil, false, nil
	}
	t.at += 2
	if unicode.IsUpper(c) {
		s = s.negate()
	}
	return s, true, nil
}

// character reads an escape that stands for one character.
func (t *translator) character() (rune, error) {
	c := t.peekAt(1)
	t.at += 2
	switch c {
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'a':
		return 7, nil
	case 'e':
		return 27, nil
	case '0':
		return t.octal()
	case 'x':
		if t.peek() == '{' {
			return t.longHex()
		}
		return t.hex(2, "Illegal hexadecimal escape sequence")
	case 'u':
		return t.hex(4, "Illegal Unicode escape sequence")
	case 'c':
		if !t.more() {
			return 0, t.fail(t.at-1, "Illegal control escape sequence")
		}
		t.at++
		return t.src[t.at-1] ^ 64, nil
	}
	if c < unicode.MaxASCII && isWordRune(c) && c != '_' {
		return 0, t.fail(t.at-1, "Illegal/unsupported escape sequence")
	}
	return c, nil
}

func (t *translator) octal() (rune, error) {
	n, count := rune(0), 0
	for count < 3 && t.peek() >= '0' && t.peek() <= '7' && n*8+t.peek()-'0' <= 0377 {
		n = n*8 + t.peek() - '0'
		t.at++
		count++
	}
	if count == 0 {
		return 0, t.fail(t.at, "Illegal octal escape sequence")
	}
	return n, nil
}

func (t *translator) hex(length int, text string) (rune, error) {
	n := rune(0)
	for range length {
		d, err := strconv.ParseUint(string(t.peek()), 16, 8)
		t.at++
		if err != nil {
			return 0, t.fail(t.at-1, "%s", text)
		}
		n = n*16 + rune(d)
	}
	return n, nil
}

func (t *translator) longHex() (rune, error) {
	n := rune(0)
	for t.at++; ; t.at++ {
		d, err := strconv.ParseUint(string(t.peek()), 16, 8)
		if err != nil {
			break
		}
		if n = n*16 + rune(d); n > unicode.MaxRune {
			return 0, t.fail(t.at, "Hexadecimal codepoint is too big")
		}
	}
	if t.peek() != '}' {
		return 0, t.fail(t.at, "Unclosed hexadecimal escape sequence")
	}
	t.at++
	return n, nil
}
