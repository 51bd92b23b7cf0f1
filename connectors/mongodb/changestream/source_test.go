package changestream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"culvert/connectors"
	"culvert/connectors/conntest"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/mongostub"
)

// bed is a server with a client that changes what is in it.
type bed struct {
	*mongostub.Server
	db *mongo.Database
	// waiting takes the reasons that sources of the bed give for waiting.
	waiting chan string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	s, err := mongostub.Start(mongostub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	c, err := mongo.Connect(options.Client().ApplyURI(s.URI()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(context.WithoutCancel(t.Context())) }) // the server is a stub
	return &bed{Server: s, db: c.Database("db"), waiting: make(chan string, 100)}
}

func (b *bed) insert(t *testing.T, coll string, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if _, err := b.db.Collection(coll).InsertOne(t.Context(), bson.D{{Key: "_id", Value: i}, {Key: "n", Value: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bed) open(t *testing.T, from []data.Mark, overrides ...string) *Source {
	t.Helper()
	props := map[string]string{"connection.uri": b.URI(), "database": "db", "poll.await.time.ms": "200"}
	for i := 0; i < len(overrides); i += 2 {
		props[overrides[i]] = overrides[i+1]
	}
	s, err := Open(t.Context(), connectors.Env{Offsets: offsets(from), Waiting: func(reason string) { b.waiting <- reason }}, props)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

// offsets are the stored ones.
type offsets []data.Mark

func (o offsets) Load(_ context.Context, partitions []data.Value) ([]data.Value, error) {
	found := make([]data.Value, len(partitions))
	for i, p := range partitions {
		for _, m := range o {
			if m.Partition.Equal(p) {
				found[i] = m.Next
			}
		}
	}
	return found, nil
}

func (b *bed) stored(pairs ...string) []data.Mark {
	return fromName("mongodb://"+b.Addr()+"/db", pairs...)
}

func fromName(name string, pairs ...string) []data.Mark {
	var next []data.Value
	for _, p := range pairs {
		next = append(next, data.OfString(p))
	}
	return []data.Mark{{Partition: data.OfMap([]data.Value{data.OfString("ns"), data.OfString(name)}), Next: data.OfMap(next)}}
}

// ready opens the stream, so that what is changed from now on is read.
func ready(t *testing.T, s *Source) {
	t.Helper()
	err := s.step(t.Context(), data.NewBatch())
	for n := 0; fault.Is(err, fault.Retry) && n < 100; n++ { // as Read does
		err = s.step(t.Context(), data.NewBatch())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// line is a record in a test: topic, key and value.
func lines(t *testing.T, b *data.Batch) []string {
	t.Helper()
	var out []string
	for i := range b.Records {
		r := &b.Records[i]
		k, _, _ := r.Key.Value(b.Arena)
		v, _, _ := r.Value.Value(b.Arena)
		out = append(out, r.Topic+" "+show(k)+" "+show(v))
	}
	return out
}

func show(v data.Value) string {
	if v.Kind() == data.String {
		return v.Str()
	}
	return conntest.Show(v)
}

// take reads batches until it has n records, and gives the last mark.
func take(t *testing.T, s *Source, n int) ([]string, data.Value) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []string
	var mark data.Value
	for len(out) < n {
		b := data.NewBatch()
		if err := s.Read(ctx, b); err != nil {
			t.Fatalf("Read after %d of %d records: %v", len(out), n, err)
		}
		out = append(out, lines(t, b)...)
		mark = b.Marks()[0].Next
	}
	return out, mark
}

func textOf(t *testing.T, m data.Value, name string) string {
	t.Helper()
	v, ok := m.Lookup(name)
	if !ok {
		return ""
	}
	return v.Str()
}

func TestSourceContract(t *testing.T) {
	var b *bed
	conntest.Source(t, conntest.SourceCase{
		Batches: 4,
		Open: func(t *testing.T, marks []data.Mark) connectors.Source {
			if marks == nil {
				b = newBed(t)
			}
			s := b.open(t, marks, "poll.max.batch.size", "2")
			if marks == nil {
				ready(t, s)
				b.insert(t, "c", 0, 10)
			}
			return s
		},
		Quiet: func(t *testing.T) connectors.Source { return newBed(t).open(t, nil) },
	})
}

// TestEvents has what becomes of each kind of event.
func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name   string
		config []string
		want   []string
	}{
		{"default", nil, []string{
			`db.c {"_id": 1} {"_id": {"_data": "8200000001"}, "operationType": "insert", "clusterTime": {"$timestamp": {"t": 1, "i": 0}}, "ns": {"db": "db", "coll": "c"}, "documentKey": {"_id": 1}, "fullDocument": {"_id": 1, "l": {"$numberLong": "5"}}}`,
			`db.c {"_id": 1} {"_id": {"_data": "8200000002"}, "operationType": "replace", "clusterTime": {"$timestamp": {"t": 2, "i": 0}}, "ns": {"db": "db", "coll": "c"}, "documentKey": {"_id": 1}, "fullDocument": {"_id": 1, "l": {"$numberLong": "6"}}}`,
			`db.c {"_id": 1} {"_id": {"_data": "8200000003"}, "operationType": "delete", "clusterTime": {"$timestamp": {"t": 3, "i": 0}}, "ns": {"db": "db", "coll": "c"}, "documentKey": {"_id": 1}}`,
		}},
		{"full_document", []string{"publish.full.document.only", "true", "publish.full.document.only.tombstone.on.delete", "true", "topic.prefix", "p"}, []string{
			`p.db.c {"_id": 1} {"_id": 1, "l": {"$numberLong": "5"}}`, `p.db.c {"_id": 1} {"_id": 1, "l": {"$numberLong": "6"}}`, `p.db.c {"_id": 1} null`}},
		{"key_of_token", []string{"publish.full.document.only", "true", "change.stream.document.key.as.key", "false", "output.json.formatter", formatters + "SimplifiedJson"}, []string{
			`db.c {"_id": {"_data": "8200000001"}} {"_id": 1, "l": 5}`, `db.c {"_id": {"_data": "8200000002"}} {"_id": 1, "l": 6}`}},
		{"infer", []string{"publish.full.document.only", "true", "output.format.value", "schema", "output.schema.infer.value", "true"}, []string{
			`db.c {"_id": 1} struct(1 5)`, `db.c {"_id": 1} struct(1 6)`}},
		{"schema", []string{"output.format.key", "schema", "output.format.value", "schema", "output.schema.value",
			`{"type":"record","name":"x","fields":[{"name":"documentKey","type":"string"},{"name":"fullDocument.l","type":["long","null"]},{"name":"d","type":"int","default":7}]}`}, []string{
			`db.c struct("{\"_data\": \"8200000001\"}") struct("{\"_id\": 1}" 5 7)`, `db.c struct("{\"_data\": \"8200000002\"}") struct("{\"_id\": 1}" 6 7)`,
			`db.c struct("{\"_data\": \"8200000003\"}") struct("{\"_id\": 1}" null 7)`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open(t, nil, c.config...)
			ready(t, s)
			coll := b.db.Collection("c")
			id := bson.D{{Key: "_id", Value: 1}}
			if _, err := coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "l", Value: int64(5)}}); err != nil {
				t.Fatal(err)
			}
			if _, err := coll.ReplaceOne(t.Context(), id, bson.D{{Key: "l", Value: int64(6)}}); err != nil {
				t.Fatal(err)
			}
			if _, err := coll.DeleteOne(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			got, _ := take(t, s, len(c.want))
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestOffsets has offsets as Java's connector stores them.
func TestOffsets(t *testing.T) {
	b := newBed(t)
	b.insert(t, "c", 0, 5)
	got, mark := take(t, b.open(t, b.stored("_id", `{"_data": "8200000003"}`)), 2)
	if len(got) != 2 || !strings.Contains(got[0], `{"_id": 3}`) {
		t.Errorf("after the third event: %v", got)
	}
	if id := textOf(t, mark, "_id"); id != `{"_data": "8200000005"}` {
		t.Errorf("stored %s", id)
	}
	if got, _ = take(t, b.open(t, fromName("mine", "_id", `{"_data": "8200000004"}`, "HEARTBEAT", "true"), "offset.partition.name", "mine"), 1); len(got) != 1 || !strings.Contains(got[0], `{"_id": 4}`) {
		t.Errorf("behind a heartbeat: %v", got)
	}
	_, err := Open(t.Context(), connectors.Env{Offsets: offsets(b.stored("_id", "nonsense"))}, map[string]string{"connection.uri": b.URI(), "database": "db"})
	if !fault.Is(err, fault.Config) {
		t.Errorf("an offset that is no token: %v", err)
	}
}

// TestCopy copies what is there, while something is changed, and then goes on with the
// changes: nothing is missing.
func TestCopy(t *testing.T) {
	b := newBed(t)
	b.insert(t, "a", 0, 3)
	b.insert(t, "b", 0, 4)
	b.insert(t, "unwanted", 0, 1)
	s := b.open(t, nil, "startup.mode", "copy_existing", "poll.max.batch.size", "2", "copy.existing.max.threads", "1", "startup.mode.copy.existing.namespace.regex", `db\.[ab]$`, "publish.full.document.only", "true")
	first, mark := take(t, s, 2)
	if textOf(t, mark, "copy") != "true" || !strings.Contains(textOf(t, mark, "_id"), "copyingData") {
		t.Errorf("while copying the offset is %s", conntest.Show(mark))
	}
	b.insert(t, "b", 100, 1)
	rest, _ := take(t, s, 6) // with the new one, which is copied as well
	last, mark := take(t, s, 1)
	all := slices.Concat(first, rest, last)
	for _, want := range []string{`db.a {"_id": 0}`, `db.a {"_id": 2}`, `db.b {"_id": 0}`, `db.b {"_id": 3}`, `db.b {"_id": 100}`} {
		if !slices.ContainsFunc(all, func(l string) bool { return strings.HasPrefix(l, want) }) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(all, "\n"))
		}
	}
	if strings.Contains(strings.Join(all, "\n"), "unwanted") {
		t.Error("a collection was copied that the regular expression leaves out")
	}
	if textOf(t, mark, "copy") != "" || !strings.HasPrefix(textOf(t, mark, "_id"), `{"_data"`) {
		t.Errorf("after copying the offset is %s", conntest.Show(mark))
	}
	b.insert(t, "a", 50, 1)
	again := b.open(t, b.stored("_id", textOf(t, mark, "_id")), "startup.mode", "copy_existing")
	if got, _ := take(t, again, 1); len(got) != 1 || !strings.Contains(got[0], `{"_id": 50}`) {
		t.Errorf("after the copy a restart reads %v", got)
	}
	half := b.open(t, b.stored("_id", `{"_id": 1, "copyingData": true}`, "copy", "true"), "startup.mode", "copy_existing")
	if got, _ := take(t, half, 10); len(got) != 10 {
		t.Errorf("a copy that was broken off begins anew with %d records", len(got))
	}
}

// TestCopiedEventShape: the namespace stands at the end, as in Java.
func TestCopiedEventShape(t *testing.T) {
	b := newBed(t)
	b.insert(t, "c", 7, 1)
	s := b.open(t, nil, "copy.existing", "true", "collection", "c")
	got, mark := take(t, s, 1)
	want := `db.c {"_id": 7} {"_id": {"_id": 7, "copyingData": true}, "operationType": "insert", "documentKey": {"_id": 7}, "fullDocument": {"_id": 7, "n": "7"}, "ns": {"db": "db", "coll": "c"}}`
	if got[0] != want {
		t.Errorf("got  %s\nwant %s", got[0], want)
	}
	if textOf(t, mark, "copy") != "" {
		t.Error("the last copied document does not end the copy")
	}
}

// TestOutage: a server that goes away, and cursors that do, cost no event.
func TestOutage(t *testing.T) {
	b := newBed(t)
	s := b.open(t, nil)
	ready(t, s)
	b.insert(t, "c", 0, 1)
	take(t, s, 1)
	b.KillCursors()
	b.insert(t, "c", 1, 1)
	if got, _ := take(t, s, 1); !strings.Contains(got[0], `{"_id": 1}`) {
		t.Errorf("after a lost cursor: %v", got)
	}
	b.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type answer struct {
		batch *data.Batch
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		batch := data.NewBatch()
		done <- answer{batch, s.Read(ctx, batch)}
	}()
	for reason := ""; !strings.Contains(reason, "does not answer"); {
		reason = <-b.waiting
	}
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	for b.db.Client().Ping(t.Context(), nil) != nil { // the pool forgets its dead connections one by one
	}
	b.insert(t, "c", 2, 1)
	a := <-done
	if a.err != nil {
		t.Fatal(a.err)
	}
	if got := lines(t, a.batch); !strings.Contains(got[0], `{"_id": 2}`) {
		t.Errorf("after an outage: %v", got)
	}
	b.waitsNoMore(t)
}

// waitsNoMore checks that the last reason for waiting was taken back.
func (b *bed) waitsNoMore(t *testing.T) {
	t.Helper()
	last := ""
	for len(b.waiting) > 0 {
		last = <-b.waiting
	}
	if last != "" {
		t.Errorf("the status still says %q", last)
	}
}

// TestAnsweredByEvents: an outage ends with the first answer, also when events come with
// it, as they do on a busy stream: the status may not go on saying that nobody answers.
func TestAnsweredByEvents(t *testing.T) {
	b := newBed(t)
	s := b.open(t, nil)
	ready(t, s)
	b.insert(t, "c", 0, 1)
	b.Script(mongostub.Fault{Command: "getMore", Error: &mongostub.CommandError{Code: 91, Name: "ShutdownInProgress", Message: "going down"}})
	take(t, s, 1)
	if len(b.waiting) < 2 {
		t.Fatalf("%d changes of the status, want a reason and its end", len(b.waiting))
	}
	for len(b.waiting) > 1 {
		if reason := <-b.waiting; !strings.Contains(reason, "going down") {
			t.Errorf("it waits for %q", reason)
		}
	}
	if reason := <-b.waiting; reason != "" {
		t.Errorf("the status still says %q", reason)
	}
}

// TestInvalidate: after a drop the stream goes on, with what comes in between.
func TestInvalidate(t *testing.T) {
	b := newBed(t)
	s := b.open(t, nil, "collection", "c")
	ready(t, s)
	b.insert(t, "c", 0, 1)
	if err := b.db.Collection("c").Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.insert(t, "c", 9, 1)
	got, _ := take(t, s, 3)
	if !strings.Contains(got[1], `"drop"`) || !strings.Contains(got[2], `{"_id": 9}`) {
		t.Errorf("got %v", got)
	}
}

// TestLostPosition: a log that no longer reaches back fails the task, or begins anew.
func TestLostPosition(t *testing.T) {
	b := newBed(t)
	b.insert(t, "c", 0, 3)
	b.Forget()
	at := b.stored("_id", `{"_data": "8200000001"}`)
	err := b.open(t, at).Read(t.Context(), data.NewBatch())
	if f := fault.Of(err); f == nil || f.Class != fault.Fatal || f.Code != "mongo.position_lost" || !strings.Contains(f.Error(), "ResumeToken not found. Cannot create a change stream cursor") {
		t.Errorf("Read: %v", err)
	}
	s := b.open(t, at, "mongo.errors.tolerance", "all")
	ready(t, s)
	b.insert(t, "c", 10, 1)
	if got, _ := take(t, s, 1); !strings.Contains(got[0], `{"_id": 10}`) {
		t.Errorf("begun anew: %v", got)
	}
}

// TestHeartbeat: the position of a silent stream is a record of its own.
func TestHeartbeat(t *testing.T) {
	b := newBed(t)
	b.insert(t, "other", 0, 3)
	s := b.open(t, nil, "heartbeat.interval.ms", "1", "collection", "c")
	got, mark := take(t, s, 1)
	if want := `__mongodb_heartbeats {"_data": "8200000003"} null`; got[0] != want {
		t.Errorf("got %s, want %s", got[0], want)
	}
	if textOf(t, mark, "HEARTBEAT") != "true" || textOf(t, mark, "_id") != `{"_data": "8200000003"}` {
		t.Errorf("offset %s", conntest.Show(mark))
	}
}

// TestBadDocuments: an event that does not fit the schema fails the task after those
// before it, is left out, or goes to a topic of its own.
func TestBadDocuments(t *testing.T) {
	config := []string{"publish.full.document.only", "true", "output.format.value", "schema",
		"output.schema.value", `{"type":"record","name":"x","fields":[{"name":"n","type":"string"},{"name":"m","type":"int"}]}`}
	write := func(t *testing.T, b *bed) {
		for i, d := range []bson.D{{{Key: "n", Value: "a"}, {Key: "m", Value: 1}}, {{Key: "n", Value: "b"}}, {{Key: "n", Value: "c"}, {Key: "m", Value: 3}}} {
			if _, err := b.db.Collection("c").InsertOne(t.Context(), append(bson.D{{Key: "_id", Value: i}}, d...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		config []string
		want   []string
	}{
		{"none", nil, []string{`db.c {"_id": 0} struct("a" 1)`}},
		{"all", []string{"errors.tolerance", "all"}, []string{`db.c {"_id": 0} struct("a" 1)`, `db.c {"_id": 2} struct("c" 3)`}},
		{"letters", []string{"mongo.errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dead"},
			[]string{`db.c {"_id": 0} struct("a" 1)`, `dead {"_id": 1} {"_id": 1, "n": "b"}`, `db.c {"_id": 2} struct("c" 3)`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			s := b.open(t, nil, append(slices.Clone(config), c.config...)...)
			ready(t, s)
			write(t, b)
			got, _ := take(t, s, len(c.want))
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if c.name == "none" {
				err := s.Read(t.Context(), data.NewBatch())
				if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), "Missing field 'm' in: '") || !strings.Contains(err.Error(), `Key={"_id": 1}`) {
					t.Errorf("Read: %v", err)
				}
			}
		})
	}
}

// TestRefusals are errors of the server that nothing waits out.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		code int32
		want string
	}{
		{20, "Illegal $changeStream operation"},
		{40415, "It is likely that you are trying to use functionality unsupported"},
		{40573, "The $changeStream stage is only supported on replica sets"},
		{13, "refuses the user"},
	} {
		b := newBed(t)
		b.Script(mongostub.Fault{Command: "aggregate", Error: &mongostub.CommandError{Code: c.code, Name: "X", Message: "The $changeStream stage is only supported on replica sets"}})
		err := b.open(t, nil).Read(t.Context(), data.NewBatch())
		if !fault.Is(err, fault.Fatal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("code %d: %v", c.code, err)
		}
	}
}

// TestClose: the server keeps no cursor of a source that has ended. It is asked once, for
// a moment: a machine that stands still meanwhile may miss it.
func TestClose(t *testing.T) {
	b := newBed(t)
	left := 0
	for range 5 {
		s := b.open(t, nil)
		ready(t, s)
		if n := b.OpenCursors(); n != left+1 {
			t.Fatalf("%d cursors", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := s.Read(ctx, data.NewBatch()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Read: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := b.OpenCursors()
		if n == left {
			return
		}
		left = n
	}
	t.Errorf("%d cursors of as many sources are left", left)
}
