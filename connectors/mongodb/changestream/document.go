package changestream

import (
	"iter"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// fields goes through the elements of a document, or of an array, in order.
func fields(doc []byte) iter.Seq2[string, bson.RawValue] {
	return func(yield func(string, bson.RawValue) bool) {
		if len(doc) < 5 {
			return
		}
		for rest := doc[4 : len(doc)-1]; ; {
			e, tail, ok := bsoncore.ReadElement(rest)
			if !ok {
				return
			}
			v := e.Value()
			if !yield(e.Key(), bson.RawValue{Type: bson.Type(v.Type), Value: v.Data}) {
				return
			}
			rest = tail
		}
	}
}

// field is the value of a field; its Type is 0 if there is none.
func field(doc bson.Raw, name string) bson.RawValue {
	for k, v := range fields(doc) {
		if k == name {
			return v
		}
	}
	return bson.RawValue{}
}

// lookup is BsonDocumentFieldLookup: a path with dots, where a field that has the dots
// in its name goes first.
func lookup(doc bson.Raw, path string) bson.RawValue {
	if v := field(doc, path); v.Type != 0 {
		return v
	}
	head, rest, ok := strings.Cut(path, ".")
	if !ok || strings.HasSuffix(path, ".") {
		return bson.RawValue{}
	}
	if sub, ok := field(doc, head).DocumentOK(); ok {
		return lookup(sub, rest)
	}
	return bson.RawValue{}
}
