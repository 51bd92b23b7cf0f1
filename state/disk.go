package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"culvert/fault"
)

// disk is the Pebble database of a process. Everything is written as sorted
// tables that Pebble takes in (DB.Ingest) in one atomic step: no write-ahead
// log and no memtable see the data, an error reaches the caller, and a table of
// expired segments is dropped unread.
type disk struct {
	root string // culvert.data.dir
	dir  string // of the database
	tmp  string // tables being written
	fs   vfs.FS
	log  *slog.Logger

	// broken: Pebble met an error after which it must not be used (its Fatalf). The
	// next use closes it and opens it again.
	broken   atomic.Bool
	reported atomic.Value  // string: the last background error in the log
	tables   atomic.Uint64 // names of temporary files
	writes   atomic.Uint64 // counts ingests, so that iterators know they are old

	// mu is held for reading by each use, for writing to open and close.
	mu    sync.RWMutex
	db    *pebble.DB      // guarded by mu; nil until used
	opts  *pebble.Options // guarded by mu; of db
	lock  *pebble.Lock    // guarded by mu; from the first opening to the end
	epoch uint64          // guarded by mu; counts openings
	shut  bool            // guarded by mu
	lost  error           // guarded by mu: a broken database that could not be closed

	itersMu sync.Mutex
	iters   map[*pebble.Iterator]struct{} // guarded by itersMu
}

const (
	// reserve is disk space that is left alone: Pebble cannot go on after a failed
	// write of its manifest, so we stop earlier than the disk does.
	reserve = 8 << 20
	// closeWait bounds the closing of a broken database.
	closeWait = 5 * time.Second
)

func newDisk(root string, fs vfs.FS, log *slog.Logger) *disk {
	if fs == nil {
		fs = vfs.Default
	}
	return &disk{
		root: root, dir: filepath.Join(root, "join-state"), tmp: filepath.Join(root, "join-state.tmp"),
		fs: fs, log: log, iters: map[*pebble.Iterator]struct{}{},
	}
}

// comparer is byte order, with a Split so that Pebble's Bloom filters hold the
// keys of entries without time and number.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "culvert.state.v1"
	c.Split = splitKey
	return &c
}()

func (d *disk) options() *pebble.Options {
	o := &pebble.Options{
		FS: d.fs, Comparer: comparer, FormatMajorVersion: pebble.FormatNewest,
		Logger: pebbleLog{d}, DisableWAL: true, MemTableSize: 256 << 10, CacheSize: 8 << 20, MaxOpenFiles: 256,
		EventListener: &pebble.EventListener{
			BackgroundError: d.background,
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				d.log.Error("join state is damaged", "dir", d.dir, "err", info.Details.Error())
			},
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return o
}

// used reports whether there is a database: a worker without a join has none.
func (d *disk) used() bool {
	_, err := d.fs.Stat(d.dir)
	return err == nil
}

// background reports a failure of Pebble's own work, once while it repeats itself.
func (d *disk) background(err error) {
	text := err.Error()
	if last, _ := d.reported.Swap(text).(string); last != text {
		d.log.Warn("join state: background work failed", "dir", d.dir, "err", text)
	}
}

// use calls f with the open database. A broken one can still be read.
func (d *disk) use(f func(db *pebble.DB) error) error {
	for {
		d.mu.RLock()
		if d.db != nil {
			defer d.mu.RUnlock()
			return f(d.db)
		}
		d.mu.RUnlock()
		if err := d.open(); err != nil {
			return d.fail("open", err)
		}
	}
}

// open opens the database if it is not open, and a broken one again when the
// disk takes writes.
func (d *disk) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.shut:
		return errors.New("the store is closed")
	case d.lost != nil:
		return d.lost
	case d.db != nil && !d.broken.Load():
		return nil // somebody was faster
	}
	if err := d.probe(); err != nil {
		return err
	}
	if d.db != nil {
		if err := d.closeDB(); err != nil {
			d.lost = fmt.Errorf("the database failed and could not be closed (%w); a restart of the worker opens it again", err)
			return d.lost
		}
		d.broken.Store(false)
	}
	if err := d.take(); err != nil {
		return err
	}
	opts := d.options()
	opts.Lock = d.lock
	opts.EnsureDefaults()
	db, err := pebble.Open(d.dir, opts)
	if err != nil && pebble.IsCorruptionError(err) {
		d.log.Warn("join state is damaged and starts empty: the next restores read their inputs again", "dir", d.dir, "err", err.Error())
		if err = d.empty(); err == nil {
			db, err = pebble.Open(d.dir, opts)
		}
	}
	if err != nil {
		return err
	}
	if err := d.clean(); err != nil {
		return errors.Join(err, db.Close())
	}
	d.db, d.opts = db, opts
	d.epoch++
	return nil
}

