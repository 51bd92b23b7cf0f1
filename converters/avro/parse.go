package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"

	hamba "github.com/hamba/avro/v2"

	"culvert/converters/wire"
)

// Parse reads the JSON of a schema. The texts of the schemas that it refers to
// come first in refs, each after those it needs itself.
//
// Like Java's reader it accepts a default that does not fit its field, and ignores it.
func Parse(text string, refs ...string) (n *Node, err error) {
	defer recovered(&err)
	texts := append(refs[:len(refs):len(refs)], text)
	s, err := parseWith(texts, ambiguous(texts...))
	if err != nil {
		return nil, err
	}
	t := translator{nodes: map[string]*Node{}, exact: exactOf(texts)}
	if n, err = t.node(s, t.exact.root); err != nil {
		return nil, err
	}
	n.measure(map[*Node]bool{})
	return n, nil
}

// recovered makes an error of a panic. hamba panics on some texts that are no
// schemas, such as a default for a union without branches.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not an Avro schema: %v", p)
	}
}

// parseWith reads the last of the texts; those before it are what it refers to.
// qualify: with names written in full.
func parseWith(texts []string, qualify bool) (s hamba.Schema, err error) {
	for _, t := range texts {
		if err := wire.Bounded(t, maxSchemaDepth); err != nil {
			return nil, err
		}
	}
	full := texts
	if qualify {
		if full, err = qualified(texts); err != nil {
			return nil, err
		}
	}
	cache := &hamba.SchemaCache{}
	for i, t := range full {
		if s, err = parseTolerant(t, cache); err == nil {
			continue
		}
		if !qualify && unknownType(err) {
			return parseWith(texts, true)
		}
		if i < len(full)-1 {
			err = fmt.Errorf("referenced schema: %w", err)
		}
		return nil, errors.New(strings.ReplaceAll(err.Error(), noNamespace+".", ""))
	}
	return s, nil
}

// readable says why data of one schema cannot be read with another, which may refer
// to others; nil: it can.
func readable(written, text string, refs []string) (err error) {
	defer recovered(&err)
	texts := append(refs[:len(refs):len(refs)], text)
	qualify := ambiguous(append(texts, written)...)
	reader, err := parseWith(texts, qualify)
	if err != nil {
		return err
	}
	writer, err := parseWith([]string{written}, qualify)
	if err != nil {
		return err
	}
	return hamba.NewSchemaCompatibility().Compatible(reader, writer)
}

const (
	maxBadDefaults = 100
	maxSchemaDepth = 500 // brackets within brackets
)

func parseTolerant(text string, cache *hamba.SchemaCache) (hamba.Schema, error) {
	s, err := hamba.ParseWithCache(text, "", cache)
	for i := 0; i < maxBadDefaults && err != nil; i++ {
		name, ok := strings.CutPrefix(err.Error(), "avro: invalid default for field ")
		if !ok {
			break
		}
		name, _, _ = strings.Cut(name, ".")
		stripped, changed := withoutDefault(text, name)
		if !changed {
			break
		}
		text = stripped
		s, err = hamba.ParseWithCache(text, "", cache)
	}
	return s, err
}

// withoutDefault removes the defaults of the fields of that name.
func withoutDefault(text, field string) (string, bool) {
	v, ok := treeOf(text)
	if !ok || !dropDefault(v, field) {
		return text, false
	}
	raw, err := marshal(v)
	return string(raw), err == nil
}

func dropDefault(v any, field string) bool {
	changed := false
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["default"]; ok && v["name"] == field && v["fields"] == nil && v["symbols"] == nil {
			delete(v, "default")
			changed = true
		}
		for _, e := range v {
			changed = dropDefault(e, field) || changed
		}
	case []any:
		for _, e := range v {
			changed = dropDefault(e, field) || changed
		}
	}
	return changed
}

// translator makes Nodes of hamba's schemas; named types are made once.
type translator struct {
	nodes map[string]*Node
	exact exact
}

