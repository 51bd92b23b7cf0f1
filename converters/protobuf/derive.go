package protobuf

import (
	"net/url"
	"strconv"
	"strings"

	"culvert/data"
	"culvert/data/values"
)

// messageText is a message type that is being made of a Connect schema.
type messageText struct {
	name   string
	fields []fieldText
	oneofs []oneofText
	nested []*messageText
	enums  []enumText
}

type fieldText struct {
	label, typ, name string
	tag              int
	params           []data.Param // confluent.field_meta
}

type oneofText struct {
	name   string
	fields []fieldText
}

type enumText struct {
	name   string
	values []data.Param // a symbol and its number
}

// derivation makes the text of a schema of a Connect schema.
type derivation struct {
	mapping
	unnamed int
	imports []string
	depth   int
	types   int // message types so far
}

const maxTypes = 10000

// enter bounds what is made of a schema that contains itself by way of others,
// which nested types cannot say.
func (d *derivation) enter(s *data.Schema) error {
	d.depth++
	if d.types++; d.depth > maxDepth || d.types > maxTypes {
		return dataError("The schema %s contains itself, or is nested deeper than %d levels", s.Name, maxDepth)
	}
	return nil
}

func (d *derivation) leave() { d.depth-- }

// derived is the schema for data of a Connect schema.
type derived struct {
	text string
	name string // full name of the record's message type
}

// derive is ProtobufData.fromConnectSchema.
func (m mapping) derive(s *data.Schema) (derived, error) {
	d := derivation{mapping: m}
	if s.Kind != data.Struct {
		return wrapperOf(s)
	}
	pkg, name := d.split(d.nameOrDefault(s.Name))
	root, err := d.message(name, s)
	if err != nil {
		return derived{}, err
	}
	text := "syntax = \"proto3\";\n"
	full := name
	if pkg != "" {
		for _, part := range strings.Split(pkg, ".") {
			if !validName(part) {
				return derived{}, badName(s.Name)
			}
		}
		text += "package " + pkg + ";\n"
		full = pkg + "." + name
	}
	if len(d.imports) > 0 {
		text += "\n"
	}
	for _, file := range d.imports {
		text += "import \"" + file + "\";\n"
	}
	p := printer{}
	p.message(root, "")
	return derived{text: text + "\n" + string(p.out), name: full}, nil
}

// wrapperNames are the wrapper messages for records that are no structs.
var wrapperNames = map[data.Kind]string{
	data.Int8: "Int32Value", data.Int16: "Int32Value", data.Int32: "Int32Value", data.Int64: "Int64Value",
	data.Float32: "FloatValue", data.Float64: "DoubleValue", data.Bool: "BoolValue", data.String: "StringValue", data.Bytes: "BytesValue",
}

// wrappersText is google/protobuf/wrappers.proto as a schema of its own, with its
// types in their order, which the path to a type goes by.
const wrappersText = `syntax = "proto3";
package google.protobuf;

option cc_enable_arenas = true;
option csharp_namespace = "Google.Protobuf.WellKnownTypes";
option go_package = "google.golang.org/protobuf/types/known/wrapperspb";
option java_multiple_files = true;
option java_outer_classname = "WrappersProto";
option java_package = "com.google.protobuf";
option objc_class_prefix = "GPB";

message DoubleValue {
  double value = 1;
}
message FloatValue {
  float value = 1;
}
message Int64Value {
  int64 value = 1;
}
message UInt64Value {
  uint64 value = 1;
}
message Int32Value {
  int32 value = 1;
}
message UInt32Value {
  uint32 value = 1;
}
message BoolValue {
  bool value = 1;
}
message StringValue {
  string value = 1;
}
message BytesValue {
  bytes value = 1;
}
`

func wrapperOf(s *data.Schema) (derived, error) {
	name, ok := wrapperNames[s.Kind]
	if !ok {
		return derived{}, dataError("Unsupported root schema of type %s", values.TypeName(s.Kind)).
			WithFix("Protobuf has no records of this type: put the value into a struct, for instance with HoistField.")
	}
	return derived{text: wrappersText, name: "google.protobuf." + name}, nil
}

