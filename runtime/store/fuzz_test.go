package store

import (
	"context"
	"testing"

	"culvert/data"
)

// FuzzRecords feeds every store what another worker might write: nothing panics,
// and only a record of its own can delete a connector.
func FuzzRecords(f *testing.F) {
	for _, name := range []string{"config", "status", "offset"} {
		raw, err := readTopicFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range raw {
			f.Add([]byte(r.Key), r.value(), r.Value == nil)
		}
	}
	f.Fuzz(func(t *testing.T, key, value []byte, tombstone bool) {
		if tombstone {
			value = nil
		}
		table := &fakeTable{}
		c, err := OpenConfig(context.Background(), table.opener(recorded{Key: "connector-kept", Value: ptr(`{"properties":{"a":"b"}}`)}), quiet())
		if err != nil {
			t.Fatal(err)
		}
		m := data.Message{Offset: 1, Key: key, Value: value}
		table.apply(m)
		kept := c.Snapshot().Connectors["kept"]
		if kept == nil && string(key) != "connector-kept" {
			t.Errorf("%q %q removed a connector", key, value)
		}
		openStatuses(t, &fakeTable{}).apply(m)
		openOffsets(t, (&fakeTable{}).opener()).apply(m)
	})
}
