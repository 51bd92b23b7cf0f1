package mongodb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

const (
	oneTransaction = exactlyTransact
	fullKeyID      = pkg + "processor.id.strategy.FullKeyStrategy"
	randomID       = pkg + "processor.id.strategy.BsonOidStrategy"
	testGroup      = "connect-once"
)

func startSet(t testing.TB) *mongostub.Server {
	t.Helper()
	s, err := mongostub.Start(mongostub.Options{ReplicaSet: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// openKeeper makes the sink of a task with culvert.exactly.once, and restores its
// position as a task does.
func openKeeper(t testing.TB, uri, mode string, overrides ...string) *keeper {
	t.Helper()
	props := map[string]string{"connection.uri": patient(uri), "topics": "t", "database": "db", "collection": "c", keyExactly: mode}
	for i := 0; i < len(overrides); i += 2 {
		props[overrides[i]] = overrides[i+1]
	}
	s, err := Plugin().Sink(t.Context(), connectors.Env{Group: testGroup}, props)
	if err != nil {
		t.Fatal(err)
	}
	k := s.(*keeper)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := k.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return k
}

var tp1 = data.TopicPartition{Topic: "t", Partition: 1}

func restore(t testing.TB, k *keeper) data.Offsets {
	t.Helper()
	at, err := k.Restore(t.Context(), []data.TopicPartition{tp1, {Topic: "t", Partition: 2}})
	for n := 0; fault.Is(err, fault.Retry) && n < 100; n++ { // as a task does
		at, err = k.Restore(t.Context(), []data.TopicPartition{tp1, {Topic: "t", Partition: 2}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// asFetched gives a batch the messages that it was made from.
func asFetched(b *data.Batch) *data.Batch {
	for i := range b.Records {
		r := &b.Records[i]
		r.Input = int32(i)
		b.Inputs = append(b.Inputs, data.Message{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset})
	}
	return b
}

// put writes a batch as the task does: until nothing is marked, waiting while MongoDB
// is away. It lists what was marked.
func put(t testing.TB, k *keeper, b *data.Batch) (marked string) {
	t.Helper()
	for range 100 {
		err := k.Write(t.Context(), b)
		if fault.Is(err, fault.Retry) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Failed()) == 0 {
			return strings.TrimSpace(marked)
		}
		marked += " " + failures(b)
		gone := map[int]bool{}
		for _, f := range b.Failed() {
			gone[f.Index] = true
		}
		b.ClearFailed()
		b.Remove(func(i int) bool { return !gone[i] })
	}
	t.Fatal("the batch is not written after 100 attempts")
	return ""
}

// positions lists what culvert.offsets holds.
func positions(s *mongostub.Server) string {
	var out []string
	for _, d := range s.Docs("db." + offsetsCollection) {
		out = append(out, bson.Raw(d).String())
	}
	return strings.Join(out, " ")
}

func at(offset int) string {
	return fmt.Sprintf(`{"_id": {"group": "connect-once","topic": "t","partition": {"$numberInt":"1"}},"offset": {"$numberLong":"%d"}}`, offset)
}

func wantState(t *testing.T, s *mongostub.Server, position string, docs int) {
	t.Helper()
	if got := positions(s); got != position {
		t.Errorf("positions %s, want %s", got, position)
	}
	if n := len(s.Docs(ns)); n != docs {
		t.Errorf("%d documents, want %d: %s", n, docs, fields(s, "n"))
	}
}

var bothModes = []struct {
	mode string
	keys []string
}{
	{exactlyTransact, []string{keyWriteModel, insertIt, keyIDStrategy, randomID}},
	{exactlyIdempotent, []string{keyWriteModel, insertIt, keyIDStrategy, kafkaID}},
}

func TestExactlyOnce(t *testing.T) {
	for _, tt := range bothModes {
		t.Run(tt.mode, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI(), tt.mode, tt.keys...)
			if got := restore(t, k); len(got) != 0 {
				t.Errorf("restored %v of nothing", got)
			}
			put(t, k, asFetched(numbers(0, 5)))
			wantState(t, stub, at(5), 5)
			put(t, k, asFetched(numbers(5, 5)))
			wantState(t, stub, at(10), 10)
			// Messages that became no records move the position too.
			b := asFetched(numbers(10, 1))
			b.Remove(func(int) bool { return false })
			put(t, k, b)
			wantState(t, stub, at(11), 10)

			next := openKeeper(t, stub.URI(), tt.mode, tt.keys...)
			if got := restore(t, next); !maps.Equal(got, data.Offsets{tp1: 11}) {
				t.Errorf("restored %v", got)
			}
			put(t, next, asFetched(numbers(11, 2)))
			wantState(t, stub, at(13), 12)
			// The old owner does not know it yet.
			if err := k.Write(t.Context(), asFetched(numbers(11, 1))); !fault.Is(err, fault.Fenced) {
				t.Errorf("the old owner got %v", err)
			}
			wantState(t, stub, at(13), 12)
		})
	}
}

// TestKeeperSuite runs the suite of all sinks.
func TestKeeperSuite(t *testing.T) {
	for _, mode := range []string{exactlyTransact, exactlyIdempotent} {
		t.Run(mode, func(t *testing.T) {
			var stub *mongostub.Server
			conntest.Sink(t, conntest.SinkCase{
				Converges: true,
				Open: func(t *testing.T) connectors.Sink {
					stub = startSet(t)
					return openKeeper(t, stub.URI(), mode, keyIDStrategy, kafkaID)
				},
				Batch: func(b *data.Batch, n int) {
					for i := range 10 {
						r := b.Append()
						r.Topic, r.Partition, r.Offset = "t", 0, int64(10*n+i)
						r.Value = data.ValueCell(data.OfText(b.Arena.Copy(fmt.Appendf(nil, `{"n":%d}`, 10*n+i))), nil)
						b.Inputs = append(b.Inputs, data.Message{Topic: "t", Offset: r.Offset})
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
		})
	}
}

// TestLostAnswers breaks each command of a batch once, before and after it acts.
func TestLostAnswers(t *testing.T) {
	for _, tt := range bothModes {
		for _, command := range []string{"find", "insert", "update", "commitTransaction"} {
			for after := range 2 {
				for _, applied := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/%d/%t", tt.mode, command, after, applied), func(t *testing.T) {
						t.Parallel() // the driver waits for its next look at the server
						stub := startSet(t)
						k := openKeeper(t, stub.URI(), tt.mode, tt.keys...)
						restore(t, k)
						put(t, k, asFetched(numbers(0, 3)))
						stub.Script(mongostub.Fault{Command: command, After: after, Drop: !applied, DropAfter: applied, Times: 2})
						put(t, k, asFetched(numbers(3, 3)))
						put(t, k, asFetched(numbers(6, 3)))
						wantState(t, stub, at(9), 9)
					})
				}
			}
		}
	}
}

// TestCommitUnknown has the server itself not know, then say that nothing is committed.
func TestCommitUnknown(t *testing.T) {
	stub := startSet(t)
	k := openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...)
	restore(t, k)
	stub.Script(mongostub.Fault{Command: "commitTransaction", Times: 4, Error: &mongostub.CommandError{Code: 64, Name: "WriteConcernTimeout", Message: "late",
		Labels: []string{"UnknownTransactionCommitResult"}}})
	stub.Script(mongostub.Fault{Command: "commitTransaction", Error: &mongostub.CommandError{Code: 112, Name: "WriteConflict", Message: "no",
		Labels: []string{"TransientTransactionError"}}})
	put(t, k, asFetched(numbers(0, 3)))
	wantState(t, stub, at(3), 3)
}

// TestBadDocuments: an error aborts the transaction; the document is put to the policy
// and the rest is written, in one transaction with the offsets, after the letters.
func TestBadDocuments(t *testing.T) {
	letters := []string{keyTolerance, "all", keyDeadLetters, "dead", keyWriteModel, insertIt, keyIDStrategy, pkg + "processor.id.strategy.ProvidedInValueStrategy"}
	docs := []string{`{"_id":1,"n":0}`, `{"_id":2,"n":1}`, `{"n":2}`, `{"_id":1,"n":3}`, `{"_id":3,"n":4}`, `{"_id":2,"n":5}`}
	for _, tt := range []struct {
		name, mode, marked, n string
		keys                  []string
	}{
		{"letters", exactlyTransact, "2:mongo.id 3:mongo.duplicate_key 5:mongo.duplicate_key", "0 1 4", letters},
		{"unordered letters", exactlyTransact, "2:mongo.id 3:mongo.duplicate_key 5:mongo.duplicate_key", "0 1 4", append(letters, "bulk.write.ordered", "false")},
		{"idempotent letters", exactlyIdempotent, "2:mongo.id 3:mongo.duplicate_key 5:mongo.duplicate_key", "0 1 4", letters},
		{"skip", exactlyTransact, "2:mongo.id", "0 1 4", append(letters, keyDuplicates, "skip")},
		{"replace", exactlyTransact, "2:mongo.id", "3 5 4", append(letters, keyDuplicates, "replace")},
		{"silent", exactlyTransact, "", "0 1 4", append(letters, keyTolerance, "none", keyDeadLetters, "", "mongo.errors.tolerance", "all")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI(), tt.mode, tt.keys...)
			restore(t, k)
			marked := strings.Fields(put(t, k, asFetched(texts(0, docs...))))
			slices.Sort(marked)
			if got := strings.Join(marked, " "); got != tt.marked {
				t.Errorf("marked %q, want %q", got, tt.marked)
			}
			n := strings.NewReplacer(`{"$numberInt":"`, "", `"}`, "").Replace(fields(stub, "n"))
			if n != tt.n {
				t.Errorf("documents %s, want %s", n, tt.n)
			}
			if got := positions(stub); got != at(6) {
				t.Error(got)
			}
		})
	}
	t.Run("fail", func(t *testing.T) {
		stub := startSet(t)
		k := openKeeper(t, stub.URI(), exactlyTransact, append(letters, keyTolerance, "none", keyDeadLetters, "")...)
		restore(t, k)
		if err := k.Write(t.Context(), asFetched(texts(0, docs[0], docs[3]))); !fault.Is(err, fault.Fatal) || fault.Of(err).Code != codeDuplicate {
			t.Errorf("got %v", err)
		}
		wantState(t, stub, "", 0)
	})
}

// TestLettersFirst: while a record is marked, its offset has not moved.
func TestLettersFirst(t *testing.T) {
	for _, tt := range bothModes {
		t.Run(tt.mode, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI(), tt.mode, append(tt.keys, keyTolerance, "all", keyDeadLetters, "dead")...)
			restore(t, k)
			b := asFetched(texts(0, `{"n":0}`, `no document`))
			if err := k.Write(t.Context(), b); err != nil || len(b.Failed()) != 1 {
				t.Fatalf("%v, %d failed", err, len(b.Failed()))
			}
			if got := positions(stub); got != "" {
				t.Errorf("the position is %s before the letter is written", got)
			}
		})
	}
}

