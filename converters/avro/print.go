package avro

import (
	"encoding/json"
	"strconv"
)

// printer writes a schema as org.apache.avro.Schema.toString does, so that a
// registry sees the same text from either worker.
type printer struct {
	out   []byte
	names map[string]*Node
	space string // the enclosing namespace
}

func newPrinter() *printer { return &printer{names: map[string]*Node{}} }

// JSON is the schema's text.
func (n *Node) JSON() []byte {
	p := newPrinter()
	_ = p.print(n) // a derived schema was printed once before; a parsed one has distinct names
	return p.out
}

func (p *printer) print(n *Node) error {
	switch {
	case n.named():
		return p.define(n)
	case n.Type == Union:
		return p.list(len(n.Branches), func(i int) error { return p.print(n.Branches[i]) })
	case n.Elem != nil:
		part := `"items":`
		if n.Type == Map {
			part = `"values":`
		}
		p.str(`{"type":"` + n.Type.String() + `",` + part)
		if err := p.print(n.Elem); err != nil {
			return err
		}
		p.props(n.Props)
		p.str("}")
		return nil
	case len(n.Props) == 0:
		p.value(n.Type.String())
		return nil
	}
	p.str(`{"type":"` + n.Type.String() + `"`)
	p.props(n.Props)
	p.str("}")
	return nil
}

func (p *printer) str(s string)          { p.out = append(p.out, s...) }
func (p *printer) value(v any)           { p.out = append(p.out, jsonOf(v)...) }
func (p *printer) member(k string)       { p.str(`,"` + k + `":`) }
func (p *printer) raw(r json.RawMessage) { p.out = append(p.out, r...) }

func (p *printer) props(props []Prop) {
	for _, prop := range props {
		p.str(",")
		p.value(prop.Name)
		p.str(":")
		p.raw(prop.JSON)
	}
}

func (p *printer) list(n int, item func(i int) error) error {
	p.str("[")
	for i := range n {
		if i > 0 {
			p.str(",")
		}
		if err := item(i); err != nil {
			return err
		}
	}
	p.str("]")
	return nil
}

// define writes a named type, or its name where it was written before.
func (p *printer) define(n *Node) error {
	full := n.FullName()
	if have, ok := p.names[full]; ok {
		if have != n {
			return dataError("Can't redefine: %s", full).
				WithFix("Give the two schemas that are named %s different names.", full)
		}
		if n.Namespace == "" || n.Namespace == p.space {
			full = n.Name
		}
		p.value(full)
		return nil
	}
	p.names[full] = n
	p.str(`{"type":"` + n.Type.String() + `","name":`)
	p.value(n.Name)
	if n.Namespace != p.space {
		p.member("namespace")
		p.value(n.Namespace)
	}
	if n.Doc != "" {
		p.member("doc")
		p.value(n.Doc)
	}
	outer := p.space
	p.space = n.Namespace
	err := p.body(n)
	p.space = outer
	p.props(n.Props)
	p.str("}")
	return err
}

func (p *printer) body(n *Node) error {
	switch n.Type {
	case Fixed:
		p.member("size")
		p.str(strconv.Itoa(n.Size))
		return nil
	case Enum:
		p.member("symbols")
		_ = p.list(len(n.Symbols), func(i int) error { p.value(n.Symbols[i]); return nil }) // cannot fail
		if n.SymbolDef != "" {
			p.member("default")
			p.value(n.SymbolDef)
		}
		return nil
	}
	p.member("fields")
	return p.list(len(n.Fields), func(i int) error {
		f := &n.Fields[i]
		p.str(`{"name":`)
		p.value(f.Name)
		p.member("type")
		if err := p.print(f.Node); err != nil {
			return err
		}
		if f.Doc != "" {
			p.member("doc")
			p.value(f.Doc)
		}
		if f.Default != nil {
			p.member("default")
			p.raw(f.Default)
		}
		p.props(f.Props)
		p.str("}")
		return nil
	})
}
