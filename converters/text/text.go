// Package text is org.apache.kafka.connect.storage.StringConverter: texts in a
// configurable encoding; other data is written as Java's toString writes it.
package text

import (
	"unicode/utf8"

	"culvert/configdef"
	"culvert/converters"
	"culvert/converters/text/charset"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// Class is the Java class that users configure.
const Class = "org.apache.kafka.connect.storage.StringConverter"

// optional is Schema.OPTIONAL_STRING_SCHEMA.
var optional = &data.Schema{Kind: data.String, Optional: true}

func specs() []configdef.Spec {
	return []configdef.Spec{
		converters.TypeKey(),
		{Name: "converter.encoding", Type: configdef.String, Importance: configdef.High, Default: configdef.Default("UTF-8"), Ungrouped: true,
			Width: configdef.MediumWidth, DisplayName: "Encoding",
			Doc: "The encoding of the text, by any of Java's names of it: UTF-8, UTF-16, ISO-8859-1, windows-1252, IBM037, Shift_JIS, GB18030, Big5, EUC-KR and the others of a JDK."},
	}
}

// Plugin describes StringConverter.
func Plugin() converters.Plugin {
	return converters.Plugin{
		Class:   Class,
		Aliases: []string{"StringConverter", "String"},
		Spec:    specs,
		Check: func(props map[string]string, side converters.Side) *configdef.Report {
			return configdef.Validate(specs(), converters.WithType(props, side))
		},
		New: func(props map[string]string, side converters.Side, _ converters.Env) (converters.Factory, error) {
			return New(props, side)
		},
	}
}

// Factory makes the text converters of one side of a connector.
type Factory struct{ charset charset.Charset }

// New reads the configuration. Errors have class Config.
func New(props map[string]string, side converters.Side) (*Factory, error) {
	report := configdef.Validate(specs(), converters.WithType(props, side))
	if err := converters.ConfigError(Class, report); err != nil {
		return nil, err
	}
	name := report.Get("converter.encoding").Value.Text
	c, ok := charset.Find(name)
	if !ok {
		return nil, fault.New(fault.Config, "text.encoding", "Unsupported encoding %s", name).WithField("converter.encoding").
			WithJava("org.apache.kafka.common.errors.SerializationException").
			WithFix("Set converter.encoding to UTF-8, UTF-16, ISO-8859-1 or another name that Java has for an encoding, such as windows-1252 or Shift_JIS.")
	}
	return &Factory{charset: c}, nil
}

// Class is the Java class name.
func (f *Factory) Class() string { return Class }

// For makes a converter. Texts do not depend on the topic.
func (f *Factory) For(string) converters.Converter { return &Converter{charset: f.charset} }

// Converter reads and writes texts.
type Converter struct {
	charset charset.Charset
	text    []byte // scratch of Encode
}

// UTF8 reports whether the wire form is UTF-8.
func (c *Converter) UTF8() bool { return c.charset.UTF8() }

// Decode returns the text; valid UTF-8 shares the memory of raw.
func (c *Converter) Decode(raw []byte, a *data.Arena) (data.Value, *data.Schema, error) {
	switch {
	case raw == nil:
		return data.Value{}, optional, nil
	case !c.charset.UTF8():
		// A character of any of the charsets has at most three bytes of UTF-8 for one of its own.
		raw = c.charset.Decode(a.Bytes(3*len(raw)), raw)
	case !utf8.Valid(raw):
		raw = values.ReplaceMalformed(a.Bytes(3*len(raw)), raw)
	}
	return data.OfText(raw), optional, nil
}

// Encode appends v as text.
func (c *Converter) Encode(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	if v.IsNull() {
		return nil, nil
	}
	if dst == nil {
		dst = []byte{}
	}
	if c.charset.UTF8() {
		return values.AppendText(dst, v, s), nil
	}
	c.text = values.AppendText(c.text[:0], v, s)
	return c.charset.Encode(dst, c.text), nil
}

var (
	_ converters.Factory   = (*Factory)(nil)
	_ converters.Converter = (*Converter)(nil)
)
