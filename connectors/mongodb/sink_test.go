package mongodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

const ns = "db.c"

// strategies of the tests, by their short names.
const (
	kafkaID  = pkg + "processor.id.strategy.KafkaMetaDataStrategy"
	insertIt = pkg + "writemodel.strategy.InsertOneDefaultStrategy"
)

func startStub(t testing.TB) *mongostub.Server {
	t.Helper()
	s, err := mongostub.Start(mongostub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// openSink makes a sink on a server; overrides come as key, value pairs.
func openSink(t testing.TB, uri string, overrides ...string) *Sink {
	t.Helper()
	props := map[string]string{"connection.uri": uri, "topics": "t", "database": "db", "collection": "c"}
	for i := 0; i < len(overrides); i += 2 {
		props[overrides[i]] = overrides[i+1]
	}
	s, err := Open(connectors.Env{}, props)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// texts makes a batch of JSON texts at offsets from first on.
func texts(first int, docs ...string) *data.Batch {
	b := data.NewBatch()
	for i, d := range docs {
		r := b.Append()
		r.Topic, r.Partition, r.Offset, r.Timestamp = "t", 1, int64(first+i), 5
		if d != "" {
			r.Value = data.ValueCell(data.OfString(d), nil)
		}
	}
	return b
}

func numbers(first, n int) *data.Batch {
	docs := make([]string, n)
	for i := range docs {
		docs[i] = fmt.Sprintf(`{"n":%d}`, first+i)
	}
	return texts(first, docs...)
}

// fields lists a field of all documents of the collection.
func fields(s *mongostub.Server, name string) string {
	var out []string
	for _, d := range s.Docs(ns) {
		out = append(out, bson.Raw(d).Lookup(name).String())
	}
	return strings.Join(out, " ")
}

func failures(b *data.Batch) string {
	var out []string
	for _, f := range b.Failed() {
		out = append(out, fmt.Sprintf("%d:%s", b.Records[f.Index].Offset, fault.Of(f.Err).Code))
	}
	return strings.Join(out, " ")
}

func mustWrite(t *testing.T, s *Sink, b *data.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestSinkSuite(t *testing.T) {
	var stub *mongostub.Server
	conntest.Sink(t, conntest.SinkCase{
		Converges: true,
		Open: func(t *testing.T) connectors.Sink {
			stub = startStub(t)
			return openSink(t, stub.URI(), keyIDStrategy, kafkaID)
		},
		Batch: func(b *data.Batch, n int) {
			for i := range 10 {
				r := b.Append()
				r.Topic, r.Partition, r.Offset = "t", 0, int64(10*n+i)
				r.Value = data.ValueCell(data.OfText(b.Arena.Copy(fmt.Appendf(nil, `{"n":%d}`, 10*n+i))), nil)
			}
		},
		Written: func(*testing.T) []string {
			var out []string
			for _, d := range stub.Docs(ns) {
				out = append(out, bson.Raw(d).String())
			}
			return out
		},
		Stall: func(*testing.T) { stub.Script(mongostub.Fault{Delay: 2 * time.Second}) },
	})
}

func TestWriteInOrder(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "delete.on.null.values", "true", keyIDStrategy, pkg+"processor.id.strategy.FullKeyStrategy")
	b := texts(0, `{"v":1}`, `{"v":2}`, "", `{"v":4}`)
	for i := range b.Records {
		b.Records[i].Key = data.ValueCell(data.OfString(fmt.Sprintf(`{"k":%d}`, i%2)), nil)
	}
	mustWrite(t, s, b)
	var got []string
	for _, c := range stub.Commands() {
		got = append(got, fmt.Sprint(c.Name, c.N, c.Ordered))
	}
	if want := "[update2 true delete1 true update1 true]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if got := fields(stub, "v"); got != `{"$numberInt":"4"}` {
		t.Error(got)
	}
}

func TestMaxBatchSizeAndTopicOverride(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "max.batch.size", "2", "topics", "t,u", "topic.override.u.collection", "d", "topic.override.u.max.batch.size", "0")
	b := numbers(0, 8)
	for i := 3; i < 8; i++ {
		b.Records[i].Topic = "u"
	}
	mustWrite(t, s, b)
	var got []string
	for _, c := range stub.Commands() {
		got = append(got, fmt.Sprint(c.Namespace, c.N))
	}
	if want := "[db.c2 db.c1 db.d5]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// A connection that breaks after the server has applied a batch: the answer is
// lost, the batch comes again, and nothing is there twice.
func TestRetryConverges(t *testing.T) {
	for _, c := range []struct {
		name  string
		props []string
	}{
		{"made up id, insert", []string{keyWriteModel, insertIt}},
		{"made up id, replace", nil},
		{"kafka id, insert", []string{keyWriteModel, insertIt, keyIDStrategy, kafkaID}},
		{"uuid, insert unordered", []string{keyWriteModel, insertIt, keyIDStrategy, pkg + "processor.id.strategy.UuidStrategy", "bulk.write.ordered", "false"}},
		{"provided, insert", []string{keyWriteModel, insertIt, keyIDStrategy, pkg + "processor.id.strategy.PartialValueStrategy",
			"document.id.strategy.partial.value.projection.type", "AllowList", "document.id.strategy.partial.value.projection.list", "n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the driver waits half a second before it dials again
			stub := startStub(t)
			s := openSink(t, stub.URI(), c.props...)
			for _, fault := range []mongostub.Fault{{DropAfter: true}, {Drop: true}} {
				stub.Script(fault)
			}
			b := numbers(0, 5)
			retryUntilDone(t, s, b)
			if got := len(stub.Docs(ns)); got != 5 {
				t.Errorf("%d documents, want 5", got)
			}
			if got := failures(b); got != "" {
				t.Error(got)
			}
		})
	}
}

func retryUntilDone(t *testing.T, s *Sink, b *data.Batch) (attempts int) {
	t.Helper()
	for attempts = 1; ; attempts++ {
		err := s.Write(t.Context(), b)
		if err == nil {
			return attempts
		}
		if !fault.Is(err, fault.Retry) || attempts > 20 {
			t.Fatal(err)
		}
		if n := len(b.Failed()); n > 0 {
			t.Fatalf("%d records are marked though the batch comes again", n)
		}
	}
}

// A document that somebody else wrote is a duplicate, also after a lost answer.
func TestRetryKeepsGenuineDuplicates(t *testing.T) {
	stub := startStub(t)
	first := openSink(t, stub.URI(), keyWriteModel, insertIt)
	mustWrite(t, first, texts(0, `{"_id":1,"by":"other"}`))
	s := openSink(t, stub.URI(), keyWriteModel, insertIt, "errors.tolerance", "all")
	stub.Script(mongostub.Fault{DropAfter: true})
	b := texts(0, `{"_id":0}`, `{"_id":1}`, `{"_id":2}`)
	retryUntilDone(t, s, b)
	if got := failures(b); got != "1:mongo.duplicate_key" {
		t.Error(got)
	}
	if got := fields(stub, "_id"); got != `{"$numberInt":"1"} {"$numberInt":"0"} {"$numberInt":"2"}` {
		t.Error(got)
	}
}

// What was confirmed before the failure is not sent again.
func TestRetryGoesOnWhereItStopped(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "max.batch.size", "2")
	stub.Script(mongostub.Fault{After: 1, Drop: true})
	b := numbers(0, 5)
	retryUntilDone(t, s, b)
	var got []int
	for _, c := range stub.Commands() {
		got = append(got, c.N)
	}
	if fmt.Sprint(got) != "[2 2 1]" {
		t.Errorf("commands of %v statements, want [2 2 1]", got)
	}
}

// The runtime settles records between two attempts, so that a part of the batch comes again.
func TestRetryOfAPart(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyWriteModel, insertIt)
	stub.Script(mongostub.Fault{DropAfter: true})
	b := numbers(0, 6)
	if err := s.Write(t.Context(), b); !fault.Is(err, fault.Retry) {
		t.Fatal(err)
	}
	b.Remove(func(i int) bool { return i%2 == 0 })
	retryUntilDone(t, s, b)
	if got := len(stub.Docs(ns)); got != 6 {
		t.Errorf("%d documents, want the 6 of the first attempt", got)
	}
	mustWrite(t, s, numbers(6, 2)) // another batch is another batch
	if got := len(stub.Docs(ns)); got != 8 {
		t.Errorf("%d documents, want 8", got)
	}
}

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

