package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/configdef"
	"culvert/fault"
	"culvert/runtime/rest"
	"culvert/runtime/store"
)

// call sends one request and returns status, headers and body.
func call(t *testing.T, base, method, path, body string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, raw
}

type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func source(name string) string {
	return fmt.Sprintf(`{"name":%q,"config":{"connector.class":"FileStreamSource","topic":"t","file":"f"}}`, name)
}

// brokenHerder fails every change with one error.
type brokenHerder struct {
	*memory
	err error
}

func (b brokenHerder) Delete(context.Context, string) error { return b.err }

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want errorBody
	}{
		{"config", fault.New(fault.Config, "a", "x"), errorBody{400, "x"}},
		{"not_found", fmt.Errorf("deep: %w", fault.New(fault.NotFound, "a", "x")), errorBody{404, "deep: x"}},
		{"conflict", fault.New(fault.Conflict, "a", "x"), errorBody{409, "x"}},
		{"fatal", fault.New(fault.Fatal, "a", "x").WithFix("never shown"), errorBody{500, "x"}},
		{"unclassified", errors.New("x"), errorBody{500, "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory(t)
			s := serve(t, m, func(r *rest.Config) { r.Herder = brokenHerder{m, c.err} })
			code, header, body := call(t, s.URL, http.MethodDelete, "/connectors/a", "")
			if got := decode[errorBody](t, body); got != c.want || code != c.want.Code || header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %+v, want %+v", code, header, got, c.want)
			}
		})
	}
}

// elsewhere is the herder's way to say who else has to do it.
type elsewhere struct{ url string }

func (e elsewhere) Error() string      { return "not the leader" }
func (e elsewhere) ForwardURL() string { return e.url }

func TestForward(t *testing.T) {
	leader := newMemory(t)
	behind := serve(t, leader)
	var seen []string
	spy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		target, _ := url.Parse(behind.URL)
		r.URL.Scheme, r.URL.Host, r.RequestURI = target.Scheme, target.Host, ""
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		for k, v := range res.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	t.Cleanup(spy.Close)

	follower := newMemory(t)
	follower.forward = elsewhere{spy.URL + "/"}
	front := serve(t, follower)
	code, header, body := call(t, front.URL, http.MethodPost, "/connectors", source("a b"), "Authorization", "Basic eA==")
	if code != http.StatusCreated || header.Get("Location") != front.URL+"/connectors/a%20b" || !bytes.Contains(body, []byte(`"name":"a b"`)) {
		t.Errorf("forwarded create: %d %v %s", code, header, body)
	}
	if want := "POST /connectors?forward=true Basic eA=="; len(seen) != 1 || seen[0] != want {
		t.Errorf("the leader saw %q, want %q", seen, want)
	}
	if _, err := leader.Connector("a b"); err != nil {
		t.Error("the leader has no connector:", err)
	}
	if follower.refreshed != 1 {
		t.Errorf("the follower has read the config topic %d times: its client may not see what it has created", follower.refreshed)
	}
	// A second hop is the last: the request says so, and its receiver does not go on.
	if code, _, _ = call(t, front.URL, http.MethodDelete, "/connectors/a%20b?forward=true", ""); code != http.StatusNoContent || seen[1] != "DELETE /connectors/a%20b?forward=false " {
		t.Errorf("second hop: %d, seen %q", code, seen)
	}
	code, _, body = call(t, front.URL, http.MethodDelete, "/connectors/a?forward=false", "")
	if got := decode[errorBody](t, body); code != http.StatusConflict || got.Message != "Cannot complete request because of a conflicting operation (e.g. worker rebalance)" {
		t.Errorf("third hop: %d %+v", code, got)
	}
	follower.forward = elsewhere{}
	code, _, body = call(t, front.URL, http.MethodPut, "/connectors/a/config", `{"connector.class":"FileStreamSource"}`)
	if got := decode[errorBody](t, body); code != http.StatusConflict || !strings.Contains(got.Message, "no known leader URL") {
		t.Errorf("no leader: %d %+v", code, got)
	}
	follower.forward = fault.New(fault.Conflict, rest.RebalanceCode, "Request cannot be completed because a rebalance is expected")
	code, _, body = call(t, front.URL, http.MethodDelete, "/connectors/a", "")
	if got := decode[errorBody](t, body); code != http.StatusConflict ||
		got.Message != "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)" {
		t.Errorf("during a rebalance: %d %+v", code, got)
	}
	spy.Close()
	follower.forward = elsewhere{spy.URL}
	code, _, body = call(t, front.URL, http.MethodDelete, "/connectors/a", "")
	if got := decode[errorBody](t, body); code != http.StatusInternalServerError || !strings.HasPrefix(got.Message, "IO Error trying to forward REST request: ") {
		t.Errorf("leader gone: %d %+v", code, got)
	}
}

