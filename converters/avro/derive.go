package avro

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"culvert/data"
	"culvert/data/values"
)

// anything is the schema of schemaless data.
var anything = func() *Node {
	n, err := Parse(`{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":[
		{"name":"boolean","type":["null","boolean"],"default":null},{"name":"bytes","type":["null","bytes"],"default":null},
		{"name":"double","type":["null","double"],"default":null},{"name":"float","type":["null","float"],"default":null},
		{"name":"int","type":["null","int"],"default":null},{"name":"long","type":["null","long"],"default":null},
		{"name":"string","type":["null","string"],"default":null},
		{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},
		{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":[
			{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"default":null}]}`)
	if err != nil {
		panic(err) // the text above is a schema
	}
	n.As = AsAnything
	return n
}()

// derivation makes an Avro schema of a Connect schema.
type derivation struct {
	mapping
	made    []made           // every named type so far
	open    map[string]*Node // structs by name, for schemas that contain themselves
	unnamed int
	seen    map[string]bool // names of field schemas that were met before
}

type made struct {
	schema *data.Schema // required
	node   *Node
}

// Derive is AvroData.fromConnectSchema. A nil schema gives the schema that
// schemaless data is wrapped in.
func (m mapping) Derive(s *data.Schema) (*Node, error) {
	if s == nil {
		return anything, nil
	}
	d := derivation{mapping: m, open: map[string]*Node{}, seen: map[string]bool{}}
	n, err := d.schema(s, false)
	if err != nil {
		return nil, err
	}
	if err := newPrinter().print(n); err != nil {
		return nil, err
	}
	n.measure(map[*Node]bool{})
	return n, nil
}

func required(s *data.Schema) *data.Schema {
	if !s.Optional {
		return s
	}
	c := *s
	c.Optional = false
	return &c
}

// reuse finds a type that was made for an equal schema, or one that is being made.
func (d *derivation) reuse(s *data.Schema) *Node {
	if n := d.open[s.Name]; n != nil && s.Kind == data.Struct && s.Name != "" && s.Name != unionName {
		return n
	}
	for _, m := range d.made {
		if m.schema.Equal(s) {
			return m.node
		}
	}
	return nil
}

// schema makes the type of s. With bare set an optional schema is not put in a union.
func (d *derivation) schema(s *data.Schema, bare bool) (*Node, error) {
	if s == nil {
		return anything, nil
	}
	if isUnion(s) {
		return d.union(s)
	}
	if s.Kind == data.Struct && s.Optional {
		n, err := d.schema(required(s), false)
		if err != nil || bare {
			return n, err
		}
		return &Node{Type: Union, As: AsNullable, Branches: []*Node{{Type: Null}, n}}, nil
	}
	n := d.reuse(required(s))
	if n == nil {
		var err error
		if n, err = d.base(s); err != nil {
			return nil, err
		}
		if err := d.annotate(s, n); err != nil {
			return nil, err
		}
		d.made = append(d.made, made{required(s), n})
	}
	switch {
	case bare || !s.Optional:
		return n, nil
	case s.HasDefault:
		return &Node{Type: Union, As: AsNullable, Branches: []*Node{n, {Type: Null}}}, nil
	}
	return &Node{Type: Union, As: AsNullable, Branches: []*Node{{Type: Null}, n}}, nil
}

func isUnion(s *data.Schema) bool {
	if s.Kind != data.Struct {
		return false
	}
	if s.Name == unionName {
		return true
	}
	_, ok := s.Param(generalizedUnion)
	return ok
}

func isFixed(s *data.Schema) (int, bool) {
	if s.Kind.Base() != data.Bytes || s.Name == "" {
		return 0, false
	}
	text, ok := s.Param(fixedSizeParam)
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n >= 0
}

func (d *derivation) union(s *data.Schema) (*Node, error) {
	n := &Node{Type: Union, As: AsOneOf}
	if s.Optional {
		n.Branches = append(n.Branches, &Node{Type: Null})
		n.slots = append(n.slots, -1)
	}
	for i, f := range s.Fields {
		b, err := d.schema(required(f.Schema), true)
		if err != nil {
			return nil, err
		}
		n.Branches = append(n.Branches, b)
		n.slots = append(n.slots, i)
	}
	return n, nil
}

