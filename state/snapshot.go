package state

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"culvert/data"
	"culvert/fault"
)

// manifest describes the picture of a Local that is on disk.
type manifest struct {
	Version   int              `json:"version"`
	Connector string           `json:"connector"`
	Partition int32            `json:"partition"`
	Shape     string           `json:"shape,omitempty"`
	Offsets   []manifestOffset `json:"offsets"`
	Sides     []manifestSide   `json:"sides"`
}

type manifestOffset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

type manifestSide struct {
	Retention int64             `json:"retention"`
	Time      int64             `json:"time"`
	Seen      bool              `json:"seen"`
	Seq       uint64            `json:"seq"`
	Segments  []manifestSegment `json:"segments"`
}

type manifestSegment struct {
	ID      int64 `json:"id"`
	Blobs   int   `json:"blobs"`
	Entries int   `json:"entries"` // in the blobs
	Spilled bool  `json:"spilled,omitempty"`
}

// manifestVersion changes with the layout on disk; state of another version is
// not used.
const manifestVersion = 1

// Checkpoint does what is due, and mostly that is nothing: it spills the oldest
// segments when the process holds more than its bound, and takes a snapshot
// once in Options.SnapshotEvery. The caller has processed its inputs up to
// offsets, exactly, and they are committed or were committed earlier (during a
// restore).
//
// An error says that memory is over its bound and cannot be spilled (CodeDisk,
// class Retry): take no more input and call again later. A snapshot that fails
// is one log line, because nothing depends on it.
func (l *Local) Checkpoint(offsets data.Offsets) error {
	over := l.store.bytes.Load() > l.store.o.MemoryBytes
	if l.store.disk == nil {
		if over {
			l.store.warnOnce()
		}
		return nil
	}
	if over {
		if spill := l.oldest(); len(spill) > 0 {
			return l.write(offsets, spill)
		}
	}
	if !l.changed || time.Since(l.saved) < l.store.o.SnapshotEvery {
		return nil
	}
	err := l.write(offsets, nil)
	switch {
	case fault.Is(err, fault.Fenced):
		return err
	case err != nil && !l.complain:
		l.log.Warn("no snapshot of the join state; the next restore is longer", "err", fault.Explain(err))
	case err == nil && l.complain:
		l.log.Info("snapshots of the join state work again")
	}
	l.complain = err != nil
	l.saved = time.Now()
	return nil
}

// Urgent reports whether memory is over its bound and a Checkpoint would spill.
func (l *Local) Urgent() bool {
	return l.store.disk != nil && l.store.bytes.Load() > l.store.o.MemoryBytes && l.bytes > l.store.share()
}

// Save takes a snapshot that stands for offsets, as in Checkpoint: at the end of
// a task, so that the next one restores in no time.
func (l *Local) Save(offsets data.Offsets) error {
	if l.store.disk == nil {
		return nil
	}
	return l.write(offsets, nil)
}

// victim is a segment to spill.
type victim struct {
	side int
	g    *segment
}

// oldest picks the segments to spill: none while these windows hold no more
// than their share of the bound, else by age until they hold three quarters of it.
func (l *Local) oldest() []victim {
	share := l.store.share()
	if l.bytes <= share {
		return nil
	}
	var all []victim
	for n := range l.sides {
		for _, g := range l.sides[n].segments {
			if g.mem.count > 0 {
				all = append(all, victim{n, g})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b victim) int {
		return cmp.Compare(a.g.id*l.sides[a.side].interval, b.g.id*l.sides[b.side].interval)
	})
	left := l.bytes
	for i, v := range all {
		if left <= share/4*3 {
			all = all[:i]
			break
		}
		left -= v.g.mem.bytes
	}
	// In the order of the keys on disk.
	slices.SortFunc(all, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.side, b.side), cmp.Compare(a.g.id, b.g.id))
	})
	return all
}

// write replaces the picture on disk by the present one, with the memory of the
// spill segments moved to disk, in one step. After an error nothing has changed.
func (l *Local) write(offsets data.Offsets, spill []victim) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.owned(); err != nil {
		return err
	}
	d := l.store.disk
	if l.stale {
		err := d.write(0, func(w *tables) error { return w.deleteRange(l.prefix, after(l.prefix)) })
		if err != nil {
			return l.explain(err)
		}
		l.stale = false
	}
	p := l.picture(offsets, spill)
	if err := d.write(p.size, p.write); err != nil {
		return l.explain(err)
	}
	p.done()
	l.saved, l.changed = time.Now(), false
	return nil
}

