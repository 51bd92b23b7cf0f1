package changestream

import (
	"errors"
	"fmt"
	"strings"
)

// template is the name of a topic with variables: {db}, {sep}, {coll}, {sep_coll},
// {coll_sep}, {sep_coll_sep}. Texts and variables take turns, a text first.
type template []string

// newTemplate reads a template; the errors are Java's.
func newTemplate(text, separator string) (template, error) {
	unexpected := func(c byte) error {
		return fmt.Errorf("Variable expansion syntax is violated, unexpected '%c'", c)
	}
	t := template{""}
	last := func() *string { return &t[len(t)-1] }
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			*last() += text
			break
		}
		if text[i] == '}' {
			return nil, unexpected('}')
		}
		*last() += text[:i]
		text = text[i+1:]
		end := strings.IndexAny(text, "{}")
		if end < 0 || text[end] == '{' {
			return nil, unexpected('{')
		}
		switch name := text[:end]; name {
		case "sep":
			*last() += separator
		case "db", "coll", "sep_coll", "coll_sep", "sep_coll_sep":
			t = append(t, name, "")
		default:
			return nil, errors.New(name + " is not a supported variable name")
		}
		text = text[end+1:]
	}
	return t, nil
}

// expand puts in the values of the variables.
func (t template) expand(db, coll, separator string) string {
	var b strings.Builder
	for i, part := range t {
		switch {
		case i%2 == 0:
			b.WriteString(part)
		case part == "db":
			b.WriteString(db)
		case coll != "":
			for _, word := range strings.Split(part, "_") {
				if word == "sep" {
					b.WriteString(separator)
				} else {
					b.WriteString(coll)
				}
			}
		}
	}
	return b.String()
}