var plainTypes = map[data.Kind]Type{
	data.Int8: Int, data.Int16: Int, data.Int32: Int, data.Int64: Long, data.Float32: Float,
	data.Float64: Double, data.Bool: Boolean, data.String: String,
}

func (d *derivation) base(s *data.Schema) (*Node, error) {
	switch s.Kind.Base() {
	case data.String:
		if d.enhanced || d.generalized {
			if n, err := d.enum(s); n != nil || err != nil {
				return n, err
			}
		}
	case data.Bytes:
		return d.bytes(s)
	case data.Array:
		elem, err := d.schema(s.Elem, false)
		return &Node{Type: Array, Elem: elem}, err
	case data.Map:
		return d.mapOf(s)
	case data.Struct:
		return d.structure(s)
	}
	t, ok := plainTypes[s.Kind.Base()]
	if !ok {
		return nil, dataError("Unknown schema type: %s", values.TypeName(s.Kind))
	}
	return &Node{Type: t}, nil
}

func (d *derivation) enum(s *data.Schema) (*Node, error) {
	_, general := s.Param(generalizedEnum)
	_, avro := s.Param(enumName)
	if !general && !avro {
		return nil, nil
	}
	param := enumName
	if d.generalized {
		param = generalizedEnum
	}
	full, ok := s.Param(param)
	if !ok {
		return nil, dataError("Type must have a name")
	}
	_, short, err := d.nameOrDefault(s.Name)
	if err != nil {
		return nil, err
	}
	n := &Node{Type: Enum}
	if n.Namespace, n.Name, err = d.name(full); err != nil {
		return nil, err
	}
	for _, p := range s.Params {
		if symbol, ok := strings.CutPrefix(p.Name, param+"."); ok {
			if !validName(symbol) {
				return nil, dataError("Illegal character in: %s", symbol)
			}
			n.Symbols = append(n.Symbols, symbol)
			n.enums = append(n.enums, data.OfString(symbol))
		}
	}
	if d.discardTypeDocument {
		n.Doc, _ = s.Param(enumDocOnly)
		return n, nil
	}
	n.Doc, _ = s.Param(enumDocParam + short)
	n.SymbolDef, _ = s.Param(enumDefaultParam + short)
	return n, nil
}

func (d *derivation) bytes(s *data.Schema) (*Node, error) {
	n := &Node{Type: Bytes}
	if size, ok := isFixed(s); ok {
		n.Type, n.Size = Fixed, size
		var err error
		if n.Namespace, n.Name, err = d.nameOrDefault(s.Name); err != nil {
			return nil, err
		}
	}
	if !strings.EqualFold(s.Name, data.DecimalName) {
		return n, nil
	}
	text, _ := s.Param(data.ScaleParam)
	scale, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, dataError("Invalid Decimal schema: scale parameter not found.")
	}
	precision := int64(defaultPrecision)
	if text, ok := s.Param(precisionParam); ok {
		if precision, err = strconv.ParseInt(text, 10, 32); err != nil {
			return nil, dataError("Invalid Decimal schema: %s is %q, not a number", precisionParam, text)
		}
	}
	n.As, n.Scale = AsDecimal, int32(scale)
	n.addProp("scale", scale)
	n.addProp("precision", precision)
	return n, nil
}

// mapOf makes a map; where the keys are not required strings, an array of records.
func (d *derivation) mapOf(s *data.Schema) (*Node, error) {
	if s.Key.Kind == data.String && (!s.Key.Optional || d.optionalMapKeys) {
		elem, err := d.schema(s.Elem, false)
		return &Node{Type: Map, Elem: elem}, err
	}
	entry := &Node{Type: Record, Name: mapEntryName, Namespace: namespace}
	if s.Name != "" {
		var err error
		if entry.Namespace, entry.Name, err = d.name(s.Name); err != nil {
			return nil, err
		}
		entry.addProp(propInternal, mapEntryName)
	}
	for _, f := range []data.Field{{Name: "key", Schema: s.Key}, {Name: "value", Schema: s.Elem}} {
		if err := d.field(entry, f.Name, f.Schema, ""); err != nil {
			return nil, err
		}
	}
	return &Node{Type: Array, As: AsPairs, Elem: entry}, nil
}

