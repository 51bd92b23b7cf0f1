package protobuf

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

func TestBadRecords(t *testing.T) {
	const text = `syntax = "proto3"; message M { string s = 1; uint64 u = 2; M m = 3; }`
	r := registry(t)
	r.SeedSchema("t-value", 1, 9, sr.Schema{Schema: text, Type: sr.TypeProtobuf})
	r.SeedSchema("p-value", 1, 10, sr.Schema{Schema: `"string"`})
	r.SeedSchema("q-value", 1, 11, sr.Schema{Schema: `syntax = "proto3"; message {`, Type: sr.TypeProtobuf})
	c := factory(t, r.URL()).For("t")
	deep := strings.Repeat("00", 0)
	for range 200 {
		deep = "1a" + hex.EncodeToString(protoLength(len(deep)/2)) + deep
	}
	for _, k := range []struct{ raw, want string }{
		{"", "Unknown magic byte!"},
		{"0100000009", "Unknown magic byte!"},
		{"0000000009", "the path to the message type has the length"},
		{"000000000901", "the path to the message type has the length -1"},
		{"0000000009ffffffff0f", "the path to the message type has the length"},
		{"000000000904" + "00", "the bytes end within the path"},
		{"000000000902" + "02", "no message type with the index 1"},
		{"000000000902" + "01", "no message type with the index -1"},
		{"000000000904" + "0000", "no message type with the index 0 in [0 0]"},
		{"0000000009000a05", "Error deserializing Protobuf message for id 9"},
		{"0000000009000a01ff", "Error deserializing Protobuf message for id 9"},
		{"00000000090010ffffffffffffffffff01", "does not fit 64 bits with a sign"},
		{"000000000900" + deep, "Error deserializing Protobuf message for id 9"},
		{"000000000a00", "type AVRO"},
		{"000000000b00", "schema 11 cannot be read"},
		{"000000006300", "id 99"},
	} {
		raw, err := hex.DecodeString(k.raw)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.Decode(append([]byte{}, raw...), nil)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) {
			t.Errorf("%s: %q, want %q", k.raw, fault.Explain(err), k.want)
		}
	}
}

func protoLength(n int) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func TestBadValues(t *testing.T) {
	r := registry(t)
	c := factory(t, r.URL()).For("t")
	unsigned := data.Of(data.Int64)
	unsigned.Params = []data.Param{{Name: typeParam, Value: "uint32"}}
	enum := &data.Schema{Kind: data.String, Name: "E", Params: []data.Param{{Name: enumParam, Value: "E"}, {Name: enumParam + ".A", Value: "0"}}}
	union := data.NewStruct(unionName+".u", data.Field{Name: "x", Schema: data.Of(data.String).AsOptional()})
	loop := data.NewStruct("A")
	loop.Fields = []data.Field{{Name: "b", Schema: data.NewStruct("B", data.Field{Name: "a", Schema: loop})}}
	loop.Index()
	one := func(s *data.Schema) *data.Schema { return data.NewStruct("R", data.Field{Name: "f", Schema: s}) }
	of := func(v data.Value) data.Value { return data.OfStruct([]data.Value{v}) }
	for name, k := range map[string]struct {
		s    *data.Schema
		v    data.Value
		want string
	}{
		"another type":     {one(data.Of(data.String)), of(data.OfInt64(1)), "Invalid type for STRING"},
		"too few fields":   {one(data.Of(data.String)), data.OfStruct(nil), "Mismatching struct schema"},
		"below zero":       {one(unsigned), of(data.OfInt64(-1)), "does not fit uint32"},
		"too large":        {one(unsigned), of(data.OfInt64(math.MaxUint32 + 1)), "does not fit uint32"},
		"no symbol":        {one(enum), of(data.OfString("B")), "not a symbol of the enum E"},
		"null in a list":   {one(data.ArrayOf(data.Of(data.String).AsOptional())), of(data.OfArray([]data.Value{{}})), "holds null"},
		"list of lists":    {one(data.ArrayOf(data.ArrayOf(data.Of(data.String)))), of(data.OfArray(nil)), "Array cannot be nested"},
		"union, no tags":   {one(union), of(data.OfStruct([]data.Value{data.OfString("x")})), "has no parameter"},
		"time in a date":   {one(data.Of(data.Date)), of(data.OfDate(1)), "should not have any time fields"},
		"late timestamp":   {one(data.Of(data.Timestamp)), of(data.OfTimestamp(math.MaxInt64)), "Timestamp is not valid"},
		"time of next day": {one(data.Of(data.Time)), of(data.OfTime(dayMillis + 1)), "Time values must use"},
		"same tag twice": {data.NewStruct("R", data.Field{Name: "a", Schema: &data.Schema{Kind: data.String, Params: []data.Param{{Name: tagParam, Value: "1"}}}},
			data.Field{Name: "b", Schema: data.Of(data.String)}), data.OfStruct([]data.Value{{}, {}}), "Invalid protobuf schema definition"},
		"contains itself": {loop, data.OfStruct([]data.Value{{}}), "contains itself"},
	} {
		_, err := c.Encode(nil, k.v, k.s)
		if !fault.Is(err, fault.Record) || !strings.Contains(fault.Explain(err), k.want) {
			t.Errorf("%s: %q, want %q", name, fault.Explain(err), k.want)
		}
	}
}

// TestOutage: with the registry away, known schemas go on and unknown ones wait; a
// worker that starts meanwhile knows what was kept on disk.
func TestOutage(t *testing.T) {
	r := registry(t)
	dir := t.TempDir()
	open := func() *Converter {
		f, err := New(map[string]string{"schema.registry.url": r.URL()}, converters.Value, converters.Env{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return f.For("orders").(*Converter)
	}
	s := data.NewStruct("Order", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	v := data.OfStruct([]data.Value{data.OfInt64(1)})
	c := open()
	raw, err := c.Encode(nil, v, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Decode(raw, nil); err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, c := range []*Converter{c, open()} {
		if again, err := c.Encode(nil, v, s); err != nil || string(again) != string(raw) {
			t.Errorf("known schema: %v", err)
		}
		if _, _, err := c.Decode(raw, nil); err != nil {
			t.Errorf("known id: %v", err)
		}
		if _, err := c.Encode(nil, data.OfInt64(1), data.Of(data.Int64)); !fault.Is(err, fault.Retry) {
			t.Errorf("new schema: %v", err)
		}
		if _, _, err := c.Decode([]byte{0, 0, 0, 9, 9, 0}, nil); !fault.Is(err, fault.Retry) {
			t.Errorf("new id: %v", err)
		}
	}
}

func TestSubjects(t *testing.T) {
	r := registry(t)
	s := data.NewStruct("a.Order", data.Field{Name: "id", Schema: data.Of(data.Int64)})
	for strategy, want := range map[string]string{
		"TopicNameStrategy": "t-value", "RecordNameStrategy": "a.Order", "TopicRecordNameStrategy": "t-a.Order",
	} {
		c := factory(t, r.URL(), "value.subject.name.strategy", "io.confluent.kafka.serializers.subject."+strategy).For("t")
		raw, err := c.Encode(nil, data.OfStruct([]data.Value{data.OfInt64(1)}), s)
		if err != nil || !r.SubjectExists(want) {
			t.Errorf("%s: %v", strategy, err)
		}
		if _, s, err := c.Decode(raw, nil); err != nil || s.Version != 1 {
			t.Errorf("%s: %v", strategy, err)
		}
	}
}
