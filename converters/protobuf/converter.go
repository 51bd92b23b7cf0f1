package protobuf

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"culvert/converters"
	"culvert/converters/wire"
	"culvert/data"
	"culvert/fault"
	"culvert/schemas"
)

// Class is the Java class that users configure.
const Class = "io.confluent.connect.protobuf.ProtobufConverter"

// Plugin describes ProtobufConverter.
func Plugin() converters.Plugin {
	return wire.Plugin(Class, []string{"ProtobufConverter", "Protobuf"}, def, func(c *config) schemas.Config { return c.registry }, New)
}

// Factory makes the Protobuf converters of one side of a connector. They share its
// registry client and the schemas that were read.
type Factory struct {
	config   config
	key      bool
	registry *schemas.Client
	files    wire.Readers[protoreflect.FileDescriptor]
	messages wire.Readers[*paths]
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

// Converter reads and writes Protobuf of one topic and side.
type Converter struct {
	f      *Factory
	topic  string
	last   *message // of lastID and lastPath: mostly all records of a topic have one type
	lastID int32
	path   string
	plans  wire.Plans[*plan]
}

// fail is what ProtobufConverter throws when bytes cannot be read, with its cause.
func (c *Converter) fail(cause error) *fault.Error {
	return &fault.Error{Class: fault.Record, Code: "protobuf.malformed", Java: dataException,
		Fix: fmt.Sprintf("Check that %s holds Protobuf in Confluent's wire format, or use the converter that fits.", c.topic),
		Err: fault.Because(cause, "Failed to deserialize data for topic %s to Protobuf:", c.topic)}
}

// Decode reads one record: head, path to the message type, and message.
func (c *Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	if raw == nil {
		return data.Value{}, nil, nil
	}
	id, body, err := wire.Split(raw)
	if err != nil {
		return data.Value{}, nil, c.fail(err)
	}
	path, body, err := splitPath(body)
	if err != nil {
		return data.Value{}, nil, c.fail(err)
	}
	if c.last == nil || id != c.lastID || string(path) != c.path {
		if c.last, err = c.message(id, path); err != nil {
			c.last = nil
			return data.Value{}, nil, err
		}
		c.lastID, c.path = id, string(path)
	}
	v, err := c.last.decode(body, a)
	if _, ok := err.(*malformed); ok {
		err = c.fail(fault.Because(err, "Error deserializing Protobuf message for id %d", id))
	}
	if err != nil {
		return data.Value{}, nil, err
	}
	return v, c.last.schema, nil
}

const maxPath = 100

// splitPath separates the path to the message type from the message: a count and so
// many indices, zig-zag; the count 0 stands for the path [0].
func splitPath(body []byte) (path, rest []byte, err error) {
	n, size := binary.Varint(body)
	if size <= 0 || n < 0 || n > maxPath {
		return nil, nil, fault.New(fault.Record, "protobuf.path", "the path to the message type has the length %d", n)
	}
	end := size
	for range n {
		_, size := binary.Varint(body[end:])
		if size <= 0 {
			return nil, nil, fault.New(fault.Record, "protobuf.path", "the bytes end within the path to the message type")
		}
		end += size
	}
	return body[:end], body[end:], nil
}

func indices(path []byte) []int {
	n, size := binary.Varint(path)
	if n == 0 {
		return []int{0}
	}
	list := make([]int, 0, n)
	for at := size; at < len(path); at += size {
		var i int64
		i, size = binary.Varint(path[at:])
		list = append(list, int(i))
	}
	return list
}

func appendPath(dst []byte, path []int) []byte {
	if len(path) == 1 && path[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(path)))
	for _, i := range path {
		dst = binary.AppendVarint(dst, int64(i))
	}
	return dst
}

// message finds what reads the records of a type.
func (c *Converter) message(id int32, path []byte) (*message, error) {
	m, err := c.f.message(c.topic, id, path)
	if !fault.Is(err, fault.Record) {
		return m, err
	}
	e := c.fail(fault.Because(err, "Error retrieving Protobuf schema for id %d: %s", id, err))
	return nil, e.WithFix("Register the schema with id %d in this registry, or point schema.registry.url to the registry that the producer of %s uses.", id, c.topic)
}

func (f *Factory) message(topic string, id int32, path []byte) (*message, error) {
	list, err := f.messages.Get(topic, id, func() (*paths, error) { return &paths{}, nil })
	if err != nil {
		return nil, err
	}
	return list.get(string(path), func() (*message, error) {
		s, err := f.registry.ByID(int(id))
		if err != nil {
			return nil, err
		}
		file, err := f.file(id, s)
		if err != nil {
			return nil, err
		}
		md, err := find(file, indices(path))
		if err != nil {
			return nil, fault.New(fault.Record, "protobuf.schema", "schema %d: %v", id, err)
		}
		subject, err := f.config.registry.Subject(topic, f.key, string(md.FullName()))
		if err != nil {
			return nil, err
		}
		if f.config.registry.UseLatest {
			if s, md, err = f.latest(subject, s, md); err != nil {
				return nil, err
			}
		}
		version, err := f.registry.Version(subject, s)
		if err != nil {
			return nil, err
		}
		return f.config.connect(md, int32(version))
	})
}

