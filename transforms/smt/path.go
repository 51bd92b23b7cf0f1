package smt

import (
	"strings"

	"culvert/data"
	"culvert/fault"
)

// path leads to a field, step by step (KIP-821, SingleFieldPath).
type path []string

// parsePath reads a path in syntax V1, where it is one name, or V2.
func parsePath(text, syntax string) (path, error) {
	if !strings.EqualFold(syntax, "V2") {
		return path{text}, nil
	}
	var p path
	for at := 0; at < len(text); {
		if text[at] != '`' {
			name, rest, more := strings.Cut(text[at:], ".")
			p = append(p, name)
			at = len(text) - len(rest)
			if more && rest == "" {
				return append(p, ""), nil // a dot at the end is followed by an empty name
			}
			continue
		}
		name, next, err := quotedName(text, at)
		if err != nil {
			return nil, err
		}
		p, at = append(p, name), next
		if at == len(text) && text[at-1] == '.' {
			p = append(p, "")
		}
	}
	return p, nil
}

// quotedName reads a name in backticks that begins at position at. The one that
// closes it stands before a dot or at the end; \` before a dot is a backtick of the
// name. Next is the position behind the name and its dot.
func quotedName(text string, at int) (name string, next int, err error) {
	var b strings.Builder
	start := at + 1
	for i := start; ; i++ {
		tick := strings.IndexByte(text[i:], '`')
		if tick < 0 {
			return "", 0, incomplete(text, at)
		}
		i += tick
		escaped := text[i-1] == '\\'
		switch {
		case i == len(text)-1 && escaped:
			return "", 0, incomplete(text, at)
		case i == len(text)-1:
			b.WriteString(text[start:i])
			return b.String(), i + 1, nil
		case text[i+1] != '.': // it is part of the name
		case escaped:
			b.WriteString(text[start : i-1])
			b.WriteByte('`')
			start = i + 1
		default:
			b.WriteString(text[start:i])
			return b.String(), i + 2, nil
		}
	}
}

func incomplete(text string, at int) error {
	return badConfig("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", text, at)
}

// emptyPath is the error of a path without steps, which Java finds at the first record.
func emptyPath() error {
	return fault.New(fault.Record, "smt.empty_path", "fromIndex(0) > toIndex(-1)").WithJava("java.lang.IllegalArgumentException").
		WithFix("Set field to the name of a field.")
}

// inMap follows the path through maps. What is not there is null.
func (p path) inMap(v data.Value) (data.Value, error) {
	if len(p) == 0 {
		return v, emptyPath()
	}
	for i, name := range p {
		if i > 0 {
			if v.IsNull() {
				return v, nil
			}
			if err := requireMap(v, "nested field access"); err != nil {
				return v, err
			}
		}
		v = lookup(v, name)
	}
	return v, nil
}
