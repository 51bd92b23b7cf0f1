package regex

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineTerminators end a line in Java (\r\n does as well).
const lineTerminators = "\n\r\u0085\u2028\u2029"

// translator reads an expression as java.util.regex.Pattern does, with the same
// errors at the same positions, and writes it for both engines.
type translator struct {
	source string // as given, for error texts
	src    []rune // what is left to read at; \Q…\E is written out there
	at     int

	out, linear []byte // for the backtracking engine, for Go's
	backtracks  bool   // Go's engine cannot do it
	lineEnds    bool   // $ or \Z: texts with line terminators are special
	words       bool   // \b or \B: letters beyond ASCII are special
	groups      int
	names       map[string]int
	single      bool // the last atom stands for one character
	endless     bool // what was read has no bound that Java sees: not allowed in a look-behind
	depth       int

	flags flags
}

// flags are the inline ones, (?imsxdu).
type flags struct{ fold, multi, dotAll, comments, unixLines, unicode bool }

const maxNesting = 500

// fail is Pattern.error: index is that of the character before the cursor, as the
// cursor stands in Java.
func (t *translator) fail(index int, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if index >= 0 {
		text += fmt.Sprintf(" near index %d", index)
	}
	text += "\n" + t.source
	if index >= 0 && index < utf8.RuneCountInString(t.source) {
		text += "\n" + strings.Repeat(" ", index) + "^"
	}
	return &SyntaxError{Text: text}
}

func (t *translator) emit(s string) {
	t.out = append(t.out, s...)
	t.linear = append(t.linear, s...)
}

// emitTwo writes what the engines spell differently.
func (t *translator) emitTwo(backtrack, linear string) {
	t.out = append(t.out, backtrack...)
	t.linear = append(t.linear, linear...)
}

// emitSlow writes what Go's engine cannot do.
func (t *translator) emitSlow(s string) {
	t.backtracks = true
	t.out = append(t.out, s...)
}

func (t *translator) more() bool { return t.at < len(t.src) }

func (t *translator) peek() rune {
	if t.more() {
		return t.src[t.at]
	}
	return 0
}

// peekAt is the character n further on, 0 behind the end.
func (t *translator) peekAt(n int) rune {
	if t.at+n < len(t.src) {
		return t.src[t.at+n]
	}
	return 0
}

func (t *translator) translate() error {
	t.names = map[string]int{}
	if err := t.alternatives(); err != nil {
		return err
	}
	if t.more() { // alternatives end at a closing parenthesis
		return t.fail(t.at-1, "Unmatched closing ')'")
	}
	return nil
}

func (t *translator) alternatives() error {
	if t.depth++; t.depth > maxNesting {
		return t.fail(t.at, "Groups are nested deeper than %d levels", maxNesting)
	}
	defer func() { t.depth-- }()
	for {
		if err := t.sequence(); err != nil {
			return err
		}
		if t.peek() != '|' {
			return nil
		}
		t.at++
		t.emit("|")
	}
}

func (t *translator) sequence() error {
	for t.skipComments(); t.more(); t.skipComments() {
		switch t.peek() {
		case '|', ')':
			return nil
		}
		if err := t.quantified(); err != nil {
			return err
		}
	}
	return nil
}

// skipComments drops blanks and comments in the mode (?x).
func (t *translator) skipComments() {
	for t.flags.comments && t.more() {
		switch c := t.peek(); {
		case strings.ContainsRune(" \t\n\v\f\r", c):
			t.at++
		case c == '#':
			for t.more() && !strings.ContainsRune(lineTerminators, t.peek()) {
				t.at++
			}
		default:
			return
		}
	}
}

// quantified translates one atom with its quantifier.
func (t *translator) quantified() error {
	startOut, startLinear := len(t.out), len(t.linear)
	repeatable, err := t.atom()
	if err != nil || !repeatable {
		return err
	}
	t.skipComments()
	q, err := t.quantifier()
	if err != nil || q.text == "" {
		return err
	}
	if q.endless && !(t.single && q.simple()) {
		t.endless = true
	}
	before, after := "(?:", ")"+q.text
	if q.lazy {
		after += "?"
	}
	if q.possessive {
		t.backtracks = true
		before, after = "(?>"+before, after+")"
	}
	t.out = wrap(t.out, startOut, before, after)
	t.linear = wrap(t.linear, startLinear, before, after)
	return nil
}

