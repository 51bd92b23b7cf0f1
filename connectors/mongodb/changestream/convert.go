package changestream

import (
	"math"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
	"culvert/data"
	"culvert/fault"
)

// converter makes BSON a value of a schema: BsonValueToSchemaAndValue. Texts and bytes
// of the value are those of the document.
type converter struct {
	mode  extjson.Mode
	arena *data.Arena
}

func dataError(format string, args ...any) error {
	return fault.New(fault.Record, "mongo.source_data", format, args...).WithJava("org.apache.kafka.connect.errors.DataException")
}

func unexpected(s *data.Schema, v bson.RawValue) error {
	return dataError("Schema type of %s but value was of type: %s", connectName(s.Kind), bsonName(v.Type))
}

// connectName is Connect's Schema.Type.getName.
func connectName(k data.Kind) string {
	names := map[data.Kind]string{data.Bool: "boolean", data.Int8: "int8", data.Int16: "int16", data.Int32: "int32", data.Int64: "int64",
		data.Float32: "float32", data.Float64: "float64", data.String: "string", data.Bytes: "bytes", data.Array: "array", data.Map: "map", data.Struct: "struct"}
	return names[k.Base()]
}

// bsonName is Java's BsonType in lower case.
func bsonName(t bson.Type) string {
	names := map[bson.Type]string{bson.TypeDouble: "double", bson.TypeString: "string", bson.TypeEmbeddedDocument: "document", bson.TypeArray: "array",
		bson.TypeBinary: "binary", bson.TypeUndefined: "undefined", bson.TypeObjectID: "object_id", bson.TypeBoolean: "boolean", bson.TypeDateTime: "date_time",
		bson.TypeNull: "null", bson.TypeRegex: "regular_expression", bson.TypeDBPointer: "db_pointer", bson.TypeJavaScript: "javascript", bson.TypeSymbol: "symbol",
		bson.TypeCodeWithScope: "javascript_with_scope", bson.TypeInt32: "int32", bson.TypeTimestamp: "timestamp", bson.TypeInt64: "int64",
		bson.TypeDecimal128: "decimal128", bson.TypeMinKey: "min_key", bson.TypeMaxKey: "max_key"}
	return names[t]
}

func (c *converter) value(s *data.Schema, v bson.RawValue) (data.Value, error) {
	if s.Optional && v.Type == bson.TypeNull {
		return data.Value{}, nil
	}
	switch s.Kind {
	case data.Struct:
		if v.Type != bson.TypeEmbeddedDocument {
			return data.Value{}, unexpected(s, v)
		}
		return c.document(s, v.Value)
	case data.Map:
		return c.pairs(s, v)
	case data.Array:
		return c.array(s, v)
	case data.String:
		return c.text(v), nil
	case data.Bool:
		b, ok := v.BooleanOK()
		if !ok {
			return data.Value{}, unexpected(s, v)
		}
		return data.OfBool(b), nil
	case data.Bytes, data.Decimal:
		return c.bytes(s, v)
	}
	return number(s, v)
}

func (c *converter) document(s *data.Schema, doc bson.Raw) (data.Value, error) {
	list := c.arena.Values(len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		v := lookup(doc, f.Name)
		if v.Type == 0 {
			if !f.Schema.Optional && (!f.Schema.HasDefault || f.Schema.Default.IsNull()) {
				return data.Value{}, dataError("Missing field '%s' in: '%s'", f.Name, extjson.AppendDocument(nil, doc, c.mode))
			}
			list[i] = f.Schema.Default
			continue
		}
		var err error
		if list[i], err = c.value(f.Schema, v); err != nil {
			return data.Value{}, err
		}
	}
	return data.OfStruct(list), nil
}

