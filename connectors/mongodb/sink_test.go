package mongodb

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	props := map[string]string{"connection.uri": patient(uri), "topics": "t", "database": "db", "collection": "c"}
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

// patient is the address of a server that is there: it is looked for as long as the
// machine takes, where the address says nothing else.
func patient(uri string) string {
	if strings.Contains(uri, "?") {
		return uri
	}
	return uri + "/?serverSelectionTimeoutMS=60000"
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
		Stall: func(*testing.T) { stub.Script(mongostub.Fault{Hold: make(chan struct{})}) },
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
	slices.Sort(got) // two collections are written side by side
	if want := "[db.c1 db.c2 db.d5]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
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

// plans makes the plan of a batch that of the sink, as Write does.
func plans(s *Sink, b *data.Batch) error {
	s.finish()
	s.plan = s.planner.build(b)
	return s.plan.err
}
