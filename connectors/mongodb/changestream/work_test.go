package changestream

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors"
	"culvert/data"
	"culvert/internal/mongostub"
)

// TestWork: what the source tells of its reads and commands.
func TestWork(t *testing.T) {
	b := newBed(t)
	b.insert(t, "c", 0, 2)
	var sum connectors.SourceWork
	s, err := Open(t.Context(), connectors.Env{Offsets: offsets(b.stored("_id", `{"_data": "8200000000"}`)), Polled: func(w *connectors.SourceWork) {
		sum.Bytes += w.Bytes
		sum.Poll.Count += w.Poll.Count
		sum.Framework.Count += w.Framework.Count
		sum.GoodInitial.Count += w.GoodInitial.Count
		sum.BadInitial.Count += w.BadInitial.Count
		sum.GoodMore.Count += w.GoodMore.Count
		sum.BadMore.Count += w.BadMore.Count
		if w.HasLag {
			sum.HasLag, sum.LagSeconds = true, w.LagSeconds
		}
	}}, map[string]string{"connection.uri": b.URI(), "database": "db", "publish.full.document.only": "true"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) }) // the server is a stub
	b.Script(mongostub.Fault{Command: "aggregate", Error: &mongostub.CommandError{Code: 43, Name: "CursorNotFound", Message: "gone"}})
	take(t, s, 2)
	if sum.GoodInitial.Count != 1 || sum.BadInitial.Count != 1 || sum.GoodMore.Count != 0 {
		t.Errorf("after the first answer: %+v", sum)
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: 0}, {Key: "n", Value: "0"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(2 * len(doc)); sum.Bytes != want {
		t.Errorf("%d bytes, want %d", sum.Bytes, want)
	}
	if !sum.HasLag || sum.LagSeconds != 1 { // the stub's time is that of the next event
		t.Errorf("behind by %d s, known: %v", sum.LagSeconds, sum.HasLag)
	}
	b.Script(mongostub.Fault{Command: "getMore", Error: &mongostub.CommandError{Code: 43, Name: "CursorNotFound", Message: "gone"}})
	b.insert(t, "c", 2, 1)
	take(t, s, 1)
	if sum.BadMore.Count != 1 || sum.GoodInitial.Count != 2 || sum.Framework.Count != 1 || sum.Poll.Count < 4 {
		t.Errorf("after a lost cursor: %+v", sum)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Read(ctx, data.NewBatch()); err == nil || sum.BadMore.Count != 1 {
		t.Errorf("stopped: %v, %+v", err, sum)
	}
}
