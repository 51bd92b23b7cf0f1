package protobuf

import (
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	"culvert/data"
	"culvert/fault"
)

// Names and parameters that Confluent's ProtobufData uses.
const (
	namespace        = "io.confluent.connect.protobuf"
	defaultName      = "ConnectDefault"
	enumParam        = namespace + ".Enum"
	unionName        = namespace + ".Union"
	tagParam         = namespace + ".Tag"
	typeParam        = namespace + ".Type"
	wrapperParam     = namespace + ".Wrapper"
	generalizedUnion = "org.apache.kafka.connect.data.Union"
	generalizedEnum  = "org.apache.kafka.connect.data.Enum"
	variantName      = "org.apache.kafka.connect.data.Variant"
	precisionParam   = "connect.decimal.precision"
	connectType      = "connect.type"
	entrySuffix      = "Entry"
)

const dataException = "org.apache.kafka.connect.errors.DataException"

func dataError(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "protobuf.data", format, args...).WithJava(dataException)
}

// message is a message type with what its values become. It does not change once
// it is shared.
type message struct {
	desc   protoreflect.MessageDescriptor
	schema *data.Schema
	// value is set for a wrapper that is read as the value in it.
	value *member
	slots []slot // one for each field of the struct
}

// slot is one field of a struct: a field of the message, or a oneof.
type slot struct {
	member
	oneof protoreflect.OneofDescriptor // nil: a field
	union []member                     // of the oneof, in the order of the struct that stands for it
	// always: a field that is not set has its default value.
	always bool
}

// member is a field of a message and what its values become.
type member struct {
	desc   protoreflect.FieldDescriptor
	schema *data.Schema // of one value: of an array, its items
	as     as
	msg    *message // asStruct
	key    *member  // asMap
	elem   *member  // asMap
}

// as says what a value of a field is in Connect.
type as uint8

const (
	asScalar  as = iota // of a scalar type: what schema.Kind says
	asEnum              // a name, or a number where schema.Kind is Int32
	asWrapped           // a wrapper message: the scalar in it
	asStruct
	asMap
	asDecimal
	asDate
	asTime
	asTimestamp
)

// toConnect walks message types once.
type toConnect struct {
	mapping
	made    map[protoreflect.FullName]*message
	open    map[protoreflect.FullName]bool
	waiting map[protoreflect.FullName][]waiting // uses of types that are still open
}

// waiting is a schema that becomes a copy of a message type's once that is complete.
type waiting struct {
	schema *data.Schema
	tag    string
}

// connect is ProtobufData.toConnectSchema for a record's message type. version is
// the schema's version in the registry, 0 if unknown.
func (m mapping) connect(md protoreflect.MessageDescriptor, version int32) (*message, error) {
	t := toConnect{mapping: m, made: map[protoreflect.FullName]*message{}, open: map[protoreflect.FullName]bool{},
		waiting: map[protoreflect.FullName][]waiting{}}
	if m.wrapRoot {
		if s := unwrapped(md); s != nil {
			s.Version = version
			return &message{desc: md, schema: s, value: &member{desc: md.Fields().ByName("value"), schema: s}}, nil
		}
	}
	return t.message(md, func(s *data.Schema) {
		s.Version = version
		s.Optional = len(t.waiting[md.FullName()]) > 0 // as Java's builder has it
	})
}

// message makes the struct of a message type. finish completes its schema for the
// place where it was met first, before those places get it that were met meanwhile.
func (t *toConnect) message(md protoreflect.MessageDescriptor, finish func(*data.Schema)) (*message, error) {
	m := &message{desc: md, schema: &data.Schema{Kind: data.Struct, Name: t.nameOf(md)}}
	t.made[md.FullName()] = m
	t.open[md.FullName()] = true
	for i := range md.Oneofs().Len() {
		if o := md.Oneofs().Get(i); !o.IsSynthetic() {
			if err := t.oneof(m, o); err != nil {
				return nil, err
			}
		}
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if inOneof(fd) {
			continue
		}
		if err := t.add(m, fd, false); err != nil {
			return nil, err
		}
	}
	m.schema.Index()
	delete(t.open, md.FullName())
	finish(m.schema)
	for _, w := range t.waiting[md.FullName()] {
		*w.schema = *m.schema
		w.finish()
	}
	delete(t.waiting, md.FullName())
	return m, nil
}

