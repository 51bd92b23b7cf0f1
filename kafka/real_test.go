//go:build e2e

package kafka

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/data"
	"culvert/fault"
)

// The tests in this file run against a real broker that is theirs alone: the
// suite of test/e2e starts one and runs them. CULVERT_KAFKA is its plain listener,
// CULVERT_KAFKA_SASL the one that knows PLAIN and SCRAM, CULVERT_KAFKA_PID its
// process, which is frozen for CULVERT_OUTAGE [15s]. A broker on another machine is
// taken away by the shell command CULVERT_DOWN and brought back by CULVERT_UP.
func realBroker(t *testing.T, props ...string) Settings {
	t.Helper()
	s := Settings{Props: map[string]string{"bootstrap.servers": fromEnvironment(t, "CULVERT_KAFKA"), "auto.offset.reset": "earliest"}, ClientID: t.Name()}
	for i := 0; i+1 < len(props); i += 2 {
		s.Props[props[i]] = props[i+1]
	}
	return s
}

// fromEnvironment is a variable that the test cannot do without.
func fromEnvironment(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run these tests by go test -tags e2e -run TestKafkaClients ./test/e2e", name)
	}
	return value
}

func minutes(t *testing.T, n int) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// freshTopic creates a topic with a name of its own.
func freshTopic(ctx context.Context, t *testing.T, s Settings, partitions int32) string {
	t.Helper()
	name := fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.CreateTopic(ctx, TopicSpec{Name: name, Partitions: partitions, Replication: 1,
		Configs: map[string]string{"retention.ms": "-1"}}); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRealTxn(t *testing.T) {
	s := realBroker(t)
	ctx := minutes(t, 2)
	topic := freshTopic(ctx, t, s, 1)
	tp := data.TopicPartition{Topic: topic}
	id := topic + "-id"
	begun := time.Now()
	x := openTxn(ctx, t, s, id)
	t.Logf("OpenTxn took %v", time.Since(begun))
	var took []time.Duration
	for i := range 200 {
		begun := time.Now()
		err := x.Run(ctx, numbered(topic, 0, i*20, i*20+20), id, map[data.TopicPartition]OffsetMeta{tp: {int64(i), "m"}})
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	t.Logf("a transaction of 20 rows and an offset: p50 %v, p99 %v", took[100], took[198])
	checkOffsets(ctx, t, s, id, map[data.TopicPartition]OffsetMeta{tp: {199, "m"}})
	for i, m := range readN(ctx, t, committed(s), 4000, tp) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
	begun = time.Now()
	next := openTxn(ctx, t, s, id)
	t.Logf("OpenTxn of a successor took %v", time.Since(begun))
	if err := x.Run(ctx, numbered(topic, 0, 0, 1), id, nil); !fault.Is(err, fault.Fenced) {
		t.Errorf("the old owner's Run gave %v", err)
	}
	if err := next.Run(ctx, numbered(topic, 0, 4000, 4001), id, nil); err != nil {
		t.Error(err)
	}
	// An open transaction of the old owner is ended by the new one.
	queues, err := next.prepare(ctx, numbered(topic, 0, 9, 10))
	if err != nil {
		t.Fatal(err)
	}
	if err := next.fill(ctx, queues, id, map[data.TopicPartition]OffsetMeta{tp: {7, "m"}}); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	third := openTxn(ctx, t, s, id)
	t.Logf("OpenTxn over an open transaction took %v", time.Since(begun))
	if err := next.commit(ctx); !fault.Is(err, fault.Fenced) {
		t.Errorf("the commit of a fenced owner gave %v", err)
	}
	if err := third.Run(ctx, numbered(topic, 0, 4001, 4002), id, nil); err != nil {
		t.Error(err)
	}
	for i, m := range readN(ctx, t, committed(s), 4002, tp) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}

// The broker of these tests runs with auto.create.topics.enable=false.
func TestRealAutoCreate(t *testing.T) {
	s := realBroker(t)
	ctx := minutes(t, 1)
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if auto, err := a.AutoCreateTopics(ctx); err != nil || auto {
		t.Errorf("AutoCreateTopics = %v, %v", auto, err)
	}
}

func TestRealTxnTimeout(t *testing.T) {
	s := realBroker(t, "transaction.timeout.ms", "1000")
	ctx := minutes(t, 2)
	topic := freshTopic(ctx, t, s, 1)
	x := openTxn(ctx, t, s, topic)
	queues, err := x.prepare(ctx, numbered(topic, 0, 100, 110))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.fill(ctx, queues, "", nil); err != nil {
		t.Fatal(err)
	}
	before, now, state := x.who, x.who, ""
	for begun := time.Now(); now == before || state != "CompleteAbort"; {
		if now, state, err = x.describe(ctx); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > 40*time.Second {
			t.Fatalf("the transaction did not time out: %v %v %s", before, now, state)
		}
		_ = sleep(ctx, 200*time.Millisecond)
	}
	t.Logf("before %v, after the time-out %v %s", before, now, state)
	if err := x.commit(ctx); !fault.Is(err, fault.Retry) {
		t.Fatalf("the commit of a transaction that timed out gave %v", err)
	}
	if err := x.Run(ctx, numbered(topic, 0, 0, 10), "", nil); err != nil {
		t.Fatal(err)
	}
	for i, m := range readN(ctx, t, committed(s), 10, data.TopicPartition{Topic: topic}) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Value)
		}
	}
}

