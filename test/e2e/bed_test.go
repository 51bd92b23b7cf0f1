//go:build e2e

// Package e2e runs the product's binary against real servers: Apache Kafka, a
// schema registry and a MongoDB-compatible server, and beside the Java worker.
// What comes out is compared with what the generator is known to have made.
//
// Tests that take a server away, freeze it or kill workers run one after the other;
// those that only use the servers run side by side after them.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"culvert/internal/ports"
	"culvert/test/servers"
)

// bed is what all tests share: the servers and the built binary.
type bed struct {
	dir      string
	binary   string
	kafka    *servers.Kafka
	registry *servers.Registry
	mongo    *servers.Mongo
	secured  *servers.SecureKafka // nil until a test asks for it
}

var shared bed // set once by TestMain, before any test runs

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "culvert-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	shared = bed{dir: dir, binary: filepath.Join(dir, "culvert")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", shared.binary, "culvert/cmd/culvert")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := shared.start(ctx); err != nil {
		return 0, err
	}
	defer shared.stop()
	return m.Run(), nil
}

func (b *bed) start(ctx context.Context) (err error) {
	if b.kafka, err = servers.NewKafka(ctx, b.dir, map[string]string{"num.partitions": "1"}); err != nil {
		return err
	}
	if b.registry, err = servers.NewRegistry(ctx, b.dir); err != nil {
		return err
	}
	if b.mongo, err = servers.NewMongo(ctx, b.dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, p := range []*servers.Process{b.kafka.Process, b.registry.Process, b.mongo.Process} {
		if err := p.Start(ctx); err != nil {
			b.stop()
			return err
		}
	}
	return nil
}

func (b *bed) stop() {
	b.kafka.Kill()
	b.registry.Kill()
	b.mongo.Kill()
	if b.secured != nil {
		b.secured.Kill()
	}
}

// worker is the product's binary as a process, with its REST address.
type worker struct {
	*servers.Process
	url string
}

// newWorker describes a distributed worker of the group; Start starts it. Each
// name is one worker: started again it has the same address.
func newWorker(t *testing.T, group, name string, changes map[string]string) *worker {
	t.Helper()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	props := servers.WorkerProps(shared.kafka.Addr, group, port)
	props["culvert.data.dir"] = filepath.Join(shared.dir, group+"-"+name)
	for k, v := range changes {
		props[k] = v
	}
	file := filepath.Join(shared.dir, group+"-"+name+".properties")
	if err := servers.WriteProperties(file, props); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	log := filepath.Join(shared.dir, group+"-"+name+".log")
	p := servers.New(group+" "+name, log, nil, servers.Answers(url+"/health"), shared.binary, "worker", file)
	w := &worker{Process: p, url: url}
	t.Cleanup(func() {
		w.Kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", w.Name, w.Tail())
		}
	})
	return w
}

// startWorker is newWorker, started and healthy.
func startWorker(t *testing.T, group, name string, changes map[string]string) *worker {
	t.Helper()
	w := newWorker(t, group, name, changes)
	w.up(t)
	return w
}

func (w *worker) up(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.Start(ctx); err != nil {
		t.Fatal(err)
	}
}