func badName(name string) error {
	return dataError("Invalid protobuf schema definition: %q is not a name", name).
		WithFix("Give schemas and fields names of letters, digits and underscores, or set scrub.invalid.names=true.")
}

func validName(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return true
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// scrubName makes a name that Protobuf takes of one that it does not: %xx for bytes
// that it has no place for, and an underscore for the percent sign.
func (m mapping) scrubName(name string) string {
	if !m.scrub || name == "" || validName(name) && name[0] != '_' {
		return name
	}
	encoded := url.QueryEscape(name)
	encoded = strings.ReplaceAll(encoded, "%2A", "*") // Java's URLEncoder leaves it
	if c := encoded[0]; c >= '0' && c <= '9' || c == '_' {
		encoded = "x" + encoded
	}
	out := []byte(encoded)
	for i, c := range out {
		if !nameByte(c) {
			out[i] = '_'
		}
	}
	return string(out)
}

// split splits a dotted name into package and name.
func (m mapping) split(full string) (pkg, name string) {
	parts := strings.Split(full, ".")
	for len(parts) > 1 && parts[len(parts)-1] == "" { // as Java's String.split
		parts = parts[:len(parts)-1]
	}
	for i := range parts {
		parts[i] = m.scrubName(parts[i])
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], "."), parts[last]
}

func (d *derivation) nameOrDefault(name string) string {
	if name != "" {
		return name
	}
	d.unnamed++
	return defaultName + strconv.Itoa(d.unnamed)
}

// unqualified is the last part of a name.
func (d *derivation) unqualified(name string) string {
	full := d.nameOrDefault(name)
	return d.scrubName(full[strings.LastIndexByte(full, '.')+1:])
}

// message makes the message type of a struct.
func (d *derivation) message(name string, s *data.Schema) (*messageText, error) {
	if !validName(name) {
		return nil, badName(name)
	}
	if err := d.enter(s); err != nil {
		return nil, err
	}
	defer d.leave()
	m := &messageText{name: name}
	next := 1
	for _, f := range s.Fields {
		tag, given := tagOf(f.Schema)
		if !given {
			tag = next
			next++
		}
		if isUnion(f.Schema) {
			if err := d.oneof(m, f.Schema); err != nil {
				return nil, err
			}
			continue
		}
		t, err := d.field(m, f.Schema, d.scrubName(f.Name), tag, false)
		if err != nil {
			return nil, err
		}
		m.fields = append(m.fields, t)
	}
	return m, nil
}