func (c *converter) pairs(s *data.Schema, v bson.RawValue) (data.Value, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return data.Value{}, unexpected(s, v)
	}
	var pairs []data.Value
	at := map[string]int{}
	for k, e := range fields(v.Value) {
		x, err := c.value(s.Elem, e)
		if err != nil {
			return data.Value{}, err
		}
		if i, ok := at[k]; ok { // the last of equal names counts
			pairs[i] = x
			continue
		}
		at[k] = len(pairs) + 1
		pairs = append(pairs, data.OfString(k), x)
	}
	return data.OfMap(pairs), nil
}

func (c *converter) array(s *data.Schema, v bson.RawValue) (data.Value, error) {
	if v.Type != bson.TypeArray {
		return data.Value{}, unexpected(s, v)
	}
	var list []data.Value
	for _, e := range fields(v.Value) {
		x, err := c.value(s.Elem, e)
		if err != nil {
			return data.Value{}, err
		}
		list = append(list, x)
	}
	return data.OfArray(list), nil
}

// text is a string as it is, and anything else as JSON, without quotes around it.
func (c *converter) text(v bson.RawValue) data.Value {
	if s, ok := v.StringValueOK(); ok {
		return data.OfString(s)
	}
	b := extjson.AppendValue(c.arena.Bytes(2*len(v.Value)+32), v, c.mode)
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	return data.OfText(b)
}

func (c *converter) bytes(s *data.Schema, v bson.RawValue) (data.Value, error) {
	if s.Kind == data.Decimal {
		d, ok := v.Decimal128OK()
		if !ok {
			return data.Value{}, unexpected(s, v)
		}
		unscaled, exp, err := d.BigInt()
		if err != nil || d.IsNaN() || d.IsInf() != 0 {
			return data.Value{}, dataError("%s can not be converted to a BigDecimal", d)
		}
		if h, _ := d.GetBytes(); unscaled.Sign() == 0 && h>>63 == 1 {
			return data.Value{}, dataError("Negative zero can not be converted to a BigDecimal")
		}
		return data.OfBigDecimal(unscaled, int32(-exp)), nil
	}
	switch v.Type {
	case bson.TypeString:
		text, _ := v.StringValueOK()
		return data.OfBytes([]byte(text)), nil
	case bson.TypeBinary:
		_, b, _ := v.BinaryOK()
		return data.OfBytes(b), nil
	case bson.TypeEmbeddedDocument:
		return data.OfBytes(v.Value), nil
	}
	return data.Value{}, unexpected(s, v)
}

// number narrows as Java's Number does.
func number(s *data.Schema, v bson.RawValue) (data.Value, error) {
	var n int64
	var f float64
	isFloat := false
	switch v.Type {
	case bson.TypeInt32:
		n = int64(v.Int32())
	case bson.TypeInt64:
		n = v.Int64()
	case bson.TypeDouble:
		f, isFloat = v.Double(), true
	case bson.TypeTimestamp:
		t, _ := v.Timestamp()
		n = int64(int32(t)) * 1000
	case bson.TypeDateTime:
		n = v.DateTime()
	default:
		return data.Value{}, unexpected(s, v)
	}
	switch s.Kind {
	case data.Float32, data.Float64:
		if !isFloat {
			f = float64(n)
			if s.Kind == data.Float32 {
				return data.OfFloat32(float32(n)), nil
			}
		}
		if s.Kind == data.Float32 {
			return data.OfFloat32(float32(f)), nil
		}
		return data.OfFloat64(f), nil
	case data.Int32:
		if isFloat {
			n = saturate(f, math.MinInt32, math.MaxInt32)
		}
		return data.OfInt32(int32(n)), nil
	case data.Int64:
		if isFloat {
			n = saturate(f, math.MinInt64, math.MaxInt64)
		}
		return data.OfInt64(n), nil
	case data.Timestamp:
		return data.OfTimestamp(n), nil
	}
	return data.Value{}, dataError("Unsupported Schema type: %s ", strings.ToUpper(connectName(s.Kind)))
}

// saturate is Java's cast of a double to a whole number.
func saturate(f float64, low, high int64) int64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f <= float64(low):
		return low
	case f >= float64(high):
		return high
	}
	return int64(f)
}
