package jsonschema

import (
	"sort"
	"unicode/utf16"

	lib "github.com/santhosh-tekuri/jsonschema/v6"
)

// class is what the library that Confluent's converter uses (everit's) makes of a
// schema: its keywords say of which class it is, and several classes at once are an
// allOf of them.
type class uint8

const (
	classEmpty class = iota
	classBoolean
	classNumber
	classString
	classNull
	classConst
	classEnum
	classCombined
	classArray
	classObject
	classReference
	classOther // not, if, false: Connect has no type for it
)

// node is a schema by its class.
type node struct {
	class    class
	integer  bool   // number
	format   bool   // string
	of       string // combined: oneOf, anyOf, allOf
	subs     []*node
	values   []any // const, enum
	items    *node // array
	props    []property
	required map[string]bool
	addl     *node // object: the schema of other properties; nil: none is given
	target   func() *node
	raw      raw // nil for a part of an allOf
}

type property struct {
	name string
	node *node
}

// nodes makes nodes of what was compiled. Targets of references are nodes of their
// own, one for each, so that a schema that contains itself is met again.
type nodes struct{ targets map[*lib.Schema]*node }

func (ns *nodes) target(s *lib.Schema) *node {
	if n := ns.targets[s]; n != nil {
		return n
	}
	n := &node{}
	ns.targets[s] = n
	*n = *ns.node(s)
	return n
}

// keyword groups of draft 7, by the class that they make a schema be.
var (
	arrayKeywords  = []string{"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"}
	objectKeywords = []string{"properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties", "additionalProperties", "propertyNames"}
	numberKeywords = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
	stringKeywords = []string{"minLength", "maxLength", "pattern", "format"}
	ifKeywords     = []string{"if", "then", "else"}
)

func (r raw) any(keywords []string) bool {
	for _, k := range keywords {
		if _, ok := r[k]; ok {
			return true
		}
	}
	return false
}

// node is SchemaLoader.loadSchemaObject.
func (ns *nodes) node(s *lib.Schema) *node {
	if s == nil {
		return nil
	}
	if s.Bool != nil {
		if *s.Bool {
			return &node{class: classEmpty, raw: raw{}}
		}
		return &node{class: classOther, raw: raw{}}
	}
	r := rawOf(s)
	if s.Ref != nil {
		return &node{class: classReference, raw: r, target: func() *node { return ns.target(s.Ref) }}
	}
	parts := ns.parts(s, r)
	switch len(parts) {
	case 0:
		return &node{class: classEmpty, raw: r}
	case 1:
		parts[0].raw = r
		return parts[0]
	}
	return &node{class: classCombined, of: "allOf", subs: parts, raw: r}
}

func (ns *nodes) parts(s *lib.Schema, r raw) []*node {
	var parts []*node
	if s.Enum != nil {
		parts = append(parts, &node{class: classEnum, values: s.Enum.Values})
	}
	for _, c := range []struct {
		of   string
		subs []*lib.Schema
	}{{"allOf", s.AllOf}, {"anyOf", s.AnyOf}, {"oneOf", s.OneOf}} {
		if c.subs == nil {
			continue
		}
		n := &node{class: classCombined, of: c.of}
		for _, sub := range c.subs {
			n.subs = append(n.subs, ns.node(sub))
		}
		parts = append(parts, n)
	}
	if s.Not != nil {
		parts = append(parts, &node{class: classOther})
	}
	if s.Const != nil {
		parts = append(parts, &node{class: classConst, values: []any{*s.Const}})
	}
	typed := map[string]bool{}
	switch t := r["type"].(type) {
	case string:
		typed[t] = true
		parts = append(parts, ns.typed(s, r, t))
	case []any:
		n := &node{class: classCombined, of: "anyOf"}
		for _, each := range t {
			if name, ok := each.(string); ok {
				typed[name] = true
				n.subs = append(n.subs, ns.typed(s, r, name))
			}
		}
		parts = append(parts, n)
	}
	return append(parts, ns.implied(s, r, typed)...)
}

// implied are the classes that keywords speak of which no type speaks of.
func (ns *nodes) implied(s *lib.Schema, r raw, typed map[string]bool) []*node {
	var parts []*node
	if !typed["array"] && r.any(arrayKeywords) {
		parts = append(parts, ns.typed(s, r, "array"))
	}
	if !typed["object"] && r.any(objectKeywords) {
		parts = append(parts, ns.typed(s, r, "object"))
	}
	if !typed["number"] && !typed["integer"] && r.any(numberKeywords) {
		parts = append(parts, ns.typed(s, r, "number"))
	}
	if !typed["string"] && r.any(stringKeywords) {
		parts = append(parts, ns.typed(s, r, "string"))
	}
	if r.any(ifKeywords) {
		parts = append(parts, &node{class: classOther})
	}
	return parts
}

// typed is TypeBasedSchemaExtractor.loadForExplicitType.
func (ns *nodes) typed(s *lib.Schema, r raw, name string) *node {
	switch name {
	case "boolean":
		return &node{class: classBoolean}
	case "integer", "number":
		return &node{class: classNumber, integer: name == "integer"}
	case "string":
		_, format := r["format"]
		return &node{class: classString, format: format}
	case "null":
		return &node{class: classNull}
	case "array":
		n := &node{class: classArray}
		if items, ok := s.Items.(*lib.Schema); ok {
			n.items = ns.node(items)
		} else if s.Items2020 != nil {
			n.items = ns.node(s.Items2020)
		}
		return n
	}
	n := &node{class: classObject, required: map[string]bool{}}
	for _, name := range s.Required {
		n.required[name] = true
	}
	if addl, ok := s.AdditionalProperties.(*lib.Schema); ok {
		n.addl = ns.node(addl)
	} else if allowed, ok := s.AdditionalProperties.(bool); ok && allowed {
		n.addl = &node{class: classEmpty, raw: raw{}}
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range hashOrder(names, 16) {
		n.props = append(n.props, property{name, ns.node(s.Properties[name])})
	}
	return n
}

// hashOrder is the order in which a java.util.HashMap of the given initial capacity
// goes through the keys: Java's converter keeps properties in one.
func hashOrder(keys []string, capacity int) []string {
	for len(keys)*4 > capacity*3 {
		capacity *= 2
	}
	bucket := func(key string) int {
		var h uint32
		for _, u := range utf16.Encode([]rune(key)) {
			h = 31*h + uint32(u)
		}
		return int((h ^ h>>16) & uint32(capacity-1))
	}
	sorted := append([]string(nil), keys...)
	sort.SliceStable(sorted, func(i, j int) bool { return bucket(sorted[i]) < bucket(sorted[j]) })
	return sorted
}
