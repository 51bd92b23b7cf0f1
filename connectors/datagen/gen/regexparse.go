package gen

import (
	"fmt"
	"strconv"
	"strings"
)

// rxParser reads expressions in the grammar of the Automaton library
// (dk.brics.automaton.RegExp) with its errors. That is: a character out of place
// is itself, "text" is text and <1-9> a number. As users of other libraries mean
// them are anchors, (?:…), escapes as \t, and @ # ~ & which are themselves.
type rxParser struct {
	text  []rune
	pos   int
	grown int // by how much the library would have made the text before longer
	depth int
}

// maxRegexDepth bounds how deep groups are nested.
const maxRegexDepth = 1000

func parseRegex(expr string) (rx, error) {
	p := &rxParser{text: []rune(expr)}
	if len(p.text) == 0 {
		return rx{}, nil
	}
	x, err := p.union()
	if err == nil && p.more() {
		err = p.fail("end-of-string expected")
	}
	return x, err
}

func (p *rxParser) more() bool { return p.pos < len(p.text) }

func (p *rxParser) peek(any string) bool {
	return p.more() && strings.ContainsRune(any, p.text[p.pos])
}

func (p *rxParser) match(text string) bool {
	if !strings.HasPrefix(string(p.text[p.pos:min(p.pos+len(text), len(p.text))]), text) {
		return false
	}
	p.pos += len(text)
	return true
}

func (p *rxParser) next() (rune, error) {
	if !p.more() {
		return 0, fmt.Errorf("unexpected end-of-string")
	}
	p.pos++
	return p.text[p.pos-1], nil
}

func (p *rxParser) fail(what string) error {
	return fmt.Errorf("%s at position %d", what, p.pos+p.grown)
}

func (p *rxParser) union() (rx, error) {
	if p.depth++; p.depth > maxRegexDepth {
		return rx{}, fmt.Errorf("groups are nested more than %d times", maxRegexDepth)
	}
	defer func() { p.depth-- }()
	var all []rx
	for {
		x, err := p.concat()
		if err != nil {
			return rx{}, err
		}
		if all = append(all, x); !p.match("|") {
			return alternate(all), nil
		}
	}
}

// concat reads at least one part: what follows the beginning or a bar is never empty.
func (p *rxParser) concat() (rx, error) {
	var all []rx
	for {
		x, err := p.repeat()
		if err != nil {
			return rx{}, err
		}
		if all = append(all, x); !p.more() || p.peek(")|") {
			return concat(all), nil
		}
	}
}

func (p *rxParser) repeat() (rx, error) {
	x, err := p.atom()
	for err == nil && p.peek("?*+{") {
		switch {
		case p.match("?"):
			x = repeat(x, 0, 1)
		case p.match("*"):
			x = repeat(x, 0, unbounded)
		case p.match("+"):
			x = repeat(x, 1, unbounded)
		case p.match("{"):
			var from, to int
			if from, to, err = p.counts(); err == nil {
				x = repeat(x, from, to)
			}
		}
	}
	return x, err
}

// counts reads what follows the brace.
func (p *rxParser) counts() (from, to int, err error) {
	digits := func() string {
		start := p.pos
		for p.peek("0123456789") {
			p.pos++
		}
		return string(p.text[start:p.pos])
	}
	number := func(s string) int {
		n, convErr := strconv.ParseInt(s, 10, 32)
		if convErr != nil && err == nil {
			err = fmt.Errorf("For input string: %q", s)
		}
		return min(int(n), unbounded)
	}
	first := digits()
	if first == "" {
		return 0, 0, p.fail("integer expected")
	}
	from = number(first)
	if to = from; p.match(",") {
		to = unbounded
		if last := digits(); last != "" {
			to = number(last)
		}
	}
	if err == nil && !p.match("}") {
		err = p.fail("expected '}'")
	}
	return from, to, err
}

