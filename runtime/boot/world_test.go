package boot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/configs"
	"culvert/connectors/all"
	"culvert/internal/mongostub"
	"culvert/internal/ports"
	"culvert/kafka"
	"culvert/runtime/boot"
)

// world is everything that a worker talks to, in this process, and one worker.
type world struct {
	t        *testing.T
	broker   *kfake.Cluster
	registry *registry
	mongo    *mongostub.Server
	dataDir  string
	props    map[string]string // the worker's, over those of configs/worker
	port     int               // of the worker's id; the same after a restart
	answers  bool              // at this port: other workers forward requests to it
	logs     *logBuffer        // of all workers of this world

	*process
	dead []*process
}

// process is one life of the worker. Its connections to Kafka can be cut at once,
// which is what a broker sees of kill -9.
type process struct {
	worker *boot.Worker
	url    string // of the REST interface
	kafka  network
	ended  chan error
}

// option changes a world before its worker starts.
type option func(*world)

// withTopics makes topics with that many partitions.
func withTopics(partitions int32, names ...string) option {
	return func(w *world) {
		for _, n := range names {
			if err := w.broker.CreateTopic(n, partitions, nil); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// withProps sets properties of the worker.
func withProps(props map[string]string) option {
	return func(w *world) { maps.Copy(w.props, props) }
}

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{t: t, dataDir: t.TempDir(), logs: &logBuffer{}, props: map[string]string{}}
	var err error
	if w.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond),
		kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.broker.Close)
	w.registry = startRegistry(t)
	if w.mongo, err = mongostub.Start(mongostub.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.mongo.Stop)
	w.port = freePort(t)
	for _, o := range options {
		o(w)
	}
	w.begin()
	t.Cleanup(func() {
		w.kafka.up()
		w.stop()
		for _, p := range w.dead { // they end quicker with a broker
			p.kafka.up()
			<-p.ended
		}
		if t.Failed() {
			t.Logf("end of the log:\n%s", w.logs.tail(40))
		}
	})
	return w
}

// workerProps are those of configs/worker with this world's addresses.
func (w *world) workerProps() map[string]string {
	w.t.Helper()
	raw, err := configs.Files.ReadFile("worker/connect-distributed.properties")
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "connect-distributed.properties")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
	props, err := boot.ReadProperties(file)
	if err != nil {
		w.t.Fatal(err)
	}
	maps.Copy(props, map[string]string{
		"bootstrap.servers":                 w.brokers(),
		"rest.advertised.host.name":         "127.0.0.1",
		"rest.advertised.port":              strconv.Itoa(w.port),
		"offset.flush.interval.ms":          "100",
		"task.shutdown.graceful.timeout.ms": "2000",
		"culvert.data.dir":                  w.dataDir,
		// Quick answers from an idle broker, so that the tests need not wait.
		"consumer.fetch.max.wait.ms": "50",
	})
	maps.Copy(props, w.props)
	return props
}

