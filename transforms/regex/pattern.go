package regex

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/dlclark/regexp2"

	"culvert/configdef"
)

// Pattern is a compiled expression. It is for any number of goroutines.
type Pattern struct {
	source string
	groups int
	names  map[string]int
	// Whole and first find the whole text, and the first match in it; every all matches.
	whole, first engine
	every        func() (engine, error) // made at its first use
}

// engine runs an expression on Go's engine where it means there what it means in
// Java, else on the backtracking one.
type engine struct {
	linear    *regexp.Regexp  // nil: it cannot
	backtrack *regexp2.Regexp // nil: never needed
	slowFor   func(text string) bool
}

// matchTimeout ends a match that backtracks without end. While the backtracking
// engine is in use, its library keeps a clock in a goroutine, which ends by itself
// when no match has been begun for this time.
const matchTimeout = time.Second

// Compile reads an expression. The error is a *SyntaxError with Java's text.
func Compile(source string) (*Pattern, error) {
	t := translator{source: source, src: []rune(source)}
	if err := t.translate(); err != nil {
		return nil, err
	}
	p := &Pattern{source: source, groups: t.groups, names: t.names}
	var err error
	if p.whole, err = t.engine(`\A(?:`, `)\z`); err != nil {
		return nil, &SyntaxError{Text: err.Error() + "\n" + source}
	}
	p.every = sync.OnceValues(t.every)
	p.first, err = t.engine("(?:", ")")
	return p, err
}

// every is the engine for all matches. Behind a match Go's leaves out an empty one, which
// Java finds, so that what may match nothing at all runs on the other.
func (t *translator) every() (engine, error) {
	e, err := t.engine("(?:", ")")
	if err != nil || e.linear == nil {
		return e, err
	}
	tree, err := syntax.Parse(e.linear.String(), syntax.Perl)
	if err != nil || !matchesNothing(tree) {
		return e, err
	}
	e.linear = nil
	if e.backtrack == nil {
		e.backtrack, err = t.backtracking("(?:", ")")
	}
	return e, err
}

// matchesNothing reports whether an expression can match the empty text somewhere.
func matchesNothing(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpCapture, syntax.OpPlus, syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !matchesNothing(s) })
	case syntax.OpRepeat:
		return re.Min == 0 || matchesNothing(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, matchesNothing)
	}
	return true // an anchor, or what may be left out
}

func (t *translator) engine(before, after string) (engine, error) {
	var e engine
	var err error
	if !t.backtracks {
		e.linear, _ = regexp.Compile(before + string(t.linear) + after) // fails for very long repetitions
		e.slowFor = t.slowFor()
	}
	if e.linear == nil || e.slowFor != nil {
		e.backtrack, err = t.backtracking(before, after)
	}
	return e, err
}

func (t *translator) backtracking(before, after string) (*regexp2.Regexp, error) {
	r, err := regexp2.Compile(before+string(t.out)+after, regexp2.None)
	if err != nil {
		return nil, err
	}
	r.MatchTimeout = matchTimeout
	return r, nil
}

// slowFor tells for which texts Go's anchors differ from Java's; nil: for none.
func (t *translator) slowFor() func(string) bool {
	if !t.lineEnds && !t.words {
		return nil
	}
	lines, words := t.lineEnds, t.words
	return func(text string) bool {
		return lines && strings.ContainsAny(text, lineTerminators) ||
			words && strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	}
}

// find returns the positions of the match and its groups, in pairs, -1 for a group
// that took no part; nil if there is none.
func (e *engine) find(text string) ([]int, error) {
	if e.linear != nil && (e.slowFor == nil || !e.slowFor(text)) {
		return e.linear.FindStringSubmatchIndex(text), nil
	}
	m, err := e.backtrack.FindStringMatch(text)
	if err != nil {
		return nil, tooLong(err)
	}
	if m == nil {
		return nil, nil
	}
	return positions(m, offsetsOf(text)), nil
}

// findAll is find for all matches.
func (e *engine) findAll(text string) (all [][]int, err error) {
	if e.linear != nil && (e.slowFor == nil || !e.slowFor(text)) {
		return e.linear.FindAllStringSubmatchIndex(text, -1), nil
	}
	offsets := offsetsOf(text)
	m, err := e.backtrack.FindStringMatch(text)
	for ; m != nil && err == nil; m, err = e.backtrack.FindNextMatch(m) {
		all = append(all, positions(m, offsets))
	}
	if err != nil {
		return nil, tooLong(err)
	}
	return all, nil
}

func tooLong(err error) error {
	return fmt.Errorf("the regular expression takes longer than %s: %w", matchTimeout, err)
}

