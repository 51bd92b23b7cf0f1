package changestream

import (
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
)

// inferrer makes the schema of a document by its fields: BsonDocumentToSchema. Schemas
// that are equal are one, as far back as the last few, because whoever gets a record
// knows a schema again by its address.
type inferrer struct{ recent []*data.Schema }

// remembered is how many schemas are kept: documents of one collection have few.
const remembered = 32

var (
	optional = func(k data.Kind) *data.Schema { return data.Of(k).AsOptional() }

	boolSchema      = optional(data.Bool)
	int32Schema     = optional(data.Int32)
	int64Schema     = optional(data.Int64)
	doubleSchema    = optional(data.Float64)
	textSchema      = optional(data.String)
	bytesSchema     = optional(data.Bytes)
	timestampSchema = optional(data.Timestamp)
	// unknownSchema is that of a null, and of what an array without elements holds: it
	// gives way to any other. It is known by its address.
	unknownSchema = optional(data.String)
)

// rootName is the name of the schema of a document.
const rootName = "default"

func (f *inferrer) document(doc bson.Raw) *data.Schema {
	s := structSchema(rootName, doc)
	for i, have := range f.recent {
		if have.Equal(s) {
			copy(f.recent[1:i+1], f.recent[:i])
			f.recent[0] = have
			return have
		}
	}
	if len(f.recent) == remembered {
		f.recent = f.recent[:remembered-1]
	}
	f.recent = slices.Insert(f.recent, 0, s)
	return s
}

// structSchema has the _id first and the other fields in the order of their names.
func structSchema(path string, doc bson.Raw) *data.Schema {
	last := map[string]bson.RawValue{}
	var names []string
	for k, v := range fields(doc) {
		if _, ok := last[k]; !ok {
			names = append(names, k)
		}
		last[k] = v
	}
	idFirst(names)
	list := make([]data.Field, len(names))
	for i, name := range names {
		at := name
		if name != "_id" && path != rootName {
			at = path + "_" + name
		}
		list[i] = data.Field{Name: name, Schema: inferValue(at, last[name])}
	}
	return data.NewStruct(path, list...)
}

func idFirst(names []string) {
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == "_id" || b != "_id" && a < b:
			return -1
		}
		return 1
	})
}

func inferValue(path string, v bson.RawValue) *data.Schema {
	switch v.Type {
	case bson.TypeBoolean:
		return boolSchema
	case bson.TypeInt32:
		return int32Schema
	case bson.TypeInt64:
		return int64Schema
	case bson.TypeDouble:
		return doubleSchema
	case bson.TypeDecimal128:
		return decimalSchema(v)
	case bson.TypeDateTime, bson.TypeTimestamp:
		return timestampSchema
	case bson.TypeEmbeddedDocument:
		return structSchema(path, v.Value).AsOptional()
	case bson.TypeArray:
		elem := unknownSchema
		for _, e := range fields(v.Value) {
			if elem = combine(elem, inferValue(path, e)); elem == textSchema {
				break
			}
		}
		return arraySchema(path, elem)
	case bson.TypeBinary:
		return bytesSchema
	case bson.TypeNull:
		return unknownSchema
	}
	return textSchema
}

func arraySchema(name string, elem *data.Schema) *data.Schema {
	s := data.ArrayOf(elem)
	s.Name, s.Optional = name, true
	return s
}

func decimalSchema(v bson.RawValue) *data.Schema {
	scale := 0
	if d, ok := v.Decimal128OK(); ok {
		if _, exp, err := d.BigInt(); err == nil {
			scale = -exp
		}
	}
	s := data.Of(data.Decimal)
	s.Optional = true
	s.Params = []data.Param{{Name: data.ScaleParam, Value: strconv.Itoa(scale)}}
	return s
}

// combine is the schema of both; textSchema if they have nothing in common.
func combine(a, b *data.Schema) *data.Schema {
	switch {
	case a == unknownSchema:
		return b
	case b == unknownSchema || a == b || a.Equal(b):
		return a
	case a.Kind != b.Kind:
		return textSchema
	case a.Kind == data.Array:
		return arraySchema(a.Name, combine(a.Elem, b.Elem))
	case a.Kind == data.Struct:
		return combineStructs(a, b)
	}
	return textSchema
}

func combineStructs(a, b *data.Schema) *data.Schema {
	var names []string
	for _, s := range []*data.Schema{a, b} {
		for i := range s.Fields {
			names = append(names, s.Fields[i].Name)
		}
	}
	idFirst(names)
	names = slices.Compact(names)
	list := make([]data.Field, len(names))
	for i, name := range names {
		x, y := a.FieldIndex(name), b.FieldIndex(name)
		switch {
		case x < 0:
			list[i] = b.Fields[y]
		case y < 0:
			list[i] = a.Fields[x]
		default:
			list[i] = data.Field{Name: name, Schema: combine(a.Fields[x].Schema, b.Fields[y].Schema)}
		}
	}
	return data.NewStruct(a.Name, list...).AsOptional()
}
