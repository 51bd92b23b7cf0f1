package datetime

import (
	_ "embed"
	"slices"
	"strings"
)

// standalone is added to the style of a name that stands by itself (LLLL).
const standalone = 10

// namesText has one line for each language and kind of names: the tag, the pattern,
// and the names in order, separated by bars. They are those of Unicode's CLDR as Java 17 has them.
//
//go:embed names.txt
var namesText string

// names are the names of a language, by pattern.
type names struct{ of map[string][]string }

// namesOf finds the language of a tag: that of the tag, else of its beginning, else
// those of the root locale.
func namesOf(tag string) *names {
	tag = strings.ReplaceAll(tag, "_", "-")
	for tag != "" {
		if n := readNames(tag); n != nil {
			return n
		}
		cut := strings.LastIndexByte(tag, '-')
		tag = tag[:max(cut, 0)]
	}
	return readNames("root")
}

func readNames(tag string) *names {
	n := &names{of: map[string][]string{}}
	for line := range strings.Lines(namesText) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) == 3 && strings.EqualFold(parts[0], tag) {
			n.of[parts[1]] = strings.Split(parts[2], "|")
		}
	}
	if len(n.of) == 0 {
		return nil
	}
	return n
}

// patternOf is the pattern of an item of names.
func patternOf(it *item) string {
	letter, style := "M", it.style
	switch it.field {
	case weekday:
		letter = "E"
	case half:
		return "a"
	case era:
		letter = "G"
	}
	if style >= standalone {
		letter, style = "L", style-standalone
	}
	return strings.Repeat(letter, style)
}

// parse takes the longest name that the text goes on with. Of names that are the same
// (the letters of NNN) Java cannot read any.
func (n *names) parse(it *item, text string, at int, p *parsed) (end int, ok bool) {
	list := n.of[patternOf(it)]
	best := -1
	for i, s := range list {
		if s != "" && strings.HasPrefix(text[at:], s) && (best < 0 || len(s) > len(list[best])) {
			best = i
		}
	}
	if best < 0 || slices.Index(list, list[best]) != lastIndex(list, list[best]) {
		return 0, false
	}
	v := int64(best)
	if it.field == month || it.field == weekday {
		v++
	}
	return at + len(list[best]), p.set(it.field, v)
}

func lastIndex(list []string, s string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == s {
			return i
		}
	}
	return -1
}
