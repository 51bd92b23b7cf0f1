package herder

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/group"
	"culvert/runtime/store"
)

// world is a cluster in memory: topics, a coordinator, workers. Tests run it in a
// synctest bubble; settle lets it come to rest.
type world struct {
	t                       *testing.T
	config, status, offsets *topic
	hub                     *hub
	log                     *slog.Logger

	mu      sync.Mutex
	running map[group.Task][]string // which workers run it: more than one is a defect
	doubled []string
}

func newWorld(t *testing.T) *world {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	return &world{t: t, config: &topic{}, status: &topic{}, offsets: &topic{}, hub: newHub(), log: log, running: map[group.Task][]string{}}
}

func settle() { synctest.Wait() }

// topic is a compacted topic that several stores follow.
type topic struct {
	mu      sync.Mutex
	records []data.Message
	readers []func(data.Message)
}

func (p *topic) open(_ context.Context, apply func(data.Message)) (store.Table, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.records {
		apply(m)
	}
	p.readers = append(p.readers, apply)
	return p, nil
}

func (p *topic) Write(_ context.Context, kvs ...store.KV) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kv := range kvs {
		m := data.Message{Offset: int64(len(p.records)), Key: kv.Key, Value: kv.Value}
		p.records = append(p.records, m)
		for _, r := range p.readers {
			r(m)
		}
	}
	return nil
}

// Sync waits for the readers of a write that is under way.
func (p *topic) Sync(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return nil
}

func (p *topic) Close() error { return nil }

// states lists what was written under a key: the states, "-" for a tombstone.
func (p *topic) states(key string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, m := range p.records {
		if string(m.Key) != key {
			continue
		}
		state := "-"
		if m.Value != nil {
			_, rest, _ := strings.Cut(string(m.Value), `"state":"`)
			state, _, _ = strings.Cut(rest, `"`)
		}
		out = append(out, state)
	}
	return strings.Join(out, " ")
}

// node is one worker.
type node struct {
	*Herder
	w    *world
	id   string
	conf store.Config
	seat *seat
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	calls []string
	tasks map[group.Task]bool
	told  chan string   // gets every call, if it is not nil
	hold  chan struct{} // StopTask waits for it when it is not nil
	// fails says whether a task without a file fails this time; nil: always.
	fails func(t group.Task) bool
	// make replaces the making of task configs.
	make func(name string, props map[string]string) ([]map[string]string, error)
}

func (w *world) node(id string, stop context.CancelFunc) *node {
	return &node{w: w, id: id, stop: stop, done: make(chan error, 1), tasks: map[group.Task]bool{}}
}

