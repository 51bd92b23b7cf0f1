package expr

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"

	"culvert/data"
)

// input is the record that expressions run for.
type input struct {
	env        *env
	value, key side
}

// side is the value or the key of the record.
type side struct {
	v     data.Value
	s     *data.Schema
	whole any // all of it, once somebody has needed that
	made  bool
}

func (in *input) whole(s *side) any {
	if !s.made {
		s.whole, s.made = native(s.v, s.s), true
	}
	return s.whole
}

// field is a place in a record that an expression reads, such as value.address.city.
// What is beside it is not looked at.
type field struct {
	key   bool // of the record's key
	path  []string
	steps []step // where each name of the path stands in the schema met last

	in   *input
	out  any // kept for the record: a loop may ask again at every turn
	err  error
	done bool
}

type step struct {
	schema *data.Schema
	at     int
}

func (f *field) begin(in *input) { f.in, f.out, f.err, f.done = in, nil, nil, false }

const fieldName = "__field"

// field is what the code calls to read a field.
func (p *program) field(args ...any) (any, error) {
	f := p.fields[args[0].(int)]
	if !f.done {
		f.out, f.err = f.read()
		f.done = true
	}
	return f.out, f.err
}

func (f *field) read() (any, error) {
	v, s, rest, err := f.find()
	if err != nil {
		return nil, err
	}
	out := native(v, s)
	for _, name := range rest { // of a moment, or what fails
		out = runtime.Fetch(out, name)
	}
	return out, nil
}

// find follows the path as far as there are structs and maps.
func (f *field) find() (v data.Value, s *data.Schema, rest []string, err error) {
	from := &f.in.value
	if f.key {
		from = &f.in.key
	}
	v, s = from.v, from.s
	for i, name := range f.path {
		switch v.Kind() {
		case data.Struct:
			at := &f.steps[i]
			if at.schema != s {
				*at = step{s, s.FieldIndex(name)}
			}
			if at.at < 0 {
				v, s = data.Value{}, nil
				continue
			}
			fields := v.Elems()
			s = s.Fields[at.at].Schema
			v = s.DefaultOr(fields[at.at])
		case data.Map:
			v, s = lookUp(v, name), elem(s)
		case data.Null:
			return v, s, nil, fmt.Errorf("%s is read of null; ?. reads it where there is something", name)
		default:
			return v, s, f.path[i:], nil
		}
	}
	return v, s, nil, nil
}

const takeName = "__take"

// taken is a field as it is in the record, with its type.
type taken struct {
	v data.Value
	s *data.Schema
}

// take is what the code calls where a field is set to another one and nothing is
// computed: a renamed field keeps its type.
func (p *program) take(args ...any) (any, error) {
	f := p.fields[args[0].(int)]
	v, s, rest, err := f.find()
	if err != nil || len(rest) == 0 {
		return taken{v, s}, err
	}
	return p.field(args...)
}

// root finds the node that is the whole expression: it is visited last.
type root struct{ node ast.Node }

// Visit implements ast.Visitor.
func (r *root) Visit(node *ast.Node) { r.node = *node }

// takes lets an expression {a: value.b} take b as it is.
type takes struct{ root *root }

// Visit implements ast.Visitor.
func (t takes) Visit(node *ast.Node) {
	m, ok := (*node).(*ast.MapNode)
	if !ok || ast.Node(m) != t.root.node {
		return
	}
	for _, n := range m.Pairs {
		pair := n.(*ast.PairNode)
		if c, ok := pair.Value.(*ast.CallNode); ok {
			if callee, ok := c.Callee.(*ast.IdentifierNode); ok && callee.Value == fieldName {
				callee.Value = takeName
			}
		}
	}
}

// lookUp finds an entry of a map by the text of its key.
func lookUp(m data.Value, name string) data.Value {
	pairs := m.Elems()
	for i := len(pairs) - 2; i >= 0; i -= 2 {
		if k := pairs[i]; k.Kind() == data.String && k.Str() == name || k.Kind() != data.String && fmt.Sprint(native(k, nil)) == name {
			return pairs[i+1]
		}
	}
	return data.Value{}
}

// callees are the methods that are called, such as the one in value.at.Year(): they
// are no fields.
type callees map[*ast.MemberNode]bool

// Visit implements ast.Visitor.
func (c callees) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.CallNode); ok {
		if m, ok := n.Callee.(*ast.MemberNode); ok {
			c[m] = true
		}
	}
}

// reads puts a call of field in the place of value.a and of what follows it by name.
// A node is visited after those below it, so that value.a.b grows out of value.a.
type reads struct {
	p       *program
	callees callees
}

// Visit implements ast.Visitor.
func (r *reads) Visit(node *ast.Node) {
	m, ok := (*node).(*ast.MemberNode)
	if !ok || m.Optional || r.callees[m] {
		return
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok {
		return
	}
	f := &field{path: []string{name.Value}}
	switch of := m.Node.(type) {
	case *ast.IdentifierNode:
		if of.Value != "value" && of.Value != "key" {
			return
		}
		f.key = of.Value == "key"
	case *ast.CallNode:
		before, ok := r.p.reading(of)
		if !ok {
			return
		}
		f.key, f.path = before.key, append(append([]string(nil), before.path...), name.Value)
	default:
		return
	}
	f.steps = make([]step, len(f.path))
	r.p.value, r.p.key = r.p.value || !f.key, r.p.key || f.key
	ast.Patch(node, call(fieldName, &ast.IntegerNode{Value: r.p.number(f)}))
}

// reading is the field that a node reads.
func (p *program) reading(n *ast.CallNode) (*field, bool) {
	if callee, ok := n.Callee.(*ast.IdentifierNode); !ok || callee.Value != fieldName {
		return nil, false
	}
	return p.fields[n.Arguments[0].(*ast.IntegerNode).Value], true
}

// number finds f among the fields, or adds it.
func (p *program) number(f *field) int {
	for i, g := range p.fields {
		if g.key == f.key && fmt.Sprintf("%q", g.path) == fmt.Sprintf("%q", f.path) {
			return i
		}
	}
	p.fields = append(p.fields, f)
	return len(p.fields) - 1
}

// wholes notes that an expression needs more of a value or key than some fields.
type wholes struct{ p *program }

// Visit implements ast.Visitor.
func (w *wholes) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.IdentifierNode); ok {
		switch n.Value {
		case "value":
			w.p.value, w.p.allValue = true, true
		case "key":
			w.p.key, w.p.allKey = true, true
		}
	}
}
