package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"culvert/data"
	"culvert/fault"
)

// Load fills the windows from the last snapshot and returns the offsets that it
// stands for: replay each input from there up to its committed offset. An input
// that is missing in the result is replayed as without a snapshot.
//
// It returns nil, and the windows stay empty, when there is no snapshot, or it
// is damaged, or was made by another configuration, or is ahead of the
// committed offsets (its transaction did not commit). Except for the first, one
// log line says why. It may be called once, right after Store.Take.
func (l *Local) Load(committed data.Offsets) data.Offsets {
	if l.store.disk == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.detached {
		return nil
	}
	if l.store.spoiled(l) {
		l.log.Warn("the join state on disk could not be read and is restored from the inputs", "dir", l.store.disk.dir)
		return nil
	}
	var m *manifest
	err := l.store.disk.seek(&l.it, func(it *pebble.Iterator) error {
		raw, err := get(it, manifestKey(l.prefix))
		if raw == nil || err != nil {
			return err
		}
		if m, err = l.check(raw, committed); err != nil {
			return err
		}
		return l.fill(it, m)
	})
	if err != nil {
		l.Discard()
		l.log.Warn("the snapshot of the join state is not used; the restore reads more of the inputs",
			"dir", l.store.disk.dir, "err", fault.Explain(err))
		return nil
	}
	if m == nil {
		return nil
	}
	l.stale, l.changed = false, false
	offsets := data.Offsets{}
	for _, o := range m.Offsets {
		offsets[data.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Offset
	}
	return offsets
}

func get(it *pebble.Iterator, key []byte) ([]byte, error) {
	if !it.SeekGE(key) || string(it.Key()) != string(key) {
		return nil, it.Error()
	}
	v, err := it.ValueAndErr()
	return slices.Clone(v), err
}

// check reads the manifest and decides whether its picture fits.
func (l *Local) check(raw []byte, committed data.Offsets) (*manifest, error) {
	m := &manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("damaged manifest: %w", err)
	}
	switch {
	case m.Version != manifestVersion:
		return nil, fmt.Errorf("it has version %d, this worker reads %d", m.Version, manifestVersion)
	case m.Connector != l.id.Connector || m.Partition != l.id.Partition:
		return nil, fmt.Errorf("it belongs to %s, partition %d", m.Connector, m.Partition)
	case m.Shape != l.id.Shape:
		return nil, errors.New("the configuration of the transformation has changed")
	case len(m.Sides) != len(l.sides):
		return nil, fmt.Errorf("it has %d sides, not %d", len(m.Sides), len(l.sides))
	}
	for n := range m.Sides {
		if m.Sides[n].Retention != l.sides[n].retention {
			return nil, fmt.Errorf("it keeps %d ms on side %d, not %d", m.Sides[n].Retention, n, l.sides[n].retention)
		}
	}
	for _, o := range m.Offsets {
		tp := data.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		if c, ok := committed[tp]; !ok || o.Offset > c {
			return nil, fmt.Errorf("it is at offset %d of %s-%d, ahead of the committed offset", o.Offset, o.Topic, o.Partition)
		}
	}
	return m, nil
}

// fill reads the log of each segment into memory.
func (l *Local) fill(it *pebble.Iterator, m *manifest) error {
	for n := range m.Sides {
		ms, s := &m.Sides[n], &l.sides[n]
		s.time, s.seen, s.seq = ms.Time, ms.Seen, ms.Seq
		last := int64(-1)
		for _, mg := range ms.Segments {
			if mg.ID <= last || mg.Blobs < 0 {
				return fmt.Errorf("damaged manifest: segment %d of side %d", mg.ID, n)
			}
			last = mg.ID
			g := &segment{id: mg.ID, spilled: mg.Spilled, blobs: mg.Blobs}
			s.segments = append(s.segments, g)
			if err := l.fillSegment(it, n, g); err != nil {
				return fmt.Errorf("segment %d of side %d: %w", g.id, n, err)
			}
			if g.mem.count != mg.Entries {
				return fmt.Errorf("segment %d of side %d has %d entries, not %d", g.id, n, g.mem.count, mg.Entries)
			}
			g.logged = g.mem.count
			if c := len(g.mem.chunks) - 1; c >= 0 {
				g.chunk, g.off = c, len(g.mem.chunks[c])
			}
		}
	}
	return nil
}

func (l *Local) fillSegment(it *pebble.Iterator, n int, g *segment) error {
	if g.blobs == 0 {
		return nil
	}
	lo, hi := g.id*l.sides[n].interval, (g.id+1)*l.sides[n].interval
	key := logKey(l.prefix, n, g.id, 0)
	ok := it.SeekGE(key)
	for i := 0; i < g.blobs; i, ok = i+1, it.Next() {
		if !ok || string(it.Key()) != string(logKey(l.prefix, n, g.id, i)) {
			return errors.Join(fmt.Errorf("part %d of its log is missing", i), it.Error())
		}
		b, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		before := g.mem.bytes
		if err := g.mem.load(b, lo, hi, l.sides[n].seq); err != nil {
			return fmt.Errorf("part %d of its log: %w", i, err)
		}
		l.account(g.mem.bytes - before)
	}
	return nil
}

// load adds the entries of a log blob, which must have lo <= time < hi and
// numbers below seq.
func (p *part) load(b []byte, lo, hi int64, seq uint64) error {
	for len(b) > 0 {
		e, rest, ok := nextEntry(b)
		if !ok {
			return fmt.Errorf("damaged entry, %d bytes before the end", len(b))
		}
		if t := entryTime(e); t < lo || t >= hi || entrySeq(e) >= seq {
			return fmt.Errorf("entry with time %d and number %d does not belong here", t, entrySeq(e))
		}
		key := entryKey(e)
		p.add(hashKey(key), key, entryTime(e), entrySeq(e), entryValue(e))
		b = rest
	}
	return nil
}
