package data

// Logical type names of Connect (org.apache.kafka.connect.data).
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"

	// ScaleParam is the parameter of a Decimal schema that holds its scale.
	ScaleParam = "scale"
)

// Schema describes a Value. It does not change once it is shared: two uses of
// one pointer have the same schema, so that caches may be keyed by it. A nil
// Schema is schemaless data.
//
// The logical types are kinds of their own (Decimal, Date, Time, Timestamp);
// Name then still carries Connect's name.
type Schema struct {
	Kind     Kind
	Optional bool
	Name     string // Connect schema name or logical type
	Version  int32  // 0: none
	Doc      string
	Fields   []Field // Struct, in declared order; Value fields are positional
	Elem     *Schema // Array: items; Map: values
	Key      *Schema // Map: keys
	Default  Value
	// HasDefault tells a default of null from none.
	HasDefault bool
	Params     []Param

	index map[string]int
}

// Field is a named member of a Struct schema.
type Field struct {
	Name   string
	Schema *Schema
}

// Param is one schema parameter; they keep their order.
type Param struct{ Name, Value string }

// NewStruct makes a Struct schema with its field index.
func NewStruct(name string, fields ...Field) *Schema {
	s := &Schema{Kind: Struct, Name: name, Fields: fields}
	s.index = make(map[string]int, len(fields))
	for i, f := range fields {
		s.index[f.Name] = i
	}
	return s
}

// Of makes a required schema of a primitive or logical kind; logical kinds get
// Connect's name and version 1.
func Of(k Kind) *Schema {
	s := &Schema{Kind: k}
	switch k {
	case Date:
		s.Name, s.Version = DateName, 1
	case Time:
		s.Name, s.Version = TimeName, 1
	case Timestamp:
		s.Name, s.Version = TimestampName, 1
	case Decimal:
		s.Name, s.Version = DecimalName, 1
	}
	return s
}

// ArrayOf makes an Array schema.
func ArrayOf(elem *Schema) *Schema { return &Schema{Kind: Array, Elem: elem} }

// MapOf makes a Map schema.
func MapOf(key, elem *Schema) *Schema { return &Schema{Kind: Map, Key: key, Elem: elem} }

// AsOptional returns s if it is optional, else a copy that is.
func (s *Schema) AsOptional() *Schema {
	if s == nil || s.Optional {
		return s
	}
	c := *s
	c.Optional = true
	return &c
}

// FieldIndex returns the position of the field, -1 if there is none.
func (s *Schema) FieldIndex(name string) int {
	if s == nil {
		return -1
	}
	if s.index != nil {
		if i, ok := s.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Param returns the parameter of that name.
func (s *Schema) Param(name string) (string, bool) {
	for _, p := range s.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Equal reports whether s and o describe the same data: all parts, as Connect's
// ConnectSchema.equals compares them. Schemas may contain themselves.
func (s *Schema) Equal(o *Schema) bool { return s.equal(o, nil) }

// comparison is a pair of structs that is being compared further up. Meeting it
// again means a cycle, which adds nothing to the answer.
type comparison struct {
	a, b *Schema
	up   *comparison
}

func (s *Schema) equal(o *Schema, up *comparison) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.Kind != o.Kind || s.Optional != o.Optional || s.Name != o.Name ||
		s.Version != o.Version || s.Doc != o.Doc || s.HasDefault != o.HasDefault ||
		len(s.Fields) != len(o.Fields) || !equalParams(s.Params, o.Params) {
		return false
	}
	if s.HasDefault && !s.Default.Equal(o.Default) {
		return false
	}
	if s.Kind == Struct {
		for c := up; c != nil; c = c.up {
			if c.a == s && c.b == o {
				return true
			}
		}
		up = &comparison{s, o, up}
	}
	for i := range s.Fields {
		if s.Fields[i].Name != o.Fields[i].Name || !s.Fields[i].Schema.equal(o.Fields[i].Schema, up) {
			return false
		}
	}
	return s.Elem.equal(o.Elem, up) && s.Key.equal(o.Key, up)
}

func equalParams(a, b []Param) bool {
	if len(a) != len(b) {
		return false
	}
next:
	for _, p := range a {
		for _, q := range b {
			if p == q {
				continue next
			}
		}
		return false
	}
	return true
}
