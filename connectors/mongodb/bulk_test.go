package mongodb

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
)

func TestTooLarge(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "errors.tolerance", "all")
	b := texts(0, `{"a":1}`, `{"a":"`+strings.Repeat("x", maxDocument)+`"}`, `{"a":2}`)
	mustWrite(t, s, b)
	if got := failures(b); got != "1:mongo.too_large" {
		t.Error(got)
	}
	if n := len(stub.Docs(ns)); n != 2 {
		t.Errorf("%d documents", n)
	}
}

// A replacement that begins with an operator must not become an update; Java's driver
// refuses such a name anywhere in it, except those of a DBRef.
func TestReplacementIsNoUpdate(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "errors.tolerance", "all", keyIDStrategy, pkg+"processor.id.strategy.FullKeyStrategy",
		keyWriteModel, pkg+"writemodel.strategy.ReplaceOneBusinessKeyStrategy", "document.id.strategy.overwrite.existing", "true")
	b := texts(0, `{"$set":{"admin":true}}`, `{"a":1}`, `{"a":1,"$later":2}`, `{"a":{"$in":"$side"}}`, `{"a":1,"$ref":"c","$id":1,"$db":"d"}`)
	for i := range b.Records {
		b.Records[i].Key = data.ValueCell(data.OfString(fmt.Sprintf(`{"k":%d}`, i)), nil)
	}
	mustWrite(t, s, b)
	if got := failures(b); got != "0:mongo.write_error 2:mongo.write_error" || b.Failed()[0].Err.Error() != "Invalid BSON field name $set" ||
		b.Failed()[1].Err.Error() != "Invalid BSON field name $later" {
		t.Error(got, b.Failed())
	}
	if n := len(stub.Docs(ns)); n != 3 {
		t.Errorf("%d documents", n)
	}
}

// Large batches are cut into commands that a server takes.
func TestCommandSize(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI())
	docs := make([]string, 5)
	for i := range docs {
		docs[i] = `{"a":"` + strings.Repeat("x", 5<<20) + `"}`
	}
	mustWrite(t, s, texts(0, docs...))
	var got []int
	for _, c := range stub.Commands() {
		got = append(got, c.N)
	}
	if fmt.Sprint(got) != "[3 2]" {
		t.Errorf("commands of %v statements", got)
	}
}

func TestWriteConcern(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI()+"/?w=majority&journal=true")
	if got := bson.Raw(s.server.writeConcern()).String(); got != `{"w": "majority","j": true}` {
		t.Error(got)
	}
	mustWrite(t, s, numbers(0, 1))
}
