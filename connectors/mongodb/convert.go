package mongodb

import (
	"errors"

	"culvert/connectors/mongodb/extjson"
	"culvert/converters"
	"culvert/converters/bson"
	"culvert/data"
	"culvert/data/values"
	"culvert/fault"
)

// isDecode reports whether the converter failed, not the connector.
func isDecode(err error) bool {
	var d *decodeError
	return errors.As(err, &d)
}

// decodeError says that a cell could not be decoded: the converter's failure, not
// the connector's.
type decodeError struct {
	stage data.Stage
	err   error
}

func (e *decodeError) Error() string { return e.err.Error() }
func (e *decodeError) Unwrap() error { return e.err }

// transcoders are the direct routes from wire bytes to documents.
type transcoders struct{ routes converters.Routes }

// appendCell appends the document that the cell stands for to dst; ok is false for
// null. Errors: *decodeError if the converter cannot read the cell, else a record
// error in Java's words (LazyBsonDocument). name is "key" or "value".
func (t *transcoders) appendCell(dst []byte, c *data.Cell, a *data.Arena, name string) (_ []byte, ok bool, err error) {
	stage := data.StageValueConverter
	if name == "key" {
		stage = data.StageKeyConverter
	}
	direct, err := t.routes.Append(dst, c, bson.For)
	if err == nil {
		return direct, true, nil
	}
	if !errors.Is(err, converters.ErrIndirect) {
		return dst, false, &decodeError{stage, err}
	}
	v, s, err := c.Value(a)
	if err != nil {
		return dst, false, &decodeError{stage, err}
	}
	if v.IsNull() {
		return dst, false, nil
	}
	out, err := appendTop(dst, v, s)
	if err != nil {
		text, class := show(v, s), values.Class(v.Kind())
		if text == "null" {
			class += ", not a null reference"
		}
		return dst, false, &fault.Error{Class: fault.Record, Code: "mongo.document", Java: dataException,
			Err: fault.Because(err, "Could not convert %s '%s' (%s) into a BsonDocument.", name, text, class)}
	}
	return out, true, nil
}

// show prints a value as Java's toString does.
func show(v data.Value, s *data.Schema) string {
	if v.Kind() == data.Bytes {
		return "[B@0" // Java prints an address
	}
	return values.String(v, s)
}

// appendTop appends the document of a record's key or value: SinkConverter. Texts
// are parsed, bytes are documents already.
func appendTop(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	switch v.Kind() {
	case data.String:
		return extjson.Append(dst, v.Str())
	case data.Bytes:
		size, ok := valid(v.Bytes())
		if !ok {
			return dst, fault.New(fault.Record, "mongo.document", "the bytes are not a BSON document").WithJava("org.bson.BsonSerializationException")
		}
		return append(dst, v.Bytes()[:size]...), nil
	}
	return bson.Append(dst, v, s)
}