// begin starts a worker process and waits until it answers.
func (w *world) begin() {
	w.t.Helper()
	w.start(func(*process) {})
	w.await("the worker to answer", func() error {
		if status, body := w.get("/connectors"); status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
}

// start starts a worker process, after before has seen it.
func (w *world) start(before func(p *process)) {
	w.t.Helper()
	props := w.workerProps()
	port := w.port
	if !w.answers { // the process before may still have it
		port = freePort(w.t)
	}
	p := &process{url: fmt.Sprintf("http://127.0.0.1:%d", port), ended: make(chan error, 1)}
	props["listeners"] = p.url
	cfg, unknown, err := boot.ParseConfig(boot.Distributed, props)
	if err != nil || len(unknown) > 0 {
		w.t.Fatalf("worker properties: %v, unknown %v", err, unknown)
	}
	log, loggers, err := boot.NewLog(w.logs, "text", boot.Environment{})
	if err != nil {
		w.t.Fatal(err)
	}
	before(p)
	p.worker, err = boot.Start(w.t.Context(), boot.Options{
		Config: cfg, Mode: boot.Distributed, Plugins: all.Set(), Log: log, Loggers: loggers, Dial: p.kafka.dial,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.process = p
}

// stop drains the worker, as SIGTERM does.
func (w *world) stop() {
	w.t.Helper()
	if err := w.worker.Close(); err != nil {
		w.t.Errorf("the worker did not close cleanly: %v", err)
	}
}

// kill cuts the worker off from Kafka in the middle of whatever it does: it can
// produce, commit and leave no more. The next one finds its data folder as it is
// now.
func (w *world) kill() {
	w.kafka.down()
	w.dead = append(w.dead, w.process)
	left := w.t.TempDir()
	_ = os.CopyFS(left, os.DirFS(w.dataDir)) // files may vanish meanwhile; damage must not matter
	w.dataDir = left
	go func(p *process) { p.ended <- p.worker.Close() }(w.process)
}

func (w *world) brokers() string { return strings.Join(w.broker.ListenAddrs(), ",") }

// settings are for the clients of the tests.
func (w *world) settings() kafka.Settings {
	return kafka.Settings{
		Props:    map[string]string{"bootstrap.servers": w.brokers(), "isolation.level": "read_committed", "fetch.max.wait.ms": "50"},
		ClientID: "test", Log: slog.New(slog.DiscardHandler),
	}
}

// at is the same world for a subtest.
func (w *world) at(t *testing.T) *world {
	sub := *w
	sub.t = t
	return &sub
}

// await polls until f has no complaint.
func (w *world) await(what string, f func() error) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for %s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// The REST interface, as a user sees it.

func (w *world) request(method, path string, body any) (int, []byte) {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, bytes.TrimSpace(answer)
}

func (w *world) get(path string) (int, []byte) {
	w.t.Helper()
	return w.request(http.MethodGet, path, nil)
}

// do makes a request that must be answered as wanted. 409 means that the workers
// rebalance: a client asks again.
func (w *world) do(method, path string, body any, want int) []byte {
	w.t.Helper()
	var answer []byte
	w.await(fmt.Sprintf("%s %s to be answered %d", method, path, want), func() error {
		var status int
		status, answer = w.request(method, path, body)
		if status == want {
			return nil
		}
		err := fmt.Errorf("%d %s", status, answer)
		if status != http.StatusConflict {
			w.t.Fatalf("%s %s: %v, want %d", method, path, err, want)
		}
		return err
	})
	return answer
}

// fromFile is a connector of configs/ with this world's addresses and changes; an
// empty value removes the key.
func (w *world) fromFile(file string, changes ...map[string]string) map[string]string {
	w.t.Helper()
	c, err := configs.Read(file)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Config["value.converter.schema.registry.url"] = w.registry.url
	if _, ok := c.Config["connection.uri"]; ok {
		c.Config["connection.uri"] = w.mongo.URI()
	}
	for _, change := range changes {
		for k, v := range change {
			c.Config[k] = v
			if v == "" {
				delete(c.Config, k)
			}
		}
	}
	return c.Config
}

func (w *world) create(name string, config map[string]string) {
	w.t.Helper()
	w.do(http.MethodPost, "/connectors", configs.Connector{Name: name, Config: config}, http.StatusCreated)
}

// refused creates a connector that must be refused and returns the message.
func (w *world) refused(name string, config map[string]string) string {
	w.t.Helper()
	status, answer := w.request(http.MethodPost, "/connectors", configs.Connector{Name: name, Config: config})
	var e struct {
		ErrorCode int `json:"error_code"`
		Message   string
	}
	if err := json.Unmarshal(answer, &e); err != nil || status != http.StatusBadRequest || e.ErrorCode != status {
		w.t.Errorf("%v was not refused: %d %s %v", config, status, answer, err)
	}
	if status, body := w.get("/connectors/" + name); status != http.StatusNotFound {
		w.t.Errorf("the refused connector %s exists: %d %s", name, status, body)
		w.do(http.MethodDelete, "/connectors/"+name, nil, http.StatusNoContent)
	}
	return e.Message
}

type state struct {
	ID       int
	State    string
	Trace    string
	WorkerID string `json:"worker_id"`
}

type status struct {
	Name      string
	Connector state
	Tasks     []state
}

func (w *world) status(name string) (status, error) {
	w.t.Helper()
	code, body := w.get("/connectors/" + name + "/status")
	var s status
	if code != http.StatusOK {
		return s, fmt.Errorf("%d %s", code, body)
	}
	return s, json.Unmarshal(body, &s)
}

// awaitTask waits until a task has the state, with all words in its trace, and
// returns the trace.
func (w *world) awaitTask(name string, task int, want string, words ...string) string {
	w.t.Helper()
	var trace string
	w.await(fmt.Sprintf("task %d of %s to be %s with %q", task, name, want, words), func() error {
		s, err := w.status(name)
		if err != nil {
			return err
		}
		for _, t := range s.Tasks {
			if t.ID != task {
				continue
			}
			if trace = t.Trace; t.State == want && containsAll(trace, words) && (len(words) > 0 || want == "FAILED" || trace == "") {
				return nil
			}
		}
		return fmt.Errorf("%+v", s)
	})
	return trace
}

// running waits until the connector and its tasks run and wait for nothing.
func (w *world) running(name string, tasks int) {
	w.t.Helper()
	w.await(name+" to run", func() error {
		s, err := w.status(name)
		if err != nil {
			return err
		}
		ok := s.Connector.State == "RUNNING" && len(s.Tasks) == tasks
		for _, t := range s.Tasks {
			ok = ok && t.State == "RUNNING" && t.Trace == ""
		}
		if !ok {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// mustSay checks that an error text tells all of it.
func mustSay(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the text does not say %q:\n%s", w, text)
		}
	}
}

// network connects a worker with Kafka; down cuts it off.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		if err == nil {
			_ = c.Close() // not reached
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	if err == nil {
		n.conns = append(n.conns, c)
	}
	return c, err
}

func (n *network) down() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = true
	for _, c := range n.conns {
		_ = c.Close() // that is the point
	}
	n.conns = nil
}

func (n *network) up() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = false
}

// registry is a Schema Registry that can go away and come back at its address.
type registry struct {
	*srfake.Registry
	t      *testing.T
	url    string
	addr   string
	server *http.Server
	served chan struct{}
}

func startRegistry(t *testing.T, options ...srfake.Option) *registry {
	t.Helper()
	r := &registry{Registry: srfake.NewRegistry(options...), t: t, addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	r.up()
	t.Cleanup(r.down)
	return r
}

func (r *registry) up() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.url = "http://" + r.addr
	server, served := &http.Server{Handler: r.Handler()}, make(chan struct{})
	r.server, r.served = server, served
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends with Close
	}()
}

func (r *registry) down() {
	_ = r.server.Close() // that is the point
	<-r.served
}

// logBuffer is the log of a worker.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) tail(n int) string {
	lines := strings.Split(l.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