// A static member that was killed has its work back at once; so has one that leads.
func TestRealStaticRestart(t *testing.T) {
	s := realBroker(t)
	ctx := minutes(t, 2)
	topic := freshTopic(ctx, t, s, 3)
	set := func(stay bool) func(*GroupConfig) {
		return func(c *GroupConfig) {
			c.ID, c.HeartbeatInterval, c.SessionTimeout, c.LeaveOnClose = topic, time.Second, 30*time.Second, !stay
			c.Protocols = func() []GroupProtocol {
				return []GroupProtocol{{"range", ConsumerSubscription{Topics: []string{topic}, Generation: -1}.Encode()}}
			}
		}
	}
	a := member(ctx, t, s, "a", set(true))
	a.expect(ctx, t, "assigned [0 1 2]")
	b := member(ctx, t, s, "b", set(true))
	b.expect(ctx, t, "assigned [2]")
	a.expect(ctx, t, "revoked", "assigned [0 1]")
	for _, old := range []*joined{a, b} {
		name, want := "a", "assigned [0 1]"
		if old == b {
			name, want = "b", "assigned [2]"
		}
		was := old.generation()
		begun := time.Now()
		again := member(ctx, t, s, name, set(false))
		again.expect(ctx, t, want)
		now := again.generation()
		t.Logf("%s is back after %v: was %+v, is %+v", name, time.Since(begun), was, now)
		if now.Leader != was.Leader || now.ID != was.ID {
			t.Errorf("%s: %+v became %+v", name, was, now)
		}
		if err := old.Commit(ctx, map[data.TopicPartition]OffsetMeta{{Topic: topic}: {5, ""}}); !fault.Is(err, fault.Fenced) {
			t.Errorf("a commit of the former %s = %v", name, err)
		}
		if err := <-old.end; !fault.Is(err, fault.Fenced) {
			t.Errorf("Run of the former %s = %v", name, err)
		}
		if name == "a" { // it leads: its Rejoin is a rebalance
			again.Rejoin()
			again.expect(ctx, t, "revoked", "assigned [0 1]")
			b.expect(ctx, t, "revoked", "assigned [2]")
			if g := again.generation(); !g.Leader || g.ID != now.ID+1 {
				t.Errorf("after Rejoin: %+v", g)
			}
		}
	}
}

// A static member that stops for good leaves by name, and others take over at once;
// Connect's protocol type is as good as the consumer's.
func TestRealStaticLeave(t *testing.T) {
	for _, kind := range []string{"consumer", "connect"} {
		t.Run(kind, func(t *testing.T) {
			s := realBroker(t)
			ctx := minutes(t, 2)
			topic := freshTopic(ctx, t, s, 3)
			set := func(c *GroupConfig) {
				c.ID, c.ProtocolType, c.HeartbeatInterval, c.SessionTimeout = topic, kind, 500*time.Millisecond, 30*time.Second
				c.Protocols = func() []GroupProtocol {
					return []GroupProtocol{{"range", ConsumerSubscription{Topics: []string{topic}, Generation: -1}.Encode()}}
				}
			}
			a := member(ctx, t, s, "a", set)
			a.expect(ctx, t, "assigned [0 1 2]")
			b := member(ctx, t, s, "b", set)
			b.expect(ctx, t, "assigned [2]")
			a.stop()
			begun := time.Now()
			b.expect(ctx, t, "revoked", "assigned [0 1 2]")
			t.Logf("the work moved within %v", time.Since(begun))
		})
	}
}

func TestRealWrongPassword(t *testing.T) {
	for mechanism, module := range map[string]string{"PLAIN": plainModule, "SCRAM-SHA-256": scramModule, "SCRAM-SHA-512": scramModule} {
		t.Run(mechanism, func(t *testing.T) {
			s := realBroker(t, "bootstrap.servers", fromEnvironment(t, "CULVERT_KAFKA_SASL"), "security.protocol", "SASL_PLAINTEXT",
				"sasl.mechanism", mechanism, "sasl.jaas.config", module+` required username="u" password="not-this-one";`)
			a, err := OpenAdmin(minutes(t, 1), s)
			if err == nil {
				_, err = a.ClusterID(minutes(t, 1))
				a.Close()
			}
			if !fault.Is(err, fault.Config) || fault.Of(err).Field != "sasl.jaas.config" || strings.Contains(fault.Explain(err), "not-this-one") {
				t.Errorf("a wrong password gave %v", err)
			}
		})
	}
}

