package protobuf

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// paths keeps the message types of one schema by the path that records name them by.
type paths struct {
	mu   sync.Mutex
	made map[string]*message // guarded by mu
}

const maxPaths = 1000

func (p *paths) get(path string, compile func() (*message, error)) (*message, error) {
	p.mu.Lock()
	m := p.made[path]
	p.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := compile()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if have := p.made[path]; have != nil {
		return have, nil
	}
	if p.made == nil || len(p.made) >= maxPaths {
		p.made = map[string]*message{}
	}
	p.made[path] = m
	return m, nil
}

// wireGroups are the types whose values can be read as each other's (the language
// guide's "Updating A Message Type").
var wireGroups = map[protoreflect.Kind]int{
	protoreflect.Int32Kind: 1, protoreflect.Int64Kind: 1, protoreflect.Uint32Kind: 1, protoreflect.Uint64Kind: 1, protoreflect.BoolKind: 1,
	protoreflect.EnumKind: 1, protoreflect.Sint32Kind: 2, protoreflect.Sint64Kind: 2, protoreflect.StringKind: 3, protoreflect.BytesKind: 3,
	protoreflect.Fixed32Kind: 4, protoreflect.Sfixed32Kind: 4, protoreflect.Fixed64Kind: 5, protoreflect.Sfixed64Kind: 5,
	protoreflect.FloatKind: 6, protoreflect.DoubleKind: 7, protoreflect.MessageKind: 8, protoreflect.GroupKind: 9,
}

// incompatible says why messages of type from cannot be read as to; empty: they can.
// Fields that only one of them has do no harm.
func incompatible(from, to protoreflect.MessageDescriptor, open map[protoreflect.FullName]bool) string {
	if open[from.FullName()] {
		return ""
	}
	open[from.FullName()] = true
	for i := range from.Fields().Len() {
		f := from.Fields().Get(i)
		t := to.Fields().ByNumber(f.Number())
		if t == nil {
			if other := to.Fields().ByName(f.Name()); other != nil {
				return fmt.Sprintf("The field %s has the number %d in the data and %d in the registry.", f.FullName(), f.Number(), other.Number())
			}
			continue
		}
		if wireGroups[f.Kind()] != wireGroups[t.Kind()] || f.IsList() != t.IsList() && f.Kind() != protoreflect.MessageKind {
			return fmt.Sprintf("The field %s with the number %d is %s in the data and %s %s in the registry.", f.FullName(), f.Number(), f.Kind(), t.Kind(), t.Name())
		}
		if f.Message() != nil && t.Message() != nil {
			if why := incompatible(f.Message(), t.Message(), open); why != "" {
				return why
			}
		}
	}
	for i := range to.Fields().Len() {
		if t := to.Fields().Get(i); t.Cardinality() == protoreflect.Required && from.Fields().ByNumber(t.Number()) == nil {
			return fmt.Sprintf("The data has no field %s, which is required.", t.FullName())
		}
	}
	return ""
}