// wrap puts something before and after what b holds from start on.
func wrap(b []byte, start int, before, after string) []byte {
	return append(slices.Insert(b, start, []byte(before)...), after...)
}

type quantifier struct {
	text             string
	lazy, possessive bool
	endless          bool // without an upper bound
}

// simple reports whether Java counts the repetition of one character as bounded, as it
// does, against its own documentation, for the greedy * and +.
func (q *quantifier) simple() bool { return !q.lazy && !q.possessive && len(q.text) == 1 }

func (t *translator) quantifier() (quantifier, error) {
	var q quantifier
	switch c := t.peek(); c {
	case '?', '*', '+':
		q.text, q.endless = string(c), c != '?'
		t.at++
	case '{':
		var err error
		if q.text, err = t.counted(); err != nil {
			return q, err
		}
		q.endless = strings.HasSuffix(q.text, ",}")
	default:
		return q, nil
	}
	switch t.peek() {
	case '?':
		q.lazy = true
		t.at++
	case '+':
		q.possessive = true
		t.at++
	}
	return q, nil
}

// counted reads {n}, {n,} or {n,m}.
func (t *translator) counted() (string, error) {
	if !isDigit(t.peekAt(1)) {
		return "", t.fail(t.at+1, "Illegal repetition")
	}
	t.at++
	low, err := t.number()
	if err != nil {
		return "", err
	}
	high, text := low, strconv.Itoa(low)
	if t.peek() == ',' {
		t.at++
		high, text = -1, text+","
		if isDigit(t.peek()) {
			if high, err = t.number(); err != nil {
				return "", err
			}
			text += strconv.Itoa(high)
		}
	}
	switch {
	case t.peek() != '}':
		return "", t.fail(t.at, "Unclosed counted closure")
	case high >= 0 && high < low:
		return "", t.fail(t.at, "Illegal repetition range")
	}
	t.at++
	return "{" + text + "}", nil
}

