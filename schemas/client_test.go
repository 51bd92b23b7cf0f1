package schemas

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/configdef"
	"culvert/fault"
	"culvert/internal/ports"
)

const orders = `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}`

// config parses the keys as a converter does.
func config(props map[string]string) (Config, *configdef.Report) {
	d := configdef.Def[Config]{Keys: Keys(func(c *Config) *Config { return c })}
	d.Rules = append(d.Rules, func(c *Config, r *configdef.Report) { c.Complete(r) })
	return d.Parse(props)
}

func open(t *testing.T, props map[string]string) *Client {
	t.Helper()
	c, report := config(props)
	if errs := report.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return Open(c, "", nil)
}

func fake(t *testing.T, opts ...srfake.Option) *srfake.Registry {
	t.Helper()
	r := srfake.New(opts...)
	t.Cleanup(r.Close)
	return r
}

// counting answers with the handler and counts the requests.
func counting(t *testing.T, h http.HandlerFunc) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func wantClass(t *testing.T, err error, class fault.Class, parts ...string) {
	t.Helper()
	if !fault.Is(err, class) {
		t.Fatalf("%v: class %s, want %s", err, fault.ClassOf(err), class)
	}
	for _, p := range parts {
		if !strings.Contains(fault.Explain(err), p) {
			t.Errorf("%q does not say %q", fault.Explain(err), p)
		}
	}
}

func TestByID(t *testing.T) {
	r := fake(t)
	id, _, err := r.RegisterSchema("orders-value", sr.Schema{Schema: orders})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, map[string]string{"schema.registry.url": r.URL()})
	s, err := c.ByID(id)
	if err != nil || s.Text != orders || s.ID != id || s.Type != "AVRO" {
		t.Fatalf("%+v, %v", s, err)
	}
	r.Close() // a known id needs no registry
	if again, err := c.ByID(id); err != nil || again != s {
		t.Errorf("known id without registry: %v", err)
	}
	_, err = c.ByID(id + 1)
	wantClass(t, err, fault.Retry, "does not answer", "Start the Schema Registry")
}

