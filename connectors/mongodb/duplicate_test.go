package mongodb

import (
	"strings"
	"testing"

	"culvert/fault"
	"culvert/internal/mongostub"
)

func TestDuplicatePolicies(t *testing.T) {
	for _, c := range []struct{ policy, ordered, failed, docs string }{
		{duplicatesSkip, "true", "", `{"$numberInt":"1"} {"$numberInt":"2"} {"$numberInt":"4"}`},
		{duplicatesSkip, "false", "", `{"$numberInt":"1"} {"$numberInt":"2"} {"$numberInt":"4"}`},
		{duplicatesReplace, "true", "", `{"$numberInt":"3"} {"$numberInt":"2"} {"$numberInt":"4"}`},
		{duplicatesReplace, "false", "", `{"$numberInt":"3"} {"$numberInt":"2"} {"$numberInt":"4"}`},
		{duplicatesLetter, "true", "2:mongo.duplicate_key", `{"$numberInt":"1"} {"$numberInt":"2"} {"$numberInt":"4"}`},
		{"", "true", "2:mongo.duplicate_key", `{"$numberInt":"1"} {"$numberInt":"2"} {"$numberInt":"4"}`},
	} {
		t.Run(c.policy+" ordered="+c.ordered, func(t *testing.T) {
			stub := startStub(t)
			s := openSink(t, stub.URI(), keyWriteModel, insertIt, keyDuplicates, c.policy, "bulk.write.ordered", c.ordered,
				"errors.tolerance", "all", keyDeadLetters, "dead")
			b := texts(0, `{"_id":0,"n":1}`, `{"_id":1,"n":2}`, `{"_id":0,"n":3}`, `{"_id":2,"n":4}`)
			mustWrite(t, s, b)
			if got := failures(b); got != c.failed {
				t.Errorf("failed %q, want %q", got, c.failed)
			}
			if got := fields(stub, "n"); got != c.docs {
				t.Errorf("%s, want %s", got, c.docs)
			}
		})
	}
}

// The document that has the key keeps its _id, also when the key is another one.
func TestReplaceByAnotherUniqueIndex(t *testing.T) {
	stub := startStub(t)
	stub.Unique(ns, "mail")
	for _, class := range []string{"InsertOneDefaultStrategy", "ReplaceOneDefaultStrategy", "UpdateOneDefaultStrategy"} {
		s := openSink(t, stub.URI(), keyWriteModel, pkg+"writemodel.strategy."+class, keyDuplicates, duplicatesReplace)
		mustWrite(t, s, texts(0, `{"_id":"`+class+`","mail":"m","by":"`+class+`"}`))
		if got := fields(stub, "by"); got != `"`+class+`"` {
			t.Errorf("%s: %s", class, got)
		}
	}
	if got := fields(stub, "_id"); got != `"InsertOneDefaultStrategy"` {
		t.Error(got)
	}
}

// fail ends the task although errors are tolerated.
func TestDuplicateFails(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyWriteModel, insertIt, keyDuplicates, "FAIL", "errors.tolerance", "all")
	err := s.Write(t.Context(), texts(0, `{"_id":0}`, `{"_id":0}`))
	if f := fault.Of(err); f == nil || f.Class != fault.Fatal || f.Code != codeDuplicate {
		t.Error(err)
	}
}

// A document that comes again because its answer was lost is no duplicate.
func TestPolicyLeavesOurOwnAlone(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyWriteModel, insertIt, keyDuplicates, duplicatesFail)
	stub.Script(mongostub.Fault{DropAfter: true})
	retryUntilDone(t, s, texts(0, `{"n":1}`, `{"n":2}`))
	if got := fields(stub, "n"); got != `{"$numberInt":"1"} {"$numberInt":"2"}` {
		t.Error(got)
	}
}

func TestDeadLettersOfDuplicatesNeedATopic(t *testing.T) {
	props := base("mongodb://127.0.0.1:1")
	props[keyDuplicates] = duplicatesLetter
	if got := errorsOf(t, props); len(got) != 1 || !strings.Contains(got[0], "dead letters need a topic") {
		t.Error(got)
	}
	if _, err := newConfig(props); fault.ClassOf(err) != fault.Config || fault.Of(err).Field != keyDuplicates {
		t.Error(err)
	}
	props[keyDuplicates] = "nonsense"
	if got := errorsOf(t, props); len(got) != 1 || !strings.Contains(got[0], "[fail, skip, replace, dlq]") {
		t.Error(got)
	}
}

func TestRetriesEnd(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyMaxRetries, "2")
	stub.Script(mongostub.Fault{Times: 3, Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}})
	b := numbers(0, 1)
	for n := range 3 {
		err := s.Write(t.Context(), b)
		if last := n == 2; fault.Is(err, fault.Fatal) != last || fault.Is(err, fault.Retry) == last {
			t.Fatalf("attempt %d: %v", n, err)
		} else if last && !strings.HasPrefix(err.Error(), "Failed to write mongodb documents despite retrying: ") {
			t.Error(err)
		}
	}
	mustWrite(t, s, b) // the count begins anew
	if s.retry.failed != 0 {
		t.Errorf("%d failed attempts after a write", s.retry.failed)
	}
}

// The wait is over when its time has come, and not before; a batch that another one
// takes the place of leaves no wait behind.
func TestRetriesAreDeferred(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), keyRetryDefer, "3600000")
	stub.Script(mongostub.Fault{Error: &mongostub.CommandError{Code: 10107, Name: "NotWritablePrimary", Message: "not primary"}})
	b := numbers(0, 1)
	if err := s.Write(t.Context(), b); !fault.Is(err, fault.Retry) {
		t.Fatal(err)
	}
	ended, cancel := contextThatEnds(t)
	cancel()
	if err := s.Write(ended, b); !fault.Is(err, fault.Retry) || fault.Of(err).Code != "mongo.interrupted" || stub.Writes() != 0 {
		t.Fatal(err)
	}
	mustWrite(t, s, numbers(5, 1))
}