// take locks the folder for this process.
func (d *disk) take() error {
	if d.lock != nil {
		return nil
	}
	if err := d.fs.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	root, err := d.fs.OpenDir(d.root)
	if err != nil {
		return err
	}
	// Pebble makes its files durable, but not the folder that it is given.
	if err := errors.Join(root.Sync(), root.Close()); err != nil {
		return err
	}
	if d.lock, err = pebble.LockDirectory(d.dir, d.fs); err != nil {
		return fmt.Errorf("%w: %w", errInUse, err)
	}
	return nil
}

// errInUse: another process has the folder.
var errInUse = errors.New("the folder is in use")

// empty removes everything but the lock.
func (d *disk) empty() error {
	names, err := d.fs.List(d.dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n != "LOCK" {
			err = errors.Join(err, d.fs.RemoveAll(filepath.Join(d.dir, n)))
		}
	}
	return err
}

// probe finds out whether the disk takes writes.
func (d *disk) probe() error {
	if err := d.room(0); err != nil {
		return err
	}
	if err := d.fs.MkdirAll(d.root, 0o755); err != nil {
		return err
	}
	path := d.dir + ".probe"
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4<<10))
	return errors.Join(err, f.Sync(), f.Close(), d.fs.Remove(path))
}

// clean empties the folder of temporary files; only the owner of the database's
// lock may do that.
func (d *disk) clean() error {
	if err := d.fs.RemoveAll(d.tmp); err != nil {
		return err
	}
	return d.fs.MkdirAll(d.tmp, 0o755)
}

// closeDB closes the database; mu is held for writing, so nobody is using it.
// Pebble may wait for ever, or panic, after a fatal error. An error that it
// returns is not one of ours: what it had open is closed.
func (d *disk) closeDB() error {
	d.itersMu.Lock()
	for it := range d.iters {
		_ = it.Close() // its errors have been seen by its reader
	}
	clear(d.iters)
	d.itersMu.Unlock()
	db := d.db
	d.db = nil
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("close: %v", p)
			}
		}()
		if err := db.Close(); err != nil {
			d.log.Warn("join state: close", "dir", d.dir, "err", err.Error())
		}
		done <- nil
	}()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("close: no end after " + closeWait.String())
	}
}

func (d *disk) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = true
	if d.db != nil {
		if err := d.closeDB(); err != nil {
			return fmt.Errorf("close %s: %w", d.dir, err)
		}
	}
	if d.lock != nil {
		if err := d.lock.Close(); err != nil {
			return fmt.Errorf("unlock %s: %w", d.dir, err)
		}
		d.lock = nil
	}
	return nil
}

// room checks for space for n more bytes. A file system that cannot tell has room.
func (d *disk) room(n int64) error {
	dir := d.root
	u, err := d.fs.GetDiskUsage(dir)
	if err == nil && u.AvailBytes < uint64(n)+reserve {
		return fmt.Errorf("%w: %d bytes available, %d needed and %d kept free", syscall.ENOSPC, u.AvailBytes, n, int64(reserve))
	}
	return nil
}

// fail gives an error of the folder its class and names the remedy.
func (d *disk) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	if e := fault.Of(err); e != nil {
		return err
	}
	f := fault.New(fault.Retry, CodeDisk, "join state in %s: %s: %w", d.dir, what, err).WithField("culvert.data.dir")
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return f.WithFix("Free space on the disk of culvert.data.dir (%s), move culvert.data.dir, or raise culvert.state.memory.bytes; nothing is lost, the work goes on by itself when there is room.", d.root)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return f.WithFix("Let the worker write to culvert.data.dir (%s), or set culvert.data.dir to a folder where it can.", d.root)
	case errors.Is(err, errInUse):
		return f.WithFix("Another worker uses %s: give each one a culvert.data.dir of its own.", d.dir)
	}
	return f.WithFix("Look at the disk of culvert.data.dir (%s); if the folder %s is damaged, stop the worker and delete it: it is rebuilt from the inputs.", d.root, d.dir)
}