func (d *derivation) structure(s *data.Schema) (*Node, error) {
	n := &Node{Type: Record}
	var err error
	if n.Namespace, n.Name, err = d.nameOrDefault(s.Name); err != nil {
		return nil, err
	}
	docParam := recordDocParam
	if d.discardTypeDocument {
		docParam = recordDocOnly
	}
	n.Doc, _ = s.Param(docParam)
	if s.Name != "" {
		d.open[s.Name] = n
		defer delete(d.open, s.Name)
	}
	for _, f := range s.Fields {
		doc := ""
		if !d.discardTypeDocument {
			doc, _ = s.Param(fieldDocParam + f.Name)
		}
		if err := d.field(n, d.scrubName(f.Name), f.Schema, doc); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (d *derivation) field(n *Node, name string, s *data.Schema, doc string) error {
	if !validName(name) {
		return dataError("Illegal character in: %s", name).
			WithFix("Rename the field of %s, or set scrub.invalid.names=true.", n.FullName())
	}
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return dataError("Duplicate field %s in record %s", name, n.FullName())
		}
	}
	f := Field{Name: name, Doc: doc}
	if d.discardTypeDocument && s != nil {
		f.Doc = s.Doc
	}
	if s != nil {
		if s.HasDefault {
			raw, err := d.defaultJSON(s, s.Default)
			if err != nil {
				return err
			}
			f.Default = raw
		} else if s.Optional {
			f.Default = json.RawMessage("null")
		}
	}
	scrubbed := ""
	if s != nil {
		scrubbed = d.scrubFull(s.Name)
	}
	again := scrubbed != "" && d.seen[scrubbed]
	d.seen[scrubbed] = true
	var err error
	if f.Node, err = d.schema(s, false); err != nil {
		return err
	}
	switch {
	case string(f.Default) == "null":
	case f.Node.Type == Union && len(f.Node.Branches) > 0 && f.Node.Branches[0].Type == Null:
		f.Default = nil // Avro wants defaults of the first branch's type
	case f.Default != nil && !f.Node.takes(f.Default):
		f.Default = nil // as the pairs of a map whose keys are not strings, where Avro wants records
	}
	if d.metaData && again && len(s.Params) > 0 && hasNamed(f.Node) {
		if params := paramsJSON(s.Params, d.discardTypeDocument); params != nil {
			f.Props = append(f.Props, Prop{propParameters, params})
		}
	}
	n.Fields = append(n.Fields, f)
	return nil
}

func hasNamed(n *Node) bool {
	if n.Type == Union {
		for _, b := range n.Branches {
			if b.named() {
				return true
			}
		}
	}
	return n.named()
}

func (d *derivation) nameOrDefault(full string) (ns, name string, err error) {
	if full != "" {
		return d.name(full)
	}
	d.unnamed++
	name = defaultName
	if d.unnamed > 1 {
		name += strconv.Itoa(d.unnamed)
	}
	return namespace, name, nil
}

func (d *derivation) name(full string) (ns, name string, err error) {
	ns, name = d.splitName(full)
	for _, part := range strings.Split(full, ".") {
		if part = d.scrubName(part); !validName(part) {
			return "", "", dataError("Illegal character in: %s", full).
				WithFix("Give the schema a name of letters, digits and underscores, or set scrub.invalid.names=true.")
		}
	}
	return ns, name, nil
}

// annotate adds the properties that keep what Avro itself cannot say.
func (d *derivation) annotate(s *data.Schema, n *Node) error {
	if d.metaData {
		if s.Doc != "" {
			n.addProp(propDoc, s.Doc)
		}
		if s.Version != 0 {
			n.addProp(propVersion, s.Version)
		}
		if params := paramsJSON(s.Params, d.discardTypeDocument); params != nil {
			n.addProp(propParameters, params)
		}
		_, fromField := s.Param(fieldDefaultParam)
		if s.HasDefault && (d.discardTypeDocument || !fromField) {
			raw, err := d.defaultJSON(s, s.Default)
			if err != nil {
				return err
			}
			n.addProp(propDefault, raw)
		}
		if s.Name != "" {
			n.addProp(propName, s.Name)
		}
		switch s.Kind {
		case data.Int8:
			n.addProp(propType, "int8")
		case data.Int16:
			n.addProp(propType, "int16")
		}
	}
	switch {
	case strings.EqualFold(s.Name, data.DecimalName):
		n.addProp("logicalType", "decimal")
	case strings.EqualFold(s.Name, data.TimeName):
		n.addProp("logicalType", "time-millis")
	case strings.EqualFold(s.Name, data.TimestampName):
		n.addProp("logicalType", "timestamp-millis")
	case strings.EqualFold(s.Name, data.DateName):
		n.addProp("logicalType", "date")
	}
	for _, p := range s.Params {
		if strings.HasPrefix(p.Name, "avro") {
			n.addProp(p.Name, p.Value)
		}
	}
	return nil
}

