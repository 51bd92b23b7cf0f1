package mongodb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

// meeting is a server whose commands wait until as many are under way as are wanted.
type meeting struct {
	server
	wanted int

	mu    sync.Mutex
	under map[string]bool
	here  chan struct{} // closed when all are here
	met   sync.Once
	twice []string // namespaces with two commands under way
}

func (m *meeting) run(ctx context.Context, db string, cmd bson.Raw) error {
	coll := cmd.Index(0).Value().StringValue()
	m.mu.Lock()
	if m.under[coll] {
		m.twice = append(m.twice, coll)
	}
	m.under[coll] = true
	if len(m.under) == m.wanted {
		m.met.Do(func() { close(m.here) })
	}
	m.mu.Unlock()
	select {
	case <-m.here:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := m.server.run(ctx, db, cmd)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.under[coll] = false
	return err
}

// spread makes n records whose collections alternate between a, b and c.
func spread(first, n int) *data.Batch {
	var docs []string
	for i := range n {
		docs = append(docs, fmt.Sprintf(`{"to":%q,"n":%d}`, string("abc"[i%3]), first+i))
	}
	return texts(first, docs...)
}

var byField = []string{keyMapper, pkg + "namespace.mapping.FieldPathNamespaceMapper", keyMapValueColl, "to"}

// numbersIn are the fields n of a collection, in the order of their arrival.
func numbersIn(stub *mongostub.Server, coll string) string {
	var out strings.Builder
	for _, d := range stub.Docs("db." + coll) {
		fmt.Fprint(&out, bson.Raw(d).Lookup("n").AsInt64(), " ")
	}
	return out.String()
}

// Commands for different collections are under way together, those for one are not, and
// each collection gets its documents in order.
func TestLanes(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), append([]string{keyWriteModel, insertIt}, byField...)...)
	m := &meeting{server: s.server, wanted: 3, under: map[string]bool{}, here: make(chan struct{})}
	s.server = m
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // met only when one waits for the other
	defer cancel()
	b := spread(0, 12)
	if err := s.Write(ctx, b); err != nil || len(b.Failed()) > 0 {
		t.Fatal(err, b.Failed())
	}
	if len(m.twice) > 0 {
		t.Errorf("two commands under way: %v", m.twice)
	}
	for coll, want := range map[string]string{"a": "0 3 6 9 ", "b": "1 4 7 10 ", "c": "2 5 8 11 "} {
		if got := numbersIn(stub, coll); got != want {
			t.Errorf("%s has %s, want %s", coll, got, want)
		}
	}
}

// A failure of one collection keeps what the others have written, and the batch, when
// it comes again, goes on where each of them stopped.
func TestLanesAfterAFailure(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), append([]string{keyWriteModel, insertIt}, byField...)...)
	b := spread(0, 12)
	stub.Script(mongostub.Fault{After: 4, Drop: true})
	stub.Script(mongostub.Fault{After: 1, DropAfter: true})
	tries := 0
	for err := error(nil); tries == 0 || err != nil; tries++ {
		if err = s.Write(t.Context(), b); err != nil && !fault.Is(err, fault.Retry) || tries > 20 {
			t.Fatal(tries, err)
		}
	}
	if tries < 2 {
		t.Error("nothing failed")
	}
	for coll, want := range map[string]string{"a": "0 3 6 9 ", "b": "1 4 7 10 ", "c": "2 5 8 11 "} {
		if got := numbersIn(stub, coll); got != want {
			t.Errorf("%s has %s, want %s", coll, got, want)
		}
	}
}

// A refused document is reported with its own record, whatever collection it is for.
func TestLanesRefusal(t *testing.T) {
	stub := startStub(t)
	s := openSink(t, stub.URI(), append([]string{keyWriteModel, insertIt, "errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dlq"}, byField...)...)
	b := texts(0, `{"to":"a","_id":1,"n":0}`, `{"to":"b","_id":1,"n":1}`, `{"to":"a","_id":1,"n":2}`, `{"to":"b","_id":2,"n":3}`)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if f := b.Failed(); len(f) != 1 || f[0].Index != 2 || numbersIn(stub, "b") != "1 3 " || numbersIn(stub, "a") != "0 " {
		t.Errorf("failed %v; a has %s, b has %s", f, numbersIn(stub, "a"), numbersIn(stub, "b"))
	}
}
