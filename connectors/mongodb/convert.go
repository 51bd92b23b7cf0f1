package mongodb

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
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
type decodeError struct{ err error }

func (e *decodeError) Error() string { return e.err.Error() }
func (e *decodeError) Unwrap() error { return e.err }

// appendCell appends the document that the cell stands for to dst; ok is false for
// null. Errors: *decodeError if the converter cannot read the cell, else a record
// error in Java's words (LazyBsonDocument). name is "key" or "value".
func appendCell(dst []byte, c *data.Cell, a *data.Arena, name string) (_ []byte, ok bool, err error) {
	v, s, err := c.Value(a)
	if err != nil {
		return dst, false, &decodeError{err}
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

// appendTop appends the document of a record's key or value: SinkConverter.
func appendTop(dst []byte, v data.Value, s *data.Schema) ([]byte, error) {
	switch v.Kind() {
	case data.Struct, data.Map:
		dst, _, err := appendValue(dst, v, s)
		return dst, err
	case data.String:
		return extjson.Append(dst, v.Str())
	case data.Bytes:
		size, ok := valid(v.Bytes())
		if !ok {
			return dst, fault.New(fault.Record, "mongo.document", "the bytes are not a BSON document").WithJava("org.bson.BsonSerializationException")
		}
		return append(dst, v.Bytes()[:size]...), nil
	}
	return dst, dataError("mongo.document", "No converter present due to unexpected object type: %s", values.Class(v.Kind()))
}

// appendValue appends the BSON of a value and returns its type.
func appendValue(dst []byte, v data.Value, s *data.Schema) (_ []byte, kind byte, err error) {
	if s != nil {
		v = s.DefaultOr(v)
	}
	switch v.Kind() {
	case data.Null:
		return dst, typeNull, nil
	case data.Bool:
		if v.Bool() {
			return append(dst, 1), typeBool, nil
		}
		return append(dst, 0), typeBool, nil
	case data.Int8, data.Int16, data.Int32:
		return binary.LittleEndian.AppendUint32(dst, uint32(v.Int())), typeInt32, nil
	case data.Int64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int())), typeInt64, nil
	case data.Float32, data.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), 0x01, nil
	case data.Date, data.Time, data.Timestamp:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int())), typeDate, nil
	case data.String:
		return stringValue(dst, v.Str()).data, typeString, nil
	case data.Bytes:
		b := v.Bytes()
		dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(b))), 0)
		return append(dst, b...), typeBinary, nil
	case data.Decimal:
		return appendDecimal(dst, v)
	}
	return appendComposite(dst, v, s)
}

func appendComposite(dst []byte, v data.Value, s *data.Schema) (_ []byte, kind byte, err error) {
	dst, at := openDocument(dst)
	elems := v.Elems()
	field := func(name string, v data.Value, s *data.Schema) error {
		head := len(dst)
		dst = appendHead(dst, 0, name)
		dst, dst[head], err = appendValueAt(dst, head, v, s)
		return err
	}
	switch v.Kind() {
	case data.Struct:
		for i, e := range elems {
			if err = field(s.Fields[i].Name, e, s.Fields[i].Schema); err != nil {
				return dst, 0, err
			}
		}
		return closeDocument(dst, at), typeDocument, nil
	case data.Map:
		var elem *data.Schema
		if s != nil {
			elem = s.Elem
		}
		for i := 0; i+1 < len(elems); i += 2 {
			if elems[i].Kind() != data.String {
				return dst, 0, fault.New(fault.Record, "mongo.document", "class %s cannot be cast to class java.lang.String",
					values.Class(elems[i].Kind())).WithJava("java.lang.ClassCastException")
			}
			if err = field(elems[i].Str(), elems[i+1], elem); err != nil {
				return dst, 0, err
			}
		}
		return closeDocument(dst, at), typeDocument, nil
	}
	var elem *data.Schema
	if s != nil {
		elem = s.Elem
	}
	for i, e := range elems {
		if err = field(strconv.Itoa(i), e, elem); err != nil {
			return dst, 0, err
		}
	}
	return closeDocument(dst, at), typeArray, nil
}

// appendValueAt is appendValue for an element whose type byte stands at head.
func appendValueAt(dst []byte, head int, v data.Value, s *data.Schema) ([]byte, byte, error) {
	dst, kind, err := appendValue(dst, v, s)
	dst[head] = kind
	return dst, kind, err
}

// appendDecimal appends a Decimal128: 34 digits at most.
func appendDecimal(dst []byte, v data.Value) ([]byte, byte, error) {
	d, ok := bson.ParseDecimal128FromBigInt(new(big.Int).Set(v.Unscaled()), -int(v.Scale()))
	if !ok || len(new(big.Int).Abs(v.Unscaled()).String()) > 34 {
		return dst, 0, dataError("mongo.document", "error: decimal %s exceeds the range of Decimal128 (34 digits)", values.String(v, nil))
	}
	high, low := d.GetBytes()
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, low), high), 0x13, nil
}