func TestWriteConflict(t *testing.T) {
	stub := startSet(t)
	k := openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...)
	restore(t, k)
	stub.Script(mongostub.Fault{Command: "insert", After: 1, Times: 2, Error: &mongostub.CommandError{Code: 112, Name: "WriteConflict", Message: "later",
		Labels: []string{"TransientTransactionError"}}})
	put(t, k, asFetched(numbers(0, 3)))
	wantState(t, stub, at(3), 3)
}

// TestZombie has the old owner commit after its successor has read the position: the
// successor finds it, and goes on from there when it looks again.
func TestZombie(t *testing.T) {
	stub := startSet(t)
	old, successor := openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...), openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...)
	restore(t, old)
	restore(t, successor)
	put(t, old, asFetched(numbers(0, 2)))
	if err := successor.Write(t.Context(), asFetched(numbers(0, 5))); !fault.Is(err, fault.Fenced) || !strings.Contains(err.Error(), "topic 't', partition 1") {
		t.Errorf("got %v", err)
	}
	if got := restore(t, successor); got[tp1] != 2 {
		t.Errorf("restored %v", got)
	}
	put(t, successor, asFetched(numbers(2, 3)))
	wantState(t, stub, at(5), 5)
	// The very batch that another has written is not written again.
	if err := old.Write(t.Context(), asFetched(numbers(2, 3))); err != nil {
		t.Error(err)
	}
	wantState(t, stub, at(5), 5)
}

