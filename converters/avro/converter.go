package avro

import (
	"fmt"

	"culvert/converters"
	"culvert/converters/wire"
	"culvert/data"
	"culvert/fault"
	"culvert/schemas"
)

// Class is the Java class that users configure.
const Class = "io.confluent.connect.avro.AvroConverter"

// Plugin describes AvroConverter.
func Plugin() converters.Plugin {
	return wire.Plugin(Class, []string{"AvroConverter", "Avro"}, def, func(c *config) schemas.Config { return c.registry }, New)
}

// Factory makes the Avro converters of one side of a connector. They share its
// registry client and the writer schemas that were read.
type Factory struct {
	config   config
	key      bool
	registry *schemas.Client
	writers  wire.Readers[*Writer]
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
	return &Converter{f: f, topic: topic}
}

// Converter reads and writes Avro of one topic and side.
type Converter struct {
	f      *Factory
	topic  string
	last   *Writer // of lastID: mostly all records of a topic have one schema
	lastID int32
	dec    decoder
	plans  wire.Plans[*plan]
}

// fail is what AvroConverter throws when bytes cannot be read, with its cause.
func (c *Converter) fail(cause error) *fault.Error {
	return &fault.Error{Class: fault.Record, Code: "avro.malformed", Java: dataException,
		Fix: fmt.Sprintf("Check that %s holds Avro in Confluent's wire format, or use the converter that fits.", c.topic),
		Err: fault.Because(cause, "Failed to deserialize data for topic %s to Avro: ", c.topic)}
}

// Decode reads one record: head and Avro binary.
func (c *Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	w, body, err := c.Open(raw)
	if err != nil {
		return data.Value{}, nil, err
	}
	v, s, err := w.read(&c.dec, body, a)
	if _, ok := err.(*MalformedError); ok {
		err = c.fail(err)
	}
	return v, s, err
}

// read is decode for the wire form, where the payload of schema bytes has no length.
func (w *Writer) read(d *decoder, body []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if w.node.Type != Bytes || w.err != nil || w.target != nil {
		return w.decode(d, body, a)
	}
	d.bad = nil
	v := d.binary(w.node, body)
	return v, w.schema, d.bad
}

// Open reads the head of a record and finds its writer schema; body is the Avro
// binary behind the head. Equal schemas of a topic give the same pointer.
func (c *Converter) Open(raw []byte) (*Writer, []byte, error) {
	id, body, err := wire.Split(raw)
	if err != nil {
		return nil, nil, c.fail(err)
	}
	if id != c.lastID || c.last == nil {
		w, err := c.writer(id)
		if err != nil {
			return nil, nil, err
		}
		c.last, c.lastID = w, id
	}
	return c.last, body, nil
}

func (c *Converter) writer(id int32) (*Writer, error) {
	w, err := c.f.writers.Get(c.topic, id, func() (*Writer, error) { return c.f.writer(c.topic, id) })
	if !fault.Is(err, fault.Record) {
		return w, err
	}
	e := c.fail(fault.Because(err, "Error retrieving Avro %s schema for id %d: %s", c.side(), id, err))
	return nil, e.WithFix("Register the schema with id %d in this registry, or point schema.registry.url to the registry that the producer of %s uses.", id, c.topic)
}

func (c *Converter) side() string {
	if c.f.key {
		return "key"
	}
	return "value"
}

// writer reads a schema from the registry and compiles it.
func (f *Factory) writer(topic string, id int32) (*Writer, error) {
	s, err := f.registry.ByID(int(id))
	if err != nil {
		return nil, err
	}
	if s.Type != schemas.Avro {
		return nil, fault.New(fault.Record, "avro.other_type", "schema %d is of type %s", id, s.Type)
	}
	n, err := Parse(s.Text, s.RefTexts()...)
	if err != nil {
		return nil, fault.New(fault.Record, "avro.schema", "schema %d cannot be read: %v", id, err)
	}
	subject, err := f.config.registry.Subject(topic, f.key, recordName(n))
	if err != nil {
		return newWriter(f.config.mapping, n, 0)
	}
	if f.config.registry.UseLatest {
		return f.resolving(subject, s, n)
	}
	version, err := f.registry.Version(subject, s)
	if err != nil {
		return nil, err
	}
	return newWriter(f.config.mapping, n, int32(version))
}

