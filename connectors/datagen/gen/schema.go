package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/hamba/avro/v2"

	"culvert/data"
)

// kind is a type of Avro.
type kind uint8

const (
	nullKind kind = iota
	booleanKind
	intKind
	longKind
	floatKind
	doubleKind
	bytesKind
	stringKind
	recordKind
	enumKind
	arrayKind
	mapKind
	fixedKind
	unionKind
)

var kindNames = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "fixed", "union",
}

func (k kind) String() string { return kindNames[k] }

func kindOf(name string) (kind, bool) {
	for i, n := range kindNames {
		if n == name && kind(i) != unionKind {
			return kind(i), true
		}
	}
	return 0, false
}

// node is one schema with what the generator keeps for it. A name that is used
// twice is one node, so that its iterations count on.
type node struct {
	kind     kind
	name     string // full name of a record, enum or fixed
	fields   []field
	symbols  []string
	size     int
	elem     *node // items of an array, values of a map
	branches []*node
	logical  string
	prec     int
	decimal  bool // the logical type is one that Avro takes
	scale    int32
	props    any // arg.properties as Java reads it, nil if absent

	connect *data.Schema
	plan    *plan // made at the first value
}

type field struct {
	name   string
	node   *node
	hasDef bool
	def    any
}

// Schema is a parsed Avro schema with its generator properties.
type Schema struct {
	top     *node
	connect *data.Schema
	err     error // why Connect has no schema for it
}

// Parse reads an Avro schema. The properties of the generator are not checked
// here: their errors come with the first value that needs them.
func Parse(text string) (*Schema, error) {
	text = withoutComments(text)
	// The library checks what Avro demands; the tree is walked once more below
	// because it reads 1 and 1.0 as the same number and the generator does not.
	if _, err := avro.ParseWithCache(text, "", &avro.SchemaCache{}); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, err
	}
	p := parser{named: map[string]*node{}}
	top, err := p.parse(raw, "")
	if err != nil {
		return nil, err
	}
	s := &Schema{top: top}
	s.connect, s.err = top.connectTo(text)
	return s, nil
}

// Connect is the schema of the values in Connect's terms, as AvroData maps it, or
// nil.
func (s *Schema) Connect() *data.Schema {
	if s.err != nil {
		return nil
	}
	return s.connect
}

// Err says why Connect has no schema.
func (s *Schema) Err() error { return s.err }

// IsRecord reports whether the values are records.
func (s *Schema) IsRecord() bool { return s.top.kind == recordKind }

// javaMade are the classes of what the original makes of a type.
var javaMade = [...]string{
	nullKind: "null", booleanKind: "java.lang.Boolean", intKind: "java.lang.Integer", longKind: "java.lang.Long", floatKind: "java.lang.Float",
	doubleKind: "java.lang.Double", bytesKind: "java.nio.HeapByteBuffer", stringKind: "java.lang.String", recordKind: "org.apache.avro.generic.GenericData$Record",
	enumKind: "org.apache.avro.generic.GenericData$EnumSymbol", arrayKind: "java.util.ArrayList", mapKind: "java.util.HashMap",
	fixedKind: "org.apache.avro.generic.GenericData$Fixed", unionKind: "one of a union",
}

// JavaClass is the class of the values of the original, for the texts of errors.
func (s *Schema) JavaClass() string { return javaMade[s.top.kind] }

// HasField reports whether the record has a field of that name.
func (s *Schema) HasField(name string) bool {
	return slices.ContainsFunc(s.top.fields, func(f field) bool { return f.name == name })
}

// withoutComments blanks what Java's parser takes for comments: the original's own
// schemas have some.
func withoutComments(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		end := i + 1
		switch rest := text[i:]; {
		case rest[0] == '"':
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(text))
			b.WriteString(text[i:end])
		case strings.HasPrefix(rest, "//"):
			if end = strings.IndexByte(rest, '\n') + i; end < i {
				end = len(text)
			}
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/"); end < 0 {
				return b.String() + rest // it has no end: no JSON either
			}
			end += i + 4
			b.WriteByte(' ')
		default:
			b.WriteByte(rest[0])
		}
		i = end
	}
	return b.String()
}

type parser struct{ named map[string]*node }

func (p *parser) parse(raw any, namespace string) (*node, error) {
	switch v := raw.(type) {
	case string:
		if k, ok := kindOf(v); ok && k <= stringKind {
			return &node{kind: k}, nil
		}
		if n, ok := p.named[fullName(v, namespace)]; ok {
			return n, nil
		}
		if n, ok := p.named[v]; ok {
			return n, nil
		}
		return nil, fmt.Errorf("schema: %q is not a type and no name defined before", v)
	case []any:
		n := &node{kind: unionKind}
		for _, b := range v {
			branch, err := p.parse(b, namespace)
			if err != nil {
				return nil, err
			}
			n.branches = append(n.branches, branch)
		}
		return n, nil
	case map[string]any:
		return p.parseObject(v, namespace)
	}
	return nil, fmt.Errorf("schema: a %T is no schema", raw)
}

