package datetime

import (
	"fmt"
	"strings"
)

// Format is a compiled pattern. It is used by one goroutine.
type Format struct {
	items []item
	names *names
	zones zones
}

// item is one element of a pattern.
type item struct {
	kind kind
	text string // of a literal
	// field is what the digits or the name are stored as.
	field    field
	min, max int
	sign     sign
	reserved int    // digits that belong to the fixed numbers behind
	inner    []item // of an optional section
	style    int    // number of letters of a name or an offset
	zero     string // text of the offset zero
}

type kind uint8

const (
	literal kind = iota
	number
	reduced  // two digits of a year from 2000 on
	fraction // of a second
	name
	offset
	zone
	optional
	never
)

// sign is SignStyle: which signs a number may have.
type sign uint8

const (
	notNegative sign = iota
	normal
	exceedsPad
)

// New compiles a pattern of DateTimeFormatter.ofPattern for a language tag; an empty
// tag is Locale.ROOT.
func New(pattern, language string) (*Format, error) {
	c := compiler{pattern: pattern}
	items, err := c.section(false)
	if err != nil {
		return nil, err
	}
	return &Format{items: items, names: namesOf(language)}, nil
}

type compiler struct {
	pattern string
	at      int
}

// section compiles up to the end of the pattern or of the optional section.
func (c *compiler) section(inner bool) ([]item, error) {
	b := builder{active: -1}
	for c.at < len(c.pattern) {
		ch := c.pattern[c.at]
		switch {
		case ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z':
			n := 1
			for c.at+n < len(c.pattern) && c.pattern[c.at+n] == ch {
				n++
			}
			c.at += n
			if err := b.letters(ch, n); err != nil {
				return nil, err
			}
		case ch == '\'':
			text, err := c.quoted()
			if err != nil {
				return nil, err
			}
			b.add(item{kind: literal, text: text})
		case ch == '[':
			c.at++
			items, err := c.section(true)
			if err != nil {
				return nil, err
			}
			b.add(item{kind: optional, inner: items})
		case ch == ']':
			if !inner {
				return nil, fmt.Errorf("Pattern invalid as it contains ] without previous [")
			}
			c.at++
			return b.items, nil
		case ch == '{' || ch == '}' || ch == '#':
			return nil, fmt.Errorf("Pattern includes reserved character: '%c'", ch)
		default:
			b.add(item{kind: literal, text: string(ch)})
			c.at++
		}
	}
	return b.items, nil // an optional section may stay open
}

func (c *compiler) quoted() (string, error) {
	var b strings.Builder
	for at := c.at + 1; at < len(c.pattern); at++ {
		if c.pattern[at] != '\'' {
			b.WriteByte(c.pattern[at])
			continue
		}
		if at+1 < len(c.pattern) && c.pattern[at+1] == '\'' {
			b.WriteByte('\'')
			at++
			continue
		}
		c.at = at + 1
		if b.Len() == 0 {
			return "'", nil
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("Pattern ends with an incomplete string literal: %s", c.pattern)
}

// builder collects the items of a section. active is the last number that the
// numbers behind may take digits from, -1 if there is none.
type builder struct {
	items  []item
	active int
}

func (b *builder) add(it item) {
	b.items = append(b.items, it)
	b.active = -1
}

// addNumber is DateTimeFormatterBuilder.appendValue: numbers without anything between
// share their digits ("yyyyMMdd").
func (b *builder) addNumber(it item) {
	if b.active >= 0 && it.min == it.max && it.sign == notNegative {
		b.items[b.active].reserved += it.max
		b.items = append(b.items, it)
		return
	}
	b.items = append(b.items, it)
	b.active = len(b.items) - 1
}

var fieldOf = map[byte]field{'u': year, 'y': yearOfEra, 'M': month, 'L': month, 'd': dayOfMonth, 'D': dayOfYear,
	'H': hour, 'k': clockHour, 'K': hourOfHalf, 'h': clockHourOfHalf, 'm': minute, 's': second, 'A': milliOfDay, 'n': nano, 'N': nanoOfDay,
	'E': weekday, 'e': weekday, 'c': weekday, 'a': half, 'G': era}

func (b *builder) letters(ch byte, n int) error {
	f, known := fieldOf[ch]
	tooMany := fmt.Errorf("Too many pattern letters: %c", ch)
	switch {
	case ch == 'u' || ch == 'y':
		switch {
		case n == 2:
			b.addNumber(item{kind: reduced, field: f, min: 2, max: 2})
		case n < 4:
			b.addNumber(item{kind: number, field: f, min: n, max: 19, sign: normal})
		default:
			b.addNumber(item{kind: number, field: f, min: n, max: 19, sign: exceedsPad})
		}
	case (ch == 'M' || ch == 'L' || ch == 'E' || ch == 'G' || ch == 'a') && (n > 2 || ch == 'E' || ch == 'G' || ch == 'a'):
		if n > 5 || ch == 'a' && n > 1 {
			return tooMany
		}
		style := n
		if n < 3 {
			style = 3
		}
		if ch == 'L' {
			style += standalone
		}
		b.add(item{kind: name, field: f, style: style})
	case ch == 'S':
		if n > 9 {
			return fmt.Errorf("Maximum width must be from 1 to 9 inclusive but was %d", n)
		}
		b.addNumber(item{kind: fraction, field: nano, min: n, max: n})
	case ch == 'A' || ch == 'n' || ch == 'N':
		b.addNumber(item{kind: number, field: f, min: n, max: 19, sign: notNegative})
	case ch == 'D':
		switch n {
		case 1:
			b.addNumber(item{kind: number, field: f, min: 1, max: 19, sign: normal})
		case 2, 3:
			b.addNumber(item{kind: number, field: f, min: n, max: 3})
		default:
			return tooMany
		}
	case ch == 'X' || ch == 'x' || ch == 'Z':
		return b.offset(ch, n)
	case ch == 'V':
		if n != 2 {
			return fmt.Errorf("Pattern letter count must be 2: %c", ch)
		}
		b.add(item{kind: zone})
	case known && ch != 'e' && ch != 'c':
		switch n {
		case 1:
			b.addNumber(item{kind: number, field: f, min: 1, max: 19, sign: normal})
		case 2:
			b.addNumber(item{kind: number, field: f, min: 2, max: 2})
		default:
			return tooMany
		}
	case strings.IndexByte("ecgzOvqQYwWFBp", ch) >= 0:
		b.add(item{kind: never})
	default:
		return fmt.Errorf("Unknown pattern letter: %c", ch)
	}
	return nil
}

// offset is an offset from UTC. style: 1 hours and, where there are any, minutes; 2
// hours and minutes; 3 with a colon; 4 and 5 also seconds, where there are any.
func (b *builder) offset(ch byte, n int) error {
	if n > 5 {
		return fmt.Errorf("Too many pattern letters: %c", ch)
	}
	zero := "Z"
	style := n
	switch {
	case ch == 'x' && n == 1:
		zero = "+00"
	case ch == 'x' && n%2 == 0:
		zero = "+0000"
	case ch == 'x':
		zero = "+00:00"
	case ch == 'Z' && n < 4:
		style, zero = 2, "+0000"
	case ch == 'Z' && n == 4:
		b.add(item{kind: never}) // GMT+2 in the words of a language
		return nil
	}
	b.add(item{kind: offset, style: style, zero: zero})
	return nil
}