// offsetsOf says where each character begins, and where the last one ends.
func offsetsOf(text string) []int {
	offsets := make([]int, 0, len(text)+1)
	for i := range text {
		offsets = append(offsets, i)
	}
	return append(offsets, len(text))
}

func positions(m *regexp2.Match, offsets []int) (loc []int) {
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			loc = append(loc, -1, -1)
			continue
		}
		loc = append(loc, offsets[g.Index], offsets[g.Index+g.Length])
	}
	return loc
}

// String is the expression as it was given.
func (p *Pattern) String() string { return p.source }

// Matches is Matcher.matches: the whole text matches. The error is for a match that
// takes too long.
func (p *Pattern) Matches(text string) (bool, error) {
	loc, err := p.whole.find(text)
	return loc != nil, err
}

// Finds is Matcher.find: some part of the text matches.
func (p *Pattern) Finds(text string) (bool, error) {
	loc, err := p.first.find(text)
	return loc != nil, err
}

// ReplaceFirst is Matcher.replaceFirst: the first match in text becomes replacement,
// in which $1 or ${name} stands for a group and \ takes the next character as it is.
// The error is Java's, for a replacement that cannot be read.
func (p *Pattern) ReplaceFirst(text, replacement string) (string, error) {
	loc, err := p.first.find(text)
	if err != nil || loc == nil {
		return text, err
	}
	var b strings.Builder
	b.WriteString(text[:loc[0]])
	if err := p.expand(&b, text, replacement, loc); err != nil {
		return "", err
	}
	b.WriteString(text[loc[1]:])
	return b.String(), nil
}

// ReplaceAll is Matcher.replaceAll: ReplaceFirst for each match.
func (p *Pattern) ReplaceAll(text, replacement string) (string, error) {
	e, err := p.every()
	if err != nil {
		return "", err
	}
	all, err := e.findAll(text)
	if err != nil || all == nil {
		return text, err
	}
	var b strings.Builder
	end := 0
	for _, loc := range all {
		b.WriteString(text[end:loc[0]])
		if err := p.expand(&b, text, replacement, loc); err != nil {
			return "", err
		}
		end = loc[1]
	}
	b.WriteString(text[end:])
	return b.String(), nil
}

// expand is Matcher.appendExpandedReplacement.
func (p *Pattern) expand(b *strings.Builder, text, replacement string, loc []int) error {
	for i := 0; i < len(replacement); i++ {
		switch c := replacement[i]; c {
		case '\\':
			if i++; i == len(replacement) {
				return errors.New("character to be escaped is missing")
			}
			b.WriteByte(replacement[i])
		case '$':
			group, next, err := p.reference(replacement, i+1)
			if err != nil {
				return err
			}
			if from := loc[2*group]; from >= 0 {
				b.WriteString(text[from:loc[2*group+1]])
			}
			i = next - 1
		default:
			b.WriteByte(c)
		}
	}
	return nil
}

// reference reads what follows a $ in a replacement.
func (p *Pattern) reference(s string, at int) (group, next int, err error) {
	switch {
	case at == len(s):
		return 0, 0, errors.New("Illegal group reference: group index is missing")
	case s[at] == '{':
		name := s[at+1:]
		end := strings.IndexFunc(name, func(r rune) bool { return !isWordRune(r) || r == '_' })
		switch {
		case end == 0 || name == "":
			return 0, 0, errors.New("named capturing group is missing trailing '}'")
		case end < 0 || name[end] != '}':
			return 0, 0, errors.New("named capturing group is missing trailing '}'")
		case name[0] >= '0' && name[0] <= '9':
			return 0, 0, fmt.Errorf("capturing group name {%s} starts with digit character", name[:end])
		}
		group, ok := p.names[name[:end]]
		if !ok {
			return 0, 0, fmt.Errorf("No group with name {%s}", name[:end])
		}
		return group, at + end + 2, nil
	case s[at] < '0' || s[at] > '9':
		return 0, 0, errors.New("Illegal group reference")
	}
	group = int(s[at] - '0')
	if group > p.groups {
		return 0, 0, fmt.Errorf("No group %d", group)
	}
	for at++; at < len(s) && s[at] >= '0' && s[at] <= '9'; at++ { // as many digits as there is a group for
		wider := group*10 + int(s[at]-'0')
		if wider > p.groups {
			break
		}
		group = wider
	}
	return group, at, nil
}

// SyntaxError is java.util.regex.PatternSyntaxException with its message.
type SyntaxError struct{ Text string }

func (e *SyntaxError) Error() string { return e.Text }

// Check is org.apache.kafka.connect.transforms.util.RegexValidator.
func Check(_ string, v configdef.Parsed) error {
	if v.Null {
		return errors.New("Invalid regex: null")
	}
	if _, err := Compile(v.Text); err != nil {
		return fmt.Errorf("Invalid regex: %w", err)
	}
	return nil
}