// paramsJSON is a JSON object in the order of the parameters; nil if it is empty.
func paramsJSON(params []data.Param, all bool) json.RawMessage {
	out := []byte{'{'}
	for _, p := range params {
		if p.Name == fieldDefaultParam && !all {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, jsonOf(p.Name)...), ':'), jsonOf(p.Value)...)
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, '}')
}

// defaultJSON is AvroData.defaultValueFromConnect.
func (d *derivation) defaultJSON(s *data.Schema, v data.Value) (json.RawMessage, error) {
	if v.IsNull() {
		return json.RawMessage("null"), nil
	}
	if v.Kind() != s.Kind {
		return nil, dataError("Invalid type used for default value of %s field: class %s", values.TypeName(s.Kind), values.Class(v.Kind()))
	}
	switch s.Kind {
	case data.Bool:
		return jsonOf(v.Bool()), nil
	case data.Float32, data.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return jsonOf(floatJSON(f, 64)), nil
		}
		if s.Kind == data.Float32 {
			return values.AppendFloat(nil, v.Float32()), nil
		}
		return values.AppendDouble(nil, v.Float()), nil
	case data.String:
		return jsonOf(v.Str()), nil
	case data.Bytes, data.Decimal:
		return jsonOf(latin1(v.Bytes())), nil
	case data.Date:
		return jsonOf(v.Int() / dayMillis), nil
	case data.Array:
		return d.listJSON('[', ']', len(v.Elems()), func(i int) (json.RawMessage, error) {
			return d.defaultJSON(s.Elem, v.Elems()[i])
		})
	case data.Map:
		return d.mapJSON(s, v)
	case data.Struct:
		return d.structJSON(s, v)
	}
	return jsonOf(v.Int()), nil
}

func (d *derivation) listJSON(open, closing byte, n int, item func(i int) (json.RawMessage, error)) (json.RawMessage, error) {
	out := []byte{open}
	for i := range n {
		raw, err := item(i)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, raw...)
	}
	return append(out, closing), nil
}

func (d *derivation) mapJSON(s *data.Schema, v data.Value) (json.RawMessage, error) {
	pairs := v.Elems()
	named := s.Key.Kind == data.String && (!s.Key.Optional || d.optionalMapKeys)
	open, closing := byte('['), byte(']')
	if named {
		open, closing = '{', '}'
	}
	return d.listJSON(open, closing, len(pairs)/2, func(i int) (json.RawMessage, error) {
		key, err := d.defaultJSON(s.Key, pairs[2*i])
		if err != nil {
			return nil, err
		}
		value, err := d.defaultJSON(s.Elem, pairs[2*i+1])
		if err != nil {
			return nil, err
		}
		if named {
			return append(append(key, ':'), value...), nil
		}
		return append(append(append(append([]byte{'['}, key...), ','), value...), ']'), nil
	})
}

func (d *derivation) structJSON(s *data.Schema, v data.Value) (json.RawMessage, error) {
	fields := v.Elems()
	if len(fields) != len(s.Fields) {
		return nil, dataError("Mismatching struct schema")
	}
	if isUnion(s) && len(fields) > 0 {
		return d.defaultJSON(s.Fields[0].Schema, s.Fields[0].Schema.DefaultOr(fields[0]))
	}
	return d.listJSON('{', '}', len(fields), func(i int) (json.RawMessage, error) {
		fs := s.Fields[i].Schema
		raw, err := d.defaultJSON(fs, fs.DefaultOr(fields[i]))
		return append(append(jsonOf(d.scrubName(s.Fields[i].Name)), ':'), raw...), err
	})
}
