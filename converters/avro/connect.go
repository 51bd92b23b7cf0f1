package avro

import (
	"encoding/json"
	"strconv"
	"strings"

	"culvert/data"
	"culvert/fault"
)

// Names and properties that Confluent's AvroData uses.
const (
	namespace         = "io.confluent.connect.avro"
	defaultName       = "ConnectDefault"
	defaultFullName   = namespace + "." + defaultName
	mapEntryName      = "MapEntry"
	unionName         = namespace + ".Union"
	enumName          = namespace + ".Enum"
	generalizedEnum   = "org.apache.kafka.connect.data.Enum"
	generalizedUnion  = "org.apache.kafka.connect.data.Union"
	recordDocParam    = namespace + ".record.doc"
	fieldDocParam     = namespace + ".field.doc."
	fieldDefaultParam = namespace + ".field.default"
	enumDocParam      = namespace + ".enum.doc."
	enumDefaultParam  = namespace + ".enum.default."
	recordDocOnly     = "connect.record.doc"
	enumDocOnly       = "connect.enum.doc"
	fixedSizeParam    = "connect.fixed.size"
	precisionParam    = "connect.decimal.precision"
	defaultPrecision  = 64

	propName       = "connect.name"
	propDoc        = "connect.doc"
	propVersion    = "connect.version"
	propDefault    = "connect.default"
	propParameters = "connect.parameters"
	propType       = "connect.type"
	propInternal   = "connect.internal.type"
)

const dataException = "org.apache.kafka.connect.errors.DataException"

func dataError(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "avro.data", format, args...).WithJava(dataException)
}

// mapping holds the settings that decide how schemas are mapped.
type mapping struct {
	metaData            bool // connect.meta.data
	enhanced            bool // enhanced.avro.schema.support
	scrub               bool // scrub.invalid.names
	generalized         bool // generalized.sum.type.support
	ignoreDefault       bool // ignore.default.for.nullables
	optionalMapKeys     bool // allow.optional.map.keys
	flattenSingleton    bool // flatten.singleton.unions
	discardTypeDocument bool // discard.type.doc.default
}

// toConnect walks an Avro schema once: it makes the Connect schema and notes in
// each Node what its values become.
type toConnect struct {
	mapping
	open    map[*Node]*data.Schema   // records that are being made
	entries map[*Node]bool           // map entries whose key or value is being made
	cycles  map[*Node][]*data.Schema // references into them, to be filled in at their end
	// done keeps the records that are complete, so that types which use each other
	// twice do not double the work with every level.
	done   map[use]*data.Schema
	unions int
}

// use is a record where it has no default of its own.
type use struct {
	n        *Node
	optional bool
}

// Connect makes the Connect schema of a writer schema; nil is schemaless data.
// version is the schema's version in the registry, 0 if unknown.
func (m mapping) Connect(n *Node, version int32) (*data.Schema, error) {
	if n.isAnything() {
		n.As = AsAnything
		return nil, nil
	}
	if n.Type == Null {
		return nil, nil // its only value is null, which has no schema in Connect
	}
	t := toConnect{mapping: m, open: map[*Node]*data.Schema{}, entries: map[*Node]bool{}, cycles: map[*Node][]*data.Schema{}, done: map[use]*data.Schema{}}
	s, err := t.schema(n, false, nil, "")
	if err == nil && s.Version == 0 && n.As != AsNullable {
		s.Version = version
	}
	return s, err
}

// ConnectSchema maps an Avro schema to Connect as AvroData does with the defaults
// of its settings.
func ConnectSchema(text string) (*data.Schema, error) {
	n, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return mapping{metaData: true, flattenSingleton: true}.Connect(n, 0)
}

var anythingFields = [...]string{"boolean", "bytes", "double", "float", "int", "long", "string", "array", "map"}

func (n *Node) isAnything() bool {
	if n.Type != Record || n.Name != "Anything" || n.Namespace != namespace || len(n.Fields) != len(anythingFields) {
		return false
	}
	for i, f := range n.Fields {
		if f.Name != anythingFields[i] || f.Node.Type != Union || len(f.Node.Branches) != 2 || f.Node.Branches[0].Type != Null {
			return false
		}
	}
	return n.Fields[7].Node.Branches[1].Type == Array && n.Fields[8].Node.Branches[1].Type == Array
}

