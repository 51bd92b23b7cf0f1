package regex

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
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
	// Whole and first find the whole text, and the first match in it.
	whole, first engine
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
	p.first, err = t.engine("(?:", ")")
	return p, err
}

func (t *translator) engine(before, after string) (engine, error) {
	var e engine
	var err error
	if !t.backtracks {
		e.linear, _ = regexp.Compile(before + string(t.linear) + after) // fails for very long repetitions
		e.slowFor = t.slowFor()
	}
	if e.linear == nil || e.slowFor != nil {
		if e.backtrack, err = regexp2.Compile(before+string(t.out)+after, regexp2.None); err != nil {
			return e, err
		}
		e.backtrack.MatchTimeout = matchTimeout
	}
	return e, nil
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
		return nil, fmt.Errorf("the regular expression takes longer than %s: %w", matchTimeout, err)
	}
	if m == nil {
		return nil, nil
	}
	offsets := make([]int, 0, len(text)+1) // of each character
	for i := range text {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(text))
	var loc []int
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			loc = append(loc, -1, -1)
			continue
		}
		loc = append(loc, offsets[g.Index], offsets[g.Index+g.Length])
	}
	return loc, nil
}

// String is the expression as it was given.
func (p *Pattern) String() string { return p.source }

// Matches is Matcher.matches: the whole text matches. The error is for a match that
// takes too long.
func (p *Pattern) Matches(text string) (bool, error) {
	loc, err := p.whole.find(text)
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
