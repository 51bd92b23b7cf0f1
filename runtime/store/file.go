package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"culvert/data"
	"culvert/fault"
)

// File opens the offset file of a standalone worker (offset.storage.file.filename)
// in the form in which Java keeps it. A file that does not exist, or is empty, is
// a new one. Java takes one that ends too early for a new one as well and starts
// every source again; here it is an error, for the offsets may be worth a look.
// Where the path is a link, what it leads to is replaced, and the link stays.
func File(path string) Open {
	return func(ctx context.Context, apply func(data.Message)) (Table, error) {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		return fileTableOn(path, osFiles{})(ctx, apply)
	}
}

// files is what a fileTable needs of a file system, for tests that break it.
type files interface {
	ReadFile(name string) ([]byte, error)
	Create(name string) (writeFile, error)
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(name string) error
}

type writeFile interface {
	Write(b []byte) (int, error)
	Sync() error
	Close() error
}

type osFiles struct{}

func (osFiles) ReadFile(name string) ([]byte, error)  { return os.ReadFile(name) }
func (osFiles) Create(name string) (writeFile, error) { return os.Create(name) }
func (osFiles) Rename(from, to string) error          { return os.Rename(from, to) }
func (osFiles) Remove(name string) error              { return os.Remove(name) }

func (osFiles) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func fileTableOn(path string, f files) Open {
	return func(_ context.Context, apply func(data.Message)) (Table, error) {
		t := &fileTable{path: path, files: f, apply: apply}
		if err := t.load(); err != nil {
			return nil, fault.New(fault.Config, "store.offset_file", "offset file %s: %w", path, err).
				WithField("offset.storage.file.filename").
				WithFix("restore the file from a copy, name another one, or delete it to let every source start from its beginning")
		}
		return t, nil
	}
}

// fileTable keeps all entries in memory and writes the whole file for each Write,
// as Java does: sources are few in a standalone worker, and flush seldom.
type fileTable struct {
	path  string
	files files

	mu      sync.Mutex // guards all below; also one writer at a time
	apply   func(data.Message)
	entries []pair
	offset  int64
}

func (t *fileTable) load() error {
	raw, err := t.files.ReadFile(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(raw) == 0:
		return nil
	case err != nil:
		return err
	}
	entries, err := parseHashMap(raw)
	if err != nil {
		return fmt.Errorf("it is no map of offsets as Java writes it: %w", err)
	}
	t.entries = entries
	for _, e := range entries {
		t.tell(e)
	}
	return nil
}

func (t *fileTable) tell(e pair) {
	t.apply(data.Message{Offset: t.offset, Timestamp: data.NoTimestamp, Key: e.key, Value: e.value})
	t.offset++
}

// Write replaces the file as a whole: a reader, or a crash, finds the old content
// or the new one.
func (t *fileTable) Write(_ context.Context, kvs ...KV) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := append([]pair(nil), t.entries...)
	for _, kv := range kvs {
		entries = put(entries, kv)
	}
	if err := t.replace(appendHashMap(nil, entries)); err != nil {
		return fault.New(fault.Retry, "store.offset_file", "write offset file %s: %w", t.path, err).
			WithField("offset.storage.file.filename").
			WithFix("make room on the disk and let the worker write to the folder %s", filepath.Dir(t.path))
	}
	t.entries = entries
	for _, kv := range kvs {
		t.tell(pair{kv.Key, kv.Value})
	}
	return nil
}

// put keeps a null value, as Java does: the key stays known.
func put(entries []pair, kv KV) []pair {
	for i := range entries {
		if entries[i].key != nil && bytes.Equal(entries[i].key, kv.Key) {
			entries[i] = pair{kv.Key, kv.Value}
			return entries
		}
	}
	return append(entries, pair{kv.Key, kv.Value})
}

func (t *fileTable) replace(content []byte) (err error) {
	temp := t.path + ".tmp"
	f, err := t.files.Create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(t.files.Remove(temp)))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = t.files.Rename(temp, t.path); err != nil {
		return err
	}
	// Without this the rename itself may be lost when the machine goes down.
	return t.files.SyncDir(filepath.Dir(t.path))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (t *fileTable) Sync(context.Context) error { return nil }
func (t *fileTable) Close() error               { return nil }

var _ Table = (*fileTable)(nil)