// schema is AvroData.toConnectSchema. def is the default of the field that has
// this type, nil if it has none.
func (t *toConnect) schema(n *Node, optional bool, def json.RawMessage, doc string) (*data.Schema, error) {
	if made := t.open[n]; made != nil {
		s := &data.Schema{Optional: optional}
		t.cycles[n] = append(t.cycles[n], s)
		return s, nil
	}
	s := &data.Schema{}
	shared := n.Type == Record && def == nil && !t.discardTypeDocument
	if shared {
		if made := t.done[use{n, optional}]; made != nil {
			return made, nil
		}
	}
	if n.Type == Record {
		t.open[n] = s
		defer delete(t.open, n)
	}
	flat, err := t.base(s, n, doc)
	if err != nil || flat != nil {
		return flat, err
	}
	if err := t.annotate(s, n, doc); err != nil {
		return nil, err
	}
	if err := t.nameOf(s, n); err != nil {
		return nil, err
	}
	s.Kind = data.LogicalKind(s.Kind, s.Name)
	n.As, n.Scale = conversion(s, n)
	t.defaultOf(s, n, def)
	if optional {
		s.Optional = true
	}
	if n.Type == Record {
		s.Index()
		for _, ref := range t.cycles[n] {
			optional := ref.Optional
			*ref = *s
			ref.Optional = optional
		}
		delete(t.cycles, n)
	}
	if shared {
		t.done[use{n, optional}] = s
	}
	return s, nil
}

// base fills in what the Avro type gives. A union of null and one type is that
// type's schema, made optional: then it is returned instead.
func (t *toConnect) base(s *data.Schema, n *Node, doc string) (flat *data.Schema, err error) {
	switch n.Type {
	case Null:
		return nil, dataError("Standalone null schemas are not supported by this converter")
	case Boolean:
		s.Kind = data.Bool
	case Float:
		s.Kind = data.Float32
	case Double:
		s.Kind = data.Float64
	case String:
		s.Kind = data.String
	case Bytes, Fixed:
		return nil, t.bytes(s, n)
	case Int:
		return nil, integer(s, n)
	case Long:
		s.Kind = data.Int64
		if strings.EqualFold(n.text("logicalType"), "timestamp-millis") {
			s.Name, s.Version = data.TimestampName, 1
		}
	case Enum:
		t.enum(s, n)
	case Array:
		return nil, t.array(s, n)
	case Map:
		s.Kind = data.Map
		s.Key = &data.Schema{Kind: data.String}
		s.Elem, err = t.schema(n.Elem, false, nil, "")
		return nil, err
	case Record:
		return nil, t.record(s, n)
	case Union:
		return t.union(s, n, doc)
	}
	return nil, nil
}

func (t *toConnect) bytes(s *data.Schema, n *Node) error {
	s.Kind = data.Bytes
	if strings.EqualFold(n.text("logicalType"), "decimal") {
		scale, _ := n.number("scale")
		s.Name, s.Version = data.DecimalName, 1
		setParam(s, data.ScaleParam, strconv.FormatInt(int64(int32(scale)), 10))
		if raw := prop(n.Props, "precision"); raw != nil {
			precision, ok := n.number("precision")
			if !ok {
				return dataError("precision property must be a JSON Integer. https://avro.apache.org/docs/1.9.1/spec.html#Decimal")
			}
			if precision != defaultPrecision {
				setParam(s, precisionParam, strconv.FormatInt(precision, 10))
			}
		}
	}
	if n.Type == Fixed {
		setParam(s, fixedSizeParam, strconv.Itoa(n.Size))
	}
	return nil
}

func integer(s *data.Schema, n *Node) error {
	s.Kind = data.Int32
	if logical := n.text("logicalType"); logical != "" {
		switch {
		case strings.EqualFold(logical, "date"):
			s.Name, s.Version = data.DateName, 1
		case strings.EqualFold(logical, "time-millis"):
			s.Name, s.Version = data.TimeName, 1
		}
		return nil
	}
	switch n.text(propType) {
	case "":
	case "int8":
		s.Kind = data.Int8
	case "int16":
		s.Kind = data.Int16
	default:
		return dataError("Connect type annotation for Avro int field is null")
	}
	return nil
}

