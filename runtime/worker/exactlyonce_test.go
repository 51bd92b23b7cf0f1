package worker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/connectors/mongodb"
	"culvert/data"
	"culvert/internal/mongostub"
)

// guillotine stands between a process and MongoDB. After so many bytes, of both
// directions together, it falls: in the middle of a command or of its answer, every
// connection breaks, and none is taken any more.
type guillotine struct {
	ln     net.Listener
	target string
	fallen chan struct{}
	done   sync.WaitGroup

	mu    sync.Mutex
	left  int // bytes
	down  bool
	conns []net.Conn
}

func newGuillotine(t *testing.T, target string, bytes int) *guillotine {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &guillotine{ln: ln, target: target, fallen: make(chan struct{}), left: bytes}
	g.done.Go(g.accept)
	return g
}

func (g *guillotine) accept() {
	for {
		c, err := g.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", g.target)
		if err != nil {
			_ = c.Close() // as if it had fallen
			continue
		}
		g.mu.Lock()
		if g.down {
			_, _ = c.Close(), far.Close()
		}
		g.conns = append(g.conns, c, far)
		g.mu.Unlock()
		g.done.Go(func() { g.pass(far, c) })
		g.done.Go(func() { g.pass(c, far) })
	}
}

func (g *guillotine) pass(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 1024)
	for {
		n, err := from.Read(buf)
		g.mu.Lock()
		n = min(n, g.left)
		g.left -= n
		over := g.left == 0
		g.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if over {
			g.fall()
		}
		if err != nil || over {
			return
		}
	}
}

func (g *guillotine) fall() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down {
		return
	}
	g.down = true
	close(g.fallen)
	_ = g.ln.Close() // whoever dials is refused
	for _, c := range g.conns {
		_ = c.Close() // that is the point
	}
}

// stored counts the documents of a collection by their n.
func stored(s *mongostub.Server, coll string) map[int64]int {
	found := map[int64]int{}
	for _, d := range s.Docs("db." + coll) {
		found[bson.Raw(d).Lookup("n").AsInt64()]++
	}
	return found
}

// moved is the sum of the offsets that a sink keeps.
func moved(s *mongostub.Server, connector string) (sum int) {
	for _, d := range s.Docs("db.culvert.offsets") {
		if doc := bson.Raw(d); doc.Lookup("_id", "group").StringValue() == "connect-"+connector {
			sum += int(doc.Lookup("offset").AsInt64())
		}
	}
	return sum
}

// TestExactlyOnceThroughKills cuts a worker off from MongoDB and Kafka after a random
// number of bytes, again and again, and begins another each time. What is cut is a
// command or its answer, that of a commit among them.
func TestExactlyOnceThroughKills(t *testing.T) {
	rounds := 200
	if n, err := strconv.Atoi(os.Getenv("CULVERT_KILLS")); err == nil {
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("CULVERT_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("CULVERT_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const partitions, each = 3, 30
	stub, err := mongostub.Start(mongostub.Options{ReplicaSet: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stub.Stop)
	const classes = "com.mongodb.kafka.connect.sink."
	sinks := map[string]map[string]string{
		"transaction": {"document.id.strategy": classes + "processor.id.strategy.BsonOidStrategy",
			"writemodel.strategy": classes + "writemodel.strategy.InsertOneDefaultStrategy"},
		"idempotent": {"document.id.strategy": classes + "processor.id.strategy.KafkaMetaDataStrategy",
			"writemodel.strategy": classes + "writemodel.strategy.InsertOneDefaultStrategy"},
	}
	w := newWorld(t, map[string]int32{"in": partitions})
	sent := 0
	send := func() {
		var msgs []data.Message
		for range each {
			msgs = append(msgs, data.Message{Topic: "in", Partition: int32(sent % partitions), Timestamp: data.NoTimestamp, Value: fmt.Appendf(nil, `{"n":%d}`, sent)})
			sent++
		}
		w.produce(msgs...)
	}
	begin := func(bytes int) *guillotine {
		w.begin()
		g := newGuillotine(t, stub.Addr(), bytes)
		for mode, own := range sinks {
			props := map[string]string{"connector.class": mongodb.Class, "topics": "in", "tasks.max": "1", "database": "db", "collection": mode,
				"connection.uri": "mongodb://" + g.ln.Addr().String() + "/?directConnection=true", "culvert.exactly.once": mode, "consumer.override.max.poll.records": "7"}
			maps.Copy(props, own)
			w.start(mode, 1, props, false)
		}
		return g
	}
	done := func() bool { return moved(stub, "transaction") == sent && moved(stub, "idempotent") == sent }
	w.close() // the process that the world began with

	var dead []*process
	var cut []*guillotine
	amid := 0
	for range rounds {
		send()
		g := begin(1 + random.IntN(40_000))
		w.until("the end of a round", func() bool {
			select {
			case <-g.fallen:
				return true
			default:
				return done()
			}
		})
		if !done() {
			amid++
		}
		g.fall()
		w.kill()
		dead, cut = append(dead, w.process), append(cut, g)
	}
	begin(1 << 40)
	w.until("all is written", done)
	for _, p := range dead {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		_ = p.w.Close(ctx) // it cannot reach anybody
		cancel()
	}
	for _, g := range cut {
		g.done.Wait()
	}
	for mode := range sinks {
		found := stored(stub, mode)
		missing, doubled := 0, 0
		for n := range sent {
			switch found[int64(n)] {
			case 0:
				missing++
			case 1:
			default:
				doubled++
			}
		}
		if missing+doubled > 0 || len(found) != sent {
			t.Errorf("%s: %d missing, %d doubled, %d in all of %d", mode, missing, doubled, len(found), sent)
		}
	}
	t.Logf("%d rounds, %d of them cut while there was work; %d records", rounds, amid, sent)
	if amid < rounds/3 {
		t.Errorf("only %d of %d rounds were cut while there was work", amid, rounds)
	}
}
