package store

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"culvert/data"
)

// recorded is one record of testdata/*-topic.json.
type recorded struct {
	Operation int     `json:"after_operation"`
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Key       string  `json:"key"`
	Value     *string `json:"value"`
}

func (r recorded) value() []byte {
	if r.Value == nil {
		return nil
	}
	return []byte(*r.Value)
}

func readTopicFile(name string) ([]recorded, error) {
	raw, err := os.ReadFile(filepath.Join("testdata", name+"-topic.json"))
	if err != nil {
		return nil, err
	}
	var topic struct{ Records []recorded }
	err = json.Unmarshal(raw, &topic)
	return topic.Records, err
}

func readTopic(t *testing.T, name string) []recorded {
	t.Helper()
	records, err := readTopicFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// fakeTable is a table that remembers what was written and can be fed.
type fakeTable struct {
	memoryTable
	writes [][]KV
	fail   error
}

func (t *fakeTable) Write(ctx context.Context, kvs ...KV) error {
	if t.fail != nil {
		return t.fail
	}
	t.writes = append(t.writes, kvs)
	return t.memoryTable.Write(ctx, kvs...)
}

// feed applies records as another worker's.
func (t *fakeTable) feed(rs ...recorded) {
	for _, r := range rs {
		t.apply(data.Message{Partition: r.Partition, Offset: r.Offset, Key: []byte(r.Key), Value: r.value()})
	}
}

func (t *fakeTable) records() []KV {
	var all []KV
	for _, w := range t.writes {
		all = append(all, w...)
	}
	return all
}

// opener gives the table on opening, filled with the records.
func (t *fakeTable) opener(rs ...recorded) Open {
	return func(_ context.Context, apply func(data.Message)) (Table, error) {
		t.apply = apply
		t.feed(rs...)
		return t, nil
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func ptr(s string) *string { return &s }

func strs(kv ...string) data.Value {
	var vs []data.Value
	for _, s := range kv {
		vs = append(vs, data.OfString(s))
	}
	return data.OfMap(vs)
}
