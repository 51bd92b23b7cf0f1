package json

import (
	"culvert/configdef"
	"culvert/converters"
	"culvert/converters/json/lex"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// Class is the Java class that users configure.
const Class = "org.apache.kafka.connect.json.JsonConverter"

const dataException = "org.apache.kafka.connect.errors.DataException"

type config struct {
	schemas     bool
	cacheSize   int
	content     string
	decimal     string
	replaceNull bool
}

func (c *config) numeric() bool { return len(c.decimal) == len("NUMERIC") }

func def() *configdef.Def[config] {
	key := func(s configdef.Spec, into func(*config, configdef.Parsed)) configdef.Key[config] {
		return configdef.Key[config]{Spec: s, Into: into}
	}
	return &configdef.Def[config]{Keys: []configdef.Key[config]{
		key(converters.TypeKey(), nil),
		key(configdef.Spec{Name: "schemas.enable", Type: configdef.Boolean, Importance: configdef.High, Default: configdef.Default("true"),
			Doc: "Put the schema beside each key and value, as {\"schema\": …, \"payload\": …}.", Group: "Schemas", Order: 0,
			Width: configdef.MediumWidth, DisplayName: "Enable Schemas"}, configdef.Flag(func(c *config) *bool { return &c.schemas })),
		key(configdef.Spec{Name: "schemas.cache.size", Type: configdef.Int, Importance: configdef.High, Default: configdef.Default("1000"),
			Doc: "How many schemas are kept in this converter.", Group: "Schemas", Order: 1,
			Width: configdef.MediumWidth, DisplayName: "Schema Cache Size"}, configdef.Num(func(c *config) *int { return &c.cacheSize })),
		key(configdef.Spec{Name: "schema.content", Type: configdef.String, Importance: configdef.High,
			Doc: "The schema of all messages that are read, so that they need not carry one. Used with schemas.enable=true.", Group: "Schemas", Order: 2,
			Width: configdef.MediumWidth, DisplayName: "Schema Content"}, configdef.Str(func(c *config) *string { return &c.content })),
		key(configdef.Spec{Name: "decimal.format", Type: configdef.String, Importance: configdef.Low, Default: configdef.Default("BASE64"),
			Doc: "How decimals are written: BASE64 (the bytes of the unscaled value) or NUMERIC (a JSON number).", Group: "Serialization", Order: 0,
			Width: configdef.MediumWidth, DisplayName: "Decimal Format", Check: converters.OneOfFold("NUMERIC", "BASE64")},
			configdef.Str(func(c *config) *string { return &c.decimal })),
		key(configdef.Spec{Name: "replace.null.with.default", Type: configdef.Boolean, Importance: configdef.Low, Default: configdef.Default("true"),
			Doc: "Write and read the default of the schema where a field is null.", Group: "Serialization", Order: 1,
			Width: configdef.MediumWidth, DisplayName: "Replace null with default"}, configdef.Flag(func(c *config) *bool { return &c.replaceNull })),
	}}
}

// Plugin describes JsonConverter.
func Plugin() converters.Plugin {
	return converters.Plugin{
		Class:   Class,
		Aliases: []string{"JsonConverter", "Json"},
		Spec:    func() []configdef.Spec { return def().Specs() },
		Check: func(props map[string]string, side converters.Side) *configdef.Report {
			_, report := def().Parse(converters.WithType(props, side))
			return report
		},
		New: func(props map[string]string, side converters.Side, _ converters.Env) (converters.Factory, error) {
			return New(props, side)
		},
	}
}

// Factory makes the JSON converters of one side of a connector.
type Factory struct {
	config   config
	external *data.Schema // schema.content
}

// New reads the configuration. Errors have class Config.
func New(props map[string]string, side converters.Side) (*Factory, error) {
	c, report := def().Parse(converters.WithType(props, side))
	if err := converters.ConfigError(Class, report); err != nil {
		return nil, err
	}
	f := &Factory{config: c}
	if c.content != "" { // Java reads it even if schemas.enable=false leaves it without effect
		conv := f.For("").(*Converter)
		conv.begin([]byte(c.content))
		s, err := conv.parseSchema([]byte(c.content))
		if err != nil {
			java := dataException
			if _, malformed := err.(*lex.Error); malformed {
				err = fault.Because(err, "Failed to parse schema in converter config due to serialization error: ")
			} else {
				java = fault.Of(err).Java
			}
			return nil, &fault.Error{Class: fault.Config, Code: "json.schema_content", Field: "schema.content", Java: java,
				Fix: "Give schema.content a schema as JsonConverter writes it, for instance {\"type\":\"struct\",\"fields\":[…]}.", Err: err}
		}
		if c.schemas {
			f.external = s
		}
	}
	return f, nil
}

// Class is the Java class name.
func (f *Factory) Class() string { return Class }

// For makes a converter. JSON does not depend on the topic.
func (f *Factory) For(string) converters.Converter {
	return &Converter{config: f.config, external: f.external}
}

// Converter reads and writes JSON, with or without schemas.
type Converter struct {
	config   config
	external *data.Schema
	// union is set for the payloads of JsonSchemaConverter, which differ in some
	// points: it reports whether a struct stands for a union.
	union func(*data.Schema) bool

	made, most int // values of structs of this record, and their bound
	looked     int // bytes that choosing among the types of unions looked at

	stack     []data.Value            // elements of the containers that are open while decoding
	text      []byte                  // scratch: an unescaped name
	seen      values.Names            // scratch: names of one object
	byText    map[string]*data.Schema // decoded schemas by their JSON
	envelopes map[*data.Schema][]byte // {"schema":…,"payload": for each schema written
}

// Payload reads and writes what JsonSchemaConverter puts behind its head: JSON
// without an envelope, whose schema is known. It is for one goroutine.
type Payload struct{ c Converter }

// NewPayload makes a Payload. numeric: decimals are numbers. replaceNull: a null is
// written as the default of its schema. union reports whether a struct stands for a
// union: then its one field that is set is written in its place.
func NewPayload(numeric, replaceNull bool, union func(*data.Schema) bool) *Payload {
	p := &Payload{c: Converter{config: config{decimal: "BASE64", replaceNull: replaceNull}, union: union}}
	if numeric {
		p.c.config.decimal = "NUMERIC"
	}
	return p
}

// Decode reads a document of schema s. Errors have class Record.
func (p *Payload) Decode(raw []byte, s *data.Schema, a *data.Arena) (data.Value, error) {
	b := lex.UTF8(raw)
	p.c.begin(b)
	return p.c.root(b, s, a)
}

// Append appends the JSON of v. Nothing is appended for a null that the schema does
// not allow, as JsonSchemaData leaves it out.
func (p *Payload) Append(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	return p.c.value(dst, v, s, 0)
}

// begin prepares for a record. A struct has all of its fields whatever the record
// says, so that few bytes could become very many values.
func (c *Converter) begin(b []byte) {
	c.stack = c.stack[:0]
	c.made, c.looked, c.most = 0, 0, 1<<20+64*len(b)
}

// Schemaless reports whether the wire form is plain JSON, without an envelope and
// without schema.content: what a direct transcoder can read.
func (c *Converter) Schemaless() bool { return !c.config.schemas }

// malformed is the error of bytes that are not JSON, in Java's words.
func malformed(cause error) error {
	return &fault.Error{Class: fault.Record, Code: "json.malformed", Java: dataException,
		Fix: "Make the producer write JSON, or use the converter that fits what the topic holds.",
		Err: fault.Because(cause, "Converting byte[] to Kafka Connect data failed due to serialization error: ")}
}

// dataError is a DataException: JSON that does not fit its schema, or data that
// does not fit JSON.
func dataError(format string, args ...any) *fault.Error {
	return fault.New(fault.Record, "json.data", format, args...).WithJava(dataException)
}

var (
	_ converters.Factory   = (*Factory)(nil)
	_ converters.Converter = (*Converter)(nil)
)