func (p *parser) parseObject(v map[string]any, namespace string) (*node, error) {
	name, ok := v["type"].(string)
	if !ok {
		return p.parse(v["type"], namespace) // {"type": {…}}: the inner schema counts
	}
	k, ok := kindOf(name)
	if !ok {
		return p.parse(name, namespace)
	}
	n := &node{kind: k}
	if props, ok := v["arg.properties"]; ok {
		n.props = property(props)
	}
	n.logical = text(v["logicalType"])
	if n.logical == "decimal" && (k == bytesKind || k == fixedKind) {
		n.prec, n.scale = integer(v["precision"]), int32(integer(v["scale"]))
		n.decimal = validDecimal(k, v)
	}
	if k == recordKind || k == enumKind || k == fixedKind {
		if ns, ok := v["namespace"].(string); ok {
			namespace = ns
		}
		n.name = fullName(text(v["name"]), namespace)
		if i := strings.LastIndexByte(n.name, '.'); i >= 0 {
			namespace = n.name[:i]
		}
		p.named[n.name] = n
	}
	return n, p.parseParts(n, v, namespace)
}

func (p *parser) parseParts(n *node, v map[string]any, namespace string) (err error) {
	switch n.kind {
	case recordKind:
		fields, _ := v["fields"].([]any)
		for _, f := range fields {
			m, ok := f.(map[string]any)
			if !ok {
				return fmt.Errorf("schema: a field of %s is no object", n.name)
			}
			child, err := p.parse(m["type"], namespace)
			if err != nil {
				return err
			}
			def, has := m["default"]
			n.fields = append(n.fields, field{name: text(m["name"]), node: child, def: def, hasDef: has})
		}
	case enumKind:
		symbols, _ := v["symbols"].([]any)
		for _, s := range symbols {
			n.symbols = append(n.symbols, text(s))
		}
	case fixedKind:
		n.size = integer(v["size"])
	case arrayKind:
		n.elem, err = p.parse(v["items"], namespace)
	case mapKind:
		n.elem, err = p.parse(v["values"], namespace)
	}
	return err
}

// validDecimal reports what Avro's LogicalTypes.Decimal demands; another one is
// ignored.
func validDecimal(k kind, v map[string]any) bool {
	number := func(name string) (int64, bool) {
		n, _ := v[name].(json.Number)
		class, i, _ := javaNumber(n)
		return i, class == "java.lang.Integer"
	}
	prec, ok := number("precision")
	scale, hasScale := number("scale")
	if _, given := v["scale"]; !ok || given && !hasScale {
		return false
	}
	if k == fixedKind && float64(prec) > math.Floor(float64(8*integer(v["size"])-1)*math.Log10(2)) {
		return false
	}
	return prec > 0 && scale >= 0 && scale <= prec
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.ContainsRune(name, '.') {
		return name
	}
	return namespace + "." + name
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func integer(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}

// jsonNull is a null in the properties, an object as any other for Java. A nil
// is what Java's null is: no value.
type jsonNull struct{}

// property is a JSON value as Avro gives properties to the generator: null is an
// object, and a whole number that is no long is lost.
func property(raw any) any {
	switch v := raw.(type) {
	case nil:
		return jsonNull{}
	case json.Number:
		if class, _, _ := javaNumber(v); class == "java.math.BigInteger" {
			return nil
		}
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = property(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = property(e)
		}
		return m
	}
	return raw
}

// javaNumber is what the Java side makes of a JSON number: Integer, Long,
// BigInteger or Double.
func javaNumber(n json.Number) (class string, i int64, f float64) {
	s := n.String()
	if !isDecimal(n) {
		b, ok := new(big.Int).SetString(s, 10)
		switch {
		case ok && b.IsInt64() && b.Int64() == int64(int32(b.Int64())):
			return "java.lang.Integer", b.Int64(), float64(b.Int64())
		case ok && b.IsInt64():
			return "java.lang.Long", b.Int64(), float64(b.Int64())
		default:
			return "java.math.BigInteger", 0, 0
		}
	}
	f, _ = n.Float64()
	return "java.lang.Double", 0, f
}

func isDecimal(n json.Number) bool { return strings.ContainsAny(n.String(), ".eE") }

// javaClass names the Java class of a JSON value, for the texts of errors.
func javaClass(v any) string {
	switch v := v.(type) {
	case json.Number:
		class, _, _ := javaNumber(v)
		return class
	case string:
		return "java.lang.String"
	case bool:
		return "java.lang.Boolean"
	case []any:
		return "java.util.ArrayList"
	case map[string]any:
		return "java.util.LinkedHashMap"
	}
	return "org.apache.avro.JsonProperties$Null"
}