// outage gives what takes the broker away and back.
func outage(t *testing.T) (down, up func() error, lasts time.Duration) {
	lasts = 15 * time.Second
	if d, err := time.ParseDuration(os.Getenv("CULVERT_OUTAGE")); err == nil {
		lasts = d
	}
	shell := func(command string) func() error {
		return func() error { return exec.Command("sh", "-c", command).Run() }
	}
	if os.Getenv("CULVERT_DOWN") != "" {
		return shell(os.Getenv("CULVERT_DOWN")), shell(fromEnvironment(t, "CULVERT_UP")), lasts
	}
	pid, err := strconv.Atoi(fromEnvironment(t, "CULVERT_KAFKA_PID"))
	if err != nil {
		t.Fatalf("CULVERT_KAFKA_PID: %v", err)
	}
	return func() error { return syscall.Kill(pid, syscall.SIGSTOP) }, func() error { return syscall.Kill(pid, syscall.SIGCONT) }, lasts
}

// The broker is frozen or down while a producer, a consumer, a group and transactions are at
// work: nothing is lost, nothing doubled, and work goes on within 2 s.
func TestRealOutage(t *testing.T) {
	s := realBroker(t)
	down, up, lasts := outage(t)
	ctx := minutes(t, 5)
	topic, joint := freshTopic(ctx, t, s, 1), freshTopic(ctx, t, s, 1)
	tp := data.TopicPartition{Topic: topic}
	p := openProducer(ctx, t, s)
	x := openTxn(ctx, t, s, topic)
	c := openConsumer(ctx, t, s)
	_ = c.Add(ctx, tp, Earliest)
	g := member(ctx, t, s, "a", func(c *GroupConfig) {
		c.ID, c.HeartbeatInterval, c.SessionTimeout = topic, 3*time.Second, 10*time.Second
		c.Protocols = func() []GroupProtocol {
			return []GroupProtocol{{"range", ConsumerSubscription{Topics: []string{topic}, Generation: -1}.Encode()}}
		}
	})
	g.expect(ctx, t, "assigned [0]")

	work, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	sent, read, run := 0, 0, 0
	last := map[string]time.Time{}
	mark := func(what string, n *int, by int) {
		mu.Lock()
		defer mu.Unlock()
		*n += by
		last[what] = time.Now()
	}
	wg.Go(func() {
		for i := 0; work.Err() == nil; i++ {
			_ = p.Send(ctx, numbered(topic, 0, i*10, i*10+10), func(_ int, _ int32, _ int64, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
			mark("send", &sent, 10)
			_ = sleep(work, 5*time.Millisecond)
		}
	})
	wg.Go(func() {
		for i := 0; work.Err() == nil; {
			err := x.Run(ctx, numbered(joint, 0, i*10, i*10+10), topic+"-offsets", map[data.TopicPartition]OffsetMeta{tp: {int64(i), ""}})
			if err == nil {
				i++
				mark("run", &run, 10)
			} else if !fault.Is(err, fault.Retry) {
				t.Errorf("transaction: %v", err)
				return
			} else {
				t.Logf("%s transaction: %v", time.Now().Format("05.000"), err)
			}
			_ = sleep(work, 5*time.Millisecond)
		}
	})
	wg.Go(func() {
		for next := 0; ; {
			msgs, err := c.Poll(work, Limits{}, nil)
			if err != nil {
				return
			}
			for _, m := range msgs {
				if string(m.Value) != strconv.Itoa(next) {
					t.Errorf("read %s, want %d", m.Value, next)
					return
				}
				next++
			}
			mark("read", &read, len(msgs))
		}
	})
	_ = sleep(ctx, 2*time.Second)
	if err := down(); err != nil {
		t.Fatal(err)
	}
	_ = sleep(ctx, lasts)
	if err := up(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	t.Logf("%s the broker is back", back.Format("05.000"))
	for _, what := range []string{"read", "run"} {
		for {
			mu.Lock()
			at := last[what]
			mu.Unlock()
			if at.After(back) {
				t.Logf("%s went on %v after the outage", what, at.Sub(back))
				break
			}
			_ = sleep(ctx, 10*time.Millisecond)
		}
	}
	_ = sleep(ctx, 5*time.Second)
	stop()
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	t.Logf("sent %d, read %d, in transactions %d", sent, read, run)
	exactly(ctx, t, s, tp, sent)
	for i, m := range readN(ctx, t, committed(s), run, data.TopicPartition{Topic: joint}) {
		if string(m.Value) != strconv.Itoa(i) {
			t.Fatalf("transactional message %d is %s", i, m.Value)
		}
	}
	for len(g.events) > 0 {
		t.Logf("group: %s", <-g.events)
	}
	if err := g.Commit(ctx, map[data.TopicPartition]OffsetMeta{tp: {1, ""}}); err != nil {
		t.Errorf("commit after the outage: %v", err)
	}
}
