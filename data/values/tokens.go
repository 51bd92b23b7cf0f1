package values

import (
	"strings"
	"unicode"
)

// tokens splits a text at the delimiters : , { } [ ] and " unless a backslash stands
// before them, as Values.Parser does.
type tokens struct {
	text     string
	i        int
	next     string // a token that was looked at
	has      bool
	previous string
}

func (t *tokens) more() bool { return t.has || t.i < len(t.text) }

// mark is the position to return to with rewind.
func (t *tokens) mark() int {
	if t.has {
		return t.i - len(t.next)
	}
	return t.i
}

func (t *tokens) rewind(to int) { t.i, t.next, t.has, t.previous = to, "", false, "" }

func (t *tokens) pop() string {
	if t.has {
		t.previous, t.next, t.has = t.next, "", false
	} else {
		t.previous = t.scan()
	}
	return t.previous
}

func (t *tokens) scan() string {
	start := t.i
	escaped := false
	for t.i < len(t.text) {
		switch t.text[t.i] {
		case '\\':
			escaped = !escaped
		case ':', ',', '{', '}', '[', ']', '"':
			if !escaped {
				if start == t.i {
					t.i++
				}
				return t.text[start:t.i]
			}
			escaped = false
		default:
			escaped = false
		}
		t.i++
	}
	return t.text[start:t.i]
}

// take consumes the next token if it is want. Blank tokens before it are dropped,
// as Java drops them, even if it is something else.
func (t *tokens) take(want string) bool {
	if !t.has {
		if !t.more() {
			return false
		}
		t.next, t.has = t.scan(), true
	}
	for blank(t.next) && t.i < len(t.text) {
		t.next = t.scan()
	}
	if trim(t.next) != want {
		return false
	}
	t.has, t.next = false, ""
	return true
}

// ahead returns the text of the next n tokens; ok is false if there are fewer, and
// nothing is consumed then.
func (t *tokens) ahead(n int) (string, bool) {
	start := t.mark()
	for range n {
		if !t.more() {
			t.rewind(start)
			return "", false
		}
		t.pop()
	}
	return t.text[start:t.i], true
}

// trim is Java's String.trim.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

func blank(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' && unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) && r != 0xa0 }) == ""
}