// TestKeeperWork: a record is counted once, however many transactions it took.
func TestKeeperWork(t *testing.T) {
	for _, tt := range bothModes {
		t.Run(tt.mode, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI(), tt.mode, append(tt.keys, keyTolerance, "all", keyDeadLetters, "dead", "bulk.write.ordered", "false")...)
			var sum connectors.SinkWork
			k.env.Worked = func(w *connectors.SinkWork) {
				sum.Records += w.Records
				sum.Written += w.Written
				sum.Refused += w.Refused
			}
			restore(t, k)
			put(t, k, asFetched(texts(0, `{"_id":1,"n":0}`, `{"_id":1,"n":1}`, `{"n":2}`)))
			put(t, k, asFetched(numbers(3, 4)))
			want := connectors.SinkWork{Records: 7, Written: 6, Refused: 1}
			if sum != want {
				t.Errorf("got %+v, want %+v", sum, want)
			}
		})
	}
}

// TestKeeperRetries: max.num.retries ends the wait for MongoDB, and nothing is written.
func TestKeeperRetries(t *testing.T) {
	for _, tt := range bothModes {
		t.Run(tt.mode, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI()+"/?serverSelectionTimeoutMS=50", tt.mode, append(tt.keys, keyMaxRetries, "2", keyRetryDefer, "1")...)
			restore(t, k)
			stub.Stop()
			b := asFetched(numbers(0, 3))
			for n := range 3 {
				if err := k.Write(t.Context(), b); fault.Is(err, fault.Retry) != (n < 2) || err == nil {
					t.Errorf("attempt %d: %v", n, err)
				}
			}
			if err := stub.Restart(); err != nil {
				t.Fatal(err)
			}
			wantState(t, stub, "", 0)
		})
	}
}