func (t *toConnect) enum(s *data.Schema, n *Node) {
	s.Kind = data.String
	if t.metaData {
		if n.Doc != "" {
			if t.discardTypeDocument {
				setParam(s, enumDocOnly, n.Doc)
			} else {
				setParam(s, enumDocParam+n.Name, n.Doc)
			}
		}
		if n.SymbolDef != "" && !t.discardTypeDocument {
			setParam(s, enumDefaultParam+n.Name, n.SymbolDef)
		}
	}
	param := enumName
	if t.generalized {
		param = generalizedEnum
	}
	setParam(s, param, n.FullName())
	for i, symbol := range n.Symbols {
		value := symbol
		if t.generalized {
			value = strconv.Itoa(i)
		}
		setParam(s, param+"."+symbol, value)
	}
	n.enums = make([]data.Value, len(n.Symbols))
	for i, symbol := range n.Symbols {
		n.enums[i] = data.OfString(symbol)
	}
}

func (n *Node) isMapEntry() bool {
	return n.Type == Record && (n.Namespace == namespace && n.Name == mapEntryName || n.text(propInternal) == mapEntryName)
}

func (t *toConnect) array(s *data.Schema, n *Node) error {
	var err error
	entry := n.Elem
	if !entry.isMapEntry() {
		s.Kind = data.Array
		s.Elem, err = t.schema(entry, false, nil, "")
		return err
	}
	if len(entry.Fields) != 2 || entry.Fields[0].Name != "key" || entry.Fields[1].Name != "value" {
		return dataError("Found map encoded as array of key-value pairs, but array elements do not match the expected format.")
	}
	if t.entries[entry] {
		return dataError("The map entry %s contains itself", entry.FullName())
	}
	t.entries[entry] = true
	defer delete(t.entries, entry)
	s.Kind = data.Map
	if s.Key, err = t.schema(entry.Fields[0].Node, false, nil, ""); err != nil {
		return err
	}
	s.Elem, err = t.schema(entry.Fields[1].Node, false, nil, "")
	return err
}

func (t *toConnect) record(s *data.Schema, n *Node) error {
	s.Kind = data.Struct
	if n.Doc != "" && t.metaData && !t.discardTypeDocument {
		setParam(s, recordDocParam, n.Doc)
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		if f.Doc != "" && t.metaData && !t.discardTypeDocument {
			setParam(s, fieldDocParam+f.Name, f.Doc)
		}
		fs, err := t.schema(f.Node, false, f.Default, f.Doc)
		if err != nil {
			return err
		}
		if t.metaData {
			fs = withFieldParams(fs, prop(f.Props, propParameters))
		}
		s.Fields = append(s.Fields, data.Field{Name: f.Name, Schema: fs})
	}
	return nil
}

// withFieldParams adds the parameters that a field gives to a named type that was
// defined elsewhere.
func withFieldParams(s *data.Schema, raw json.RawMessage) *data.Schema {
	if raw == nil {
		return s
	}
	params, ok := orderedStrings(raw)
	if !ok {
		return s
	}
	c := *s
	c.Params = append([]data.Param(nil), s.Params...)
	for _, p := range params {
		setParam(&c, p.Name, p.Value)
	}
	return &c
}

func (t *toConnect) union(s *data.Schema, n *Node, doc string) (*data.Schema, error) {
	if len(n.Branches) == 1 && t.flattenSingleton {
		n.As = AsNullable
		return t.schema(n.Branches[0], false, nil, doc)
	}
	if len(n.Branches) == 2 {
		for i, b := range n.Branches {
			if b.Type != Null && n.Branches[1-i].Type == Null {
				n.As = AsNullable
				return t.schema(b, true, nil, doc)
			}
		}
	}
	s.Kind, s.Name = data.Struct, unionName
	if t.generalized {
		s.Name = "connect_union_" + strconv.Itoa(t.unions)
		t.unions++
		setParam(s, generalizedUnion, s.Name)
	}
	taken := map[string]bool{}
	n.slots = nil
	for i, b := range n.Branches {
		if b.Type == Null {
			s.Optional = true
			n.slots = append(n.slots, -1)
			continue
		}
		name := t.branchName(b, i)
		if taken[name] {
			return nil, dataError("Multiple union schemas map to the Connect union field name")
		}
		taken[name] = true
		bs, err := t.schema(b, true, nil, "")
		if err != nil {
			return nil, err
		}
		n.slots = append(n.slots, len(s.Fields))
		s.Fields = append(s.Fields, data.Field{Name: name, Schema: bs})
	}
	s.Index()
	return nil, nil
}

