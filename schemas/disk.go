package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// disk keeps the answers of one registry in files, one for each, so that a worker
// can start while the registry is down. What cannot be read counts as not there:
// losing the folder loses nothing but that.
type disk struct {
	dir    string // empty: nothing is kept
	log    *slog.Logger
	files  atomic.Int64
	warned atomic.Bool
}

// maxAnswerFile bounds what is read of a file. Answers of a registry are bounded by
// maxAnswer, and a schema may have references.
const maxAnswerFile = 4 * maxAnswer

// kept is the content of a file.
type kept struct {
	Key    string          `json:"key"`
	Answer json.RawMessage `json:"answer"`
}

// openDisk makes the folder for the registries of c under dir.
func openDisk(dir string, c *Config, log *slog.Logger) *disk {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &disk{log: log}
	if dir == "" || len(c.bases) == 0 {
		return d
	}
	var urls []string // without credentials
	for i := range c.bases {
		urls = append(urls, c.bases[i].url.String())
	}
	d.dir = filepath.Join(dir, "schemas", digest(strings.Join(urls, " "))[:16])
	if entries, err := os.ReadDir(d.dir); err == nil {
		d.files.Store(int64(len(entries)))
	}
	return d
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (d *disk) path(key string) string { return filepath.Join(d.dir, digest(key)+".json") }

// save keeps an answer. A file is whole or not there: it gets its name when it is
// complete. A disk that is full or not writable is told once and otherwise borne.
func (d *disk) save(key string, answer any) {
	if d.dir == "" || d.files.Load() >= maxEntries {
		return
	}
	if err := d.write(key, answer); err != nil && !d.warned.Swap(true) {
		d.log.Warn("schemas cannot be kept on disk; a restart needs the Schema Registry", "dir", d.dir, "err", err)
	}
}

func (d *disk) write(key string, answer any) error {
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	text, err := json.Marshal(kept{key, raw})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.dir, "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // does nothing once it has its name
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	_, statErr := os.Stat(d.path(key))
	if err := os.Rename(f.Name(), d.path(key)); err != nil {
		return err
	}
	if statErr != nil {
		d.files.Add(1)
	}
	return nil
}

// load reads an answer that was kept.
func (d *disk) load(key string, answer any) bool {
	if d.dir == "" {
		return false
	}
	f, err := os.Open(d.path(key))
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAnswerFile))
	var k kept
	return err == nil && json.Unmarshal(text, &k) == nil && k.Key == key && string(k.Answer) != "null" && json.Unmarshal(k.Answer, answer) == nil
}