// TestKeyless refuses a change event of a table without a primary key where only the
// _id tells documents apart, and takes it in a transaction.
func TestKeyless(t *testing.T) {
	event := `{"op":"c","after":{"n":1}}`
	for mode, marked := range map[string]string{exactlyTransact: "", exactlyIdempotent: "0:" + codeNotConvergent} {
		t.Run(mode, func(t *testing.T) {
			stub := startSet(t)
			k := openKeeper(t, stub.URI(), mode, keyCDC, pkg+"cdc.debezium.rdbms.postgres.PostgresHandler", keyTolerance, "all", keyDeadLetters, "dead")
			restore(t, k)
			b := asFetched(texts(0, event))
			b.Records[0].Key = data.ValueCell(data.OfString(`{}`), nil)
			if got := put(t, k, b); got != marked {
				t.Errorf("marked %q, want %q", got, marked)
			}
			if got := positions(stub); got != at(1) {
				t.Error(got)
			}
		})
	}
}

// TestOrphan leaves a transaction open, as a killed task does: its successor ends it
// and need not wait.
func TestOrphan(t *testing.T) {
	stub := startSet(t)
	old, successor := openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...), openKeeper(t, stub.URI(), oneTransaction, bothModes[0].keys...)
	restore(t, old)
	put(t, old, asFetched(numbers(0, 2)))
	b := asFetched(numbers(2, 2))
	if err := old.take(b); err != nil {
		t.Fatal(err)
	}
	ses, err := old.session.begin(t.Context(), &old.offsets)
	if err != nil {
		t.Fatal(err)
	}
	old.inside = true
	if err := old.within(mongo.NewSessionContext(t.Context(), ses), old.offsets.movesOf(b)); err != nil {
		t.Fatal(err)
	}
	if got := restore(t, successor); got[tp1] != 2 {
		t.Errorf("restored %v", got)
	}
	if _, err := old.session.commit(t.Context()); err == nil {
		t.Error("the transaction of the old owner was still open")
	}
	put(t, successor, asFetched(numbers(2, 3)))
	wantState(t, stub, at(5), 5)
}

func TestSetOffsets(t *testing.T) {
	stub := startSet(t)
	props := map[string]string{"connection.uri": patient(stub.URI()), "topics": "t", "database": "db", keyExactly: exactlyTransact}
	n := int64(7)
	change := func(to map[data.TopicPartition]*int64) {
		t.Helper()
		if kept, err := keptOffsets(t.Context(), props, testGroup, to); err != nil || !kept {
			t.Fatalf("%t, %v", kept, err)
		}
	}
	two := data.TopicPartition{Topic: "t", Partition: 2}
	change(map[data.TopicPartition]*int64{tp1: &n, two: &n})
	k := openKeeper(t, stub.URI(), exactlyTransact)
	if got := restore(t, k); !maps.Equal(got, data.Offsets{tp1: 7, two: 7}) {
		t.Errorf("restored %v", got)
	}
	put(t, k, asFetched(numbers(7, 1)))
	if kept, err := keptOffsets(t.Context(), props, "another", nil); err != nil || !kept {
		t.Fatalf("%t, %v", kept, err)
	}
	change(map[data.TopicPartition]*int64{two: nil})
	if got := restore(t, k); !maps.Equal(got, data.Offsets{tp1: 8}) {
		t.Errorf("restored %v", got)
	}
	change(nil)
	if got := restore(t, k); len(got) != 0 {
		t.Errorf("restored %v", got)
	}
	delete(props, keyExactly)
	if kept, err := keptOffsets(t.Context(), props, testGroup, nil); err != nil || kept {
		t.Errorf("%t, %v", kept, err)
	}
}