// latest is the type of the same name in the latest version of the subject, with
// which use.latest.version reads; a version without it does not count.
func (f *Factory) latest(subject string, s *schemas.Schema, md protoreflect.MessageDescriptor) (*schemas.Schema, protoreflect.MessageDescriptor, error) {
	latest, err := f.registry.Latest(subject)
	if err != nil {
		return nil, nil, err
	}
	file, err := f.file(int32(latest.ID), latest)
	if err != nil {
		return nil, nil, err
	}
	if m := byName(file, md.FullName()); m != nil {
		return latest, m, nil
	}
	return s, md, nil
}

// byName finds a message type of a file, also inside of others.
func byName(file protoreflect.FileDescriptor, name protoreflect.FullName) protoreflect.MessageDescriptor {
	var walk func(list protoreflect.MessageDescriptors) protoreflect.MessageDescriptor
	walk = func(list protoreflect.MessageDescriptors) protoreflect.MessageDescriptor {
		for i := range list.Len() {
			if list.Get(i).FullName() == name {
				return list.Get(i)
			}
			if m := walk(list.Get(i).Messages()); m != nil {
				return m
			}
		}
		return nil
	}
	return walk(file.Messages())
}

// file compiles the text of a schema, once.
func (f *Factory) file(id int32, s *schemas.Schema) (protoreflect.FileDescriptor, error) {
	if s.Type != schemas.Protobuf {
		return nil, fault.New(fault.Record, "protobuf.other_type", "schema %d is of type %s", id, s.Type)
	}
	return f.files.Get("", id, func() (protoreflect.FileDescriptor, error) {
		file, err := compile(s.Text, s.Refs...)
		if err != nil {
			return nil, fault.New(fault.Record, "protobuf.schema", "schema %d cannot be read: %v", id, err)
		}
		return file, nil
	})
}

// plan is how data of one Connect schema is written.
type plan struct {
	head []byte // id and path
	enc  *encoder
}

// Encode appends head, path and message of v. Null is a tombstone.
func (c *Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if v.IsNull() {
		return nil, nil
	}
	if s == nil {
		return nil, dataError("Protobuf cannot be written without a schema").
			WithFix("Use a source or a converter that gives data a schema, or write JSON with JsonConverter.")
	}
	p, err := c.plans.Get(s, c.newPlan)
	if err != nil {
		return nil, err
	}
	return p.enc.append(append(dst, p.head...), v, 0)
}

func (c *Converter) newPlan(s *data.Schema) (*plan, error) {
	d, err := c.f.config.derive(s)
	if err != nil {
		return nil, err
	}
	file, err := compile(d.text)
	if err != nil {
		return nil, dataError("Invalid protobuf schema definition: %v", err).
			WithFix("Give the fields of the Connect schema distinct names and numbers (%s), or use another converter.", tagParam)
	}
	md := byName(file, protoreflect.FullName(d.name))
	if md == nil {
		return nil, dataError("Invalid message name: %s", d.name)
	}
	subject, err := c.f.config.registry.Subject(c.topic, c.f.key, d.name)
	if err != nil {
		return nil, c.failWriting(err)
	}
	got, err := c.f.registry.ForWriting(subject, schemas.Protobuf, d.text)
	if err != nil {
		return nil, c.failWriting(err)
	}
	path := pathOf(md)
	if got.Text != d.text {
		if path, err = c.pathIn(got, subject, md); err != nil {
			return nil, c.failWriting(err)
		}
	}
	enc, err := newEncoder(c.f.config.mapping, s, md)
	if err != nil {
		return nil, err
	}
	return &plan{head: appendPath(wire.AppendHead(nil, got.ID), path), enc: enc}, nil
}

// pathIn is the path of the type in the latest version of the subject. The bytes are
// those of the derived schema, as in Java, so that the two must agree on the numbers.
func (c *Converter) pathIn(latest *schemas.Schema, subject string, md protoreflect.MessageDescriptor) ([]int, error) {
	file, err := c.f.file(int32(latest.ID), latest)
	if err != nil {
		return nil, err
	}
	to := byName(file, md.FullName())
	if to == nil {
		return nil, dataError("Schema %d of subject %s has no message type %s", latest.ID, subject, md.FullName()).
			WithFix("Give the Connect schema the name of a type in the registry's schema, for instance with SetSchemaMetadata.")
	}
	if c.f.config.registry.LatestStrict {
		if why := incompatible(md, to, map[protoreflect.FullName]bool{}); why != "" {
			return nil, dataError("Incompatible schema of type 'PROTOBUF'. Set latest.compatibility.strict=false to disable this check. %s", why).
				WithFix("Make the schema in the registry fit the data: fields are recognized by their numbers, which the parameter %s sets.", tagParam)
		}
	}
	return pathOf(to), nil
}

// failWriting puts Java's words around a bad record; other errors pass.
func (c *Converter) failWriting(err error) error {
	e := fault.Of(err)
	if e == nil || e.Class != fault.Record {
		return err
	}
	f := *e
	f.Java = dataException
	f.Err = fault.Because(err, "Failed to serialize Protobuf data from topic %s:", c.topic)
	return &f
}

var (
	_ converters.Factory   = (*Factory)(nil)
	_ converters.Converter = (*Converter)(nil)
)