// write makes tables by f and takes them in together.
func (d *disk) write(size int64, f func(w *tables) error) error {
	if d.broken.Load() {
		if err := d.open(); err != nil {
			return d.fail("open", err)
		}
	}
	err := d.use(func(db *pebble.DB) error {
		if err := d.room(size + size/8); err != nil {
			return err
		}
		w := &tables{d: d, db: db}
		err := f(w)
		if err == nil {
			err = w.cut()
		}
		if err == nil && len(w.paths) > 0 {
			err = db.Ingest(context.Background(), w.paths)
		}
		if d.broken.Load() && err == nil {
			err = errors.New("the database failed; see the log")
		}
		if err != nil {
			w.abandon()
		}
		return err
	})
	d.writes.Add(1)
	return d.fail("write", err)
}

// tables writes the sorted tables of one step. The keys of one table must
// ascend, the key ranges of two tables must not overlap.
type tables struct {
	d     *disk
	db    *pebble.DB
	w     *sstable.Writer
	paths []string
}

func (w *tables) begin() error {
	if w.w != nil {
		return nil
	}
	path := filepath.Join(w.d.tmp, fmt.Sprintf("%d.sst", w.d.tables.Add(1)))
	f, err := w.d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w.paths = append(w.paths, path)
	w.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), w.d.opts.MakeWriterOptions(0, w.db.TableFormat()))
	return nil
}

func (w *tables) set(key, value []byte) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.w.Set(key, value)
}

// deleteRange deletes lo <= key < hi of what was written before this step.
func (w *tables) deleteRange(lo, hi []byte) error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.w.DeleteRange(lo, hi)
}

// cut ends the table.
func (w *tables) cut() error {
	if w.w == nil {
		return nil
	}
	err := w.w.Close()
	w.w = nil
	return err
}

// abandon removes what was written.
func (w *tables) abandon() {
	if w.w != nil {
		_ = w.w.Close() // the first error is the one that counts
	}
	for _, p := range w.paths {
		_ = w.d.fs.Remove(p) // what stays is removed when the database is opened
	}
}

// seek calls f with an iterator, which c keeps for the next call. It sees
// everything that was written before.
func (d *disk) seek(c *cursor, f func(it *pebble.Iterator) error) error {
	return d.use(func(db *pebble.DB) error {
		writes := d.writes.Load()
		if c.it != nil && (c.epoch != d.epoch || c.writes != writes) {
			d.release(c)
		}
		if c.it == nil {
			// Most fetches find nothing: the filters must say so on every level.
			it, err := db.NewIter(&pebble.IterOptions{UseL6Filters: true})
			if err != nil {
				return err
			}
			d.itersMu.Lock()
			d.iters[it] = struct{}{}
			d.itersMu.Unlock()
			*c = cursor{it: it, epoch: d.epoch, writes: writes}
		}
		return f(c.it)
	})
}

// release closes the iterator of c, unless the database was closed with it.
func (d *disk) release(c *cursor) {
	if c.it == nil {
		return
	}
	d.itersMu.Lock()
	if _, open := d.iters[c.it]; open {
		delete(d.iters, c.it)
		_ = c.it.Close() // its errors have been seen by its reader
	}
	d.itersMu.Unlock()
	*c = cursor{}
}

// cursor is an iterator that is kept between fetches.
type cursor struct {
	it     *pebble.Iterator
	epoch  uint64 // of the opening it belongs to
	writes uint64 // what it has seen
}

// pebbleLog is Pebble's logger. Pebble expects Fatalf to end the process; here
// it marks the database, and the worker goes on without it.
type pebbleLog struct{ d *disk }

func (l pebbleLog) Infof(string, ...any) {}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.d.log.Warn("join state: "+fmt.Sprintf(format, args...), "dir", l.d.dir)
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.d.broken.Store(true)
	l.d.log.Error("join state: the database failed: "+fmt.Sprintf(format, args...), "dir", l.d.dir)
}

var _ pebble.Logger = pebbleLog{}
