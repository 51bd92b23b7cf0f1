package topicsink

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"culvert/connectors"
	"culvert/converters"
	"culvert/data"
	"culvert/fault"
)

// fake is a converter that writes the topic, its prefix and the text; it fails
// with the class that the text names.
type fake struct{ prefix, topic string }

func (f fake) For(topic string) converters.Converter { return fake{f.prefix, topic} }
func (fake) Class() string                           { return "test.Converter" }

func (f fake) Decode(raw []byte, _ *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	return data.OfText(raw), nil, nil
}

func (f fake) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	name := ""
	if s != nil {
		name = s.Name
	}
	switch v.Str() {
	case "bad":
		return nil, fault.New(fault.Record, "test.bad", "bad")
	case "outage":
		return nil, fault.New(fault.Retry, "test.outage", "outage")
	}
	if v.IsNull() {
		return nil, nil
	}
	text := v.Str()
	if v.Kind() == data.Struct {
		text = v.Elems()[0].Str()
	}
	return fmt.Appendf(dst, "%s[%s]%s:%s", f.prefix, f.topic, name, text), nil
}

// cluster is the topics that a sink sees: partitions and replication.
type cluster struct {
	topics map[string][2]int
	calls  []string
	err    error
}

func (c *cluster) Partitions(_ context.Context, topic string) (int, error) {
	return c.topics[topic][0], c.err
}
func (c *cluster) Replication(_ context.Context, topic string) (int, error) {
	return c.topics[topic][1], c.err
}
func (c *cluster) Create(_ context.Context, topic string, partitions int32, replication int16, _ map[string]string) error {
	c.calls = append(c.calls, fmt.Sprintf("%s %d %d", topic, partitions, replication))
	c.topics[topic] = [2]int{int(partitions), int(replication)}
	return c.err
}

func open(t *testing.T, c *cluster, text string) (*Sink, error) {
	t.Helper()
	env := connectors.Env{
		Converter: func(prefix string, side converters.Side) (converters.Factory, error) {
			return fake{prefix: fmt.Sprint(prefix, side)}, nil
		},
	}
	if c != nil {
		env.Topics = c
	}
	s, err := Open(t.Context(), env, props(text))
	return s, err
}

