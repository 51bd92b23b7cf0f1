package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"culvert/runtime/providers"
	"culvert/runtime/task"
)

// reloading is a task whose configuration has a variable of a file that is read again
// every few milliseconds.
func reloading(t *testing.T, action string) (r *run, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "p.properties")
	if err := os.WriteFile(file, []byte("a=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := providers.New(map[string]string{"config.providers": "f", "config.providers.f.class": "FileConfigProvider", "config.providers.f.param.ttl.ms": "2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := New(Config{Providers: p, Log: slog.New(slog.DiscardHandler)})
	conn := map[string]string{"a": "${f:" + file + ":a}", keyReload: action}
	return newRun(w, task.ID{Connector: "c"}, conn, map[string]string{"b": "2"}, false), file
}

func TestReload(t *testing.T) {
	r, file := reloading(t, "restart")
	now, err := r.resolve()
	if err != nil || now.conn["a"] != "1" {
		t.Fatal(now, err)
	}
	err = r.untilChanged(&now, func(ctx context.Context) error {
		if err := os.WriteFile(file+".new", []byte("a=3"), 0o600); err != nil {
			return err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return err
		}
		<-ctx.Done() // the task is told to drain
		return nil
	})
	if !errors.Is(err, errChanged) {
		t.Error(err)
	}
	if now, err = r.resolve(); err != nil || now.conn["a"] != "3" {
		t.Error(now.conn, err)
	}
	// A task that is stopped meanwhile ends as one that is stopped.
	if err := r.untilChanged(&now, func(ctx context.Context) error { r.cancel(); <-ctx.Done(); return nil }); err != nil {
		t.Error(err)
	}
}

func TestNoReload(t *testing.T) {
	r, _ := reloading(t, "NONE")
	now, err := r.resolve()
	if err != nil || now.ttl == 0 {
		t.Fatal(now, err)
	}
	failed := errors.New("the task's own")
	if err := r.untilChanged(&now, func(ctx context.Context) error {
		if ctx != r.ctx {
			t.Error("somebody may end the task")
		}
		return failed
	}); !errors.Is(err, failed) {
		t.Error(err)
	}
}
