package state

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// DefaultMemoryBytes is the bound of culvert.state.memory.bytes when it is not set.
const DefaultMemoryBytes = 256 << 20

// Options say where and how much a Store keeps.
type Options struct {
	// Dir is culvert.data.dir; state lies in its folder join-state. Empty: memory only.
	Dir string
	// MemoryBytes is culvert.state.memory.bytes: what all windows of the process
	// may hold in memory before older segments are spilled. 0: DefaultMemoryBytes.
	// Without a Dir there is no bound, only a warning.
	MemoryBytes int64
	// SnapshotEvery is the time between two snapshots of one Local. 0: a minute.
	SnapshotEvery time.Duration
	Log           *slog.Logger // nil: slog.Default
	// FS is the file system; nil: the real one. For tests.
	FS vfs.FS
}

// ID names windows. A Local loads only what was saved under an equal ID.
type ID struct {
	Connector string
	Partition int32  // -1: all
	Shape     string // transforms.Shaped: what the state means
}

// Store is the window state of a process: a bound on memory and one Pebble
// database. It opens the database when it first needs it, so that Open cannot
// fail and a worker without a join has no database. It may be used from any
// goroutine.
type Store struct {
	o    Options
	log  *slog.Logger
	disk *disk // nil: memory only

	bytes atomic.Int64 // held by all Locals

	mu     sync.Mutex
	locals map[slot]*Local // guarded by mu
	lost   map[slot]bool   // guarded by mu: what is on disk has turned out to be unreadable
	warned bool            // guarded by mu: over the bound without a disk
	closed bool            // guarded by mu
}

// slot is what can have one owner at a time.
type slot struct {
	connector string
	partition int32
}

// Open makes a Store.
func Open(o Options) *Store {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.SnapshotEvery <= 0 {
		o.SnapshotEvery = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Store{o: o, log: o.Log, locals: map[slot]*Local{}, lost: map[slot]bool{}}
	if o.Dir != "" {
		s.disk = newDisk(o.Dir, o.FS, o.Log)
	}
	return s
}

// Take makes the caller the owner of the windows of id, with one side for each
// retention (milliseconds). They are empty; Load fills them. An earlier owner in
// this process that has not closed them (a task that was abandoned) loses them:
// its calls that touch the disk fail with class Fenced from now on.
func (s *Store) Take(id ID, retention ...int64) *Local {
	l := newLocal(s, id, retention)
	key := l.slot()
	s.mu.Lock()
	old := s.locals[key]
	s.locals[key] = l
	s.mu.Unlock()
	if old != nil {
		old.detach() // waits for a write of its own that is under way
	}
	return l
}

// Drop removes all that is kept on disk for a connector that no longer exists.
// Nobody may own windows of it.
func (s *Store) Drop(connector string) error {
	if s.disk == nil || !s.disk.used() {
		return nil
	}
	lo := connectorPrefix(connector)
	return s.disk.write(0, func(w *tables) error { return w.deleteRange(lo, after(lo)) })
}

// Close closes the database. Windows that are still owned lose their disk.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	var left []*Local
	for _, l := range s.locals {
		left = append(left, l)
	}
	clear(s.locals)
	s.mu.Unlock()
	for _, l := range left {
		l.detach()
	}
	if s.disk == nil {
		return nil
	}
	return s.disk.close()
}

// Bytes is the memory held by all windows.
func (s *Store) Bytes() int64 { return s.bytes.Load() }

// share is what one Local may hold when all are over the bound.
func (s *Store) share() int64 {
	s.mu.Lock()
	n := len(s.locals)
	s.mu.Unlock()
	return s.o.MemoryBytes / int64(max(n, 1))
}

// release forgets a closed Local unless somebody else owns its slot by now.
func (s *Store) release(l *Local) {
	key := l.slot()
	s.mu.Lock()
	if s.locals[key] == l {
		delete(s.locals, key)
	}
	s.mu.Unlock()
}

// spoil keeps the next owner from loading what could not be read.
func (s *Store) spoil(l *Local) {
	s.mu.Lock()
	s.lost[l.slot()] = true
	s.mu.Unlock()
}

// spoiled reports, once, whether a former owner has found its state unreadable.
func (s *Store) spoiled(l *Local) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.lost[l.slot()]
	delete(s.lost, l.slot())
	return lost
}

// MemoryBytes is what all windows hold in memory.
func (s *Store) MemoryBytes() int64 { return s.bytes.Load() }

// warnOnce says, once in the life of the Store, that memory is over its bound and
// there is no disk to spill to.
func (s *Store) warnOnce() {
	s.mu.Lock()
	first := !s.warned
	s.warned = true
	s.mu.Unlock()
	if first {
		s.log.Warn("join state exceeds its bound in memory and cannot spill: culvert.data.dir is not set",
			"bytes", s.bytes.Load(), "culvert.state.memory.bytes", s.o.MemoryBytes)
	}
}