func TestTimeout(t *testing.T) {
	m := newMemory(t)
	m.held = make(chan struct{})
	s := serve(t, m, func(c *rest.Config) { c.Timeout, c.HealthTimeout = 30*time.Millisecond, 30*time.Millisecond })
	code, _, body := call(t, s.URL, http.MethodPost, "/connectors", source("a"))
	got := decode[errorBody](t, body)
	if code != http.StatusInternalServerError || !strings.HasPrefix(got.Message, "Request timed out. The last operation the worker completed was ") {
		t.Errorf("%d %+v", code, got)
	}
	code, _, body = call(t, s.URL, http.MethodGet, "/health", "")
	if want := `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests."}` + "\n"; code != 500 || string(body) != want {
		t.Errorf("%d %s", code, body)
	}
	m.forward = elsewhere{}
	if code, _, body = call(t, s.URL, http.MethodGet, "/health", ""); code != 503 || !bytes.Contains(body, []byte(`"status":"starting"`)) {
		t.Errorf("%d %s", code, body)
	}
}

// TestStuckPlugin: a plugin's check that never returns costs its own request and
// no other.
func TestStuckPlugin(t *testing.T) {
	m := newMemory(t)
	p, err := m.plugins.Connector("FileStreamSource")
	if err != nil {
		t.Fatal(err)
	}
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	own := p.Check
	p.Check = func(ctx context.Context, props map[string]string) *configdef.Report {
		if props["file"] == "stuck" {
			<-stuck
		}
		return own(ctx, props)
	}
	s := serve(t, m, func(c *rest.Config) { c.Timeout = 50 * time.Millisecond })
	code, _, body := call(t, s.URL, http.MethodPost, "/connectors", strings.Replace(source("a"), `"f"`, `"stuck"`, 1))
	want := "Request timed out. The worker is currently performing multi-property validation for the connector, which began at "
	if got := decode[errorBody](t, body); code != http.StatusInternalServerError || !strings.HasPrefix(got.Message, want) {
		t.Errorf("%d %+v", code, got)
	}
	if code, _, body = call(t, s.URL, http.MethodGet, "/connectors", ""); code != http.StatusOK || string(body) != "[]\n" {
		t.Errorf("%d %s", code, body)
	}
}

func TestPluginPanics(t *testing.T) {
	m := newMemory(t)
	p, err := m.plugins.Connector("FileStreamSource")
	if err != nil {
		t.Fatal(err)
	}
	p.Check = func(context.Context, map[string]string) *configdef.Report { panic("plugin bug") }
	code, _, body := call(t, serve(t, m).URL, http.MethodPost, "/connectors", source("a"))
	if got := decode[errorBody](t, body); code != http.StatusInternalServerError || !strings.Contains(got.Message, "plugin bug") {
		t.Errorf("panic: %d %+v", code, got)
	}
}

