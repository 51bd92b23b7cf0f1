package mongodb

import (
	"fmt"
	"testing"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

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
		if !fault.Is(err, fault.Retry) || attempts > 100 {
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