func TestReferences(t *testing.T) {
	r := fake(t)
	if _, _, err := r.RegisterSchema("customer", sr.Schema{Schema: `{"type":"record","name":"Customer","fields":[]}`}); err != nil {
		t.Fatal(err)
	}
	id, _, err := r.RegisterSchema("orders-value", sr.Schema{
		Schema:     `{"type":"record","name":"Order","fields":[{"name":"c","type":"Customer"}]}`,
		References: []sr.SchemaReference{{Name: "Customer", Subject: "customer", Version: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(t, map[string]string{"schema.registry.url": r.URL()}).ByID(id)
	if err != nil || len(s.Refs) != 1 || s.Refs[0].Name != "Customer" || !s.Refs[0].Direct || !strings.Contains(s.RefTexts()[0], "Customer") {
		t.Errorf("%+v, %v", s, err)
	}
	// A registry knows a schema by its text and its references.
	c := open(t, map[string]string{"schema.registry.url": r.URL()})
	if n, err := c.Version("orders-value", s); n != 1 || err != nil {
		t.Errorf("version %d, %v", n, err)
	}
}

func TestUnknownIDIsARecordErrorForAWhile(t *testing.T) {
	r := fake(t)
	c := open(t, map[string]string{"schema.registry.url": r.URL()})
	_, err := c.ByID(77)
	wantClass(t, err, fault.Record, "40403")
	r.SeedSchema("late-value", 1, 77, sr.Schema{Schema: orders})
	if _, err := c.ByID(77); !fault.Is(err, fault.Record) {
		t.Errorf("asked again at once: %v", err)
	}
	c.mu.Lock()
	for k, m := range c.missing {
		m.until = time.Now()
		c.missing[k] = m
	}
	c.mu.Unlock()
	if _, err := c.ByID(77); err != nil {
		t.Errorf("registered meanwhile: %v", err)
	}
}

// TestOutage: while the registry is down, requests are few and errors quick, and
// work goes on right after its end.
func TestOutage(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	url, requests := counting(t, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"schema":"\"string\""}`))
	})
	c := open(t, map[string]string{"schema.registry.url": url})
	for range 1000 {
		_, err := c.ByID(1)
		wantClass(t, err, fault.Retry, "503")
		if after := fault.Of(err).After; after <= 0 || after > maxPause {
			t.Fatalf("asks to wait %s", after)
		}
	}
	if n := requests.Load(); n > 20 {
		t.Errorf("%d requests to a registry that is down", n)
	}
	down.Store(false)
	c.mu.Lock()
	c.until = time.Time{}
	c.mu.Unlock()
	if _, err := c.ByID(1); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

// TestPauseGrowsToOneSecond: a batch that is tried again finds a registry that came
// back within two seconds.
func TestPauseGrowsToOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, map[string]string{"schema.registry.url": "http://127.0.0.1:1"})
		var dials int
		c.sr = nil // outcome alone is under test
		for range 10 {
			if err := c.blocked("k"); err == nil {
				dials++
				err := c.outcome("k", &unavailable{text: "down"})
				wantClass(t, err, fault.Retry, "down")
				time.Sleep(fault.Of(err).After)
			}
		}
		if c.pause != maxPause || dials != 10 {
			t.Errorf("pause %s after %d attempts", c.pause, dials)
		}
		if err := c.outcome("k", nil); err != nil || c.pause != 0 {
			t.Errorf("a success does not end the pause: %v, %s", err, c.pause)
		}
	})
}

func TestRetryAfterIsFollowed(t *testing.T) {
	url, _ := counting(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := open(t, map[string]string{"schema.registry.url": url}).ByID(1)
	wantClass(t, err, fault.Retry, "429")
	if fault.Of(err).After != 7*time.Second {
		t.Errorf("waits %s", fault.Of(err).After)
	}
}

func TestRetryAfterForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]time.Duration{
			"": 0, "3": 3 * time.Second, "-3": 0, "99999999999": time.Minute, "soon": 0,
			time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat): 20 * time.Second,
			time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       0,
			time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):        time.Minute,
		} {
			if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}}); got != want {
				t.Errorf("%q: %s, want %s", text, got, want)
			}
		}
	})
}

func TestAnswersThatAreNoAnswer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"proxy page": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>not here</html>", http.StatusNotFound)
		},
		"no json": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"schema`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := counting(t, h)
			_, err := open(t, map[string]string{"schema.registry.url": url}).ByID(1)
			wantClass(t, err, fault.Retry)
			if strings.Contains(err.Error(), placeholder) {
				t.Errorf("%q shows an address that nobody configured", err)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	hang := make(chan struct{})
	url, _ := counting(t, func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	c := open(t, map[string]string{"schema.registry.url": url, "http.read.timeout.ms": "50", "http.connect.timeout.ms": "50"})
	_, err := c.ByID(1)
	wantClass(t, err, fault.Retry, "does not answer")
}

func TestFailover(t *testing.T) {
	r := fake(t)
	id, _, err := r.RegisterSchema("orders-value", sr.Schema{Schema: orders})
	if err != nil {
		t.Fatal(err)
	}
	dead := deadAddress(t)
	c := open(t, map[string]string{"schema.registry.url": dead + ", " + r.URL()})
	if _, err := c.ByID(id); err != nil {
		t.Error(err)
	}
	if c.config.URLs[0] != dead {
		t.Errorf("addresses %q", c.config.URLs)
	}
}

// deadAddress is one that nobody listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func TestAuth(t *testing.T) {
	r := fake(t, srfake.WithAuth(basic("culvert", "s3cret:x")))
	id := 5
	r.SeedSchema("orders-value", 1, id, sr.Schema{Schema: orders})
	host := strings.TrimPrefix(r.URL(), "http://")
	for name, props := range map[string]map[string]string{
		"url":       {"schema.registry.url": "http://culvert:s3cret%3Ax@" + host},
		"user info": {"schema.registry.url": r.URL(), "basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "culvert:s3cret:x"},
		"old key":   {"schema.registry.url": r.URL(), "basic.auth.credentials.source": "USER_INFO", "schema.registry.basic.auth.user.info": "culvert:s3cret:x"},
		"sasl": {"schema.registry.url": r.URL(), "basic.auth.credentials.source": "SASL_INHERIT",
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="culvert" password="s3cret:x";`},
	} {
		if _, err := open(t, props).ByID(id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := open(t, map[string]string{"schema.registry.url": "http://culvert:wrongpass@" + host}).ByID(id)
	wantClass(t, err, fault.Fatal, "refuses access", "basic.auth.user.info")
	if strings.Contains(fault.Explain(err), "wrongpass") {
		t.Errorf("%q shows the password", fault.Explain(err))
	}
	r2 := fake(t, srfake.WithAuth("Bearer tok"))
	r2.SeedSchema("orders-value", 1, id, sr.Schema{Schema: orders})
	if _, err := open(t, map[string]string{"schema.registry.url": r2.URL(), "bearer.auth.token": "tok"}).ByID(id); err != nil {
		t.Errorf("bearer: %v", err)
	}
	_, err = open(t, map[string]string{"schema.registry.url": "http://u:topsecret@127.0.0.1:1"}).ByID(id)
	if wantClass(t, err, fault.Retry); strings.Contains(fault.Explain(err), "topsecret") {
		t.Errorf("%q shows the password", fault.Explain(err))
	}
}

func TestForWriting(t *testing.T) {
	r := fake(t)
	c := open(t, map[string]string{"schema.registry.url": r.URL()})
	s, err := c.ForWriting("orders-value", Avro, orders)
	if err != nil || s.ID == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	strict := open(t, map[string]string{"schema.registry.url": r.URL(), "auto.register.schemas": "false"})
	if got, err := strict.ForWriting("orders-value", Avro, orders); err != nil || got.ID != s.ID {
		t.Errorf("looked up: %+v, %v", got, err)
	}
	_, err = strict.ForWriting("other-value", Avro, orders)
	wantClass(t, err, fault.Record, "other-value", "auto.register.schemas=true")
	if r.SubjectExists("other-value") {
		t.Error("registered although auto.register.schemas is false")
	}
	latest := open(t, map[string]string{"schema.registry.url": r.URL(), "auto.register.schemas": "false", "use.latest.version": "true"})
	if got, err := latest.ForWriting("orders-value", Avro, `"string"`); err != nil || got.ID != s.ID || got.Text != orders {
		t.Errorf("latest: %+v, %v", got, err)
	}
	if n, err := c.Version("orders-value", s); err != nil || n != 1 {
		t.Errorf("version %d, %v", n, err)
	}
	if n, err := c.Version("elsewhere-value", s); err != nil || n != 0 {
		t.Errorf("version in a subject without it: %d, %v", n, err)
	}
}

func TestIncompatibleIsARecordError(t *testing.T) {
	url, requests := counting(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error_code":409,"message":"Schema being registered is incompatible"}`))
	})
	c := open(t, map[string]string{"schema.registry.url": url})
	for range 3 {
		_, err := c.ForWriting("orders-value", Avro, orders)
		wantClass(t, err, fault.Record, "orders-value", "incompatible", "compatibility level")
	}
	if n := requests.Load(); n != 2 { // the second attempt of register
		t.Errorf("%d requests for one schema", n)
	}
}

func TestNormalize(t *testing.T) {
	var query atomic.Value
	url, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			query.Store(r.URL.RawQuery)
		}
		_, _ = w.Write([]byte(`{"id":3,"schema":"\"string\""}`))
	})
	c := open(t, map[string]string{"schema.registry.url": url + "/apis/ccompat/v7/", "normalize.schemas": "true"})
	if _, err := c.ForWriting("a/b-value", Avro, orders); err != nil || query.Load() != "normalize=true" {
		t.Errorf("query %v, %v", query.Load(), err)
	}
}

func TestSubject(t *testing.T) {
	for _, c := range []struct {
		class, record, want string
		key                 bool
	}{
		{topicNameStrategy, "a.B", "t-value", false},
		{topicNameStrategy, "", "t-key", true},
		{strategyPackage + "RecordNameStrategy", "a.B", "a.B", false},
		{strategyPackage + "TopicRecordNameStrategy", "a.B", "t-a.B", true},
		{"RecordNameStrategy", "", "", false},
	} {
		conf := Config{KeyStrategy: c.class, ValueStrategy: c.class}
		got, err := conf.Subject("t", c.key, c.record)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s of %q: %q, %v", c.class, c.record, got, err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		props map[string]string
		want  string
	}{
		{nil, `Missing required configuration "schema.registry.url"`},
		{map[string]string{"schema.registry.url": " "}, "at least one registry"},
		{map[string]string{"schema.registry.url": "localhost:8081"}, "must be like http://host:8081"},
		{map[string]string{"schema.registry.url": "mock://x"}, "must be like http://host:8081"},
		{map[string]string{"schema.registry.url": "http://x", "basic.auth.credentials.source": "SASL_INHERIT"}, "sasl.jaas.config"},
		{map[string]string{"schema.registry.url": "http://x", "basic.auth.credentials.source": "SASL_INHERIT", "sasl.jaas.config": `a.B required password="hush";`}, "no username and password"},
		{map[string]string{"schema.registry.url": "http://x", "basic.auth.credentials.source": "SASL"}, "must be URL, USER_INFO or SASL_INHERIT"},
		{map[string]string{"schema.registry.url": "http://x", "basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "hush"}, "must be user:password"},
		{map[string]string{"schema.registry.url": "http://x", "value.subject.name.strategy": "my.Own"}, "TopicRecordNameStrategy"},
		{map[string]string{"schema.registry.url": "http://x", "schema.registry.ssl.truststore.location": "/x", "schema.registry.ssl.truststore.type": "JKS"}, "schema.registry.ssl.truststore.location"},
		{map[string]string{"schema.registry.url": "http://x", "schema.registry.ssl.truststore.location": "../keystore/testdata/truststore.p12", "schema.registry.ssl.truststore.password": "hush"}, "schema.registry.ssl.truststore.password: it does not open"},
		{map[string]string{"schema.registry.url": "https://x", "schema.registry.ssl.truststore.certificates": "junk"}, "no certificate in PEM form"},
	} {
		_, report := config(c.props)
		text := strings.Join(report.Errors(), "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, "hush") {
			t.Errorf("%v: %q, want %q", c.props, text, c.want)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"schema":"\"string\""}`)) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := open(t, map[string]string{"schema.registry.url": s.URL}).ByID(1)
	wantClass(t, err, fault.Retry, "certificate")
	trusted := map[string]string{"schema.registry.url": s.URL, "schema.registry.ssl.truststore.certificates": pemOf(s.Certificate().Raw)}
	if _, err := open(t, trusted).ByID(1); err != nil {
		t.Error(err)
	}
	trusted["schema.registry.url"] = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	if _, err := open(t, trusted).ByID(1); err == nil {
		t.Error("a certificate for another host was taken")
	}
	trusted["schema.registry.ssl.endpoint.identification.algorithm"] = "" // and stores in Java's form
	if _, err := open(t, trusted).ByID(1); err != nil {
		t.Errorf("without a check of the host's name: %v", err)
	}
}
