package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/runtime/store"
)

func distributedProps(changes ...string) map[string]string {
	props := map[string]string{
		"bootstrap.servers": "b:9092", "group.id": "g", "key.converter": "K", "value.converter": "V",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
	}
	for i := 0; i < len(changes); i += 2 {
		props[changes[i]] = changes[i+1]
	}
	return props
}

func TestParseConfig(t *testing.T) {
	tests := []struct {
		name    string
		mode    Mode
		props   map[string]string
		unknown []string
		errors  []string
	}{
		{name: "defaults", mode: Distributed, props: distributedProps()},
		{
			name: "typo", mode: Distributed, props: distributedProps("offset.flush.intervall.ms", "1", "culvert.data.dri", "x"),
			unknown: []string{"culvert.data.dri", "offset.flush.intervall.ms"},
		},
		{
			name: "typo of a client's key", mode: Distributed,
			props:   distributedProps("producer.lingerr.ms", "5", "consumer.acks", "all", "admin.retries", "3", "producer.interceptor.classes", "x", "consumer.sasl.login.class", "x"),
			unknown: []string{"consumer.acks", "producer.lingerr.ms"},
		},
		{
			name: "keys of clients, converters and the other mode are no typos", mode: Distributed,
			props: distributedProps("producer.linger.ms", "5", "value.converter.schemas.enable", "false", "offset.storage.file.filename", "/tmp/o", "sasl.mechanism", "PLAIN"),
		},
		{
			name: "bad number", mode: Distributed, props: distributedProps("offset.flush.interval.ms", "soon"),
			errors: []string{
				"Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG (the default is 60000)",
			},
		},
		{
			name: "metrics", mode: Distributed, props: distributedProps("metrics.names", "jmx", "metrics.num.samples", "1000000000"),
			errors: []string{
				"Invalid value 1000000000 for configuration metrics.num.samples: Value must be at most 1000 (the default is 2)",
				"Invalid value [jmx] for configuration metrics.names: there are whole and short (the default is whole,short)",
			},
		},
		{name: "no metrics", mode: Distributed, props: distributedProps("metrics.names", ""), errors: []string{
			"Invalid value [] for configuration metrics.names: name whole, short, or both (the default is whole,short)"}},
		{
			name: "missing", mode: Standalone, props: map[string]string{"key.converter": "K", "value.converter": "V"},
			errors: []string{`Missing required configuration "offset.storage.file.filename" which has no default value.`},
		},
		{
			name: "listeners", mode: Distributed, props: distributedProps("listeners", "ftp://:8443", "rest.advertised.listener", "https"),
			errors: []string{
				`Invalid value ftp://:8443 for configuration listeners: Listener protocol must be either "http" or "https". An address is protocol://host:port, and the host may be missing: http://:8083 (the default is http://:8083)`,
				"Invalid value https for configuration rest.advertised.listener: no such listener; listeners has http",
			},
		},
		{
			name: "headers", mode: Distributed, props: distributedProps("response.http.headers.config", "put X-A:b"),
			errors: []string{"Invalid value put X-A:b for configuration response.http.headers.config: Invalid header config action: 'put'. Expected one of [set, add, setDate, addDate]"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, unknown, err := ParseConfig(tt.mode, tt.props)
			var bad *ConfigErrors
			if errors.As(err, &bad) {
				if d := cmp.Diff(tt.errors, bad.Sentences); d != "" {
					t.Error(d)
				}
			} else if len(tt.errors) > 0 {
				t.Errorf("no error; want %q", tt.errors)
			}
			if d := cmp.Diff(tt.unknown, unknown); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseConfigDefaultsAreJavas(t *testing.T) {
	c, _, err := ParseConfig(Distributed, distributedProps())
	if err != nil {
		t.Fatal(err)
	}
	got := []Topic{c.ConfigTopic, c.OffsetTopic, c.StatusTopic}
	if d := cmp.Diff([]Topic{{"c", 1, 3}, {"o", 25, 3}, {"s", 5, 3}}, got); d != "" {
		t.Error(d)
	}
	if c.Listeners[0] != "http://:8083" || !c.TopicTracking || c.SessionTimeout.Milliseconds() != 10000 {
		t.Errorf("listeners %v, topic tracking %v, session timeout %v", c.Listeners, c.TopicTracking, c.SessionTimeout)
	}
}

func TestSuggest(t *testing.T) {
	for unknown, want := range map[string]string{
		"offset.flush.intervall.ms": "offset.flush.interval.ms",
		"groupid":                   "group.id",
		"producer.lingerr.ms":       "producer.linger.ms",
		"something.else.altogether": "",
	} {
		if got := Suggest(Distributed, unknown); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", unknown, got, want)
		}
	}
}

func TestReadEnvironment(t *testing.T) {
	env := ReadEnvironment([]string{
		"PATH=/bin", "CONNECT_BOOTSTRAP_SERVERS=kafka:9092", "CONNECT_PRODUCER_MAX_IN_FLIGHT__X=1", "CONNECT_A___B=2",
		"CONNECT_LOG4J_ROOT_LOGLEVEL=WARN", "CONNECT_LOG4J_LOGGERS=org.apache.kafka=ERROR,io.debezium=DEBUG",
		"CONNECT_LOG4J_APPENDER_STDOUT=x", "KAFKA_HEAP_OPTS=-Xmx1g",
	})
	want := Environment{
		Props:     map[string]string{"bootstrap.servers": "kafka:9092", "producer.max.in.flight_x": "1", "a-b": "2"},
		LogLevel:  "WARN",
		LogLevels: map[string]string{"org.apache.kafka": "ERROR", "io.debezium": "DEBUG"},
		Ignored:   []string{"CONNECT_LOG4J_APPENDER_STDOUT", "KAFKA_HEAP_OPTS"},
	}
	if d := cmp.Diff(want, env); d != "" {
		t.Error(d)
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadPropertiesIsJavas(t *testing.T) {
	path := write(t, "w.properties", "# comment\na = ${file:/x:y}\nb:two\\\n  lines\nc d\nu=caf\\u00e9\nempty=\nback=c:\\\\x\n")
	got, err := ReadProperties(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "${file:/x:y}", "b": "twolines", "c": "d", "u": "café", "empty": "", "back": `c:\x`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if lines := KeyLines(path); lines["a"] != 2 || lines["u"] != 6 {
		t.Errorf("lines %v", lines)
	}
}

func TestReadConnector(t *testing.T) {
	want := Connector{Name: "n", Config: map[string]string{"name": "n", "tasks.max": "2", "x": "true"}}
	for name, content := range map[string]string{
		"posted.json":  `{"name":"n","config":{"tasks.max":2,"x":true}}`,
		"flat.json":    `{"name":"n","tasks.max":"2","x":"true"}`,
		"posted.conf":  "\n " + `{"name":"n","config":{"tasks.max":2,"x":true}}`, // Java looks at the content, not at the name
		"c.properties": "name=n\ntasks.max=2\nx=true\n",
	} {
		path := write(t, name, content)
		got, err := ReadConnector(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.File = path
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, content := range map[string]string{
		"none.json": `{"config":{"a":"b"}}`, "list.json": `{"name":"n","config":{"a":[1]}}`, "cut.json": `{"name":`,
		"two.json": `{"name":"n","config":{}} {"name":"m","config":{}}`, "state.json": `{"name":"n","config":{},"initial_state":"ASLEEP"}`,
	} {
		if c, err := ReadConnector(write(t, name, content)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v; want an error that names the file", name, c, err)
		}
	}
}

func TestInitialStateOfAConnectorFile(t *testing.T) {
	c, err := ReadConnector(write(t, "paused.json", `{"name":"n","initial_state":"paused","config":{}}`))
	if err != nil || targets[c.Target] != store.Paused {
		t.Errorf("%+v %v; want it paused", c, err)
	}
}