// TestPatchesAtOnce: no change of a config is lost among others.
func TestPatchesAtOnce(t *testing.T) {
	m := newMemory(t)
	s := serve(t, m)
	if code, _, body := call(t, s.URL, http.MethodPost, "/connectors", source("c")); code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	const writers = 16
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			if code, _, body := call(t, s.URL, http.MethodPatch, "/connectors/c/config", fmt.Sprintf(`{"own.%d":"x"}`, i)); code != http.StatusOK {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	wg.Wait()
	c, err := m.Connector("c")
	if err != nil {
		t.Fatal(err)
	}
	for i := range writers {
		if c.Config[fmt.Sprintf("own.%d", i)] != "x" {
			t.Errorf("the change of writer %d is lost: %v", i, c.Config)
		}
	}
}

func TestHostileNames(t *testing.T) {
	s := serve(t, newMemory(t))
	for _, name := range []string{"a/b", "/", "a%b", "%2F", `a\b`, "{}", "a{b}c", "..", ".", "é/日本", "?#", "a;b", "a b", `"`, "<x>", strings.Repeat("n", 2000), "\u2028"} {
		body, _ := json.Marshal(map[string]any{"name": name, "config": map[string]string{"connector.class": "FileStreamSource", "topic": "t", "file": "f"}})
		code, header, raw := call(t, s.URL, http.MethodPost, "/connectors", string(body))
		if code != http.StatusCreated {
			t.Errorf("create %q: %d %s", name, code, raw)
			continue
		}
		if code, _, raw = call(t, s.URL, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/config", ""); code != http.StatusOK || decode[map[string]string](t, raw)["name"] != name {
			t.Errorf("read %q: %d %s", name, code, raw)
		}
		if at := strings.TrimPrefix(header.Get("Location"), s.URL); !strings.Contains(name, ";") { // the recorded Location of a;b leads to a
			if code, _, raw = call(t, s.URL, http.MethodGet, at, ""); code != http.StatusOK {
				t.Errorf("Location %q of %q: %d %s", at, name, code, raw)
			}
		}
		if code, _, raw = call(t, s.URL, http.MethodDelete, "/connectors/"+url.PathEscape(name), ""); code != http.StatusNoContent {
			t.Errorf("delete %q: %d %s", name, code, raw)
		}
	}
}

func TestBodies(t *testing.T) {
	s := serve(t, newMemory(t), func(c *rest.Config) { c.MaxBody = 1000 })
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"bom", "\ufeff" + source("bom"), 201},
		{"trailing", source("a") + " x", 400},
		{"last_of_two_counts", `{"name":"two","config":{"connector.class":"x","topic":"t","connector.class":"FileStreamSource"}}`, 201},
		{"not_utf8", "{\"name\":\"\xff\",\"config\":{}}", 400},
		{"too_long", source(strings.Repeat("n", 1000)), 413},
		{"nested", `{"name":"a","config":{"topic":{}}}`, 400},
		{"deep", strings.Repeat(`{"a":`, 150), 400},
		{"initial", strings.Replace(source("i"), `{"name"`, `{"initial_state":"Stopped","name"`, 1), 201},
		{"initial_bad", strings.Replace(source("j"), `{"name"`, `{"initial_state":"x","name"`, 1), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, header, body := call(t, s.URL, http.MethodPost, "/connectors", c.body)
			if code != c.want || header.Get("Content-Type") != "application/json" {
				t.Errorf("%d, want %d: %s", code, c.want, body)
			}
			if code >= 400 && decode[errorBody](t, body).Code != code {
				t.Errorf("error_code is not %d: %s", code, body)
			}
		})
	}
}

// TestNoSecretInErrors: a config without class is shown, its passwords are not.
func TestNoSecretInErrors(t *testing.T) {
	s := serve(t, newMemory(t))
	_, _, body := call(t, s.URL, http.MethodPost, "/connectors",
		`{"name":"a","config":{"connection.password":"geheim1","connection.uri":"mongodb://u:geheim2@h","sasl.jaas.config":"geheim3","topic":"t"}}`)
	if got := decode[errorBody](t, body).Message; strings.Contains(got, "geheim") || !strings.Contains(got, "topic=t") {
		t.Error(got)
	}
}

func TestEchoKeepsOrderAndText(t *testing.T) {
	s := serve(t, newMemory(t))
	_, _, body := call(t, s.URL, http.MethodPut, "/connectors/e/config", `{"topic":"<t>&","z":1.50,"connector.class":"FileStreamSource","a":true,"b":" x "}`)
	want := `{"name":"e","config":{"topic":"<t>&","z":"1.50","connector.class":"FileStreamSource","a":"true","b":" x ","name":"e"},"tasks":[],"type":"source"}` + "\n"
	if string(body) != want {
		t.Errorf("got  %swant %s", body, want)
	}
}