func TestExactlyOnceRefused(t *testing.T) {
	const models = pkg + "writemodel.strategy."
	for _, tt := range []struct {
		want string
		keys []string
	}{
		{"Invalid value twice for configuration culvert.exactly.once", []string{keyExactly, "twice"}},
		{"a time series collection takes part in no transaction", []string{keyExactly, exactlyTransact, keyTimeField, "at"}},
		{"makes another _id in a replay", []string{keyExactly, exactlyIdempotent}},
		{"makes another _id in a replay", []string{keyExactly, exactlyIdempotent, keyIDStrategy, pkg + "processor.id.strategy.UuidStrategy"}},
		{"the server makes the _id", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyWriteModel, models + "ReplaceOneBusinessKeyStrategy"}},
		{"the time of the write", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyWriteModel, models + "UpdateOneTimestampsStrategy"}},
		{"documents of later records", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyWriteModel, insertIt, keyDeleteOnNull, "true"}},
		{"a replay deletes another", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyDeleteOnNull, "true", keyDeleteModel, models + "DeleteOneBusinessKeyStrategy"}},
		{"a replay finds later documents", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyDuplicates, "skip"}},
		{"of the whole connector, not of a topic", []string{"topic.override.t." + keyExactly, exactlyTransact}},
		{"", []string{keyExactly, exactlyTransact}},
		{"", []string{keyExactly, "None"}},
		{"", []string{keyExactly, exactlyIdempotent, keyIDStrategy, kafkaID, keyWriteModel, insertIt}},
		{"", []string{keyExactly, exactlyIdempotent, keyIDStrategy, fullKeyID, keyDeleteOnNull, "true"}},
	} {
		props := map[string]string{"topics": "t", "database": "db"}
		for i := 0; i < len(tt.keys); i += 2 {
			props[tt.keys[i]] = tt.keys[i+1]
		}
		_, r := validate(props)
		text := strings.Join(r.Errors(), "; ")
		if tt.want == "" && text != "" || !strings.Contains(text, tt.want) {
			t.Errorf("%v: %q, want %q", tt.keys, text, tt.want)
		}
		if _, err := newConfig(props); (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.keys, err, tt.want)
		}
	}
}

func TestExactlyOnceServer(t *testing.T) {
	alone, set := startStub(t), startSet(t)
	props := func(uri, mode string) map[string]string {
		return map[string]string{"connection.uri": uri, "topics": "t", "database": "db", keyExactly: mode, keyIDStrategy: kafkaID}
	}
	for _, tt := range []struct{ uri, mode, want string }{
		{alone.URI(), exactlyTransact, "neither a replica set nor a sharded cluster"},
		{alone.URI(), exactlyIdempotent, ""},
		{set.URI(), exactlyTransact, ""},
		{set.URI() + "/?w=0", exactlyIdempotent, "with w=0"},
	} {
		p := props(tt.uri, tt.mode)
		r := check(t.Context(), p)
		dial(t.Context(), p, r)
		text := strings.Join(r.Errors(), "; ")
		if tt.want == "" && text != "" || !strings.Contains(text, tt.want) {
			t.Errorf("%s, %s: %q, want %q", tt.uri, tt.mode, text, tt.want)
		}
	}
	// A server that has changed since the check says so too.
	k := openKeeper(t, alone.URI(), exactlyTransact)
	restore(t, k)
	if err := k.Write(t.Context(), asFetched(numbers(0, 1))); !fault.Is(err, fault.Fatal) || !strings.Contains(fault.Of(err).Fix, "replica set") {
		t.Errorf("got %v", err)
	}
}
