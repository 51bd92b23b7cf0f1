package avro

import (
	"encoding/json"
	"regexp"
)

// hamba reads the numbers of a schema as float64. Where a text has integers that
// do not survive that, defaults and properties are taken from the text itself.
type exact struct {
	root    any                       // the text that is read
	records map[string]map[string]any // JSON of the records, by full name
}

var longDigits = regexp.MustCompile(`[0-9]{16}`)

// exactOf is empty unless a text has a number of 16 digits or more.
func exactOf(texts []string) exact {
	e := exact{records: map[string]map[string]any{}}
	q := qualifier{defined: map[string]bool{}, named: func(m map[string]any, fullName string) { e.records[fullName] = m }}
	for i, t := range texts {
		if !longDigits.MatchString(t) {
			continue
		}
		tree, ok := treeOf(t)
		if !ok {
			continue
		}
		q.resolve(tree, "")
		if i == len(texts)-1 {
			e.root = tree
		}
	}
	return e
}

// within is a member of a JSON object; nil if it has none.
func within(raw any, name string) any {
	m, _ := raw.(map[string]any)
	return m[name]
}

// fieldOf is the JSON of a record's field.
func fieldOf(record map[string]any, i int) any {
	fields, _ := record["fields"].([]any)
	if i >= len(fields) {
		return nil
	}
	return fields[i]
}

// restore puts the numbers of the text in the place of those that were rounded.
func restore(props []Prop, raw any) []Prop {
	for i := range props {
		if exact := longNumber(within(raw, props[i].Name)); exact != nil {
			props[i].JSON = exact
		}
	}
	return props
}

// longNumber is the JSON of a value that has an integer of 16 digits or more, else nil.
func longNumber(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	raw, err := marshal(v)
	if err != nil || !longDigits.Match(raw) {
		return nil
	}
	return raw
}