func (w waiting) finish() {
	w.schema.Optional = true
	if w.tag != "" {
		w.schema.Params = append([]data.Param(nil), w.schema.Params...)
		setParam(w.schema, tagParam, w.tag)
	}
}

func inOneof(fd protoreflect.FieldDescriptor) bool {
	o := fd.ContainingOneof()
	return o != nil && !o.IsSynthetic()
}

func (t *toConnect) nameOf(d protoreflect.Descriptor) string {
	if t.enhanced {
		return string(d.FullName())
	}
	return string(d.Name())
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

func (t *toConnect) oneof(m *message, o protoreflect.OneofDescriptor) error {
	if t.flattenUnions {
		for i := range o.Fields().Len() {
			if err := t.add(m, o.Fields().Get(i), true); err != nil {
				return err
			}
		}
		return nil
	}
	s := &data.Schema{Kind: data.Struct, Optional: true, Name: unionName + "." + t.nameOf(o)}
	if t.generalized {
		s.Name = string(o.Name())
		s.Params = []data.Param{{Name: generalizedUnion, Value: s.Name}}
	}
	u := slot{oneof: o}
	for i := range o.Fields().Len() {
		f, fs, err := t.field(o.Fields().Get(i), true)
		if err != nil {
			return err
		}
		u.union = append(u.union, f)
		s.Fields = append(s.Fields, data.Field{Name: string(f.desc.Name()), Schema: fs})
	}
	s.Index()
	name := string(o.Name())
	if t.indexUnions {
		name += "_" + strconv.Itoa(o.Index())
	}
	m.slots = append(m.slots, u)
	m.schema.Fields = append(m.schema.Fields, data.Field{Name: name, Schema: s})
	return nil
}

// add makes a field of the struct from a field of the message.
func (t *toConnect) add(m *message, fd protoreflect.FieldDescriptor, ofOneof bool) error {
	f, s, err := t.field(fd, ofOneof)
	if err != nil {
		return err
	}
	m.slots = append(m.slots, slot{member: f, always: !ofOneof && t.always(fd)})
	m.schema.Fields = append(m.schema.Fields, data.Field{Name: string(fd.Name()), Schema: s})
	return nil
}

// always reports whether a field that is not set has its default value in Connect:
// fields that are no messages and not optional (ProtobufData.setStructField).
func (t *toConnect) always(fd protoreflect.FieldDescriptor) bool {
	if t.structForNulls || fd.IsList() || fd.IsMap() {
		return true
	}
	if fd.Kind() == protoreflect.MessageKind {
		return false
	}
	return !fd.HasOptionalKeyword() || fd.Syntax() == protoreflect.Proto2 && !t.optionalProto2
}

// scalarKinds are the schema types of the scalar types.
var scalarKinds = map[protoreflect.Kind]data.Kind{
	protoreflect.Int32Kind: data.Int32, protoreflect.Sint32Kind: data.Int32, protoreflect.Sfixed32Kind: data.Int32,
	protoreflect.Uint32Kind: data.Int64, protoreflect.Fixed32Kind: data.Int64, protoreflect.Int64Kind: data.Int64,
	protoreflect.Uint64Kind: data.Int64, protoreflect.Sint64Kind: data.Int64, protoreflect.Fixed64Kind: data.Int64, protoreflect.Sfixed64Kind: data.Int64,
	protoreflect.FloatKind: data.Float32, protoreflect.DoubleKind: data.Float64, protoreflect.BoolKind: data.Bool,
	protoreflect.StringKind: data.String, protoreflect.BytesKind: data.Bytes,
}

// field makes the member for a field, and the schema of the field in the struct.
func (t *toConnect) field(fd protoreflect.FieldDescriptor, ofOneof bool) (member, *data.Schema, error) {
	f := member{desc: fd}
	tag := strconv.Itoa(int(fd.Number()))
	open := false // the schema is filled in later
	var err error
	switch fd.Kind() {
	case protoreflect.EnumKind:
		f.as, f.schema = asEnum, t.enum(fd.Enum())
	case protoreflect.MessageKind:
		if open, err = t.messageField(&f, tag); err != nil {
			return f, nil, err
		}
	default:
		kind, ok := scalarKinds[fd.Kind()]
		if !ok {
			return f, nil, dataError("Unknown Connect schema type: %s", strings.ToUpper(fd.Kind().String()))
		}
		f.schema = t.scalar(fd, kind)
	}
	s := f.schema
	switch {
	case fd.IsList() && f.as != asMap:
		s.Optional = true
		s = &data.Schema{Kind: data.Array, Elem: f.schema, Optional: true}
	case open:
		return f, s, nil
	}
	switch {
	case ofOneof:
		s.Optional = true
		if f.as == asWrapped {
			setParam(s, wrapperParam, "true")
		}
	case t.optionalNullables:
		s.Optional = s.Optional || fd.HasOptionalKeyword()
	case !t.wrapNullables:
		s.Optional = true
	}
	setParam(s, tagParam, tag)
	return f, s, nil
}

func (t *toConnect) scalar(fd protoreflect.FieldDescriptor, kind data.Kind) *data.Schema {
	s := &data.Schema{Kind: kind}
	switch fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		switch fieldParams(fd)[connectType] {
		case "int8":
			return &data.Schema{Kind: data.Int8}
		case "int16":
			return &data.Schema{Kind: data.Int16}
		}
	}
	if integer := kind == data.Int32 || kind == data.Int64; integer && fd.Kind() != protoreflect.Int32Kind && fd.Kind() != protoreflect.Int64Kind {
		setParam(s, typeParam, fd.Kind().String())
	}
	return s
}