// start starts a worker in the group, or alone when the hub is nil.
func (w *world) start(id string, standalone bool) *node {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := w.node(id, cancel)
	conf, err := store.OpenConfig(ctx, w.config.open, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	statuses, err := store.OpenStatuses(ctx, w.status.open, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	offsets, err := store.OpenOffsets(ctx, w.offsets.open, w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	n.conf = conf
	s := Settings{WorkerID: id, URL: "http://" + id, ClusterID: "cluster", Config: conf, Statuses: statuses, Offsets: offsets,
		Worker: n, Plugin: plugin, TrackTopics: true, MaxRestarts: maxRestarts, CheckTasks: checkTasks, Log: w.log.With("worker", id)}
	if standalone {
		n.Herder, err = NewStandalone(s)
	} else {
		n.Herder, err = NewDistributed(s, kafka.GroupConfig{ID: "g"}, func(c kafka.GroupConfig) (Group, error) {
			n.seat = w.hub.seat(c)
			return n.seat, nil
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	go func() { n.done <- n.Run(ctx) }()
	return n
}

// close stops a worker in order and waits for it.
func (n *node) close() {
	n.w.t.Helper()
	n.stop()
	if err := <-n.done; err != nil {
		n.w.t.Errorf("worker %s: %v", n.id, err)
	}
}

func checkTasks(_ string, props map[string]string, tasks int) error {
	if most, err := strconv.Atoi(props["tasks.max"]); err == nil && tasks > most && props["tasks.max.enforce"] != "false" {
		return fault.New(fault.Fatal, "test.too_many", "generated %d tasks, which is greater than %d", tasks, most)
	}
	return nil
}

func maxRestarts(props map[string]string) int {
	n, err := strconv.Atoi(props["culvert.restart.max.attempts"])
	if err != nil {
		return 0
	}
	return n
}

func plugin(class string) (Plugin, error) {
	switch class {
	case "Source":
		return Plugin{Kind: connectors.SourceKind, Version: "4.3.1", AllOffsets: true}, nil
	case "External":
		return Plugin{Kind: connectors.SourceKind}, nil
	case "Sink":
		return Plugin{Kind: connectors.SinkKind, Version: "4.3.1"}, nil
	case "FileStreamSource":
		return Plugin{Kind: connectors.SourceKind, Version: "4.3.1"}, nil
	case "FileStreamSink":
		return Plugin{Kind: connectors.SinkKind, Version: "4.3.1"}, nil
	}
	return Plugin{}, fault.New(fault.Config, "plugins.unknown",
		"Failed to find any class that implements Connector and which name matches %s, available connectors are: Source, Sink", class)
}

func (n *node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, fmt.Sprintf(format, args...))
	n.w.log.Info(n.calls[len(n.calls)-1], "worker", n.id)
	if n.told != nil {
		n.told <- n.calls[len(n.calls)-1]
	}
}

// took returns and forgets the calls since the last time.
func (n *node) took() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := strings.Join(n.calls, ", ")
	n.calls = nil
	return out
}

func (n *node) StartTask(connector string, task int, connectorProps, taskProps map[string]string, paused bool) {
	t := tk(connector, task)
	n.note("start %s", t)
	n.w.mu.Lock()
	n.w.running[t] = append(n.w.running[t], n.id)
	if len(n.w.running[t]) > 1 {
		n.w.doubled = append(n.w.doubled, fmt.Sprintf("%s on %v", t, n.w.running[t]))
	}
	n.w.mu.Unlock()
	n.mu.Lock()
	n.tasks[t] = true
	n.mu.Unlock()
	state := store.StateRunning
	switch {
	case taskProps["file"] == "no/dir/out.txt" && (n.fails == nil || n.fails(t)):
		n.Report(connector, task, store.StateFailed, "boom")
		return
	case paused:
		state = store.StatePaused
	}
	n.Report(connector, task, state, "")
}

func (n *node) StopTask(connector string, task int) <-chan struct{} {
	t := tk(connector, task)
	n.note("stop %s", t)
	done := make(chan struct{})
	n.mu.Lock()
	hold := n.hold
	n.mu.Unlock()
	go func() {
		if hold != nil {
			<-hold
		}
		n.ended(t)
		close(done)
	}()
	return done
}

func (n *node) ended(t group.Task) {
	n.mu.Lock()
	delete(n.tasks, t)
	n.mu.Unlock()
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if i := slices.Index(n.w.running[t], n.id); i >= 0 {
		n.w.running[t] = slices.Delete(n.w.running[t], i, i+1)
	}
}

func (n *node) PauseTask(connector string, task int) {
	n.note("pause %s", tk(connector, task))
	n.Report(connector, task, store.StatePaused, "")
}

func (n *node) ResumeTask(connector string, task int) {
	n.note("resume %s", tk(connector, task))
	n.Report(connector, task, store.StateRunning, "")
}

// TaskConfigs makes tasks.max tasks of the connector's own properties.
func (n *node) TaskConfigs(name string, props map[string]string) ([]map[string]string, error) {
	if n.make != nil {
		return n.make(name, props)
	}
	max := 1
	if _, err := fmt.Sscan(props["tasks.max"], &max); err != nil && props["tasks.max"] != "" {
		return nil, err
	}
	out := make([]map[string]string, max)
	for i := range out {
		out[i] = maps.Clone(props)
		out[i]["task.class"] = map[string]string{
			"FileStreamSource": "org.apache.kafka.connect.file.FileStreamSourceTask",
			"FileStreamSink":   "org.apache.kafka.connect.file.FileStreamSinkTask"}[props["connector.class"]]
		for k := range out[i] {
			// What the file source does not pass on.
			if strings.HasPrefix(k, "no.") {
				delete(out[i], k)
			}
		}
	}
	return out, nil
}

// runs shows which worker runs what.
func (w *world) runs() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for t, ids := range w.running {
		if len(ids) > 0 {
			out = append(out, fmt.Sprintf("%s@%s", t, strings.Join(ids, "+")))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (w *world) never2() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.doubled) > 0 {
		w.t.Errorf("a task ran on two workers: %v", w.doubled)
	}
}

// hub is a coordinator: it follows the protocol of a Kafka group with static
// members, with one goroutine for each member, as kafka.Group does.
type hub struct {
	mu      sync.Mutex
	seats   map[string]*seat // members by instance id
	leader  string
	gen     int32
	joined  map[string]bool // of the round that is being prepared
	stable  bool
	shares  map[string][]byte
	changed chan struct{} // closed and renewed at every change
	ids     int
}

type seat struct {
	hub      *hub
	c        kafka.GroupConfig
	instance string
	rejoin   chan struct{}

	// guarded by hub.mu
	id     string
	in     bool
	frozen bool // notices nothing
	gen    kafka.Generation
	meta   []byte
}

func newHub() *hub {
	return &hub{seats: map[string]*seat{}, joined: map[string]bool{}, changed: make(chan struct{})}
}

func (h *hub) seat(c kafka.GroupConfig) *seat {
	return &seat{hub: h, c: c, instance: c.InstanceID, rejoin: make(chan struct{}, 1)}
}

func (h *hub) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// until waits for a condition on the hub's state.
func (h *hub) until(ctx context.Context, cond func() bool) bool {
	for {
		h.mu.Lock()
		ok, changed := cond(), h.changed
		h.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// remove takes a member out: it left, or its session is over.
func (h *hub) remove(instance string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.seats[instance]
	if s == nil {
		return
	}
	delete(h.seats, instance)
	delete(h.joined, instance)
	s.in = false
	if h.leader == instance {
		h.leader = ""
	}
	h.again()
	h.wake()
}

// again begins a new round if none is being prepared: all have to come once more.
func (h *hub) again() {
	if h.stable {
		h.stable, h.shares = false, nil
		clear(h.joined)
	}
}

// join returns the members when this one is to assign, and when the round is over
// its share; false when it has to join again.
func (s *seat) join(ctx context.Context) (share []byte, ok bool) {
	h := s.hub
	meta := s.c.Protocols()[0].Metadata
	h.mu.Lock()
	h.ids++
	if !s.in {
		s.id = fmt.Sprintf("%s-%d", s.instance, h.ids)
	}
	s.in, s.meta = true, meta
	h.seats[s.instance] = s
	h.again()
	h.joined[s.instance] = true
	h.wake()
	h.mu.Unlock()

	round := int32(0)
	if !h.until(ctx, func() bool {
		switch {
		case !s.in || !h.joined[s.instance]: // thrown out, or this round is over before it noticed
			return true
		case h.stable:
			round = h.gen
			return true
		case len(h.joined) < len(h.seats):
			return false
		}
		if h.leader == "" {
			h.leader = slices.Min(slices.Collect(maps.Keys(h.seats)))
		}
		h.gen++
		h.stable, round = true, h.gen
		h.wake()
		return true
	}) || round == 0 {
		return nil, false
	}
	h.mu.Lock()
	leads := h.leader == s.instance
	var members []kafka.GroupMember
	for _, m := range h.seats {
		members = append(members, kafka.GroupMember{ID: m.id, InstanceID: m.instance, Metadata: m.meta})
	}
	gen := kafka.Generation{ID: round, MemberID: s.id, LeaderID: h.seats[h.leader].id, Protocol: "default", Leader: leads}
	h.mu.Unlock()
	if leads {
		shares, err := s.c.Assign("default", members)
		h.mu.Lock()
		if h.gen == round && h.stable {
			if h.shares = shares; err != nil {
				h.again()
			}
			h.wake()
		}
		h.mu.Unlock()
		if err != nil {
			time.Sleep(time.Second)
		}
	}
	ok = h.until(ctx, func() bool { return h.shares != nil || !h.stable || h.gen != round || !s.in })
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ok || h.shares == nil || h.gen != round || !s.in {
		return nil, false
	}
	s.gen = gen
	return h.shares[s.id], true
}

func (s *seat) Run(ctx context.Context) error {
	h := s.hub
	defer h.remove(s.instance)
	for ctx.Err() == nil {
		select {
		case <-s.rejoin:
		default:
		}
		share, ok := s.join(ctx)
		if !ok {
			continue
		}
		gen := s.gen
		over := func() bool { return !s.frozen && (!s.in || !h.stable || h.gen != gen.ID) }
		working, interrupt := context.WithCancel(ctx)
		err := s.c.Assigned(working, gen, share)
		interrupt()
		if err != nil {
			time.Sleep(time.Second)
		} else {
			wait, cancel := context.WithCancel(ctx)
			done := make(chan struct{})
			go func() {
				defer close(done)
				h.until(wait, over)
			}()
			select {
			case <-done:
			case <-s.rejoin:
			}
			cancel()
			<-done
		}
		revoking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		_ = s.c.Revoke(revoking)
		cancel()
	}
	return nil
}

func (s *seat) Rejoin() {
	select {
	case s.rejoin <- struct{}{}:
	default:
	}
}

func (s *seat) Generation() (kafka.Generation, bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.gen, s.in
}

func (s *seat) Close() error { return nil }

// freeze makes the member notice nothing and throws it out; thaw lets it notice.
func (s *seat) freeze() {
	s.hub.mu.Lock()
	s.frozen = true
	s.hub.mu.Unlock()
	s.hub.remove(s.instance)
}

func (s *seat) thaw() {
	s.hub.mu.Lock()
	s.frozen = false
	s.hub.wake()
	s.hub.mu.Unlock()
}

func groupConfig(worker string) kafka.GroupConfig {
	return kafka.GroupConfig{InstanceID: instanceID(worker)}
}
