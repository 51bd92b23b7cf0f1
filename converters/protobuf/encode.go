package protobuf

import (
	"math"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// encoder writes structs of one Connect schema as one message type. It is compiled
// once and does not change.
type encoder struct {
	mapping
	schema *data.Schema
	fields []fieldEncoder // in the order of their numbers
	root   *fieldEncoder  // a record that is no struct, in a wrapper
}

// fieldEncoder writes one field of a message.
type fieldEncoder struct {
	from   int // place in the struct
	option int // place in the struct of a union; -1: it is no field of a oneof
	desc   protoreflect.FieldDescriptor
	schema *data.Schema // of one value
	as     as
	opt    bool // has presence: also a zero is written
	list   bool
	msg    *encoder      // asStruct
	key    *fieldEncoder // asMap
	elem   *fieldEncoder // asMap
	names  map[string]int32
}

type pair struct {
	s *data.Schema
	n protoreflect.FullName
}

type encoders struct {
	mapping
	made map[pair]*encoder
}

// encoder compiles the way from a struct to a message type that was derived of it.
func (c *encoders) encoder(s *data.Schema, md protoreflect.MessageDescriptor) (*encoder, error) {
	key := pair{s, md.FullName()}
	if e := c.made[key]; e != nil {
		return e, nil
	}
	e := &encoder{mapping: c.mapping, schema: s}
	c.made[key] = e
	for i, f := range s.Fields {
		if !isUnion(f.Schema) {
			if err := c.add(e, md, f, i, -1); err != nil {
				return nil, err
			}
			continue
		}
		for j, option := range f.Schema.Fields {
			if err := c.add(e, md, option, i, j); err != nil {
				return nil, err
			}
		}
	}
	sort.SliceStable(e.fields, func(i, j int) bool { return e.fields[i].desc.Number() < e.fields[j].desc.Number() })
	return e, nil
}

func (c *encoders) add(e *encoder, md protoreflect.MessageDescriptor, f data.Field, from, option int) error {
	fd := md.Fields().ByName(protoreflect.Name(c.scrubName(f.Name)))
	if fd == nil {
		return dataError("Cannot find field with name %s", f.Name)
	}
	enc, err := c.field(f.Schema, fd, option >= 0)
	enc.from, enc.option = from, option
	e.fields = append(e.fields, enc)
	return err
}

func (c *encoders) field(s *data.Schema, fd protoreflect.FieldDescriptor, ofOneof bool) (fieldEncoder, error) {
	f := fieldEncoder{option: -1, desc: fd, schema: s, opt: fd.HasPresence()}
	if s.Kind == data.Array {
		f.list, f.schema = true, s.Elem
		s = s.Elem
	}
	var err error
	switch s.Kind {
	case data.Decimal:
		f.as = asDecimal
	case data.Date:
		f.as = asDate
	case data.Time:
		f.as = asTime
	case data.Timestamp:
		f.as = asTimestamp
	case data.Struct:
		f.as = asStruct
		f.msg, err = c.encoder(s, fd.Message())
	case data.Map:
		f.as = asMap
		var k, v fieldEncoder
		if k, err = c.field(s.Key, fd.Message().Fields().ByName("key"), false); err != nil {
			return f, err
		}
		v, err = c.field(s.Elem, fd.Message().Fields().ByName("value"), false)
		f.key, f.elem = &k, &v
	default:
		if fd.Kind() == protoreflect.MessageKind {
			f.as = asWrapped
		}
		if fd.Kind() == protoreflect.EnumKind {
			f.as = asEnum
			f.names = map[string]int32{}
			for i := range fd.Enum().Values().Len() {
				v := fd.Enum().Values().Get(i)
				f.names[string(v.Name())] = int32(v.Number())
			}
		}
	}
	return f, err
}

// newEncoder compiles the derived schema of s.
func newEncoder(m mapping, s *data.Schema, md protoreflect.MessageDescriptor) (*encoder, error) {
	if s.Kind == data.Struct {
		return (&encoders{mapping: m, made: map[pair]*encoder{}}).encoder(s, md)
	}
	return &encoder{mapping: m, schema: s, root: &fieldEncoder{option: -1, desc: md.Fields().ByName("value"), schema: s}}, nil
}

// append appends the message made of v.
func (e *encoder) append(dst []byte, v data.Value, depth int) ([]byte, error) {
	if e.root != nil {
		return e.root.append(dst, v, depth)
	}
	if depth > maxDepth {
		return nil, dataError("The value is nested deeper than %d levels", maxDepth)
	}
	fields := v.Elems()
	if v.Kind() != data.Struct || len(fields) != len(e.schema.Fields) {
		return nil, dataError("Mismatching struct schema")
	}
	var err error
	for i := range e.fields {
		f := &e.fields[i]
		s := e.schema.Fields[f.from].Schema
		value := e.orDefault(fields[f.from], s)
		if value.IsNull() {
			continue
		}
		if f.option >= 0 {
			set, err := e.set(value, s)
			if err != nil {
				return nil, fault.InField(err, e.schema.Fields[f.from].Name)
			}
			if set != f.option {
				continue
			}
			value = e.orDefault(value.Elems()[set], s.Fields[set].Schema)
		}
		if dst, err = f.append(dst, value, depth); err != nil {
			return nil, fault.InField(err, e.schema.Fields[f.from].Name)
		}
	}
	return dst, nil
}

func (e *encoder) orDefault(v data.Value, s *data.Schema) data.Value {
	if e.ignoreDefault {
		return v
	}
	return s.DefaultOr(v)
}

// set is the field that is set of a struct that stands for a oneof.
func (e *encoder) set(v data.Value, s *data.Schema) (int, error) {
	options := v.Elems()
	if v.Kind() != data.Struct || len(options) != len(s.Fields) {
		return 0, dataError("Mismatching struct schema")
	}
	for i, o := range options {
		if !e.orDefault(o, s.Fields[i].Schema).IsNull() {
			return i, nil
		}
	}
	return 0, dataError("Cannot find non-null field")
}

// append appends a field that is not null.
func (f *fieldEncoder) append(dst []byte, v data.Value, depth int) ([]byte, error) {
	switch {
	case f.as == asMap:
		return f.entries(dst, v, depth)
	case f.list:
		return f.items(dst, v, depth)
	case f.as == asScalar || f.as == asEnum:
		typ, _, err := f.scalar(nil, v)
		if err != nil || !f.opt && zero(v, f) {
			return dst, err
		}
		dst = protowire.AppendTag(dst, f.desc.Number(), typ)
		_, dst, err = f.scalar(dst, v)
		return dst, err
	}
	return f.nested(dst, v, depth)
}

// zero reports whether v is what a field without presence has when it is not set.
func zero(v data.Value, f *fieldEncoder) bool {
	switch v.Kind() {
	case data.String, data.Bytes:
		if f.as == asEnum {
			return f.names[v.Str()] == 0
		}
		return v.Len() == 0
	case data.Float32:
		return math.Float32bits(v.Float32()) == 0
	case data.Float64:
		return math.Float64bits(v.Float()) == 0
	}
	return v.Int() == 0
}

// nested appends a message with its length.
func (f *fieldEncoder) nested(dst []byte, v data.Value, depth int) ([]byte, error) {
	dst = protowire.AppendTag(dst, f.desc.Number(), protowire.BytesType)
	start := len(dst)
	var err error
	if dst, err = f.message(dst, v, depth); err != nil {
		return nil, err
	}
	return withLength(dst, start), nil
}

// withLength puts the length of what was appended since start before it.
func withLength(dst []byte, start int) []byte {
	n := len(dst) - start
	size := protowire.SizeVarint(uint64(n))
	for range size {
		dst = append(dst, 0)
	}
	copy(dst[start+size:], dst[start:start+n])
	protowire.AppendVarint(dst[start:start:start+size], uint64(n))
	return dst
}

func (f *fieldEncoder) message(dst []byte, v data.Value, depth int) ([]byte, error) {
	if f.as != asStruct && v.Kind() != f.schema.Kind {
		return nil, f.wrongType(v)
	}
	switch f.as {
	case asStruct:
		return f.msg.append(dst, v, depth+1)
	case asWrapped:
		inner := fieldEncoder{option: -1, desc: f.desc.Message().Fields().ByName("value"), schema: f.schema}
		return inner.append(dst, v, depth+1)
	case asDecimal:
		i := v.Unscaled()
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendBytes(dst, data.TwosComplement(i))
		return part32(part32(dst, 2, digits(i)), 3, int64(v.Scale())), nil
	case asDate:
		if v.Int()%dayMillis != 0 {
			return nil, dataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		t := time.UnixMilli(v.Int()).UTC()
		return part32(part32(part32(dst, 1, int64(t.Year())), 2, int64(t.Month())), 3, int64(t.Day())), nil
	case asTime:
		ms := v.Int()
		if ms < 0 || ms > dayMillis {
			return nil, dataError("Time values must use number of millis greater than 0 and less than 86400000")
		}
		dst = part32(part32(dst, 1, ms/3600000%24), 2, ms/60000%60)
		return part32(part32(dst, 3, ms/1000%60), 4, ms%1000*1000000), nil
	case asTimestamp:
		s, ms := v.Int()/1000, v.Int()%1000
		if ms < 0 {
			s, ms = s-1, ms+1000
		}
		if s < -62135596800 || s > 253402300799 {
			return nil, dataError("Timestamp is not valid: %d milliseconds are outside of the years 1 to 9999", v.Int())
		}
		return part32(part32(dst, 1, s), 2, ms*1000000), nil
	}
	return nil, f.wrongType(v)
}

// part32 appends an integer field unless it is zero.
func part32(dst []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), uint64(v))
}