func (t *toConnect) enum(ed protoreflect.EnumDescriptor) *data.Schema {
	s := &data.Schema{Kind: data.String, Optional: true, Name: t.nameOf(ed)}
	if t.intEnums {
		s.Kind = data.Int32
	}
	param := enumParam
	if t.generalized {
		param = generalizedEnum
	}
	setParam(s, param, string(ed.Name()))
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		setParam(s, param+"."+string(v.Name()), strconv.Itoa(int(v.Number())))
	}
	return s
}

// messageField fills in what a field of a message type is. open: the type is still
// being made, and the schema becomes a copy of its schema later.
func (t *toConnect) messageField(f *member, tag string) (open bool, err error) {
	fd, md := f.desc, f.desc.Message()
	switch md.FullName() {
	case decimalType:
		params := fieldParams(fd)
		f.as, f.schema = asDecimal, data.Of(data.Decimal)
		setParam(f.schema, data.ScaleParam, strconv.Itoa(number(params["scale"])))
		if p, err := strconv.ParseInt(params["precision"], 10, 32); err == nil {
			setParam(f.schema, precisionParam, strconv.FormatInt(p, 10))
		}
	case dateType:
		f.as, f.schema = asDate, data.Of(data.Date)
	case timeType:
		f.as, f.schema = asTime, data.Of(data.Time)
	case timestampType:
		f.as, f.schema = asTimestamp, data.Of(data.Timestamp)
	case variantType:
		f.as, f.schema = asStruct, data.NewStruct(variantName,
			data.Field{Name: "metadata", Schema: data.Of(data.Bytes)}, data.Field{Name: "value", Schema: data.Of(data.Bytes)})
		f.msg = &message{desc: md, schema: f.schema}
		for _, field := range f.schema.Fields {
			f.msg.slots = append(f.msg.slots, slot{always: true, member: member{desc: md.Fields().ByName(protoreflect.Name(field.Name)), schema: field.Schema}})
		}
	default:
		return t.plainMessage(f, tag)
	}
	f.schema.Optional = true
	return false, nil
}

