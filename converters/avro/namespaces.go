package avro

import (
	"encoding/json"
	"regexp"
	"strings"

	hamba "github.com/hamba/avro/v2"
)

// hamba takes an empty namespace for a missing one, and finds no type without
// namespace from within another. A text with such types is given to it with all
// names qualified; those without namespace have this one, which declare takes off.
const noNamespace = "culvert_no_namespace"

var emptyNamespace = regexp.MustCompile(`"namespace"\s*:\s*""`)

// ambiguous reports whether hamba would read the names of the texts otherwise than Avro.
func ambiguous(texts ...string) bool {
	for _, t := range texts {
		if emptyNamespace.MatchString(t) {
			return true
		}
	}
	return false
}

// unknownType reports whether a type was not found, perhaps because it has no namespace.
func unknownType(err error) bool {
	return err != nil && strings.Contains(err.Error(), "avro: unknown type: ")
}

// qualified is the texts with every name and reference in full (Avro specification,
// Names; a name that its namespace does not have is looked for without one, as
// org.apache.avro.Schema.Names.get).
func qualified(texts []string) ([]string, error) {
	q := qualifier{defined: map[string]bool{}}
	out := make([]string, len(texts))
	for i, t := range texts {
		tree, ok := treeOf(t)
		if !ok {
			return texts, nil // the name of a type, or no schema at all
		}
		raw, err := marshal(q.resolve(tree, ""))
		if err != nil {
			return nil, err
		}
		out[i] = string(raw)
	}
	return out, nil
}

// treeOf is the JSON of a text with its numbers as they stand there.
func treeOf(text string) (tree any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err := d.Decode(&tree)
	return tree, err == nil
}

// qualifier walks over the JSON of schemas in the order in which their types are defined.
type qualifier struct {
	defined map[string]bool // full names so far
	// named is called with each named type; name and namespace are in their place by then.
	named func(m map[string]any, fullName string)
}

// resolve writes out every name and reference in v, which stands in a namespace.
func (q qualifier) resolve(v any, space string) any {
	switch v := v.(type) {
	case string:
		return q.reference(v, space)
	case []any:
		for i := range v {
			v[i] = q.resolve(v[i], space)
		}
	case map[string]any:
		switch v["type"] {
		case "record", "error", "enum", "fixed":
			q.define(v, space)
		case "array":
			v["items"] = q.resolve(v["items"], space)
		case "map":
			v["values"] = q.resolve(v["values"], space)
		default:
			v["type"] = q.resolve(v["type"], space)
		}
	}
	return v
}

// define notes a named type and goes on to its fields.
func (q qualifier) define(m map[string]any, space string) {
	name, _ := m["name"].(string)
	if given, ok := m["namespace"].(string); ok {
		space = given
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		space, name = name[:i], name[i+1:]
	}
	m["name"], m["namespace"] = name, space
	if space == "" {
		m["namespace"] = noNamespace
	}
	q.defined[join(space, name)] = true
	if q.named != nil {
		q.named(m, join(space, name))
	}
	fields, _ := m["fields"].([]any)
	for _, e := range fields {
		if field, ok := e.(map[string]any); ok {
			field["type"] = q.resolve(field["type"], space)
		}
	}
}

func (q qualifier) reference(name, space string) string {
	switch {
	case strings.Contains(name, "."):
	case space != "" && q.defined[join(space, name)]:
		return join(space, name)
	case q.defined[name]:
		return join(noNamespace, name)
	}
	return name
}

func join(space, name string) string {
	if space == "" {
		return name
	}
	return space + "." + name
}

// namesOf is the name of a type without hamba's marks.
func namesOf(s hamba.NamedSchema) (name, space string, aliases []string) {
	space = s.Namespace()
	if space == noNamespace {
		space = ""
	}
	for _, a := range s.Aliases() {
		aliases = append(aliases, strings.TrimPrefix(a, noNamespace+"."))
	}
	return s.Name(), space, aliases
}
