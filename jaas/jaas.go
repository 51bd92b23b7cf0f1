// Package jaas reads the configurations of Java's login modules: the one entry of
// sasl.jaas.config, and the files that java.security.auth.login.config names.
//
// Errors never repeat the text: it holds passwords.
package jaas

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Module is one login module of an entry.
type Module struct {
	Class   string
	Flag    string // required, requisite, sufficient or optional
	Options map[string]string
}

// Parse reads what Java's JaasConfig reads, the form of sasl.jaas.config: a module
// class, a control flag, key=value pairs, and a semicolon.
func Parse(text string) (Module, error) {
	p := scanner{text: text}
	m, err := p.module()
	if err != nil {
		return m, err
	}
	if p.space(); p.pos < len(p.text) {
		return m, errors.New("it has more than one login module")
	}
	return m, nil
}

// ParseFile reads a file of named entries (com.sun.security.auth.login.ConfigFile):
//
//	KafkaConnect { the.login.Module required file="…"; };
func ParseFile(text string) (map[string][]Module, error) {
	p := scanner{text: text}
	entries := map[string][]Module{}
	for {
		if p.space(); p.pos >= len(p.text) {
			return entries, nil
		}
		name, err := p.name()
		if err != nil || name == "" {
			return nil, fmt.Errorf("the name of entry %d cannot be read", len(entries)+1)
		}
		if p.space(); !p.take('{') {
			return nil, fmt.Errorf("the name %s is not followed by {", name)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("there are two entries %s", name)
		}
		for {
			if p.space(); p.take('}') {
				break
			}
			m, err := p.module()
			if err != nil {
				return nil, fmt.Errorf("entry %s: %w", name, err)
			}
			entries[name] = append(entries[name], m)
		}
		if p.space(); !p.take(';') {
			return nil, fmt.Errorf("the entry %s does not end with };", name)
		}
		if len(entries[name]) == 0 {
			return nil, fmt.Errorf("the entry %s has no login module", name)
		}
	}
}

func (p *scanner) name() (string, error) {
	if p.text[p.pos] == '"' {
		return p.value()
	}
	return p.word()
}

// module reads a class, a flag and options up to the semicolon.
func (p *scanner) module() (Module, error) {
	m := Module{Options: map[string]string{}}
	var err error
	if m.Class, err = p.word(); err != nil || m.Class == "" {
		return m, errors.New("it does not begin with the class of a login module")
	}
	flag, err := p.word()
	if err != nil {
		return m, err
	}
	m.Flag = strings.ToLower(flag)
	if !slices.Contains([]string{"required", "requisite", "sufficient", "optional"}, m.Flag) {
		return m, errors.New("the class of the login module is not followed by a control flag (required, requisite, sufficient or optional)")
	}
	for n := 1; ; n++ {
		p.space()
		if p.take(';') {
			return m, nil
		}
		key, err := p.word()
		if err != nil || key == "" {
			return m, errors.New("it does not end with a semicolon")
		}
		if p.space(); !p.take('=') {
			// Not its name: it may be the rest of a password that is not quoted.
			return m, fmt.Errorf("option %d has no '='; values with blanks or signs are put in quotes", n)
		}
		p.space()
		if m.Options[key], err = p.value(); err != nil {
			return m, fmt.Errorf("the value of option %d: %w", n, err)
		}
	}
}

type scanner struct {
	text string
	pos  int
}

func (p *scanner) take(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// space skips blanks and comments.
func (p *scanner) space() {
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

func (p *scanner) word() (string, error) {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\f=;\"'{}", p.text[p.pos]) < 0 {
		p.pos++
	}
	if p.pos == start && p.pos < len(p.text) && p.text[p.pos] != ';' {
		return "", fmt.Errorf("a word was expected at character %d", p.pos+1)
	}
	return p.text[start:p.pos], nil
}

// value is a word or a quoted string with Java's escapes.
func (p *scanner) value() (string, error) {
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