func number(text string) int {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

func (t *toConnect) plainMessage(f *member, tag string) (open bool, err error) {
	fd, md := f.desc, f.desc.Message()
	if t.wrapNullables {
		if s := unwrapped(md); s != nil {
			s.Optional = true
			f.as, f.schema = asWrapped, s
			return false, nil
		}
	}
	if isMap(fd) {
		f.as = asMap
		f.schema, err = t.mapOf(f, md)
		return false, err
	}
	if fd.IsList() {
		tag = "" // it belongs to the array
	}
	f.as = asStruct
	if m := t.made[md.FullName()]; m != nil {
		f.msg = m
		f.schema = &data.Schema{}
		if t.open[md.FullName()] {
			t.waiting[md.FullName()] = append(t.waiting[md.FullName()], waiting{f.schema, tag})
			return true, nil
		}
		*f.schema = *m.schema
		waiting{f.schema, tag}.finish()
		return false, nil
	}
	f.msg, err = t.message(md, func(s *data.Schema) { waiting{s, tag}.finish() })
	if err != nil {
		return false, err
	}
	f.schema = f.msg.schema
	return false, nil
}

// isMap also knows the form in which Connect's maps are written, where the type of
// the entries does not say that it is one.
func isMap(fd protoreflect.FieldDescriptor) bool {
	md := fd.Message()
	if fd.IsMap() {
		return true
	}
	if !fd.IsList() || !strings.HasSuffix(string(md.Name()), entrySuffix) || md.Fields().Len() != 2 {
		return false
	}
	k, v := md.Fields().Get(0), md.Fields().Get(1)
	return k.Name() == "key" && v.Name() == "value" && k.Cardinality() != protoreflect.Repeated && v.Cardinality() != protoreflect.Repeated
}

func (t *toConnect) mapOf(f *member, md protoreflect.MessageDescriptor) (*data.Schema, error) {
	k, key, err := t.field(md.Fields().Get(0), false)
	if err != nil {
		return nil, err
	}
	v, elem, err := t.field(md.Fields().Get(1), false)
	if err != nil {
		return nil, err
	}
	f.key, f.elem = &k, &v
	return &data.Schema{Kind: data.Map, Name: mapName(t.nameOf(md)), Key: key, Elem: elem, Optional: true}, nil
}

// mapName is the name of a map for that of its entries: without the suffix, and
// with underscores in place of capitals.
func mapName(entry string) string {
	at := strings.LastIndexByte(entry, '.') + 1
	camel, ok := strings.CutSuffix(entry[at:], entrySuffix)
	if !ok {
		return entry
	}
	out := []byte(entry[:at])
	for i, r := range camel {
		if unicode.IsUpper(r) && i > 0 {
			out = append(out, '_')
		}
		out = append(out, string(unicode.ToLower(r))...)
	}
	return string(out)
}

// wrappers are the messages of google/protobuf/wrappers.proto, by what is in them.
var wrappers = map[protoreflect.FullName]data.Kind{
	"google.protobuf.DoubleValue": data.Float64, "google.protobuf.FloatValue": data.Float32,
	"google.protobuf.Int64Value": data.Int64, "google.protobuf.UInt64Value": data.Int64,
	"google.protobuf.Int32Value": data.Int32, "google.protobuf.UInt32Value": data.Int64,
	"google.protobuf.BoolValue": data.Bool, "google.protobuf.StringValue": data.String, "google.protobuf.BytesValue": data.Bytes,
}

// unwrapped is the schema of what is in a wrapper; nil for other messages.
func unwrapped(md protoreflect.MessageDescriptor) *data.Schema {
	kind, ok := wrappers[md.FullName()]
	if fd := md.Fields().ByName("value"); !ok || fd == nil || scalarKinds[fd.Kind()] != kind {
		return nil
	}
	return &data.Schema{Kind: kind}
}