func props(text string) map[string]string {
	m := map[string]string{"topics": "orders,payments", "topic": "joined"}
	for _, kv := range strings.Split(text, ";") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

func TestEncode(t *testing.T) {
	s, err := open(t, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch()
	row := func(key, value data.Value, schema *data.Schema, hs ...data.Header) {
		r := b.Append()
		r.Topic, r.Partition, r.Timestamp, r.Headers = "orders", 3, 42, hs
		r.Key, r.Value = data.ValueCell(key, nil), data.ValueCell(value, schema)
	}
	schema := data.NewStruct("", data.Field{Name: "a", Schema: data.Of(data.String)})
	row(data.OfString("k1"), data.OfStruct([]data.Value{data.OfString("v1")}), schema,
		data.Header{Key: "raw", Value: data.WireCell([]byte{1, 2}, fake{})},
		data.Header{Key: "made", Value: data.ValueCell(data.OfString("h"), nil)})
	row(data.OfString("k2"), data.OfString("bad"), nil)
	row(data.Value{}, data.OfStruct([]data.Value{data.OfString("v3")}), data.NewStruct("mine", data.Field{Name: "a", Schema: data.Of(data.String)}))
	row(data.OfString("k4"), data.Value{}, nil)
	out, err := s.Encode(t.Context(), b, []data.Message{{Topic: "before"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range out[1:] {
		if m.Topic != "joined" || m.Partition != -1 || m.Timestamp != 42 {
			t.Errorf("message %+v", m)
		}
		got = append(got, fmt.Sprintf("%q=%q%q", m.Key, m.Value, m.Headers))
	}
	want := []string{
		`"output.key.converterkey[joined]:k1"="output.value.convertervalue[joined]culvert.joined:v1"[{"raw" "\x01\x02"} {"made" "output.header.converterheader[joined]:h"}]`,
		`""="output.value.convertervalue[joined]mine:v3"[]`,
		`"output.key.converterkey[joined]:k4"=""[]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out[2].Key != nil || out[3].Value != nil {
		t.Error("a null became empty bytes")
	}
	if f := b.Failed(); len(f) != 1 || f[0].Index != 1 || f[0].Stage != data.StageValueConverter {
		t.Errorf("failed %v", f)
	}
	// Messages of an earlier batch stay as they are.
	first := string(out[1].Value)
	if _, err := s.Encode(t.Context(), b, nil); err != nil || string(out[1].Value) != first {
		t.Errorf("%q, %v", out[1].Value, err)
	}
}

func TestEncodeOutage(t *testing.T) {
	s, err := open(t, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch()
	for _, v := range []string{"good", "outage"} {
		b.Append().Value = data.ValueCell(data.OfString(v), nil)
	}
	out, err := s.Encode(t.Context(), b, []data.Message{{Topic: "before"}})
	if !fault.Is(err, fault.Retry) || len(out) != 1 {
		t.Errorf("%d messages, %v", len(out), err)
	}
}

func TestSchemaName(t *testing.T) {
	named, plain := data.NewStruct("mine"), data.NewStruct("")
	for _, c := range []struct {
		props  string
		schema *data.Schema
		want   string
	}{
		{"", plain, "culvert.joined"},
		{"", named, "mine"},
		{"topic=1st.macd-joined", plain, "culvert._1st.macd_joined"},
		{"output.schema.name=shop.Row", plain, "shop.Row"},
		{"output.schema.name=shop.Row", named, "shop.Row"},
		{"output.schema.name=shop.Row", data.Of(data.Timestamp), data.TimestampName},
	} {
		s, err := open(t, nil, c.props)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.rename(c.schema); got.Name != c.want || got != s.rename(c.schema) {
			t.Errorf("%s: %s", c.props, got.Name)
		}
	}
}

func TestCreatesTopic(t *testing.T) {
	join := ";transforms=x,join;transforms.join.left.topic=payments"
	for _, c := range []struct{ props, want string }{
		{"", "joined 6 3"},
		{join, "joined 4 2"},
		{"output.topic.partitions=12" + join, "joined 12 2"},
		{"output.topic.partitions=12;output.topic.replication.factor=1;topics=none", "joined 12 1"},
		{"topics=;topics.regex=ord.*", "joined -1 -1"},
		{"topic=there", ""},
	} {
		k := &cluster{topics: map[string][2]int{"orders": {6, 3}, "payments": {4, 2}, "there": {1, 1}}}
		s, err := open(t, k, c.props)
		if err != nil {
			t.Errorf("%s: %v", c.props, err)
			continue
		}
		if _, err := s.Encode(t.Context(), data.NewBatch(), nil); err != nil {
			t.Errorf("%s: %v", c.props, err)
		}
		if got := strings.Join(k.calls, ", "); got != c.want {
			t.Errorf("%s: created %q, want %q", c.props, got, c.want)
		}
	}
}

// An input that does not exist yet delays the output topic; nothing is guessed.
func TestWaitsForTheInput(t *testing.T) {
	k := &cluster{topics: map[string][2]int{}}
	s, err := open(t, k, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Encode(t.Context(), data.NewBatch(), nil)
	if !fault.Is(err, fault.Retry) || !strings.Contains(err.Error(), "'orders', which does not exist yet") {
		t.Errorf("encode: %v", err)
	}
	k.topics["orders"] = [2]int{6, 1}
	if _, err = s.Encode(t.Context(), data.NewBatch(), nil); err != nil || len(k.calls) != 1 {
		t.Errorf("encode: %v, %v", err, k.calls)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"topic=":                    "Invalid value  for configuration topic: a topic's name has 1 to 249",
		"topic=a/b":                 "Invalid value a/b for configuration topic",
		"topic=orders":              "it is one of the topics that the connector reads",
		"topics=;topics.regex=jo.*": "it is one of the topics that the connector reads",
		"output.topic.partitions=0": "Value must be at least 1, or -1",
		"output.schema.name=a-b":    "must be names of letters, digits and underscores",
	} {
		errs := Plugin().Check(t.Context(), props(text)).Errors()
		if len(errs) != 1 || !strings.Contains(errs[0], want) {
			t.Errorf("%s: %q, want %q", text, errs, want)
		}
		if _, err := open(t, nil, text); !fault.Is(err, fault.Config) {
			t.Errorf("%s: open: %v", text, err)
		}
	}
	r := Plugin().Check(t.Context(), props("output.value.converter=x;output.value.converter.schema.registry.url=y;typo=1"))
	if got := strings.Join(r.Unknown, " "); got != "topics typo" || len(r.Errors()) > 0 {
		t.Errorf("unknown %q, errors %v", got, r.Errors())
	}
}

func TestTasks(t *testing.T) {
	all, err := Plugin().Tasks(props(""), 3)
	if err != nil || len(all) != 3 || all[2]["topic"] != "joined" {
		t.Errorf("%v %v", all, err)
	}
	all[0]["topic"] = "changed"
	if all[1]["topic"] != "joined" {
		t.Error("task configs share a map")
	}
}