// explain adds whose state could not be written or read.
func (l *Local) explain(err error) error {
	return fmt.Errorf("state of %s, partition %d (%d bytes in memory, culvert.state.memory.bytes=%d for all): %w",
		l.id.Connector, l.id.Partition, l.bytes, l.store.o.MemoryBytes, err)
}

// picture is what one write puts on disk, and what it changes in memory when it
// has succeeded.
type picture struct {
	l        *Local
	manifest manifest
	logs     []logBlob
	spill    []victim
	size     int64 // estimate
}

// logBlob is a run of whole entries of a segment.
type logBlob struct {
	side int
	id   int64
	n    int
	b    []byte
}

func (l *Local) picture(offsets data.Offsets, spill []victim) *picture {
	p := &picture{l: l, spill: spill, manifest: manifest{
		Version: manifestVersion, Connector: l.id.Connector, Partition: l.id.Partition, Shape: l.id.Shape,
	}}
	for tp, o := range offsets {
		p.manifest.Offsets = append(p.manifest.Offsets, manifestOffset{tp.Topic, tp.Partition, o})
	}
	for n := range l.sides {
		s := &l.sides[n]
		ms := manifestSide{Retention: s.retention, Time: s.time, Seen: s.seen, Seq: s.seq}
		for _, g := range s.segments {
			m := manifestSegment{ID: g.id, Spilled: g.spilled}
			if p.spills(n, g) {
				m.Spilled = true
				p.size += g.mem.bytes
			} else {
				m.Blobs, m.Entries = p.addLogs(n, g), g.mem.count
			}
			ms.Segments = append(ms.Segments, m)
		}
		p.manifest.Sides = append(p.manifest.Sides, ms)
	}
	return p
}

func (p *picture) spills(side int, g *segment) bool {
	return slices.Contains(p.spill, victim{side, g})
}

// addLogs adds what the segment got since the last write and returns the number
// of blobs that it then has.
func (p *picture) addLogs(side int, g *segment) int {
	n := g.blobs
	for c := g.chunk; c < len(g.mem.chunks); c++ {
		start := chunkStart(c)
		if c == g.chunk && g.off > 0 {
			start = g.off
		}
		if b := g.mem.chunks[c][start:]; len(b) > 0 {
			p.logs = append(p.logs, logBlob{side, g.id, n, b})
			p.size += int64(len(b))
			n++
		}
	}
	return n
}

// write makes the tables: one with the log and the manifest, then one for each
// run of the spilled keyspace, so that their ranges do not overlap.
func (p *picture) write(w *tables) error {
	l := p.l
	for n := range l.sides {
		if err := p.deleteLogs(w, n); err != nil {
			return err
		}
	}
	for _, b := range p.logs {
		if err := w.set(logKey(l.prefix, b.side, b.id, b.n), b.b); err != nil {
			return err
		}
	}
	m, err := json.Marshal(p.manifest)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := w.set(manifestKey(l.prefix), m); err != nil {
		return err
	}
	if err := w.cut(); err != nil {
		return err
	}
	for n := range l.sides {
		if err := p.writeSpill(w, n); err != nil {
			return err
		}
	}
	return nil
}