func (p *rxParser) atom() (rx, error) {
	switch {
	case p.match("["):
		return p.class()
	case p.match("."):
		return class([]rune{' ', '~'}), nil
	case p.match(`"`):
		text, err := p.until('"')
		return literal([]rune(text)...), err
	case p.match("("):
		return p.group()
	case p.match("<"):
		return p.interval()
	case p.match("^"), p.match("$"):
		return rx{}, nil
	case p.match(`\`):
		return p.escape()
	}
	c, err := p.next()
	return literal(c), err
}

// until reads up to the closing character and takes that too.
func (p *rxParser) until(end rune) (string, error) {
	start := p.pos
	for p.more() && p.text[p.pos] != end {
		p.pos++
	}
	if !p.more() {
		return "", p.fail(fmt.Sprintf("expected '%c'", end))
	}
	p.pos++
	return string(p.text[start : p.pos-1]), nil
}

func (p *rxParser) group() (rx, error) {
	if p.match(")") {
		return rx{}, nil
	}
	p.match("?:")
	x, err := p.union()
	if err == nil && !p.match(")") {
		err = p.fail("expected ')'")
	}
	return x, err
}

// interval reads the numbers of <1-9>. They have as many digits as both ends, or
// as they need when the ends differ in that.
func (p *rxParser) interval() (rx, error) {
	text, err := p.until('>')
	if err != nil {
		return rx{}, err
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return rx{}, fmt.Errorf("'%s' not found", text)
	}
	low, err1 := strconv.ParseInt(first, 10, 32)
	high, err2 := strconv.ParseInt(last, 10, 32)
	if err1 != nil || err2 != nil {
		p.pos--
		return rx{}, p.fail("interval syntax error")
	}
	digits := 0
	if len(first) == len(last) {
		digits = len(first)
	}
	return numbers(min(low, high), max(low, high), digits), nil
}

// numbers matches the numbers from low to high with the given count of digits at
// least. It splits them into blocks that end in zeros to nines.
func numbers(low, high int64, digits int) rx {
	var all []rx
	for low <= high {
		block := int64(1)
		zeros := 0
		for low%(block*10) == 0 && low+block*10-1 <= high && (low > 0 || zeros+1 < digits) {
			block *= 10
			zeros++
		}
		head := strconv.FormatInt(low/block, 10)
		if low == 0 && zeros > 0 {
			head = ""
		}
		head = strings.Repeat("0", max(0, digits-zeros-len(head))) + head
		parts := []rx{literal([]rune(head)...)}
		if zeros > 0 {
			parts = append(parts, repeat(class([]rune{'0', '9'}), zeros, zeros))
		}
		all = append(all, concat(parts))
		low += block
	}
	return alternate(all)
}

// The classes that have a letter, as pairs.
var classes = map[rune][]rune{
	'd': {'0', '9'}, 'w': {'a', 'z', 'A', 'Z', '_', '_', '0', '9'}, 's': {' ', ' ', '\t', '\t', '\n', '\n', '\f', '\f', '\r', '\r'},
}

// written is how much longer the text of a class is than its escape.
var written = map[rune]int{'d': 3, 'w': 10, 's': 5, 'D': 4, 'W': 11, 'S': 6}

// named gives the class of an escape, negated for a capital letter.
func (p *rxParser) named(c rune) ([]rune, bool) {
	pairs, ok := classes[c]
	if !ok {
		if pairs, ok = classes[c+'a'-'A']; ok {
			pairs = complement(pairs)
		}
	}
	p.grown += written[c]
	return pairs, ok
}

var controls = map[rune]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f', 'v': '\v', 'a': 7, 'e': 27}

func (p *rxParser) escape() (rx, error) {
	c, err := p.next()
	if err != nil {
		return rx{}, err
	}
	if pairs, ok := p.named(c); ok {
		if c == 's' {
			return rx{op: rxClass, runes: pairs, lo: 1, hi: 1}, nil
		}
		return class(pairs), nil
	}
	switch c {
	case 'Q':
		text, _, found := strings.Cut(string(p.text[p.pos:]), `\E`)
		if p.pos += len([]rune(text)); found {
			p.pos += 2
		}
		return literal([]rune(text)...), nil
	case 'b', 'B', 'A', 'z', 'Z':
		return rx{}, nil
	}
	if r, ok := controls[c]; ok {
		c = r
	}
	return literal(c), nil
}

// class reads what follows the bracket. The first character is never its end.
func (p *rxParser) class() (rx, error) {
	negated := p.match("^")
	var pairs []rune
	for first := true; first || p.more() && !p.peek("]"); first = false {
		c, more, err := p.classRune()
		if err != nil {
			return rx{}, err
		}
		if more != nil {
			pairs = append(pairs, more...)
			continue
		}
		end := c
		if p.match("-") {
			if p.peek("]") {
				pairs = append(pairs, '-', '-')
			} else if end, _, err = p.classRune(); err != nil {
				return rx{}, err
			}
		}
		if c <= end {
			pairs = append(pairs, c, end)
		}
	}
	if !p.match("]") {
		return rx{}, p.fail("expected ']'")
	}
	if negated {
		pairs = complement(pairs)
	}
	return class(pairs), nil
}

// classRune reads one character of a class, or a class within it.
func (p *rxParser) classRune() (rune, []rune, error) {
	escaped := p.match(`\`)
	c, err := p.next()
	if err != nil || !escaped {
		return c, nil, err
	}
	if pairs, ok := p.named(c); ok {
		return 0, pairs, nil
	}
	if r, ok := controls[c]; ok {
		c = r
	}
	return c, nil, nil
}

// complement gives the characters that are not in the class: those that can be
// read, or others if there are none.
func complement(pairs []rune) []rune {
	var rest []rune
	for _, span := range [][2]rune{{' ', '~'}, {0xa1, 0xff}, {0x100, 0xd7ff}} {
		for c := span[0]; c <= span[1]; c++ {
			if !within(pairs, c) {
				rest = append(rest, c, c)
			}
		}
		if rest != nil {
			return rest
		}
	}
	return nil
}

func within(pairs []rune, c rune) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] <= c && c <= pairs[i+1] {
			return true
		}
	}
	return false
}