func (f *fieldEncoder) items(dst []byte, v data.Value, depth int) ([]byte, error) {
	if v.Kind() != data.Array {
		return nil, dataError("Invalid type for ARRAY: class %s", values.Class(v.Kind()))
	}
	items := v.Elems()
	if len(items) == 0 {
		return dst, nil
	}
	for _, item := range items {
		if item.IsNull() {
			return nil, dataError("A list holds null, which Protobuf cannot say").
				WithFix("Leave nulls out of the list, or put its items into structs.")
		}
	}
	var err error
	if f.as != asScalar && f.as != asEnum {
		for _, item := range items {
			if dst, err = f.nested(dst, item, depth); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	if !f.desc.IsPacked() {
		for _, item := range items {
			typ, _, err := f.scalar(nil, item)
			if err != nil {
				return nil, err
			}
			if _, dst, err = f.scalar(protowire.AppendTag(dst, f.desc.Number(), typ), item); err != nil {
				return nil, err
			}
		}
		return dst, nil
	}
	dst = protowire.AppendTag(dst, f.desc.Number(), protowire.BytesType)
	start := len(dst)
	for _, item := range items {
		if _, dst, err = f.scalar(dst, item); err != nil {
			return nil, err
		}
	}
	return withLength(dst, start), nil
}

func (f *fieldEncoder) entries(dst []byte, v data.Value, depth int) ([]byte, error) {
	if v.Kind() != data.Map {
		return nil, dataError("Invalid type for MAP: class %s", values.Class(v.Kind()))
	}
	if depth > maxDepth {
		return nil, dataError("The value is nested deeper than %d levels", maxDepth)
	}
	pairs := v.Elems()
	var err error
	for i := 0; i+1 < len(pairs); i += 2 {
		dst = protowire.AppendTag(dst, f.desc.Number(), protowire.BytesType)
		start := len(dst)
		if !pairs[i].IsNull() {
			if dst, err = f.key.append(dst, pairs[i], depth+1); err != nil {
				return nil, err
			}
		}
		if !pairs[i+1].IsNull() {
			if dst, err = f.elem.append(dst, pairs[i+1], depth+1); err != nil {
				return nil, err
			}
		}
		dst = withLength(dst, start)
	}
	return dst, nil
}

func (f *fieldEncoder) wrongType(v data.Value) error {
	class := values.Class(v.Kind())
	switch f.schema.Kind {
	case data.Decimal:
		return dataError("Invalid type for Decimal, expected BigDecimal but was class %s", class)
	case data.Date, data.Time, data.Timestamp:
		name := f.schema.Kind.String()
		return dataError("Invalid type for %s, expected Date but was class %s", strings.ToUpper(name[:1])+name[1:], class)
	}
	return dataError("Invalid type for %s: class %s", values.TypeName(f.schema.Kind), class)
}

// scalar appends a value without its tag, and says how it is written.
func (f *fieldEncoder) scalar(dst []byte, v data.Value) (protowire.Type, []byte, error) {
	if v.Kind() != f.schema.Kind {
		return 0, nil, f.wrongType(v)
	}
	switch v.Kind() {
	case data.Bool:
		return protowire.VarintType, protowire.AppendVarint(dst, protowire.EncodeBool(v.Bool())), nil
	case data.Float32:
		return protowire.Fixed32Type, protowire.AppendFixed32(dst, math.Float32bits(v.Float32())), nil
	case data.Float64:
		return protowire.Fixed64Type, protowire.AppendFixed64(dst, math.Float64bits(v.Float())), nil
	case data.Bytes:
		return protowire.BytesType, protowire.AppendBytes(dst, v.Bytes()), nil
	case data.String:
		if f.as != asEnum {
			if !utf8.Valid(v.Bytes()) {
				return protowire.BytesType, protowire.AppendBytes(dst, values.ReplaceMalformed(nil, v.Bytes())), nil
			}
			return protowire.BytesType, protowire.AppendBytes(dst, v.Bytes()), nil
		}
		n, ok := f.names[v.Str()]
		if !ok {
			return 0, nil, dataError("%q is not a symbol of the enum %s", v.Str(), f.desc.Enum().Name())
		}
		return protowire.VarintType, protowire.AppendVarint(dst, uint64(n)), nil
	}
	return f.integer(dst, v.Int())
}

func (f *fieldEncoder) integer(dst []byte, i int64) (protowire.Type, []byte, error) {
	switch f.desc.Kind() {
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		if i < 0 || i > math.MaxUint32 {
			return 0, nil, dataError("The number %d does not fit %s", i, f.desc.Kind())
		}
		if f.desc.Kind() == protoreflect.Fixed32Kind {
			return protowire.Fixed32Type, protowire.AppendFixed32(dst, uint32(i)), nil
		}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if i < 0 {
			return 0, nil, dataError("The number %d does not fit %s", i, f.desc.Kind())
		}
		if f.desc.Kind() == protoreflect.Fixed64Kind {
			return protowire.Fixed64Type, protowire.AppendFixed64(dst, uint64(i)), nil
		}
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.VarintType, protowire.AppendVarint(dst, protowire.EncodeZigZag(i)), nil
	case protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type, protowire.AppendFixed32(dst, uint32(i)), nil
	case protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type, protowire.AppendFixed64(dst, uint64(i)), nil
	}
	return protowire.VarintType, protowire.AppendVarint(dst, uint64(i)), nil
}
