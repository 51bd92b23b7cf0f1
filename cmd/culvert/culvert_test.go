package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run executes a command line and returns what it printed and its error.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

const worker = `bootstrap.servers=127.0.0.1:1
group.id=g
config.storage.topic=c
offset.storage.topic=o
status.storage.topic=s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hunter2";
`

func TestCheckSaysWhereAndWhat(t *testing.T) {
	tests := []struct {
		name, more string
		want       []string // in the error, or in the output when there is none
		bad        bool
	}{
		{"good", "", []string{": ok"}, false},
		{"typo", "offset.flush.intervall.ms=5\n", []string{"offset.flush.intervall.ms", "did_you_mean=offset.flush.interval.ms", ": ok"}, false},
		{"bad value", "offset.flush.interval.ms=soon\n", []string{":9: ", "offset.flush.interval.ms", "soon", "60000"}, true},
		{"bad converter", "key.converter=Nope\n", []string{":9: ", "key.converter", "Nope", "StringConverter"}, true},
		{"bad mechanism", "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n", []string{":10: ", "sasl.mechanism", "GSSAPI", "SCRAM-SHA-512"}, true},
		{"bad client setting", "producer.acks=5\n", []string{":9: ", "acks", "5", "all"}, true},
		{"typo of a client's key", "producer.lingerr.ms=5\n", []string{"producer.lingerr.ms", "did_you_mean=producer.linger.ms", ": ok"}, false},
		{"exactly once", "exactly.once.source.support=enabled\n", []string{"exactly.once.source.support", "at least once", ": ok"}, false},
		{"plugin.path", "plugin.path=/usr/share/java\n", []string{"plugin.path", "/usr/share/java", ": ok"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "worker.properties")
			if err := os.WriteFile(file, []byte(worker+tt.more), 0o600); err != nil {
				t.Fatal(err)
			}
			text, err := run(t, "worker", "--check", file)
			if (err != nil) != tt.bad {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				text += err.Error()
			}
			for _, w := range append(tt.want, file) {
				if !strings.Contains(text, w) {
					t.Errorf("no %q in %q", w, text)
				}
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("a password is shown: %q", text)
			}
		})
	}
}

// TestCheckOfStandalone: the connectors of the command line are checked as well, all
// of them, without a broker.
func TestCheckOfStandalone(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	props := file("worker.properties", worker+"offset.storage.file.filename="+filepath.Join(dir, "offsets")+"\n")
	good := file("good.properties", "name=good\nconnector.class=FileStreamSource\nfile=/tmp/in\ntopic=t\n")
	bad := file("bad.json", `{"name":"bad","config":{"connector.class":"DatagenSource","kafka.topic":"t","iterations":"many"}}`)
	twin := file("twin.properties", "name=good\nconnector.class=FileStreamSink\ntopics=t\n")

	if out, err := run(t, "standalone", "--check", props, good); err != nil || !strings.Contains(out, ": ok") {
		t.Errorf("%v %q; want it to be right", err, out)
	}
	_, err := run(t, "standalone", "--check", props, good, bad, twin)
	if err == nil {
		t.Fatal("two connectors that cannot run have passed")
	}
	for _, w := range []string{bad, "iterations", "many", twin, "a name of its own"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in %q", w, err)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	if _, err := run(t, "healthcheck", "--url", s.URL+"/"); err != nil {
		t.Error(err)
	}
	status = http.StatusServiceUnavailable
	if _, err := run(t, "healthcheck", "--url", s.URL); err == nil {
		t.Error("a worker that is not healthy passed")
	}
	s.Close()
	said, err := run(t, "healthcheck", "--url", s.URL)
	if quiet := exitStatus(0); !errors.As(err, &quiet) || quiet != 1 || !strings.Contains(said, "no answer from "+s.URL) {
		t.Errorf("a worker that is not there: %v, %q", err, said)
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer secure.Close()
	for code, healthy := range map[int]bool{200: true, 401: true, 500: false} {
		status = code
		if _, err := run(t, "healthcheck", "--url", secure.URL); (err == nil) != healthy {
			t.Errorf("https, %d: %v", code, err)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	for listeners, want := range map[string]string{
		"": "http://127.0.0.1:8083", "http://:9000": "http://127.0.0.1:9000", "http://0.0.0.0:9000,http://:1": "http://127.0.0.1:9000",
		"http://connect:9000": "http://connect:9000", "http://[::]:9000": "http://127.0.0.1:9000", "HTTPS://:9443": "https://127.0.0.1:9443", "nonsense": "http://127.0.0.1:8083",
	} {
		if got := localAddress([]string{"CONNECT_LISTENERS=" + listeners}); got != want {
			t.Errorf("%q: %s, want %s", listeners, got, want)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--help"}, {"worker", "--help"}, {"standalone", "--help"}} {
		out, err := run(t, args...)
		if err != nil || !strings.Contains(out, "culvert") {
			t.Errorf("%v: %v %q", args, err, out)
		}
	}
	if _, err := run(t, "worker", "/no/such/file"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("%v", err)
	}
}
