package mongodb

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

// The error of a batch that was prepared is that of its Write, and has not held up the
// batch before it.
func TestPreparedErrorComesInItsTurn(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI())
	good, bad := numbers(0, 2), texts(2, `{"n":2}`, `no document`)
	s.Prepare(good)
	s.Prepare(bad)
	mustWrite(t, s, good)
	if err := s.Write(t.Context(), bad); fault.ClassOf(err) != fault.Fatal || !strings.Contains(err.Error(), "no document") {
		t.Errorf("the bad record: %v", err)
	}
	if got := len(stub.Docs(ns)); got != 2 {
		t.Errorf("%d documents, want those of the first batch", got)
	}
}

// The answer to a batch is lost, the group rebalances, and the same records are fetched
// and prepared again: they keep the ids that were made up for them at first.
func TestPreparedAgainAfterALostAnswer(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyWriteModel, insertIt)
	stub.Script(mongostub.Fault{DropAfter: true})
	first := numbers(0, 3)
	s.Prepare(first)
	if err := s.Write(t.Context(), first); !fault.Is(err, fault.Retry) {
		t.Fatalf("the lost answer: %v", err)
	}
	again, next := numbers(0, 3), numbers(3, 3)
	s.Prepare(again)
	s.Prepare(next)
	retryUntilDone(t, s, again)
	mustWrite(t, s, next)
	if got := numbersIn(stub, "c"); got != "0 1 2 3 4 5 " {
		t.Errorf("documents %s", got)
	}
}

// While batches are written others are prepared; none gets what is another's.
func TestPrepareBesideWrite(t *testing.T) {
	const batches, size = 50, 20
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyWriteModel, insertIt)
	ready := make(chan *data.Batch, 1)
	go func() {
		defer close(ready)
		for n := range batches {
			b := numbers(n*size, size)
			s.Prepare(b)
			ready <- b
		}
	}()
	for b := range ready {
		mustWrite(t, s, b)
	}
	docs := stub.Docs(ns)
	if len(docs) != batches*size {
		t.Fatalf("%d documents, want %d", len(docs), batches*size)
	}
	for i, d := range docs {
		if n := bson.Raw(d).Lookup("n").AsInt64(); n != int64(i) {
			t.Fatalf("document %d has n=%d", i, n)
		}
	}
	if n := len(s.planner.free); n > 3 {
		t.Errorf("%d plans are kept for three batches under way", n)
	}
}
