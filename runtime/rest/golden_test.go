package rest_test

import (
	"net/http/httptest"
	"testing"

	"culvert/internal/golden"
	"culvert/runtime/plugins"
	"culvert/runtime/rest"
)

// serve starts the API over a herder.
func serve(t *testing.T, m *memory, change ...func(*rest.Config)) *httptest.Server {
	t.Helper()
	c := rest.Config{
		Herder: m, Loggers: m.loggers, Version: version, Commit: "none", TopicTracking: true, TopicReset: true,
		AllowOrigin: "http://ui.example", AllowMethods: "GET,POST,PUT,DELETE",
		Validator: validatorOf(m),
	}
	for _, f := range change {
		f(&c)
	}
	s := httptest.NewServer(rest.New(c))
	t.Cleanup(s.Close)
	return s
}

func validatorOf(m *memory) *plugins.Validator {
	return &plugins.Validator{Plugins: m.plugins, Distributed: true, Worker: map[string]string{"group.id": "culvert",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"}}
}

// needsWork are conversations about what connectors do; the worker's own tests
// replay them.
var needsWork = map[string]bool{
	"offsets-sink": true, "offsets-sink-bad": true, "offsets-sink-beyond-end": true, "offsets-source": true, "offsets-source-bad-shapes": true,
	"offsets-source-connector-checks": true, "offsets-source-kept-after-delete": true, "restart-failed-task": true, "state-failed-task": true,
	"state-tolerate-bad-records": true, "tasks-sink-file-missing": true, "tasks-source": true, "topics-source": true, "create-initial-paused": true,
}

func TestGoldenRest(t *testing.T) {
	m := newMemory(t)
	server := serve(t, m)
	r := &golden.Replayer{URL: server.URL, Version: version, Client: server.Client()}
	r.RunAll(t, "rest", func(s *golden.Scenario) bool {
		return !s.NeedsAny("mongo-sink") && !needsWork[s.Name]
	})
}
