package kafka

import (
	"fmt"
	"sync"
	"testing"

	"culvert/data"
	"culvert/fault"
)

// mirror is a table as its users keep it.
type mirror struct {
	mu   sync.Mutex
	rows map[string]string
	seen []int64
}

func (m *mirror) apply(r data.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, r.Offset)
	if r.Value == nil {
		delete(m.rows, string(r.Key))
		return
	}
	m.rows[string(r.Key)] = string(r.Value)
}

func (m *mirror) get(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[key]
}

func openTable(t *testing.T, s Settings, c TableConfig) (*Table, *mirror) {
	t.Helper()
	m := &mirror{rows: map[string]string{}}
	c.Apply = m.apply
	table, err := OpenTable(within(t), s, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Close() })
	return table, m
}

func TestTable(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	config := TableConfig{Topic: "configs", Create: TopicSpec{Partitions: 1, Replication: 1}}
	one, first := openTable(t, s, config)
	if one.Offset() != 0 || one.Partitions() != 1 {
		t.Errorf("a new table has offset %d, %d partitions", one.Offset(), one.Partitions())
	}
	for i := range 10 {
		if err := one.Put(ctx, []byte("k"), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.PutMany(ctx, []KV{{[]byte("a"), []byte("1")}, {[]byte("b"), []byte("2")}, {[]byte("a"), nil}}); err != nil {
		t.Fatal(err)
	}
	// Another worker sees all of it after Sync, and after opening.
	two, second := openTable(t, s, config)
	if err := one.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*mirror{first, second} {
		if m.get("k") != "9" || m.get("a") != "" || m.get("b") != "2" {
			t.Errorf("rows = %v", m.rows)
		}
	}
	if one.Offset() != 13 || two.Offset() != 13 {
		t.Errorf("offsets = %d and %d, want 13", one.Offset(), two.Offset())
	}
	if err := two.Put(ctx, []byte("k"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := one.Sync(ctx); err != nil || first.get("k") != "x" {
		t.Errorf("after Sync k = %q, %v", first.get("k"), err)
	}
	for i, offset := range first.seen {
		if offset != int64(i) {
			t.Fatalf("record %d applied had offset %d", i, offset)
		}
	}
	a, err := OpenAdmin(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if c, err := a.TopicConfigs(ctx, "configs"); err != nil || c["cleanup.policy"] != "compact" {
		t.Errorf("cleanup.policy = %q, %v", c["cleanup.policy"], err)
	}
}

func TestTableOfSeveralPartitions(t *testing.T) {
	cluster := fakeCluster(t)
	ctx, s := within(t), settings(cluster)
	table, m := openTable(t, s, TableConfig{Topic: "offsets", Create: TopicSpec{Partitions: 5, Replication: 1}})
	var kvs []KV
	for i := range 100 {
		kvs = append(kvs, KV{fmt.Append(nil, i), []byte("v")})
	}
	if err := table.PutMany(ctx, kvs); err != nil {
		t.Fatal(err)
	}
	if err := table.Sync(ctx); err != nil || len(m.rows) != 100 {
		t.Errorf("%d rows, %v", len(m.rows), err)
	}
	total := int64(0)
	for _, o := range table.Offsets() {
		total += o
	}
	if total != 100 {
		t.Errorf("offsets = %v", table.Offsets())
	}
}

func TestTableRefusesTopic(t *testing.T) {
	ctx, s := within(t), settings(fakeCluster(t))
	_, err := OpenTable(ctx, s, TableConfig{Topic: "single", Property: "config.storage.topic", Holds: "connector configurations",
		Apply: func(data.Message) {}})
	if !fault.Is(err, fault.Config) {
		t.Fatalf("a topic that is not compacted gave %v", err)
	}
}
