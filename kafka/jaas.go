package kafka

import (
	"errors"
	"fmt"
	"strings"
)

// jaasEntry is the one login module of a sasl.jaas.config.
type jaasEntry struct {
	module  string
	options map[string]string
}

// parseJaas reads what Java's JaasConfig reads: a module class, a control flag,
// key=value pairs, and a semicolon. Errors never repeat the text: it holds a
// password.
func parseJaas(text string) (jaasEntry, error) {
	p := jaasScanner{text: text}
	e := jaasEntry{options: map[string]string{}}
	var err error
	if e.module, err = p.word(); err != nil || e.module == "" {
		return e, errors.New("it does not begin with the class of a login module")
	}
	flag, err := p.word()
	if err != nil {
		return e, err
	}
	switch strings.ToLower(flag) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return e, errors.New("the class of the login module is not followed by a control flag (required, requisite, sufficient or optional)")
	}
	for n := 1; ; n++ {
		p.space()
		if p.take(';') {
			break
		}
		key, err := p.word()
		if err != nil || key == "" {
			return e, errors.New("it does not end with a semicolon")
		}
		if p.space(); !p.take('=') {
			// Not its name: it may be the rest of a password that is not quoted.
			return e, fmt.Errorf("option %d has no '='; values with blanks or signs are put in quotes", n)
		}
		p.space()
		if e.options[key], err = p.value(); err != nil {
			return e, fmt.Errorf("the value of option %d: %w", n, err)
		}
	}
	if p.space(); p.pos < len(p.text) {
		return e, errors.New("it has more than one login module")
	}
	return e, nil
}

type jaasScanner struct {
	text string
	pos  int
}

func (p *jaasScanner) take(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// space skips blanks and comments.
func (p *jaasScanner) space() {
	for p.pos < len(p.text) {
		rest := p.text[p.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f", rest[0]) >= 0:
			p.pos++
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			p.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				n = len(rest) - 2
			}
			p.pos += n + 2
		default:
			return
		}
	}
}

func (p *jaasScanner) word() (string, error) {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\f=;\"'", p.text[p.pos]) < 0 {
		p.pos++
	}
	if p.pos == start && p.pos < len(p.text) && p.text[p.pos] != ';' {
		return "", fmt.Errorf("a word was expected at character %d", p.pos+1)
	}
	return p.text[start:p.pos], nil
}

// value is a word or a quoted string with Java's escapes.
func (p *jaasScanner) value() (string, error) {
	if p.pos >= len(p.text) {
		return "", errors.New("it is missing")
	}
	quote := p.text[p.pos]
	if quote != '"' && quote != '\'' {
		v, err := p.word()
		if err == nil && v == "" {
			err = errors.New("it is missing")
		}
		return v, err
	}
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch {
		case c == quote:
			return b.String(), nil
		case c == '\\' && p.pos < len(p.text):
			b.WriteByte(unescape(p.text[p.pos]))
			p.pos++
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("its quote is not closed")
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'a':
		return 7
	case 'v':
		return 11
	}
	return c
}