func (m mapping) branchName(n *Node, i int) string {
	switch {
	case m.generalized:
		return "connect_union_field_" + strconv.Itoa(i)
	case n.named() && m.enhanced:
		return n.FullName()
	case n.named():
		_, name := m.splitName(n.Name)
		return name
	}
	return n.Type.String()
}

// annotate adds what the properties of the schema say.
func (t *toConnect) annotate(s *data.Schema, n *Node, doc string) error {
	if t.discardTypeDocument {
		for _, d := range []string{doc, n.Doc, n.text(propDoc)} {
			if d != "" {
				s.Doc = d
				break
			}
		}
		if t.metaData && n.Doc != "" {
			setParam(s, recordDocOnly, n.Doc)
		}
	} else if t.metaData {
		s.Doc = n.text(propDoc)
	}
	if raw := prop(n.Props, propVersion); raw != nil {
		v, ok := n.number(propVersion)
		if !ok {
			return dataError("Invalid Connect version found: %s", strings.Trim(string(raw), `"`))
		}
		if v >= 0 {
			if s.Version != 0 && int64(s.Version) != v {
				return dataError("Mismatched versions: version already added to SchemaBuilder (%d) differs from version in source schema (%d)", s.Version, v)
			}
			s.Version = int32(v)
		}
	}
	if raw := prop(n.Props, propParameters); raw != nil && t.metaData {
		if raw[0] != '{' {
			return dataError("Expected JSON object for schema parameters but found: %s", raw)
		}
		params, ok := orderedStrings(raw)
		if !ok {
			return dataError("Expected schema parameter values to be strings but found: %s", raw)
		}
		for _, p := range params {
			setParam(s, p.Name, p.Value)
		}
	}
	for _, p := range n.Props {
		if strings.HasPrefix(p.Name, "avro") {
			var text string
			if json.Unmarshal(p.JSON, &text) != nil {
				text = string(p.JSON)
			}
			setParam(s, p.Name, text)
		}
	}
	return nil
}

func (t *toConnect) nameOf(s *data.Schema, n *Node) error {
	var name string
	if raw := prop(n.Props, propName); raw != nil {
		if raw[0] != '"' {
			return dataError("Invalid schema name: %s", raw)
		}
		name = n.text(propName)
	} else if n.Type == Record || n.Type == Enum || n.Type == Fixed && s.Name != data.DecimalName {
		name = n.FullName()
	}
	if name == "" || strings.HasPrefix(name, defaultFullName) {
		return nil
	}
	if s.Name != "" && s.Name != name {
		return dataError("Mismatched names: name already added to SchemaBuilder (%s) differs from name in source schema (%s)", s.Name, name)
	}
	s.Name = name
	return nil
}

// conversion is what decoding does with values of n under schema s.
func conversion(s *data.Schema, n *Node) (As, int32) {
	switch s.Kind {
	case data.Decimal:
		text, _ := s.Param(data.ScaleParam)
		scale, _ := strconv.ParseInt(text, 10, 32)
		return AsDecimal, int32(scale)
	case data.Date:
		return AsDate, 0
	case data.Time:
		return AsTime, 0
	case data.Timestamp:
		return AsTimestamp, 0
	case data.Int8:
		return AsInt8, 0
	case data.Int16:
		return AsInt16, 0
	}
	switch {
	case n.Type == Union:
		return AsOneOf, 0
	case n.Type == Array && s.Kind == data.Map:
		return AsPairs, 0
	}
	return Plain, 0
}

func setParam(s *data.Schema, name, value string) {
	for i := range s.Params {
		if s.Params[i].Name == name {
			s.Params[i].Value = value
			return
		}
	}
	s.Params = append(s.Params, data.Param{Name: name, Value: value})
}

// orderedStrings reads a JSON object of strings in the order of its text.
func orderedStrings(raw json.RawMessage) ([]data.Param, bool) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var list []data.Param
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, false
		}
		v, err := d.Token()
		text, ok := v.(string)
		if err != nil || !ok {
			return nil, false
		}
		list = append(list, data.Param{Name: k.(string), Value: text})
	}
	return list, true
}
