package mongodb

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
)

func TestDuplicates(t *testing.T) {
	docs := []string{`{"_id":0}`, `{"_id":0,"again":1}`, `{"_id":1}`, `{bad`, `{"_id":1}`, `{"_id":2}`}
	for _, ordered := range []string{"true", "false"} {
		t.Run("tolerated ordered="+ordered, func(t *testing.T) {
			stub := startStub(t)
			s := openSink(t, stub.URI(), keyWriteModel, insertIt, "errors.tolerance", "all", "bulk.write.ordered", ordered)
			b := texts(0, docs...)
			mustWrite(t, s, b)
			if got := failures(b); got != "3:mongo.document 1:mongo.duplicate_key 4:mongo.duplicate_key" {
				t.Error(got)
			}
			f := fault.Of(b.Failed()[1].Err)
			if f.Java != "com.mongodb.kafka.connect.sink.dlq.WriteException" || !strings.HasPrefix(f.Error(), "v=1, code=11000, message=E11000 duplicate key error collection: db.c index: _id_") {
				t.Errorf("%s: %s", f.Java, f)
			}
			if got := fields(stub, "_id"); got != `{"$numberInt":"0"} {"$numberInt":"1"} {"$numberInt":"2"}` {
				t.Error(got)
			}
		})
	}
	t.Run("not tolerated", func(t *testing.T) {
		stub := startStub(t)
		s := openSink(t, stub.URI(), keyWriteModel, insertIt)
		err := s.Write(t.Context(), texts(0, docs[:3]...))
		f := fault.Of(err)
		if f.Class != fault.Fatal || f.Code != codeDuplicate || f.Java != dataException || !strings.HasPrefix(err.Error(), "com.mongodb.MongoBulkWriteException: Bulk write operation error on server "+stub.Addr()+". Write errors: [BulkWriteError{index=1, code=11000,") {
			t.Errorf("%v %s: %v", f.Class, f.Code, err)
		}
	})
	t.Run("bad record not tolerated", func(t *testing.T) {
		stub := startStub(t)
		s := openSink(t, stub.URI())
		err := s.Write(t.Context(), texts(7, docs[0], docs[3]))
		if fault.ClassOf(err) != fault.Fatal || !strings.Contains(fault.Explain(err), "topic 't', partition 1, offset 8") {
			t.Error(fault.Explain(err))
		}
		if n := len(stub.Docs(ns)); n != 0 {
			t.Errorf("%d documents were written", n)
		}
	})
}

// mongo.errors.tolerance without errors.tolerance and without dead letters: Java
// has no error reporter, so that the record is skipped; with dead letters the
// framework is told, and stops.
func TestToleranceOfTheConnectorAlone(t *testing.T) {
	for _, c := range []struct {
		dlq, failed string
	}{{"", ""}, {"dead", "1:mongo.document"}} {
		stub := startStub(t)
		s := openSink(t, stub.URI(), "mongo.errors.tolerance", "all", "errors.deadletterqueue.topic.name", c.dlq)
		b := texts(0, `{"a":1}`, `{bad`, `{"a":2}`)
		mustWrite(t, s, b)
		if got := failures(b); got != c.failed {
			t.Errorf("dead letters %q: failed %q, want %q", c.dlq, got, c.failed)
		}
		if n := len(stub.Docs(ns)); n != 2 {
			t.Errorf("%d documents", n)
		}
	}
}

// undecodable is a converter that fails.
type undecodable struct{ err error }

func (u undecodable) Decode([]byte, *data.Arena) (data.Value, *data.Schema, error) {
	return data.Value{}, nil, u.err
}

func TestConverterFailures(t *testing.T) {
	bad := fault.New(fault.Record, "avro.malformed", "not Avro")
	wait := fault.New(fault.Retry, "registry.unavailable", "no registry")
	batch := func(err error) *data.Batch {
		b := numbers(0, 3)
		b.Records[1].Value = data.WireCell([]byte("x"), undecodable{err})
		return b
	}
	stub := startStub(t)
	b := batch(bad)
	mustWrite(t, openSink(t, stub.URI(), "errors.tolerance", "all"), b)
	if f := b.Failed(); len(f) != 1 || f[0].Index != 1 || f[0].Err != error(bad) || len(stub.Docs(ns)) != 2 {
		t.Errorf("%v, %d documents", f, len(stub.Docs(ns)))
	}
	stub = startStub(t)
	if err := openSink(t, stub.URI()).Write(t.Context(), batch(bad)); fault.ClassOf(err) != fault.Fatal || len(stub.Docs(ns)) != 0 {
		t.Error(err)
	}
	if err := openSink(t, stub.URI(), "errors.tolerance", "all").Write(t.Context(), batch(wait)); !fault.Is(err, fault.Retry) || len(stub.Docs(ns)) != 0 {
		t.Error(err)
	}
}

func TestNoSecretsInTheLog(t *testing.T) {
	var log bytes.Buffer
	stub := startStub(t)
	props := map[string]string{"connection.uri": patient(stub.URI()), "topics": "t", "database": "db", "collection": "c", "mongo.errors.tolerance": "all", "mongo.errors.log.enable": "true",
		keyWriteModel: insertIt}
	s, err := Open(connectors.Env{Log: slog.New(slog.NewTextHandler(&log, nil))}, props)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.WithoutCancel(t.Context())) }()
	mustWrite(t, s, texts(3, `{"_id":1,"card":"4111"}`, `{"_id":1,"card":"4112"}`))
	if !strings.Contains(log.String(), "offset=4") || strings.Contains(log.String(), "411") {
		t.Error(log.String())
	}
}
