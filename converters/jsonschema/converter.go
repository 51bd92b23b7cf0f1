package jsonschema

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	lib "github.com/santhosh-tekuri/jsonschema/v6"

	"culvert/converters"
	jsonconv "culvert/converters/json"
	"culvert/converters/wire"
	"culvert/data"
	"culvert/fault"
	"culvert/schemas"
)

// Class is the Java class that users configure.
const Class = "io.confluent.connect.json.JsonSchemaConverter"

// Plugin describes JsonSchemaConverter.
func Plugin() converters.Plugin {
	return wire.Plugin(Class, []string{"JsonSchemaConverter", "JsonSchema"}, def, func(c *config) schemas.Config { return c.registry }, New)
}

// Factory makes the JSON Schema converters of one side of a connector. They share
// its registry client and the schemas that were read.
type Factory struct {
	config   config
	key      bool
	registry *schemas.Client
	readers  wire.Readers[*reader]
}

// reader is what reads the payloads of a schema.
type reader struct {
	schema *data.Schema
	valid  *lib.Schema // nil: payloads are not validated
}

// New reads the configuration. Errors have class Config. It does not connect.
func New(props map[string]string, side converters.Side, env converters.Env) (*Factory, error) {
	c, report := def().Parse(props)
	if err := converters.ConfigError(Class, report); err != nil {
		return nil, err
	}
	return &Factory{config: c, key: side == converters.Key, registry: schemas.Open(c.registry, env.DataDir, env.Log)}, nil
}

// Class is the Java class name.
func (f *Factory) Class() string { return Class }

// For makes the converter of a topic.
func (f *Factory) For(topic string) converters.Converter {
	return &Converter{f: f, topic: topic, payload: jsonconv.NewPayload(f.config.numeric(), !f.config.ignoreDefault, isUnion)}
}

// Converter reads and writes JSON with a schema of one topic and side.
type Converter struct {
	f       *Factory
	topic   string
	payload *jsonconv.Payload
	last    *reader // of lastID
	lastID  int32
	plans   wire.Plans[*plan]
}

// fail is what JsonSchemaConverter throws when bytes cannot be read, with its cause.
func (c *Converter) fail(cause error) *fault.Error {
	return &fault.Error{Class: fault.Record, Code: "jsonschema.malformed", Java: dataException,
		Fix: fmt.Sprintf("Check that %s holds JSON in Confluent's wire format; plain JSON is read by JsonConverter.", c.topic),
		Err: fault.Because(cause, "Converting byte[] to Kafka Connect data failed due to serialization error of topic %s: ", c.topic)}
}

// Decode reads one record: head and JSON.
func (c *Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	id, body, err := wire.Split(raw)
	if err != nil {
		return data.Value{}, nil, c.fail(err)
	}
	if c.last == nil || id != c.lastID {
		if c.last, err = c.reader(id); err != nil {
			return data.Value{}, nil, err
		}
		c.lastID = id
	}
	if c.last.valid != nil {
		if err := validate(c.last.valid, body); err != nil {
			return data.Value{}, nil, c.fail(err)
		}
	}
	v, err := c.payload.Decode(body, c.last.schema, a)
	if err != nil {
		var e *fault.Error
		if errors.As(err, &e) && e.Code == "json.malformed" {
			err = c.fail(errors.Unwrap(e.Err))
		}
		return data.Value{}, nil, err
	}
	return v, c.last.schema, nil
}

// validate refuses what a schema does not allow.
func validate(s *lib.Schema, body []byte) error {
	doc, err := lib.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		return fault.New(fault.Record, "jsonschema.invalid", "JSON does not match schema of type JSON: %v", err)
	}
	return nil
}

func (c *Converter) reader(id int32) (*reader, error) {
	r, err := c.f.readers.Get(c.topic, id, func() (*reader, error) { return c.f.reader(c.topic, id) })
	if !fault.Is(err, fault.Record) {
		return r, err
	}
	e := c.fail(fault.Because(err, "Error retrieving JSON schema for id %d: %s", id, err))
	return nil, e.WithFix("Register the schema with id %d in this registry, or point schema.registry.url to the registry that the producer of %s uses.", id, c.topic)
}

// reader reads a schema from the registry and compiles it.
func (f *Factory) reader(topic string, id int32) (*reader, error) {
	s, err := f.registry.ByID(int(id))
	if err != nil {
		return nil, err
	}
	compiled, err := f.compile(s)
	if err != nil {
		return nil, err
	}
	subject, err := f.config.registry.Subject(topic, f.key, titleOf(compiled))
	if err != nil {
		return nil, err
	}
	if f.config.registry.UseLatest {
		if s, err = f.registry.Latest(subject); err != nil {
			return nil, err
		}
		if compiled, err = f.compile(s); err != nil {
			return nil, err
		}
	}
	version, err := f.registry.Version(subject, s)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	if r.schema, err = f.config.connect(compiled, int32(version)); err != nil {
		return nil, err
	}
	if f.config.validate {
		r.valid = compiled
	}
	return r, nil
}

