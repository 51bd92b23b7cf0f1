package json

import (
	"culvert/converters/json/lex"
	"culvert/data"
)

// This file is what a direct transcoder takes from the converter, so that the scalars,
// the defaults and the envelopes that it reads and writes are the converter's own.

// External is schema.content; nil: records bring their schemas.
func (c *Converter) External() *data.Schema { return c.external }

// Begin prepares for a record, as Decode does.
func (c *Converter) Begin(b []byte) { c.begin(b) }

// Take counts n values of structs of the record; false: there are too many.
func (c *Converter) Take(n int) bool {
	c.made += n
	return c.made <= c.most
}

// Envelope checks the document to its end and finds its schema, and where its payload
// begins. It knows envelopes whose schema stands first.
func (c *Converter) Envelope(b []byte) (s *data.Schema, payload int, ok bool) {
	i := lex.Space(b, 0)
	if i == len(b) || b[i] != '{' {
		return nil, 0, false
	}
	e, err := c.split(b, i)
	if err != nil || !e.whole || !e.ordered {
		return nil, 0, false
	}
	s, err = c.schemaFor(e.schema)
	return s, e.begin, err == nil
}

// Read reads the value at i, which lies in b, as schema s says; end is behind it.
func (c *Converter) Read(b []byte, i, depth int, s *data.Schema, a *data.Arena) (v data.Value, end int, err error) {
	return c.typed(b, i, depth, s, a)
}

// Name is the text of a name; it is valid until the next.
func (c *Converter) Name(text []byte, escaped bool) []byte { return c.name(text, escaped) }

// Null is what a null or a missing member of schema s is read as.
func (c *Converter) Null(s *data.Schema) (data.Value, error) { return c.null(s) }

// Head is what stands before the payload of an envelope with schema s.
func (c *Converter) Head(s *data.Schema) ([]byte, error) { return c.head(s) }

// Write appends the JSON of v, without an envelope.
func (c *Converter) Write(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	return c.value(dst, v, s, 0)
}

// AppendText appends a string as the converter writes it.
func AppendText(dst, text []byte) []byte { return appendText(dst, text) }

// Logical reports whether values of the schema are those of a logical type, which its
// name alone decides.
func Logical(s *data.Schema) bool { return logical(s) }