// deleteLogs deletes the logs of expired and of spilled segments.
func (p *picture) deleteLogs(w *tables, n int) error {
	l := p.l
	if l.sides[n].expired {
		if err := w.deleteRange(segmentKey(l.prefix, logKind, n, 0), segmentKey(l.prefix, logKind, n, l.sides[n].oldest())); err != nil {
			return err
		}
	}
	for _, v := range p.spill {
		if v.side == n && v.g.blobs > 0 {
			if err := w.deleteRange(segmentKey(l.prefix, logKind, n, v.g.id), segmentKey(l.prefix, logKind, n, v.g.id+1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldest is the id of the first segment that is not expired.
func (s *side) oldest() int64 {
	if len(s.segments) > 0 {
		return s.segments[0].id
	}
	return max(0, s.time-s.retention+1) / s.interval
}

// writeSpill deletes the expired spilled segments of a side and writes those
// that are spilled now, sorted by key.
func (p *picture) writeSpill(w *tables, n int) error {
	l := p.l
	if l.sides[n].expired {
		if err := w.deleteRange(segmentKey(l.prefix, spillKind, n, 0), segmentKey(l.prefix, spillKind, n, l.sides[n].oldest())); err != nil {
			return err
		}
		if err := w.cut(); err != nil {
			return err
		}
	}
	var refs []spillRef
	var value []byte
	for _, v := range p.spill {
		if v.side != n {
			continue
		}
		refs = sortedRefs(refs[:0], &v.g.mem)
		segment := segmentKey(l.prefix, spillKind, n, v.g.id)
		for _, r := range refs {
			key := entryKey(r.e)
			value = binary.AppendUvarint(value[:0], uint64(len(key)))
			value = append(append(value, key...), entryValue(r.e)...)
			if err := w.set(spillKey(segment, r.hash, entryTime(r.e), entrySeq(r.e)), value); err != nil {
				return err
			}
		}
		if err := w.cut(); err != nil {
			return err
		}
	}
	return nil
}

type spillRef struct {
	hash uint64
	e    []byte
}

// sortedRefs lists the entries in the order of their keys on disk.
func sortedRefs(refs []spillRef, p *part) []spillRef {
	p.each(func(e []byte) { refs = append(refs, spillRef{hashKey(entryKey(e)), e}) })
	slices.SortFunc(refs, func(a, b spillRef) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(entryTime(a.e), entryTime(b.e)), cmp.Compare(entrySeq(a.e), entrySeq(b.e)))
	})
	return refs
}

// done notes in memory what is on disk now.
func (p *picture) done() {
	l := p.l
	for n := range l.sides {
		s := &l.sides[n]
		s.expired = false
		for i, g := range s.segments {
			if p.spills(n, g) {
				l.account(-g.mem.bytes)
				*g = segment{id: g.id, spilled: true}
				continue
			}
			g.blobs, g.logged = p.manifest.Sides[n].Segments[i].Blobs, g.mem.count
			if c := len(g.mem.chunks) - 1; c >= 0 {
				g.chunk, g.off = c, len(g.mem.chunks[c])
			}
		}
	}
}

// fetchSpilled appends the entries of one segment that are on disk.
func (l *Local) fetchSpilled(n int, segment int64, h uint64, key []byte, from, to int64, hits []Entry) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.owned(); err != nil {
		return nil, err
	}
	l.seekKey = spillKey(appendSegmentKey(l.seekKey[:0], l.prefix, spillKind, n, segment), h, from, 0)
	err := l.store.disk.seek(&l.it, func(it *pebble.Iterator) error {
		for ok := it.SeekPrefixGE(l.seekKey); ok; ok = it.Next() {
			k := it.Key()
			t := int64(binary.BigEndian.Uint64(k[spillSplit:]))
			if t > to {
				break
			}
			v, err := it.ValueAndErr()
			if err != nil {
				return err
			}
			stored, value, ok := splitSpilled(v)
			if !ok {
				return fmt.Errorf("a spilled entry of %d bytes is damaged", len(v))
			}
			if string(stored) == string(key) {
				hits = append(hits, Entry{Time: t, Seq: binary.BigEndian.Uint64(k[spillSplit+8:]), Value: slices.Clone(value)})
			}
		}
		return it.Error()
	})
	switch {
	case fault.Of(err) != nil: // the database cannot be opened now
		return nil, l.explain(err)
	case err != nil:
		l.store.spoil(l)
		return nil, fault.New(fault.Retry, CodeLost, "read the spilled join state of %s, partition %d, in %s: %w",
			l.id.Connector, l.id.Partition, l.store.disk.dir, err).
			WithFix("Nothing is lost: the state is read again from the inputs. Look at the disk of culvert.data.dir if it happens again.")
	}
	return hits, nil
}

// splitSpilled takes the value of a spilled entry apart.
func splitSpilled(b []byte) (key, value []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n:n], b[n:], true
}