func TestErrorsThatWait(t *testing.T) {
	for name, f := range map[string]mongostub.Fault{
		"not primary":           {Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}},
		"shutdown":              {Error: &mongostub.CommandError{Code: 91, Name: "ShutdownInProgress", Message: "shutting down"}},
		"disk full":             {Error: &mongostub.CommandError{Code: 14031, Name: "OutOfDiskSpace", Message: "no space"}},
		"label":                 {Error: &mongostub.CommandError{Code: 1, Name: "X", Message: "x", Labels: []string{"RetryableWriteError"}}},
		"Atlas quota":           {Error: &mongostub.CommandError{Code: 8000, Name: "AtlasError", Message: "you are over your space quota"}},
		"disk full in a write":  {WriteErrors: []mongostub.WriteError{{Index: 1, Code: 14031, Message: "no space"}}},
		"stepdown in a concern": {WriteConcern: &mongostub.WriteConcernError{Code: 189, Name: "PrimarySteppedDown", Message: "stepped down"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := startStub(t)
			stub.Script(f)
			s := openSink(t, stub.URI(), keyWriteModel, insertIt, "errors.tolerance", "all")
			b := numbers(0, 3)
			err := s.Write(t.Context(), b)
			if !fault.Is(err, fault.Retry) || !strings.HasPrefix(err.Error(), "MongoDB at "+stub.Addr()+" ") {
				t.Fatal(err)
			}
			retryUntilDone(t, s, b)
			if n := len(stub.Docs(ns)); n != 3 || len(b.Failed()) > 0 {
				t.Errorf("%d documents, failed: %s", n, failures(b))
			}
		})
	}
}