func (f *Factory) compile(s *schemas.Schema) (*lib.Schema, error) {
	if s.Type != schemas.JSON {
		return nil, fault.New(fault.Record, "jsonschema.other_type", "schema %d is of type %s", s.ID, s.Type)
	}
	compiled, err := compile(s.Text, s.Refs, f.config.ignoreModern, f.config.validate)
	if err != nil {
		return nil, fault.New(fault.Record, "jsonschema.schema", "schema %d cannot be read: %v", s.ID, err)
	}
	return compiled, nil
}

// titleOf is the name of a schema for the subject strategies.
func titleOf(s *lib.Schema) string {
	title, _ := rawOf(s)["title"].(string)
	return title
}

// plan is how data of one Connect schema is written.
type plan struct {
	head  []byte
	valid *lib.Schema
}

// Encode appends head and JSON of v. Null without a schema is a tombstone, and so is
// a null that the schema does not allow, as in Java.
func (c *Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if s == nil {
		if v.IsNull() {
			return nil, nil
		}
		return nil, dataError("JSON with a schema cannot be written without a schema").
			WithFix("Use a source or a converter that gives data a schema, or write JSON with JsonConverter.")
	}
	if v.IsNull() && !s.Optional && !s.HasDefault {
		return nil, nil
	}
	p, err := c.plans.Get(s, c.newPlan)
	if err != nil {
		return nil, err
	}
	start := len(dst) + len(p.head)
	if dst, err = c.payload.Append(append(dst, p.head...), v, s); err != nil {
		return nil, err
	}
	if p.valid != nil {
		if err := validate(p.valid, dst[start:]); err != nil {
			return nil, c.failWriting(err)
		}
	}
	return dst, nil
}

func (c *Converter) newPlan(s *data.Schema) (*plan, error) {
	text, err := c.f.config.derive(s)
	if err != nil {
		return nil, err
	}
	subject, err := c.f.config.registry.Subject(c.topic, c.f.key, s.Name)
	if err != nil {
		return nil, c.failWriting(err)
	}
	got, err := c.f.registry.ForWriting(subject, schemas.JSON, text)
	if err != nil {
		return nil, c.failWriting(err)
	}
	p := &plan{head: wire.AppendHead(nil, got.ID)}
	if got.Text == text && !c.f.config.validate {
		return p, nil
	}
	compiled, err := c.f.compile(got)
	if err != nil {
		return nil, c.failWriting(err)
	}
	if c.f.config.validate {
		p.valid = compiled
	}
	if got.Text != text && c.f.config.registry.LatestStrict {
		to, err := c.f.config.connect(compiled, 0)
		if err != nil {
			return nil, c.failWriting(err)
		}
		if why := incompatible(s, to, rawOf(compiled), ""); why != "" {
			return nil, c.failWriting(dataError("Incompatible schema of type 'JSON'. Set latest.compatibility.strict=false to disable this check. %s", why).
				WithFix("Make the schema in the registry fit the data, or let the converter register its own (auto.register.schemas=true)."))
		}
	}
	return p, nil
}

// incompatible says why data of one schema cannot be read with another; empty: it
// can. What only the data has, or only the other schema knows, does no harm unless
// that schema says so.
func incompatible(from, to *data.Schema, of raw, path string) string {
	if from.Kind.Base() != to.Kind.Base() && !widens(from.Kind.Base(), to.Kind.Base()) {
		return fmt.Sprintf("%q is %s in the data and %s in the registry.", path, from.Kind, to.Kind)
	}
	switch from.Kind {
	case data.Array:
		return incompatible(from.Elem, to.Elem, nil, path+"[]")
	case data.Map:
		return incompatible(from.Elem, to.Elem, nil, path+"{}")
	case data.Struct:
	default:
		return ""
	}
	if isUnion(from) != isUnion(to) {
		return fmt.Sprintf("%q is a union in one of the two only.", path)
	}
	for _, f := range from.Fields {
		at := to.FieldIndex(f.Name)
		if at < 0 {
			if of["additionalProperties"] == false {
				return fmt.Sprintf("The registry's schema does not allow the property %q.", f.Name)
			}
			continue
		}
		if why := incompatible(f.Schema, to.Fields[at].Schema, nil, path+"."+f.Name); why != "" {
			return why
		}
	}
	if names, ok := of["required"].([]any); ok {
		for _, n := range names {
			if name, ok := n.(string); ok && from.FieldIndex(name) < 0 {
				return fmt.Sprintf("The data has no property %q, which the registry's schema requires.", name)
			}
		}
	}
	return ""
}

// widens reports whether numbers of one type are numbers of another: JSON itself
// has one type of integers, which are numbers.
func widens(from, to data.Kind) bool {
	whole := func(k data.Kind) bool { return k == data.Int8 || k == data.Int16 || k == data.Int32 || k == data.Int64 }
	fraction := func(k data.Kind) bool { return k == data.Float32 || k == data.Float64 }
	return whole(from) && (whole(to) || fraction(to)) || fraction(from) && fraction(to)
}

// failWriting puts Java's words around a bad record; other errors pass.
func (c *Converter) failWriting(err error) error {
	e := fault.Of(err)
	if e == nil || e.Class != fault.Record {
		return err
	}
	f := *e
	f.Java = dataException
	f.Err = fault.Because(err, "Converting Kafka Connect data to byte[] failed due to serialization error of topic %s: ", c.topic)
	return &f
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var (
	_ converters.Factory   = (*Factory)(nil)
	_ converters.Converter = (*Converter)(nil)
)
