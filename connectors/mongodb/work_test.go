package mongodb

import (
	"fmt"
	"testing"
	"time"

	"culvert/connectors"
	"culvert/fault"
	"culvert/internal/mongostub"
)

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
	stub.Script(mongostub.Fault{Error: &mongostub.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized on db"}})
	if err := s.Write(t.Context(), numbers(6, 3)); !fault.Is(err, fault.Fatal) {
		t.Fatal(err)
	}
	got := ""
	for _, w := range told {
		got += fmt.Sprintf("%d records, %d written, %d refused, bulk %d good %d bad, %d puts, %d between, %d made; ", w.Records, w.Written, w.Refused,
			w.GoodWrites.Count, w.BadWrites.Count, w.Put.Count, w.Framework.Count, w.Processing.Count)
	}
	if want := "4 records, 2 written, 1 refused, bulk 1 good 1 bad, 1 puts, 0 between, 1 made; " +
		"1 records, 0 written, 0 refused, bulk 0 good 1 bad, 1 puts, 1 between, 1 made; 1 records, 1 written, 0 refused, bulk 1 good 0 bad, 1 puts, 1 between, 0 made; " +
		"3 records, 0 written, 2 refused, bulk 0 good 1 bad, 1 puts, 1 between, 1 made; "; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if w := told[0]; !w.HasAge || w.AgeMillis < 60_000 || w.AgeMillis > 600_000 {
		t.Errorf("age %d", w.AgeMillis)
	}
}