func tagOf(s *data.Schema) (int, bool) {
	text, ok := s.Param(tagParam)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func isUnion(s *data.Schema) bool {
	if s.Kind != data.Struct {
		return false
	}
	if strings.HasPrefix(s.Name, unionName) {
		return true
	}
	_, ok := s.Param(generalizedUnion)
	return ok
}

func (d *derivation) oneof(m *messageText, s *data.Schema) error {
	name, general := s.Param(generalizedUnion)
	if !d.generalized || !general {
		name = d.unqualified(strings.TrimPrefix(s.Name, unionName+"."))
	}
	if !validName(name) {
		return badName(name)
	}
	o := oneofText{name: name}
	for _, f := range s.Fields {
		tag, ok := tagOf(f.Schema)
		if !ok {
			return dataError("Invalid protobuf schema definition: the field %s of the union %s has no parameter %s", f.Name, s.Name, tagParam).
				WithFix("Read the union with the Protobuf converter, or write it with another one.")
		}
		t, err := d.field(m, f.Schema, d.scrubName(f.Name), tag, true)
		if err != nil {
			return err
		}
		o.fields = append(o.fields, t)
	}
	m.oneofs = append(m.oneofs, o)
	return nil
}

// field makes a field of m, and in m the types that it needs.
func (d *derivation) field(m *messageText, s *data.Schema, name string, tag int, ofOneof bool) (fieldText, error) {
	if !validName(name) {
		return fieldText{}, badName(name)
	}
	f := fieldText{name: name, tag: tag}
	switch {
	case s.Kind == data.Array:
		if f.label, s = "repeated ", s.Elem; s.Kind == data.Array || s.Kind == data.Map {
			return f, dataError("%s: Array cannot be nested", name).WithFix("Protobuf has no lists of lists or of maps: put the inner one into a struct.")
		}
	case s.Kind == data.Map:
		f.label = "repeated "
	case d.optionalNullables && s.Optional && !ofOneof:
		f.label = "optional "
	}
	if isUnion(s) {
		return f, dataError("%s: a union cannot be an item of a list or a map in Protobuf", name)
	}
	var err error
	f.typ, err = d.typeOf(m, s, &f, ofOneof)
	return f, err
}

// plainTypes are the types of scalars.
var plainTypes = map[data.Kind]string{
	data.Int8: "int32", data.Int16: "int32", data.Int32: "int32", data.Int64: "int64", data.Float32: "float", data.Float64: "double",
	data.Bool: "bool", data.String: "string", data.Bytes: "bytes",
}

// writtenTypes are the types that the parameter Type may name.
var writtenTypes = map[string]data.Kind{
	"int32": data.Int32, "sint32": data.Int32, "sfixed32": data.Int32,
	"int64": data.Int64, "uint32": data.Int64, "fixed32": data.Int64, "uint64": data.Int64, "sint64": data.Int64, "fixed64": data.Int64, "sfixed64": data.Int64,
}

// typeOf is ProtobufData.dataTypeFromConnectSchema, with the definition of the type.
func (d *derivation) typeOf(m *messageText, s *data.Schema, f *fieldText, ofOneof bool) (string, error) {
	switch {
	case s.Kind == data.Decimal:
		for _, p := range []data.Param{{Name: precisionParam, Value: "precision"}, {Name: data.ScaleParam, Value: "scale"}} {
			if v, ok := s.Param(p.Name); ok {
				f.params = append(f.params, data.Param{Name: p.Value, Value: v})
			}
		}
		return d.known(decimalFile, decimalType), nil
	case s.Kind == data.Date:
		return d.known(dateFile, dateType), nil
	case s.Kind == data.Time:
		return d.known(timeFile, timeType), nil
	case s.Kind == data.Timestamp:
		return d.known(timestampFile, timestampType), nil
	case s.Kind == data.Struct && s.Name == variantName:
		return d.known(variantFile, variantType), nil
	case s.Kind == data.Struct:
		return d.structType(m, s, f.name)
	case s.Kind == data.Map:
		return d.mapType(m, s)
	}
	if param := enumOf(d.mapping, s); param != "" {
		return d.enum(m, s, param)
	}
	typ, ok := plainTypes[s.Kind]
	if !ok {
		return "", dataError("Unknown schema type: %s", values.TypeName(s.Kind))
	}
	switch s.Kind {
	case data.Int8, data.Int16:
		f.params = append(f.params, data.Param{Name: connectType, Value: s.Kind.String()})
	case data.Int32, data.Int64:
		if written, ok := s.Param(typeParam); ok && writtenTypes[written] == s.Kind {
			typ = written
		}
	}
	if d.wraps(s, ofOneof) {
		return d.known(wrappersFile, "google.protobuf."+wrapperFor(s, typ)), nil
	}
	return typ, nil
}

// wraps reports whether a scalar is written in a wrapper. A field of a oneof can be
// unset without one; only if it came out of one it goes into one.
func (m mapping) wraps(s *data.Schema, ofOneof bool) bool {
	if !m.wrapNullables || !s.Optional {
		return false
	}
	marked, _ := s.Param(wrapperParam)
	return !ofOneof || strings.EqualFold(marked, "true")
}

func wrapperFor(s *data.Schema, typ string) string {
	switch typ {
	case "uint32", "fixed32":
		return "UInt32Value"
	case "uint64", "fixed64":
		return "UInt64Value"
	}
	return wrapperNames[s.Kind]
}

// known notes that a file is to be imported.
func (d *derivation) known(file, typ string) string {
	for _, have := range d.imports {
		if have == file {
			return typ
		}
	}
	d.imports = append(d.imports, file)
	return typ
}

func (d *derivation) structType(m *messageText, s *data.Schema, field string) (string, error) {
	name := d.unqualified(s.Name)
	if name == field {
		name += "Message" // a type and a field cannot have the same name
	}
	if name == m.name {
		return name, nil // the struct contains itself
	}
	for _, n := range m.nested {
		if n.name == name {
			return name, nil
		}
	}
	made, err := d.message(name, s)
	if err != nil {
		return "", err
	}
	m.nested = append(m.nested, made)
	return name, nil
}

// mapType makes the message type of a map's entries.
func (d *derivation) mapType(m *messageText, s *data.Schema) (string, error) {
	name := entryName(d.unqualified(s.Name))
	if !validName(name) {
		return "", badName(name)
	}
	if err := d.enter(s); err != nil {
		return "", err
	}
	defer d.leave()
	entry := &messageText{name: name}
	for i, part := range []data.Field{{Name: "key", Schema: s.Key}, {Name: "value", Schema: s.Elem}} {
		f, err := d.field(entry, part.Schema, part.Name, i+1, false)
		if err != nil {
			return "", err
		}
		if f.label == "optional " {
			f.label = ""
		}
		entry.fields = append(entry.fields, f)
	}
	for _, n := range m.nested {
		if n.name == name {
			return name, nil
		}
	}
	m.nested = append(m.nested, entry)
	return name, nil
}

// entryName is the name of a map's entries as protoc gives it.
func entryName(name string) string {
	if strings.Contains(name, "_") {
		parts := strings.Split(strings.ToLower(name), "_")
		for i, p := range parts {
			if p != "" {
				parts[i] = strings.ToUpper(p[:1]) + p[1:]
			}
		}
		name = strings.Join(parts, "")
	}
	return name + entrySuffix
}

// enumOf is the parameter that makes an enum of a schema; empty: it is none.
func enumOf(m mapping, s *data.Schema) string {
	params := []string{enumParam, generalizedEnum}
	if m.generalized {
		params[0], params[1] = params[1], params[0]
	}
	for _, p := range params {
		if _, ok := s.Param(p); ok && (s.Kind == data.String || s.Kind == data.Int32 && p == enumParam) {
			return p
		}
	}
	return ""
}

func (d *derivation) enum(m *messageText, s *data.Schema, param string) (string, error) {
	full, _ := s.Param(param)
	name := d.unqualified(full)
	if !validName(name) {
		return "", badName(name)
	}
	for _, e := range m.enums {
		if e.name == name {
			return name, nil
		}
	}
	e := enumText{name: name}
	for _, p := range s.Params {
		if symbol, ok := strings.CutPrefix(p.Name, param+"."); ok {
			if _, err := strconv.ParseInt(p.Value, 10, 32); err != nil || !validName(symbol) {
				return "", dataError("Invalid protobuf schema definition: the symbol %q of the enum %s has the number %q", symbol, name, p.Value)
			}
			e.values = append(e.values, data.Param{Name: symbol, Value: p.Value})
		}
	}
	m.enums = append(m.enums, e)
	return name, nil
}

// printer writes message types in the order in which Confluent's ProtobufSchema
// writes them.
type printer struct{ out []byte }

func (p *printer) line(indent, text string) {
	p.out = append(append(append(p.out, indent...), text...), '\n')
}

func (p *printer) message(m *messageText, indent string) {
	p.line(indent, "message "+m.name+" {")
	inner := indent + "  "
	for _, f := range m.fields {
		p.field(f, inner)
	}
	for _, o := range m.oneofs {
		p.line(inner, "oneof "+o.name+" {")
		for _, f := range o.fields {
			p.field(f, inner+"  ")
		}
		p.line(inner, "}")
	}
	for _, n := range m.nested {
		p.message(n, inner)
	}
	for _, e := range m.enums {
		p.line(inner, "enum "+e.name+" {")
		for _, v := range e.values {
			p.line(inner+"  ", v.Name+" = "+v.Value+";")
		}
		p.line(inner, "}")
	}
	p.line(indent, "}")
}

func (p *printer) field(f fieldText, indent string) {
	text := f.label + f.typ + " " + f.name + " = " + strconv.Itoa(f.tag)
	if len(f.params) > 0 {
		var list []string
		for _, param := range f.params {
			list = append(list, "{ key: "+strconv.Quote(param.Name)+", value: "+strconv.QuoteToASCII(param.Value)+" }")
		}
		text += " [(confluent.field_meta) = { params: [" + strings.Join(list, ", ") + "] }]"
	}
	p.line(indent, text+";")
}
