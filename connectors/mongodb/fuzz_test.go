package mongodb

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/fault"
)

// FuzzBSON: bytes that are given as a document are refused or are one; the driver has
// the last word on what is one.
func FuzzBSON(f *testing.F) {
	doc, err := bson.Marshal(bson.D{{Key: "a", Value: "x"}, {Key: "b", Value: bson.D{{Key: "c", Value: bson.A{int32(1), 2.5, nil, true}}}},
		{Key: "d", Value: bson.NewObjectID()}, {Key: "e", Value: bson.Binary{Subtype: 2, Data: []byte{1}}}, {Key: "f", Value: bson.Regex{Pattern: "a", Options: "i"}},
		{Key: "g", Value: bson.CodeWithScope{Code: "x", Scope: bson.D{}}}, {Key: "h", Value: bson.Decimal128{}}, {Key: "i", Value: bson.Timestamp{T: 1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte{5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := appendTop(nil, data.OfBytes(raw), nil)
		if err != nil {
			if !fault.Is(err, fault.Record) {
				t.Fatalf("%x: %v has class %s", raw, err, fault.ClassOf(err))
			}
			return
		}
		if err := bson.Raw(out).Validate(); err != nil {
			t.Fatalf("%x was taken as a document: %v", raw, err)
		}
	})
}
