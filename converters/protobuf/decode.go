package protobuf

import (
	"fmt"
	"math/big"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// maxDepth bounds how deep messages may nest, as Java's CodedInputStream does.
const maxDepth = 100

// extensions is nobody's: what a record says beyond its schema is passed over.
var extensions = new(protoregistry.Types)

// decoder makes data of messages. It is for one record.
type decoder struct {
	arena *data.Arena
	made  int // values taken from the arena
	most  int
	err   error
}

// decode reads a record of the message type.
func (m *message) decode(raw []byte, a *data.Arena) (data.Value, error) {
	msg := dynamicpb.NewMessage(m.desc)
	if err := unmarshal(raw, msg); err != nil {
		return data.Value{}, &malformed{err}
	}
	d := decoder{arena: a, most: 1<<20 + 64*len(raw)}
	var v data.Value
	if m.value != nil {
		v = d.scalar(m.value.schema.Kind, msg.Get(m.value.desc))
	} else {
		v = d.message(m, msg, 0)
	}
	return v, d.err
}

// unmarshal reads the wire form. protobuf-go panics where an entry of a map has its
// key twice, the second time with another wire type.
func unmarshal(raw []byte, msg proto.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a message of its type: %v", p)
		}
	}()
	return proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth, Resolver: extensions}.Unmarshal(raw, msg)
}

// malformed is the error of bytes that are no message of their type.
type malformed struct{ err error }

func (m *malformed) Error() string { return m.err.Error() }

// refuse notes the first value that Connect cannot hold.
func (d *decoder) refuse(err error) data.Value {
	if d.err == nil {
		d.err = err
	}
	return data.Value{}
}

func (d *decoder) values(n int) []data.Value {
	if d.made += n; d.made > d.most {
		d.refuse(dataError("The record holds more than %d values", d.most))
		n = 0
	}
	return d.arena.Values(n)
}

func (d *decoder) message(m *message, msg protoreflect.Message, depth int) data.Value {
	if depth > maxDepth {
		return d.refuse(dataError("Messages are nested deeper than %d levels", maxDepth).
			WithFix("generate.struct.for.nulls=true has no end in a type that contains itself; set it to false."))
	}
	fields := d.values(len(m.slots))
	for i := range fields {
		if d.err != nil {
			break
		}
		s := &m.slots[i]
		switch {
		case s.oneof != nil:
			fields[i] = d.oneof(s, msg, depth)
		case s.always || msg.Has(s.desc):
			fields[i] = d.field(&s.member, msg.Get(s.desc), depth)
			if d.err != nil {
				d.err = fault.InField(d.err, string(s.desc.Name()))
			}
		}
	}
	return data.OfStruct(fields)
}

// oneof makes the struct that stands for a oneof: the field that is set is set in it.
func (d *decoder) oneof(s *slot, msg protoreflect.Message, depth int) data.Value {
	set := msg.WhichOneof(s.oneof)
	if set == nil {
		return data.Value{}
	}
	fields := d.values(len(s.union))
	for i := range fields {
		if s.union[i].desc.Number() == set.Number() {
			fields[i] = d.field(&s.union[i], msg.Get(set), depth)
		}
	}
	return data.OfStruct(fields)
}

// field makes the value of a field, with all of its items if it has more than one.
func (d *decoder) field(f *member, v protoreflect.Value, depth int) data.Value {
	switch {
	case f.as == asMap && f.desc.IsMap():
		return d.mapping(f, v.Map(), depth)
	case f.as == asMap:
		return d.entries(f, v.List(), depth)
	case f.desc.IsList():
		list := v.List()
		items := d.values(list.Len())
		for i := range items {
			items[i] = d.value(f, list.Get(i), depth)
		}
		return data.OfArray(items)
	}
	return d.value(f, v, depth)
}

func (d *decoder) mapping(f *member, m protoreflect.Map, depth int) data.Value {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	sort.Slice(keys, func(i, j int) bool { return lessKey(keys[i], keys[j]) }) // the library has no order
	pairs := d.values(2 * len(keys))
	for i := 0; i+1 < len(pairs); i += 2 {
		pairs[i] = d.value(f.key, keys[i/2].Value(), depth)
		pairs[i+1] = d.value(f.elem, m.Get(keys[i/2]), depth)
	}
	return data.OfMap(pairs)
}

func lessKey(a, b protoreflect.MapKey) bool {
	switch x := a.Interface().(type) {
	case bool:
		return !x && b.Bool()
	case string:
		return x < b.String()
	case int32, int64:
		return a.Int() < b.Int()
	}
	return a.Uint() < b.Uint()
}

// entries reads a map that is written as a list of entries; of equal keys the last
// one counts.
func (d *decoder) entries(f *member, list protoreflect.List, depth int) data.Value {
	pairs := d.values(2 * list.Len())
	strings := true
	for i := 0; i+1 < len(pairs); i += 2 {
		entry := list.Get(i / 2).Message()
		pairs[i] = d.value(f.key, entry.Get(f.key.desc), depth)
		pairs[i+1] = d.value(f.elem, entry.Get(f.elem.desc), depth)
		strings = strings && pairs[i].Kind() == data.String
	}
	if strings {
		var names values.Names
		return data.OfMap(names.Merge(pairs))
	}
	return data.OfMap(distinct(pairs))
}

// distinct drops pairs whose key comes again. Other keys than strings are scalars.
func distinct(pairs []data.Value) []data.Value {
	type scalar struct {
		kind data.Kind
		bits int64
		text string
	}
	at := map[scalar]int{}
	out := pairs[:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		k := scalar{pairs[i].Kind(), pairs[i].Int(), string(pairs[i].Bytes())}
		if pairs[i].Len() > 0 {
			k.bits = 0 // it is a length
		}
		if j, ok := at[k]; ok && pairs[i].Equal(out[j]) {
			out[j+1] = pairs[i+1]
			continue
		}
		at[k] = len(out)
		out = append(out, pairs[i], pairs[i+1])
	}
	return out
}

