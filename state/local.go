package state

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"culvert/fault"
)

// Local is the Windows of one partition number. One goroutine at a time uses
// it.
type Local struct {
	store   *Store
	id      ID
	log     *slog.Logger
	prefix  []byte // of all its keys on disk
	sides   []side
	hits    []Entry // scratch of Fetch
	bytes   int64
	seekKey []byte // scratch of fetchSpilled

	// stale: what lies on disk under prefix is not a picture of these windows and
	// must be deleted before anything is written.
	stale    bool
	saved    time.Time // of the last snapshot, or attempt
	changed  bool      // since then
	complain bool      // the last snapshot failed and the log knows

	// mu is held by everything that touches the disk: Take may detach the windows
	// from another goroutine.
	mu       sync.Mutex
	detached bool   // guarded by mu
	it       cursor // guarded by mu
}

func (l *Local) slot() slot { return slot{l.id.Connector, l.id.Partition} }

// side is one input.
type side struct {
	retention int64
	interval  int64 // length of our segments
	kafka     int64 // length of those that decide about a put
	time      int64
	seen      bool // time is valid
	seq       uint64
	segments  []*segment // ascending, none expired
	// expired: segments were dropped that may still be on disk.
	expired bool
}

// segment is the entries of one span of event time: in memory, and what was
// spilled before those in memory arrived.
type segment struct {
	id      int64 // time / interval
	mem     part
	spilled bool
	// The log on disk holds the first entries of mem: blobs of it, entries in them,
	// and the position behind the last.
	blobs, logged int
	chunk, off    int
}

func newLocal(s *Store, id ID, retention []int64) *Local {
	l := &Local{
		store: s, id: id, prefix: localPrefix(id), sides: make([]side, len(retention)), saved: time.Now(),
		log: s.log.With("connector", id.Connector, "partition", id.Partition),
		// Until Load says otherwise: windows that start empty must not be mixed with
		// what an earlier owner left.
		stale: true,
	}
	for i, r := range retention {
		l.sides[i] = newSide(r)
	}
	return l
}

func newSide(retention int64) side {
	return side{
		retention: retention,
		// Eight segments: an expired one is a small share of the whole, and a Fetch
		// over the whole window asks few.
		interval: max((retention+7)/8, 1000),
		// Stores.persistentWindowStore: defaultSegmentInterval.
		kafka: max(retention/2, 60_000),
	}
}

// Observe implements Windows.
func (l *Local) Observe(n int, t int64) int64 {
	s := &l.sides[n]
	if s.seen && t <= s.time {
		return s.time
	}
	s.time, s.seen, l.changed = t, true, true
	oldest := s.time - s.retention + 1 // visible
	drop := 0
	for drop < len(s.segments) && (s.segments[drop].id+1)*s.interval <= oldest {
		g := s.segments[drop]
		l.account(-g.mem.bytes)
		s.expired = s.expired || g.spilled || g.blobs > 0
		drop++
	}
	if drop > 0 {
		s.segments = slices.Delete(s.segments, 0, drop)
	}
	return s.time
}

// StreamTime implements Windows.
func (l *Local) StreamTime(n int) (int64, bool) { return l.sides[n].time, l.sides[n].seen }

// Put implements Windows.
func (l *Local) Put(n int, key []byte, t int64, value []byte) (bool, error) {
	if t < 0 {
		return false, fault.New(fault.Fatal, "state.time", "event time %d is before 1970", t)
	}
	now := l.Observe(n, t)
	s := &l.sides[n]
	// AbstractSegments.getOrCreateSegmentIfLive, with Java's division, which rounds to zero.
	if t/s.kafka < (now-s.retention)/s.kafka {
		return false, nil
	}
	if t <= now-s.retention {
		return true, nil // taken, but no Fetch will ever see it
	}
	g := s.segment(t / s.interval)
	before := g.mem.bytes
	g.mem.add(hashKey(key), key, t, s.seq, value)
	s.seq++
	l.changed = true
	if g.mem.bytes != before {
		l.account(g.mem.bytes - before)
	}
	return true, nil
}

// segment returns the segment of that id, which is not expired.
func (s *side) segment(id int64) *segment {
	i := len(s.segments)
	for i > 0 && s.segments[i-1].id >= id {
		i--
	}
	if i < len(s.segments) && s.segments[i].id == id {
		return s.segments[i]
	}
	g := &segment{id: id}
	s.segments = slices.Insert(s.segments, i, g)
	return g
}

// Fetch implements Windows.
func (l *Local) Fetch(n int, key []byte, from, to int64, yield func(Entry) error) error {
	s := &l.sides[n]
	if s.seen {
		from = max(from, s.time-s.retention+1)
	}
	from = max(from, 0)
	if len(s.segments) == 0 || to < from {
		return nil
	}
	h := hashKey(key)
	for _, g := range s.segments {
		if (g.id+1)*s.interval <= from {
			continue
		}
		if g.id*s.interval > to {
			break
		}
		hits := l.hits[:0]
		if g.spilled {
			var err error
			if hits, err = l.fetchSpilled(n, g.id, h, key, from, to, hits); err != nil {
				return err
			}
		}
		hits = g.mem.fetch(h, key, from, to, hits)
		l.hits = hits
		if len(hits) > 1 {
			slices.SortFunc(hits, earlier)
		}
		for i := range hits {
			if err := yield(hits[i]); err != nil {
				if IsLost(err) { // the owner cannot make sense of it
					l.store.spoil(l)
				}
				return err
			}
		}
		clear(hits) // or the scratch would keep an expired segment's memory
	}
	return nil
}

func earlier(a, b Entry) int {
	switch {
	case a.Time != b.Time:
		if a.Time < b.Time {
			return -1
		}
		return 1
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}

// Bytes is the memory that the windows hold.
func (l *Local) Bytes() int64 { return l.bytes }

func (l *Local) account(d int64) {
	l.bytes += d
	l.store.bytes.Add(d)
}

// Discard forgets everything, in memory and on disk: the windows are empty, as
// after Take.
func (l *Local) Discard() {
	for i := range l.sides {
		l.sides[i] = newSide(l.sides[i].retention)
	}
	l.account(-l.bytes)
	l.stale, l.changed = true, false
}

// Close gives up the windows and their memory. What was saved stays. It may be
// called twice.
func (l *Local) Close() error {
	l.detach()
	for i := range l.sides {
		l.sides[i].segments = nil
	}
	l.account(-l.bytes)
	l.store.release(l)
	return nil
}

// detach takes the disk from the windows, after a write that is under way.
func (l *Local) detach() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.detached = true
	if l.store.disk != nil {
		l.store.disk.release(&l.it)
	}
}

// owned is called with mu held.
func (l *Local) owned() error {
	if l.detached {
		return fault.New(fault.Fenced, CodeTaken, "the join state of %s, partition %d, has another owner",
			l.id.Connector, l.id.Partition)
	}
	return nil
}

var _ Windows = (*Local)(nil)
