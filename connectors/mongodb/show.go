package mongodb

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb/extjson"
)

// relaxed is the document as Java's toJson prints it.
func relaxed(doc []byte) string { return string(extjson.AppendDocument(nil, doc, extjson.Relaxed)) }

// javaBSON is a value as Java's BsonValue.toString prints it.
func javaBSON(v value) string {
	raw := bson.RawValue{Type: bson.Type(v.kind), Value: v.data}
	switch raw.Type {
	case bson.TypeEmbeddedDocument:
		return relaxed(v.data)
	case bson.TypeArray:
		var items []string
		for at := first; ; {
			f, ok := next(v.data, at)
			if !ok {
				return "BsonArray{values=[" + strings.Join(items, ", ") + "]}"
			}
			items = append(items, javaBSON(value{f.kind, v.data[f.value:f.end]}))
			at = f.end
		}
	case bson.TypeString:
		return "BsonString{value='" + v.text() + "'}"
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeBoolean:
		class := map[bson.Type]string{bson.TypeInt32: "Int32", bson.TypeInt64: "Int64", bson.TypeDouble: "Double", bson.TypeBoolean: "Boolean"}[raw.Type]
		text := strings.TrimSuffix(strings.TrimPrefix(string(extjson.AppendValue(nil, raw, extjson.Strict)), `{"$numberLong": "`), `"}`)
		return fmt.Sprintf("Bson%s{value=%s}", class, text)
	case bson.TypeDecimal128:
		return fmt.Sprintf("BsonDecimal128{value=%s}", raw.Decimal128())
	case bson.TypeObjectID:
		return "BsonObjectId{value=" + hex.EncodeToString(v.data) + "}"
	case bson.TypeDateTime:
		return fmt.Sprintf("BsonDateTime{value=%d}", raw.DateTime())
	case bson.TypeNull:
		return "BsonNull"
	}
	return rareBSON(raw)
}

// rareBSON is javaBSON for the types that hardly any document has.
func rareBSON(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeBinary:
		subtype, data := v.Binary()
		signed := make([]string, len(data))
		for i, b := range data {
			signed[i] = fmt.Sprint(int8(b))
		}
		return fmt.Sprintf("BsonBinary{type=%d, data=[%s]}", int8(subtype), strings.Join(signed, ", "))
	case bson.TypeTimestamp:
		n := int64(binary.LittleEndian.Uint64(v.Value))
		return fmt.Sprintf("Timestamp{value=%d, seconds=%d, inc=%d}", n, int32(n>>32), int32(n))
	case bson.TypeRegex:
		pattern, options := v.Regex()
		return fmt.Sprintf("BsonRegularExpression{pattern='%s', options='%s'}", pattern, options)
	case bson.TypeJavaScript:
		return "BsonJavaScript{code='" + v.JavaScript() + "'}"
	case bson.TypeCodeWithScope:
		code, scope := v.CodeWithScope()
		return fmt.Sprintf("BsonJavaScriptWithScope{code=%sscope=%s}", code, relaxed(scope))
	case bson.TypeSymbol:
		return v.Symbol()
	case bson.TypeDBPointer:
		ns, id := v.DBPointer()
		return fmt.Sprintf("BsonDbPointer{namespace='%s', id=%s}", ns, id.Hex())
	case bson.TypeMinKey:
		return "BsonMinKey"
	case bson.TypeMaxKey:
		return "BsonMaxKey"
	}
	return "org.bson.BsonUndefined@0"
}
