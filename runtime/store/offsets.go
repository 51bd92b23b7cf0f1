package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"culvert/data"
	"culvert/fault"
)

// OffsetStore is the Offsets on a table.
type OffsetStore struct {
	table Table
	log   *slog.Logger

	mu      sync.RWMutex // guards entries; apply holds it
	entries map[string]map[string]offsetEntry
}

// offsetEntry is one partition of a connector, under the canonical text of the
// partition.
type offsetEntry struct {
	// key is the record's key as it was first written. It is used again: the keys of
	// a map have no order, and under other bytes the record would be another one to
	// the topic and to Java.
	key       []byte
	partition data.Value
	offset    data.Value
}

// OpenOffsets reads the offset table to its end.
func OpenOffsets(ctx context.Context, open Open, log *slog.Logger) (*OffsetStore, error) {
	s := &OffsetStore{log: log, entries: map[string]map[string]offsetEntry{}}
	t, err := open(ctx, s.apply)
	if err != nil {
		return nil, err
	}
	s.table = t
	return s, nil
}

// Load returns the stored offsets of the partitions.
func (s *OffsetStore) Load(ctx context.Context, connector string, partitions []data.Value) ([]data.Value, error) {
	if err := s.table.Sync(ctx); err != nil {
		return nil, fmt.Errorf("read offsets of %s: %w", connector, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]data.Value, len(partitions))
	for i, p := range partitions {
		out[i] = s.entries[connector][canonical(p)].offset
	}
	return out, nil
}

// CheckSourceOffsets refuses source partitions and offsets that a user gives and that
// hold more than primitive values, in the words of OffsetUtils.validateFormat.
func CheckSourceOffsets(marks []data.Mark) error {
	for _, m := range marks {
		for _, object := range []data.Value{m.Partition, m.Next} {
			pairs := object.Elems()
			for i := 0; i+1 < len(pairs); i += 2 {
				if kind, ok := nested[pairs[i+1].Kind()]; ok {
					return fault.New(fault.Fatal, "offsets.nested", "Offsets may only contain primitive types as values, but field %s contains %s", plain(pairs[i]), kind)
				}
			}
		}
	}
	return nil
}

// nested are the kinds that an offset may not have, by Java's names.
var nested = map[data.Kind]string{data.Map: "MAP", data.Array: "ARRAY", data.Struct: "STRUCT"}

// Commit writes the marks.
func (s *OffsetStore) Commit(ctx context.Context, connector string, marks []data.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	kvs := make([]KV, len(marks))
	s.mu.RLock()
	for i, m := range marks {
		if e, ok := s.entries[connector][canonical(m.Partition)]; ok {
			kvs[i].Key = e.key
		} else {
			kvs[i].Key = offsetKey(connector, m.Partition)
		}
		if !m.Next.IsNull() {
			kvs[i].Value = appendValue(nil, m.Next)
		}
	}
	s.mu.RUnlock()
	if err := s.table.Write(ctx, kvs...); err != nil {
		return fmt.Errorf("commit offsets of %s: %w", connector, err)
	}
	return nil
}

// All returns every partition that has an offset.
func (s *OffsetStore) All(ctx context.Context, connector string) ([]data.Mark, error) {
	if err := s.table.Sync(ctx); err != nil {
		return nil, fmt.Errorf("read offsets of %s: %w", connector, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	texts := make([]string, 0, len(s.entries[connector]))
	for text := range s.entries[connector] {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	marks := make([]data.Mark, len(texts))
	for i, text := range texts {
		e := s.entries[connector][text]
		marks[i] = data.Mark{Partition: e.partition, Next: e.offset}
	}
	return marks, nil
}

// Close closes the table.
func (s *OffsetStore) Close() error { return s.table.Close() }

// offsetKey is the JSON array of the connector's name and the partition, whose
// keys stay in the order that the connector gave them.
func offsetKey(connector string, partition data.Value) []byte {
	return appendValue(nil, data.OfArray([]data.Value{data.OfString(connector), partition}))
}

func parseOffsetKey(raw []byte) (connector string, partition data.Value, err error) {
	v, err := parseValue(raw)
	if err != nil {
		return "", data.Value{}, err
	}
	e := v.Elems()
	if v.Kind() != data.Array || len(e) != 2 || e[0].Kind() != data.String || e[1].Kind() != data.Map {
		return "", data.Value{}, errors.New("no array of a connector's name and a partition")
	}
	return e[0].Str(), e[1], nil
}

func (s *OffsetStore) apply(m data.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(m.Key, m.Value); err != nil {
		s.log.Error("offset record left out", "key", strings.ToValidUTF8(string(m.Key), "?"),
			"partition", m.Partition, "offset", m.Offset, "err", err)
	}
}

func (s *OffsetStore) take(key, raw []byte) error {
	connector, partition, err := parseOffsetKey(key)
	if err != nil {
		return err
	}
	var offset data.Value
	if raw != nil {
		if offset, err = object(raw); err != nil {
			return err
		}
	}
	text := canonical(partition)
	if offset.IsNull() {
		// A tombstone under other bytes is not for the record that we know.
		if old, ok := s.entries[connector][text]; ok && string(old.key) == string(key) {
			delete(s.entries[connector], text)
		}
		return nil
	}
	if s.entries[connector] == nil {
		s.entries[connector] = map[string]offsetEntry{}
	}
	s.entries[connector][text] = offsetEntry{key: key, partition: partition, offset: offset}
	return nil
}

var _ Offsets = (*OffsetStore)(nil)