func TestTopicTrackingOff(t *testing.T) {
	s := serve(t, newMemory(t), func(c *rest.Config) { c.TopicTracking = false })
	if code, _, body := call(t, s.URL, http.MethodGet, "/connectors/a/topics", ""); code != 403 || decode[errorBody](t, body).Message != "Topic tracking is disabled." {
		t.Errorf("%d %s", code, body)
	}
	s = serve(t, newMemory(t), func(c *rest.Config) { c.TopicReset = false })
	if code, _, body := call(t, s.URL, http.MethodPut, "/connectors/a/topics/reset", ""); code != 403 || decode[errorBody](t, body).Message != "Topic tracking reset is disabled." {
		t.Errorf("%d %s", code, body)
	}
}

// TestLevelsTakeEffect: what REST sets decides which lines come out.
func TestLevelsTakeEffect(t *testing.T) {
	var out bytes.Buffer
	levels := rest.NewLoggers(slog.LevelInfo)
	log := slog.New(levels.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	kafka := log.With("logger", "culvert.kafka.fetch")
	lines := func() string {
		defer out.Reset()
		log.Debug("root")
		kafka.Debug("kafka")
		kafka.Error("kafka")
		return out.String()
	}
	if got := lines(); strings.Count(got, "\n") != 1 {
		t.Errorf("at INFO: %s", got)
	}
	levels.Set("culvert.kafka", "DEBUG")
	if got := lines(); strings.Contains(got, "msg=root") || strings.Count(got, "msg=kafka") != 2 {
		t.Errorf("kafka at DEBUG: %s", got)
	}
	levels.Set("root", "OFF")
	if got := lines(); got != "" {
		t.Errorf("all OFF: %s", got)
	}
}

func TestGateAndServe(t *testing.T) {
	gate := &rest.Gate{}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- rest.Serve(ctx, slog.New(slog.DiscardHandler), time.Second, rest.Port{Handler: gate, Listeners: []net.Listener{l}})
	}()
	if code, _, body := call(t, base, http.MethodGet, "/health", ""); code != 503 || !bytes.Contains(body, []byte(`"status":"starting"`)) {
		t.Errorf("%d %s", code, body)
	}
	if code, _, body := call(t, base, http.MethodGet, "/connectors", ""); code != 503 || decode[errorBody](t, body).Code != 503 {
		t.Errorf("%d %s", code, body)
	}
	gate.Open(rest.New(rest.Config{Herder: newMemory(t), Version: version}))
	if code, _, body := call(t, base, http.MethodGet, "/", ""); code != 200 || !bytes.Contains(body, []byte(`"kafka_cluster_id":"test-cluster"`)) {
		t.Errorf("%d %s", code, body)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestListenSaysWhatIsTaken(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := rest.ParseAddress("HTTP://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = rest.Listen(t.Context(), "admin.listeners", []rest.Address{a}, nil)
	if f := fault.Of(err); f == nil || f.Field != "admin.listeners" || !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Error(err)
	}
}

func FuzzCreate(f *testing.F) {
	f.Add(source("a"))
	f.Add(`{"name":12,"config":{"a":null,"b":1e400,"c":true}}`)
	f.Add(`{"config":[`)
	f.Fuzz(func(t *testing.T, body string) {
		s := rest.New(rest.Config{Herder: brokenHerder{newMemory(t), nil}, Validator: nil, Version: version})
		r := httptest.NewRequest(http.MethodPatch, "/connectors/none/offsets", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest && w.Code != http.StatusNotFound {
			t.Errorf("%d for %q: %s", w.Code, body, w.Body)
		}
	})
}

// BenchmarkList1000 is GET /connectors with both expansions for 1000 connectors.
func BenchmarkList1000(b *testing.B) {
	m := newMemory(b)
	s := rest.New(rest.Config{Herder: m, Validator: validatorOf(m), Version: version, TopicTracking: true})
	for i := range 1000 {
		if _, err := m.Create(b.Context(), fmt.Sprintf("connector-%d", i), map[string]string{"connector.class": "FileStreamSource", "topic": "t", "file": "f",
			"name": fmt.Sprintf("connector-%d", i)}, store.Stopped); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/connectors?expand=info&expand=status", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
