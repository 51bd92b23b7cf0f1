package boot

import (
	"testing"

	"culvert/fault"
)

// FuzzProperties: a properties file is read or refused as a configuration, whatever
// is in it.
func FuzzProperties(f *testing.F) {
	f.Add([]byte("# Kafka\nbootstrap.servers = a:9092,\\\n  b:9092\nkey\\:with\\ blanks : v\\u00e9\n! no\nempty\n"))
	f.Add([]byte("a=${file:/x:y}\r\nb=${b}\nc=\\u12"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		props, err := parseProperties("worker.properties", raw)
		if err != nil {
			if !fault.Is(err, fault.Config) {
				t.Fatalf("%q: %v has class %s", raw, err, fault.ClassOf(err))
			}
			return
		}
		if len(props) > len(raw)+1 {
			t.Fatalf("%q: %d keys", raw, len(props))
		}
	})
}

// FuzzConnectorFile: the same for connector files in JSON.
func FuzzConnectorFile(f *testing.F) {
	f.Add([]byte(`{"name":"a","config":{"connector.class":"X","tasks.max":1},"initial_state":"PAUSED"}`))
	f.Add([]byte(`{"name":"a","connector.class":"X","nested":{"no":[]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := connectorJSON(raw)
		if err == nil && c.Config == nil {
			t.Fatalf("%q: no configuration and no error", raw)
		}
	})
}