// value makes one value.
func (d *decoder) value(f *member, v protoreflect.Value, depth int) data.Value {
	switch f.as {
	case asScalar:
		return d.scalar(f.schema.Kind, v)
	case asEnum:
		return d.enum(f, v.Enum())
	case asWrapped:
		msg := v.Message()
		return d.scalar(f.schema.Kind, msg.Get(msg.Descriptor().Fields().ByName("value")))
	case asStruct:
		return d.message(f.msg, v.Message(), depth+1)
	case asDecimal:
		return d.decimal(v.Message())
	case asDate:
		return d.date(v.Message())
	case asTime:
		return d.time(v.Message())
	case asTimestamp:
		return d.timestamp(v.Message())
	}
	return data.Value{}
}

func (d *decoder) scalar(kind data.Kind, v protoreflect.Value) data.Value {
	switch x := v.Interface().(type) {
	case bool:
		return data.OfBool(x)
	case string:
		if !utf8.ValidString(x) { // which proto2 allows
			return data.OfText(values.ReplaceMalformed(d.arena.Bytes(3*len(x)), []byte(x)))
		}
		return data.OfString(x)
	case []byte:
		return data.OfBytes(x)
	case float32:
		return data.OfFloat32(x)
	case float64:
		return data.OfFloat64(x)
	case uint32:
		return data.OfInt64(int64(x))
	case uint64:
		if x > 1<<63-1 {
			return d.refuse(dataError("The number %d does not fit 64 bits with a sign", x).
				WithFix("Connect has no unsigned 64-bit integers: let the producer write such numbers as strings."))
		}
		return data.OfInt64(int64(x))
	case int64:
		return data.OfInt64(x)
	case int32:
		switch kind {
		case data.Int8:
			if x != int32(int8(x)) {
				return d.refuse(dataError("The number %d does not fit int8, which connect.type of its field says", x))
			}
			return data.OfInt8(int8(x))
		case data.Int16:
			if x != int32(int16(x)) {
				return d.refuse(dataError("The number %d does not fit int16, which connect.type of its field says", x))
			}
			return data.OfInt16(int16(x))
		}
		return data.OfInt32(x)
	}
	return data.Value{}
}

func (d *decoder) enum(f *member, n protoreflect.EnumNumber) data.Value {
	if f.schema.Kind == data.Int32 {
		return data.OfInt32(int32(n))
	}
	if v := f.desc.Enum().Values().ByNumber(n); v != nil {
		return data.OfString(string(v.Name()))
	}
	return data.OfString("UNKNOWN_ENUM_VALUE_" + string(f.desc.Enum().Name()) + "_" + strconv.Itoa(int(n)))
}

// part is an integer field of a message that stands for one value.
func part(msg protoreflect.Message, name protoreflect.Name) int64 {
	fd := msg.Descriptor().Fields().ByName(name)
	if fd == nil || fd.Cardinality() == protoreflect.Repeated {
		return 0
	}
	switch x := msg.Get(fd).Interface().(type) {
	case int32:
		return int64(x)
	case int64:
		return x
	case uint32:
		return int64(x)
	}
	return 0
}

func (d *decoder) decimal(msg protoreflect.Message) data.Value {
	var unscaled []byte
	if fd := msg.Descriptor().Fields().ByName("value"); fd != nil && fd.Kind() == protoreflect.BytesKind && !fd.IsList() {
		unscaled = msg.Get(fd).Bytes()
	}
	if len(unscaled) == 0 {
		return d.refuse(dataError("Zero length BigInteger"))
	}
	i := data.FromTwosComplement(unscaled)
	// Java would round. A digit has between three and four bits, so that few are counted.
	if p, bits := part(msg, "precision"), int64(i.BitLen()); p > 0 && (bits > 4*p || bits > 3*p && digits(i) > p) {
		return d.refuse(dataError("A decimal has more digits than the %d that it says it has", p))
	}
	return data.OfBigDecimal(i, int32(part(msg, "scale")))
}

func digits(i *big.Int) int64 { return int64(len(new(big.Int).Abs(i).String())) }

const dayMillis = 86400000

func (d *decoder) date(msg protoreflect.Message) data.Value {
	year, month, day := part(msg, "year"), part(msg, "month"), part(msg, "day")
	t := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if year < 1 || int64(t.Year()) != year || int64(t.Month()) != month || int64(t.Day()) != day {
		return d.refuse(dataError("%d-%d-%d is no date", year, month, day))
	}
	return data.OfDate(t.UnixMilli())
}

func (d *decoder) time(msg protoreflect.Message) data.Value {
	h, m, s, n := part(msg, "hours"), part(msg, "minutes"), part(msg, "seconds"), part(msg, "nanos")
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || n < 0 || n > 999999999 {
		return d.refuse(dataError("%d:%d:%d and %d nanoseconds is no time of a day", h, m, s, n))
	}
	return data.OfTime((h*3600+m*60+s)*1000 + n/1000000)
}

// timestamp has the range of google.protobuf.Timestamp: the years 1 to 9999.
func (d *decoder) timestamp(msg protoreflect.Message) data.Value {
	s, n := part(msg, "seconds"), part(msg, "nanos")
	if s < -62135596800 || s > 253402300799 || n < 0 || n > 999999999 {
		return d.refuse(dataError("Timestamp is not valid. %d seconds and %d nanoseconds", s, n))
	}
	return data.OfTimestamp(s*1000 + n/1000000)
}
