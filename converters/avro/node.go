package avro

import (
	"encoding/json"

	"culvert/data"
)

// Type is the type of an Avro schema.
type Type uint8

// Avro's types.
const (
	Null Type = iota
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Fixed
	Enum
	Array
	Map
	Record
	Union
)

var typeNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"fixed", "enum", "array", "map", "record", "union"}

func (t Type) String() string { return typeNames[t] }

// As says what a value of an Avro type is in Connect.
type As uint8

// The conversions that AvroData knows. Plain is the type's own counterpart.
const (
	Plain     As = iota
	AsInt8       // int with connect.type int8
	AsInt16      // int with connect.type int16
	AsDecimal    // bytes or fixed
	AsDate       // int, days
	AsTime       // int, milliseconds
	AsTimestamp
	AsPairs    // array of MapEntry records: a map whose keys are not strings
	AsNullable // union of null and one type
	AsOneOf    // any other union: a struct with one field set
	AsAnything // the record that schemaless data is wrapped in
)

// Node is one type of an Avro schema and, once it was mapped to Connect, what to
// make of its values. Nodes may refer to each other in cycles. They do not change
// once they are shared.
type Node struct {
	Type      Type
	Name      string // of a record, enum or fixed, without namespace
	Namespace string
	Doc       string
	Aliases   []string // full names, of a record, enum or fixed
	Fields    []Field  // Record
	Elem      *Node    // Array: items, Map: values
	Branches  []*Node  // Union
	Symbols   []string
	SymbolDef string // Enum: its default
	Size      int    // Fixed
	Props     []Prop // all other properties, in order

	As    As
	Scale int32
	slots []int        // AsOneOf: field of the struct for each branch, -1 for null
	enums []data.Value // Enum: its symbols as values
	least int          // fewest bytes of a value; see leastBytes
}

// Field is a field of a record.
type Field struct {
	Name, Doc string
	Aliases   []string
	Node      *Node
	// Default is the JSON of the default; nil: none.
	Default json.RawMessage
	Props   []Prop
}

// Prop is a property that Avro itself does not define.
type Prop struct {
	Name string
	JSON json.RawMessage
}

// FullName is the name with its namespace; other than named types have their
// type's name, as org.apache.avro.Schema.getFullName.
func (n *Node) FullName() string {
	switch {
	case !n.named():
		return n.Type.String()
	case n.Namespace == "":
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func (n *Node) named() bool { return n.Type == Record || n.Type == Enum || n.Type == Fixed }

// Slots says for each branch of an AsOneOf union which field of the struct it is;
// -1 for null.
func (n *Node) Slots() []int { return n.slots }

// Least is the fewest bytes that a value takes.
func (n *Node) Least() int { return n.least }

func prop(props []Prop, name string) json.RawMessage {
	for _, p := range props {
		if p.Name == name {
			return p.JSON
		}
	}
	return nil
}

// text returns a property that is a JSON string; other properties are "".
func (n *Node) text(name string) string {
	var s string
	if raw := prop(n.Props, name); raw != nil && raw[0] == '"' {
		_ = json.Unmarshal(raw, &s) // it has been parsed before
	}
	return s
}

// number returns a property that is a JSON number.
func (n *Node) number(name string) (int64, bool) {
	var f float64
	raw := prop(n.Props, name)
	if raw == nil || json.Unmarshal(raw, &f) != nil {
		return 0, false
	}
	return int64(f), true
}

func (n *Node) addProp(name string, v any) {
	raw := jsonOf(v)
	for i := range n.Props {
		if n.Props[i].Name == name {
			n.Props[i].JSON = raw
			return
		}
	}
	n.Props = append(n.Props, Prop{name, raw})
}

// jsonOf is the JSON of a value that cannot fail to have one.
func jsonOf(v any) json.RawMessage {
	if raw, ok := v.(json.RawMessage); ok {
		return raw
	}
	raw, err := marshal(v)
	if err != nil {
		panic(err) // only strings, numbers and what JSON was parsed to come here
	}
	return raw
}

// measure computes least for n and everything below, so that a count in a record
// can be checked against the bytes that are left before memory is taken for it.
func (n *Node) measure(open map[*Node]bool) int {
	if n.least > 0 || open[n] {
		return n.least
	}
	open[n] = true
	switch n.Type {
	case Null:
	case Float:
		n.least = 4
	case Double:
		n.least = 8
	case Fixed:
		n.least = n.Size
	case Record:
		for i := range n.Fields {
			n.least += n.Fields[i].Node.measure(open)
		}
	case Union:
		for _, b := range n.Branches {
			b.measure(open)
		}
		n.least = 1
	default:
		if n.Elem != nil {
			n.Elem.measure(open)
		}
		n.least = 1
	}
	return n.least
}