func TestErrorsThatStop(t *testing.T) {
	for _, c := range []struct{ tolerance, code string }{{"all", codeAuth}, {"none", codeAuth}} {
		stub := startStub(t)
		stub.Script(mongostub.Fault{Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized on db"}})
		s := openSink(t, stub.URI(), "errors.tolerance", c.tolerance)
		err := s.Write(t.Context(), numbers(0, 2))
		f := fault.Of(err)
		if f == nil || f.Class != fault.Fatal || f.Code != c.code {
			t.Errorf("%s: %v", c.tolerance, err)
			continue
		}
		if n := len(stub.Docs(ns)); n != 0 {
			t.Errorf("%d documents", n)
		}
	}
}

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

// A replacement that begins with an operator must not become an update.
func TestReplacementIsNoUpdate(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "errors.tolerance", "all", keyIDStrategy, pkg+"processor.id.strategy.FullKeyStrategy",
		keyWriteModel, pkg+"writemodel.strategy.ReplaceOneBusinessKeyStrategy", "document.id.strategy.overwrite.existing", "true")
	b := texts(0, `{"$set":{"admin":true}}`, `{"a":1}`)
	for i := range b.Records {
		b.Records[i].Key = data.ValueCell(data.OfString(fmt.Sprintf(`{"k":%d}`, i)), nil)
	}
	mustWrite(t, s, b)
	if got := failures(b); got != "0:mongo.write_error" || b.Failed()[0].Err.Error() != "Invalid BSON field name $set" {
		t.Error(got, b.Failed())
	}
	if n := len(stub.Docs(ns)); n != 1 {
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

// waits records what the status would show.
type waits struct {
	mu   sync.Mutex
	seen []string
}

func (w *waits) set(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, reason)
}

// An outage: the error names the server, and the next attempt after its end works
// at once, without waiting for a heartbeat.
func TestOutage(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI()+"/?serverSelectionTimeoutMS=300")
	mustWrite(t, s, numbers(0, 2))
	stub.Stop()
	b := numbers(2, 2)
	for range 3 {
		err := s.Write(t.Context(), b)
		if !fault.Is(err, fault.Retry) || !strings.HasPrefix(err.Error(), "MongoDB at "+stub.Addr()+" does not answer: ") {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "topology") {
			t.Errorf("too many words: %s", err)
		}
	}
	if err := stub.Restart(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	retryUntilDone(t, s, b)
	// Half a second where the machine is idle; the driver's own heartbeat, which must
	// not be waited for, comes after ten.
	if d := time.Since(begun); d > 8*time.Second {
		t.Errorf("work went on %s after the end of the outage", d)
	}
	if got := len(stub.Docs(ns)); got != 4 {
		t.Errorf("%d documents", got)
	}
}

// A server that accepts and does not answer: the status says so while Write waits.
func TestStatusWhileWaiting(t *testing.T) {
	stub := startStub(t)
	w := &waits{}
	cfg, err := newConfig(map[string]string{"connection.uri": stub.URI(), "topics": "t", "database": "db"})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := connect(&cfg.settings)
	if err != nil {
		t.Fatal(err)
	}
	s := newSink(cfg, connectors.Env{Waiting: w.set}, srv)
	defer func() { _ = s.Close(context.WithoutCancel(t.Context())) }()
	s.patience = 20 * time.Millisecond
	stub.Script(mongostub.Fault{Delay: 200 * time.Millisecond})
	mustWrite(t, s, numbers(0, 1))
	if want := fmt.Sprintf("[MongoDB at %s has not answered for 20ms ]", stub.Addr()); fmt.Sprint(w.seen) != want {
		t.Errorf("%v, want %s", w.seen, want)
	}
}

func TestInterrupted(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI())
	stub.Script(mongostub.Fault{Delay: 2 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	err := s.Write(ctx, numbers(0, 1))
	if !fault.Is(err, fault.Retry) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
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

func TestRateLimit(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "rate.limiting.timeout", "40", "rate.limiting.every.n", "2", "max.batch.size", "1")
	begun := time.Now()
	mustWrite(t, s, numbers(0, 4))
	if d := time.Since(begun); d < 80*time.Millisecond {
		t.Errorf("4 bulk writes with a wait after every second took %s", d)
	}
}

// A topic that a transformation has made is written as configured for all; one
// that Kafka delivered must be configured.
func TestRoutedTopic(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), "collection", "")
	b := numbers(0, 1)
	b.Inputs = []data.Message{{Topic: "t", Partition: 1}}
	b.Records[0].Input, b.Records[0].Topic = 0, "routed"
	mustWrite(t, s, b)
	if n := len(stub.Docs("db.routed")); n != 1 {
		t.Errorf("%d documents in db.routed", n)
	}
	b = numbers(1, 1)
	b.Records[0].Topic = "stray"
	if err := s.Write(t.Context(), b); err == nil || err.Error() != "Unknown topic: stray, must be one of: [t]" {
		t.Error(err)
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
	props := map[string]string{"connection.uri": stub.URI(), "topics": "t", "database": "db", "collection": "c", "mongo.errors.tolerance": "all", "mongo.errors.log.enable": "true",
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

// What a sink tells for its metrics: once for each call, all of what the call did.
func TestWorkIsTold(t *testing.T) {
	stub := startStub(t)
	var told []connectors.SinkWork
	s := openSink(t, stub.URI(), keyWriteModel, insertIt, "errors.tolerance", "all", "max.batch.size", "2")
	s.env.Worked = func(w *connectors.SinkWork) { told = append(told, *w) }
	b := texts(0, `{"_id":0}`, `{"_id":0}`, `{"_id":1}`, `{bad`)
	for i := range b.Records {
		b.Records[i].Timestamp = time.Now().Add(-time.Minute).UnixMilli()
	}
	mustWrite(t, s, b)
	stub.Script(mongostub.Fault{Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}})
	b = numbers(5, 1)
	if err := s.Write(t.Context(), b); !fault.Is(err, fault.Retry) {
		t.Fatal(err)
	}
	mustWrite(t, s, b)
	got := ""
	for _, w := range told {
		got += fmt.Sprintf("%d records, %d written, %d refused, bulk %d good %d bad, %d puts, %d between, %d made; ", w.Records, w.Written, w.Refused,
			w.GoodWrites.Count, w.BadWrites.Count, w.Put.Count, w.Framework.Count, w.Processing.Count)
	}
	if want := "4 records, 2 written, 1 refused, bulk 1 good 1 bad, 1 puts, 0 between, 1 made; " +
		"1 records, 0 written, 0 refused, bulk 0 good 1 bad, 1 puts, 1 between, 1 made; 1 records, 1 written, 0 refused, bulk 1 good 0 bad, 1 puts, 1 between, 0 made; "; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if w := told[0]; !w.HasAge || w.AgeMillis < 60_000 || w.AgeMillis > 600_000 {
		t.Errorf("age %d", w.AgeMillis)
	}
}