func (t *translator) number() (int, error) {
	n := 0
	for isDigit(t.peek()) {
		n = n*10 + int(t.peek()-'0')
		if t.at++; n > 1<<31-1 {
			return 0, t.fail(t.at-1, "Illegal repetition range")
		}
	}
	return n, nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isWordRune(r rune) bool {
	return isDigit(r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
}

// atom translates what a quantifier can follow. Repeatable is false for flags,
// which a quantifier does nothing to.
func (t *translator) atom() (repeatable bool, err error) {
	c := t.peek()
	t.single = false
	switch c {
	case '(':
		repeatable, err = t.group()
		t.single = false
		return repeatable, err
	case '[':
		s, err := t.class()
		if err == nil {
			t.emit(s.String())
		}
		t.single = true
		return true, err
	case '\\':
		return true, t.escape()
	case '.':
		t.single = true
		t.dot()
	case '^':
		t.start()
	case '$':
		t.end()
	case '*', '+', '?':
		return false, t.fail(t.at, "Dangling meta character '%c'", c)
	case '{': // an empty atom with a counted quantifier
		return true, nil
	default:
		t.single = true
		t.literal(c)
	}
	t.at++
	return true, nil
}

// literal writes a character that stands for itself.
func (t *translator) literal(c rune) {
	t.emit(t.folded(single(c)).String())
}

// folded adds the other case of letters, in the mode (?i): of ASCII letters alone
// unless (?u) is on as well.
func (t *translator) folded(s set) set {
	if !t.flags.fold {
		return s
	}
	return s.fold(t.flags.unicode)
}

func (t *translator) dot() {
	switch {
	case t.flags.dotAll:
		t.emit(everything.String())
	case t.flags.unixLines:
		t.emit(single('\n').negate().String())
	default:
		t.emit(terminators.negate().String())
	}
}

func (t *translator) start() {
	if !t.flags.multi {
		t.emit(`\A`)
		return
	}
	t.emitSlow(`(?:\A|(?<=` + terminators.String() + `)(?!(?<=\r)\n)(?!\z))`)
}

func (t *translator) end() {
	if t.flags.multi {
		t.emitSlow(`(?:\z|(?=` + terminators.String() + `)(?!(?<=\r)\n))`)
		return
	}
	t.lastLine()
}

// lastLine is $ and \Z: the end, or before the line terminator at the end.
func (t *translator) lastLine() {
	t.lineEnds = true
	t.emitTwo(`(?=(?:\r\n|`+terminators.String()+`)?\z)(?!(?<=\r)\n)`, `\z`)
}

// group translates a parenthesis.
func (t *translator) group() (repeatable bool, err error) {
	t.at++
	saved := t.flags
	if t.peek() != '?' {
		t.groups++
		t.emit("(")
		return true, t.closeGroup(saved)
	}
	t.at++
	switch c := t.peek(); c {
	case ':':
		t.at++
		t.emit("(?:")
	case '=', '!':
		t.at++
		t.emitSlow("(?" + string(c))
		return true, t.look(saved, false)
	case '>':
		t.at++
		t.emitSlow("(?>")
	case '<':
		t.at++
		switch c := t.peek(); {
		case c == '=' || c == '!':
			t.at++
			t.emitSlow("(?<" + string(c))
			return true, t.look(saved, true)
		default:
			name, err := t.groupName()
			if err != nil {
				return false, err
			}
			t.groups++
			if _, ok := t.names[name]; ok {
				return false, t.fail(t.at-1, "Named capturing group <%s> is already defined", name)
			}
			t.names[name] = t.groups
			t.emit("(")
		}
	default:
		return t.inlineFlags(saved)
	}
	return true, t.closeGroup(saved)
}

// look closes a look-around, whose own length does not count. Behind: it must have a
// bound.
func (t *translator) look(saved flags, behind bool) error {
	around := t.endless
	t.endless = false
	if err := t.alternatives(); err != nil {
		return err
	}
	if behind && t.endless {
		return t.fail(t.at-1, "Look-behind group does not have an obvious maximum length")
	}
	t.endless = around
	return t.closed(saved)
}

func (t *translator) closeGroup(saved flags) error {
	if err := t.alternatives(); err != nil {
		return err
	}
	return t.closed(saved)
}

func (t *translator) closed(saved flags) error {
	if t.peek() != ')' {
		return t.fail(t.at, "Unclosed group")
	}
	t.at++
	t.flags = saved
	t.emit(")")
	return nil
}

// groupName reads name> of a named group or of a reference to one.
func (t *translator) groupName() (string, error) {
	c := t.peek()
	if !isWordRune(c) || isDigit(c) || c == '_' {
		return "", t.fail(t.at, "capturing group name does not start with a Latin letter")
	}
	start := t.at
	for isWordRune(t.peek()) && t.peek() != '_' {
		t.at++
	}
	if t.peek() != '>' {
		return "", t.fail(t.at, "named capturing group is missing trailing '>'")
	}
	t.at++
	return string(t.src[start : t.at-1]), nil
}

// inlineFlags translates (?ims-x) and (?ims-x:…).
func (t *translator) inlineFlags(saved flags) (repeatable bool, err error) {
	on := true
	for ; ; t.at++ {
		switch t.peek() {
		case 'i':
			t.flags.fold = on
		case 'm':
			t.flags.multi = on
		case 's':
			t.flags.dotAll = on
		case 'x':
			t.flags.comments = on
		case 'd':
			t.flags.unixLines = on
		case 'u', 'U':
			t.flags.unicode = on
		case '-':
			if !on {
				return false, t.fail(t.at, "Unknown inline modifier")
			}
			on = false
		case ')':
			t.at++
			return false, nil
		case ':':
			t.at++
			t.emit("(?:")
			return true, t.closeGroup(saved)
		default:
			return false, t.fail(t.at, "Unknown inline modifier")
		}
	}
}

// reference translates a back reference to a group by number.
func (t *translator) reference(n int) {
	t.endless = true
	if n > t.groups {
		t.emitSlow("(?!)") // a group that is not there matches nothing
		return
	}
	ref := `\` + strconv.Itoa(n)
	if t.flags.fold {
		ref = "(?i:" + ref + ")"
	}
	t.emitSlow("(?:" + ref + ")")
}

// single is the set of one character.
func single(c rune) set { return set{{c, c}} }

var (
	everything  = set{{0, unicode.MaxRune}}
	terminators = newSet('\n', '\n', '\r', '\r', 0x85, 0x85, 0x2028, 0x2029)
)