// node makes the Node of s, of which raw is the JSON, if it is known.
func (t *translator) node(s hamba.Schema, raw any) (*Node, error) {
	switch s := s.(type) {
	case *hamba.RefSchema:
		if n := t.nodes[s.Schema().FullName()]; n != nil {
			return n, nil
		}
		return t.node(s.Schema(), nil)
	case *hamba.NullSchema:
		return &Node{Type: Null}, nil
	case *hamba.PrimitiveSchema:
		return &Node{Type: primitives[s.Type()], Props: restore(propsOf(s, s.Logical()), raw)}, nil
	case *hamba.RecordSchema:
		return t.record(s)
	case *hamba.EnumSchema:
		n := t.declare(s, Enum)
		n.Doc, n.Symbols, n.SymbolDef, n.Props = s.Doc(), s.Symbols(), s.Default(), propsOf(s, nil)
		return n, nil
	case *hamba.FixedSchema:
		n := t.declare(s, Fixed)
		n.Size, n.Props = s.Size(), propsOf(s, s.Logical())
		if n.Size < 0 {
			return nil, fmt.Errorf("fixed %s has a negative size", n.FullName())
		}
		return n, nil
	case *hamba.ArraySchema:
		elem, err := t.node(s.Items(), within(raw, "items"))
		return &Node{Type: Array, Elem: elem, Props: restore(propsOf(s, nil), raw)}, err
	case *hamba.MapSchema:
		elem, err := t.node(s.Values(), within(raw, "values"))
		return &Node{Type: Map, Elem: elem, Props: restore(propsOf(s, nil), raw)}, err
	case *hamba.UnionSchema:
		n := &Node{Type: Union}
		branches, _ := raw.([]any)
		for i, b := range s.Types() {
			var one any
			if i < len(branches) {
				one = branches[i]
			}
			branch, err := t.node(b, one)
			if err != nil {
				return nil, err
			}
			n.Branches = append(n.Branches, branch)
		}
		return n, nil
	}
	return nil, fmt.Errorf("unknown schema type %s", s.Type())
}

var primitives = map[hamba.Type]Type{
	hamba.Boolean: Boolean, hamba.Int: Int, hamba.Long: Long, hamba.Float: Float,
	hamba.Double: Double, hamba.Bytes: Bytes, hamba.String: String,
}

func (t *translator) declare(s hamba.NamedSchema, typ Type) *Node {
	n := &Node{Type: typ}
	n.Name, n.Namespace, n.Aliases = namesOf(s)
	t.nodes[s.FullName()] = n
	return n
}

func (t *translator) record(s *hamba.RecordSchema) (*Node, error) {
	n := t.declare(s, Record)
	raw := t.exact.records[n.FullName()]
	n.Doc, n.Props = s.Doc(), restore(propsOf(s, nil), raw)
	for i, f := range s.Fields() {
		if f == nil {
			return nil, errors.New("a field has no definition")
		}
		given := fieldOf(raw, i)
		child, err := t.node(f.Type(), within(given, "type"))
		if err != nil {
			return nil, err
		}
		field := Field{Name: f.Name(), Doc: f.Doc(), Aliases: f.Aliases(), Node: child, Props: restore(propsOf(f, nil), given)}
		if f.HasDefault() {
			field.Default = jsonOf(plainDefault(f.Default()))
			if exact := longNumber(within(given, "default")); exact != nil {
				field.Default = exact
			}
		}
		n.Fields = append(n.Fields, field)
	}
	return n, nil
}

// plainDefault turns hamba's form of a default back into what stood in the JSON.
func plainDefault(v any) any {
	switch v := v.(type) {
	case []byte:
		return latin1(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plainDefault(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = plainDefault(e)
		}
		return m
	case float32:
		return floatJSON(float64(v), 32)
	case float64:
		return floatJSON(v, 64)
	case nil, bool, string, int, int64:
		return v
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Array { // a fixed
		b := make([]byte, r.Len())
		for i := range b {
			b[i] = byte(r.Index(i).Uint())
		}
		return latin1(b)
	}
	return nil // hamba's mark for a default of null
}

func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

type propertied interface{ Props() map[string]any }

// propsOf lists the properties in the order of their names, with the logical type
// that hamba took out of them.
func propsOf(s propertied, logical hamba.LogicalSchema) []Prop {
	all := map[string]any{}
	for k, v := range s.Props() {
		all[k] = v
	}
	if logical != nil && !reflect.ValueOf(logical).IsNil() {
		all["logicalType"] = string(logical.Type())
		if d, ok := logical.(*hamba.DecimalLogicalSchema); ok {
			all["precision"] = d.Precision()
			if d.Scale() != 0 {
				all["scale"] = d.Scale()
			}
		}
	}
	var list []Prop
	for k, v := range all {
		if raw, err := marshal(v); err == nil {
			list = append(list, Prop{k, raw})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// marshal is JSON without the escapes that are for HTML.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// floatJSON is a float as JSON can say it.
func floatJSON(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case bits == 32:
		return float32(f)
	}
	return f
}
