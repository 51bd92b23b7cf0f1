package mongodb

import (
	"encoding/binary"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/fault"
)

const changeStreamHandler = pkg + "cdc.mongodb.ChangeStreamHandler"

func TestChangeEventsAreApplied(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyCDC, changeStreamHandler)
	mustWrite(t, s, texts(0,
		`{"operationType":"insert","documentKey":{"_id":1},"fullDocument":{"a":1,"_id":1}}`,
		`{"operationType":"insert","documentKey":{"_id":2},"fullDocument":{"_id":2,"a":1}}`,
		`{"operationType":"update","documentKey":{"_id":1},"updateDescription":{"updatedFields":{"a":2},"removedFields":[]}}`,
		`{"operationType":"drop"}`,
		`{"operationType":"update","documentKey":{"_id":3},"fullDocument":{"_id":3,"a":1}}`,
		`{"operationType":"delete","documentKey":{"_id":2}}`,
	))
	if got := fmt.Sprint(stub.Docs(ns)); len(stub.Docs(ns)) != 1 || fields(stub, "a") != `{"$numberInt":"2"}` {
		t.Error(got)
	}
}

// What a server would take for a replacement must not reach it.
func TestUpdateWithoutOperators(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyCDC, pkg+"cdc.debezium.mongodb.MongoDbHandler", "errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dlq")
	b := texts(0, `{"op":"c","after":"{\"_id\":1,\"a\":1}"}`, `{"op":"u","patch":"{\"diff\":{}}"}`, `{"op":"u","patch":"{}"}`, `{"op":"u","patch":"{\"$set\":{\"a\":5}}"}`)
	for i := range b.Records {
		b.Records[i].Key = texts(0, `{"id":"1"}`).Records[0].Value
	}
	mustWrite(t, s, b)
	if got := failures(b); got != "1:mongo.write_error 2:mongo.write_error" {
		t.Error(got)
	}
	if got := fields(stub, "a"); got != `{"$numberInt":"5"}` {
		t.Error(got)
	}
}

func TestNullsOfChangeEvents(t *testing.T) {
	for _, c := range []struct{ event, want string }{
		{`{"operationType":"insert","documentKey":{"_id":1},"fullDocument":{"_id":1,"a":null,"b":{"c":null,"d":[null,{"e":null}]}}}`,
			`{"_id": 1, "b": {"d": [null, {}]}}`},
		{`{"operationType":"insert","documentKey":{"_id":1},"fullDocument":{"a":null}}`, ""},
		{`{"operationType":"update","documentKey":{"_id":1},"updateDescription":{"updatedFields":{"a":null,"b":1},"removedFields":["x"]}}`,
			`{"$set": {"b": 1}, "$unset": {"x": ""}}`},
		{`{"operationType":"update","documentKey":{"_id":1},"updateDescription":{"updatedFields":{"a":null},"removedFields":["x"]}}`,
			`{"$unset": {"x": ""}}`},
		{`{"operationType":"update","documentKey":{"_id":1},"updateDescription":{"updatedFields":{"a":null},"removedFields":[]}}`, ""},
	} {
		props := base("mongodb://h")
		props[keyCDC], props["change.data.capture.handler.remove.null.values"] = changeStreamHandler, "true"
		s, err := goldenSink(props, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := plans(s, texts(0, c.event)); err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(s.plan.list) == 1 {
			m := s.plan.list[0]
			got = relaxed(s.plan.buf[m.doc.off:m.doc.end])
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.event, got, c.want)
		}
	}
}

func TestQlikUpdateIgnoresTheOrderOfFields(t *testing.T) {
	props := base("mongodb://h")
	props[keyCDC] = pkg + "cdc.qlik.rdbms.RdbmsHandler"
	s, err := goldenSink(props, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plans(s, texts(0, `{"headers":{"operation":"UPDATE"},"data":{"id":1,"d":{"a":1,"b":[1,{"x":1,"y":2}]}},"beforeData":{"id":1,"d":{"b":[1,{"y":2,"x":1}],"a":1}}}`,
		`{"headers":{"operation":"UPDATE"},"data":{"id":1,"d":{"a":1,"b":[1,2]}},"beforeData":{"id":1,"d":{"b":[2,1],"a":1}}}`)); err != nil {
		t.Fatal(err)
	}
	if len(s.plan.list) != 1 || s.plan.list[0].rec != 1 {
		t.Errorf("%d writes", len(s.plan.list))
	}
}

func TestTimeField(t *testing.T) {
	date := func(ms int64) string { return fmt.Sprintf(`{"$date":{"$numberLong":"%d"}}`, ms) }
	for in, want := range map[string]string{
		`{"$numberDouble":"NaN"}`:        date(0),
		`{"$numberDouble":"1e300"}`:      date(9223372036854775807),
		`{"$numberDecimal":"1234.9"}`:    `{"$numberDecimal":"1234.9"}`, // Java takes a decimal for no number
		`{"$numberDecimal":"-5E2"}`:      `{"$numberDecimal":"-5E+2"}`,
		`{"$numberDecimal":"NaN"}`:       `{"$numberDecimal":"NaN"}`,
		`{"$numberLong":"7"}`:            date(7),
		`"2020-01-02T03:04:05.678Z"`:     date(1577934245678),
		`"2020-01-02T03:04:05.678+0130"`: date(1577928845678),
		`"no"`:                           `"no"`,
	} {
		props := base("mongodb://h")
		props[keyTimeField], props["timeseries.timefield.auto.convert"] = "ts", "true"
		s, err := goldenSink(props, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := plans(s, texts(0, `{"ts":`+in+`}`)); err != nil {
			t.Fatal(err)
		}
		m := s.plan.list[0]
		if got := bson.Raw(s.plan.buf[m.doc.off:m.doc.end]).Lookup("ts").String(); got != want || m.op != opInsert {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Events come from outside: whatever they hold, they are written or refused.
func FuzzChangeEvents(f *testing.F) {
	f.Add(`{"id":"1"}`, `{"op":"u","patch":"{\"$set\":{}}","after":{"a":1},"before":{"b":[1]},"headers":{"operation":"UPDATE"},"operationType":"update","documentKey":{}}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		for class := range cdcHandlers {
			props := base("mongodb://h")
			props[keyCDC], props["change.data.capture.handler.remove.null.values"] = pkg+class, "true"
			s, err := goldenSink(props, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := texts(0, value)
			b.Records[0].Key = texts(0, key).Records[0].Value
			if err := plans(s, b); err != nil {
				if fault.ClassOf(err) != fault.Fatal {
					t.Fatalf("%s: %v", class, err)
				}
				continue
			}
			for _, m := range s.plan.list {
				for _, part := range []span{m.doc, m.filter} {
					if doc := s.plan.buf[part.off:part.end]; len(doc) > 0 && int(binary.LittleEndian.Uint32(doc)) != len(doc) {
						t.Fatalf("%s: malformed document", class)
					}
				}
			}
		}
	})
}