// resolving makes a Writer whose data is read with the latest version of the
// subject, as use.latest.version wants it.
func (f *Factory) resolving(subject string, s *schemas.Schema, n *Node) (*Writer, error) {
	latest, err := f.registry.Latest(subject)
	if err != nil {
		return nil, err
	}
	version, err := f.registry.Version(subject, latest)
	if err != nil {
		return nil, err
	}
	if latest.ID == s.ID {
		return newWriter(f.config.mapping, n, int32(version))
	}
	to, err := Parse(latest.Text, latest.RefTexts()...)
	if err != nil {
		return nil, fault.New(fault.Record, "avro.schema", "schema %d cannot be read: %v", latest.ID, err)
	}
	return newResolvingWriter(f.config.mapping, n, to, int32(version))
}

func recordName(n *Node) string {
	if n.Type == Record {
		return n.FullName()
	}
	return ""
}

// plan is how data of one Connect schema is written.
type plan struct {
	head []byte
	enc  *encoder
	raw  bool // schema bytes: the payload has no length
}

// Encode appends head and Avro binary of v. Null is a tombstone.
func (c *Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if v.IsNull() {
		if s != nil && !s.Optional {
			return nil, dataError("Found null value for non-optional schema")
		}
		return nil, nil
	}
	p, err := c.plans.Get(s, c.newPlan)
	if err != nil {
		return nil, err
	}
	dst = append(dst, p.head...)
	if p.raw {
		if v.Kind() != s.Kind {
			return nil, p.enc.wrongType(v)
		}
		return append(dst, v.Bytes()...), nil
	}
	return p.enc.append(dst, v, 0)
}

func (c *Converter) newPlan(s *data.Schema) (*plan, error) {
	n, err := c.f.config.Derive(s)
	if err != nil {
		return nil, err
	}
	subject, err := c.f.config.registry.Subject(c.topic, c.f.key, recordName(n))
	if err != nil {
		return nil, c.failWriting(err)
	}
	text := string(n.JSON())
	got, err := c.f.registry.ForWriting(subject, schemas.Avro, text)
	if err != nil {
		return nil, c.failWriting(err)
	}
	if got.Text != text {
		if c.f.config.registry.LatestStrict {
			if err := readable(text, got.Text, got.RefTexts()); err != nil {
				return nil, c.failWriting(dataError("Incompatible schema of type 'AVRO'. Set latest.compatibility.strict=false to disable this check. %v", err).
					WithFix("Make schema %d of subject %s fit the data, or let the converter register its own (auto.register.schemas=true).", got.ID, subject))
			}
		}
		if n, err = Parse(got.Text, got.RefTexts()...); err != nil {
			return nil, c.failWriting(fault.New(fault.Record, "avro.schema", "schema %d of subject %s cannot be read: %v", got.ID, subject, err))
		}
		if _, err := c.f.config.Connect(n, 0); err != nil {
			return nil, c.failWriting(err)
		}
	}
	enc, err := newEncoder(c.f.config.mapping, s, n)
	if err != nil {
		return nil, c.failWriting(err)
	}
	return &plan{head: wire.AppendHead(nil, got.ID), enc: enc, raw: n.Type == Bytes && s != nil}, nil
}

// failWriting puts Java's words around a bad record; other errors pass.
func (c *Converter) failWriting(err error) error {
	e := fault.Of(err)
	if e == nil || e.Class != fault.Record {
		return err
	}
	f := *e
	f.Java = dataException
	f.Err = fault.Because(err, "Failed to serialize Avro data from topic %s:", c.topic)
	return &f
}

var (
	_ converters.Factory   = (*Factory)(nil)
	_ converters.Converter = (*Converter)(nil)
)
