package schemas

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"culvert/fault"
)

func openAt(t *testing.T, dir string, props map[string]string) *Client {
	t.Helper()
	c, report := config(props)
	if errs := report.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return Open(c, dir, nil)
}

// TestRestartWithoutRegistry: what was asked for before a restart is known after it,
// and what was not is waited for.
func TestRestartWithoutRegistry(t *testing.T) {
	r := fake(t)
	if _, _, err := r.RegisterSchema("customer", sr.Schema{Schema: `{"type":"record","name":"Customer","fields":[]}`}); err != nil {
		t.Fatal(err)
	}
	id, _, err := r.RegisterSchema("orders-value", sr.Schema{
		Schema:     `{"type":"record","name":"Order","fields":[{"name":"c","type":"Customer"}]}`,
		References: []sr.SchemaReference{{Name: "Customer", Subject: "customer", Version: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	auto := map[string]string{"schema.registry.url": strings.Replace(r.URL(), "http://", "http://user:s3cret@", 1)}
	latest := map[string]string{"schema.registry.url": auto["schema.registry.url"], "auto.register.schemas": "false", "use.latest.version": "true"}

	before := openAt(t, dir, auto)
	read, err := before.ByID(id)
	if err != nil {
		t.Fatal(err)
	}
	written, err := before.ForWriting("new-value", Avro, orders)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := before.Version("orders-value", read); n != 1 || err != nil {
		t.Fatalf("version %d, %v", n, err)
	}
	if _, err := openAt(t, dir, latest).ForWriting("orders-value", Avro, orders); err != nil {
		t.Fatal(err)
	}
	r.Close()

	after := openAt(t, dir, auto)
	got, err := after.ByID(id)
	if err != nil || got.Text != read.Text || len(got.RefTexts()) != 1 || got.RefTexts()[0] != read.RefTexts()[0] {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if s, err := after.ForWriting("new-value", Avro, orders); err != nil || s.ID != written.ID {
		t.Errorf("for writing: %+v, %v", s, err)
	}
	if n, err := after.Version("orders-value", read); n != 1 || err != nil {
		t.Errorf("version %d, %v", n, err)
	}
	if s, err := openAt(t, dir, latest).ForWriting("orders-value", Avro, orders); err != nil || s.ID != id {
		t.Errorf("latest: %+v, %v", s, err)
	}
	_, err = after.ByID(id + 1)
	wantClass(t, err, fault.Retry, "does not answer")
	_, err = after.ForWriting("new-value", JSON, orders)
	wantClass(t, err, fault.Retry)
	_, err = openAt(t, t.TempDir(), auto).ByID(id)
	wantClass(t, err, fault.Retry)

	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("s3cret")) || strings.Contains(path, "s3cret") {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRegistryFirst: while it answers, the registry counts and not the disk, which may
// be of a registry that had the same address.
func TestRegistryFirst(t *testing.T) {
	r := fake(t)
	r.SeedSchema("a-value", 1, 7, sr.Schema{Schema: orders})
	dir := t.TempDir()
	props := map[string]string{"schema.registry.url": r.URL()}
	if _, err := openAt(t, dir, props).ByID(7); err != nil {
		t.Fatal(err)
	}
	r.Reset()
	r.SeedSchema("a-value", 1, 7, sr.Schema{Schema: `"string"`})
	if s, err := openAt(t, dir, props).ByID(7); err != nil || s.Text != `"string"` {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDamagedDisk(t *testing.T) {
	r := fake(t)
	r.SeedSchema("a-value", 1, 7, sr.Schema{Schema: orders})
	for name, damage := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 20) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"foreign": func(path string) error { return os.WriteFile(path, []byte(`{"key":"id 8","answer":{"id":8}}`), 0o600) },
		"null":    func(path string) error { return os.WriteFile(path, []byte(`{"key":"id 7","answer":null}`), 0o600) },
		"folder":  func(path string) error { return os.Rename(path, path+".away") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := openAt(t, dir, map[string]string{"schema.registry.url": r.URL()})
			if _, err := c.ByID(7); err != nil {
				t.Fatal(err)
			}
			if err := damage(c.disk.path("id 7")); err != nil {
				t.Fatal(err)
			}
			var s Schema
			if c.disk.load("id 7", &s) {
				t.Errorf("read %+v", s)
			}
		})
	}
}

func TestDiskThatCannotBeWritten(t *testing.T) {
	r := fake(t)
	r.SeedSchema("a-value", 1, 7, sr.Schema{Schema: orders})
	r.SeedSchema("a-value", 2, 8, sr.Schema{Schema: `"string"`})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	conf, _ := config(map[string]string{"schema.registry.url": r.URL()})
	var log bytes.Buffer
	c := Open(conf, file, slog.New(slog.NewTextHandler(&log, nil)))
	for _, id := range []int{7, 8} {
		if _, err := c.ByID(id); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "cannot be kept on disk"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
}

// TestContexts: a context is a part of a registry with an address and ids of its own;
// what it refers to may lie in another one, whose subjects begin with :.name:.
func TestContexts(t *testing.T) {
	r := fake(t, srfake.WithAuth(basic("u", "p")))
	r.SeedSchema(":.other:customer", 1, 4, sr.Schema{Schema: `{"type":"record","name":"Customer","fields":[]}`})
	r.SeedSchema(":.shop:orders-value", 1, 5, sr.Schema{
		Schema:     `{"type":"record","name":"Order","fields":[{"name":"c","type":"Customer"}]}`,
		References: []sr.SchemaReference{{Name: "Customer", Subject: ":.other:customer", Version: 1}}})
	at := func(path string) *Client {
		return open(t, map[string]string{"schema.registry.url": strings.Replace(r.URL(), "http://", "http://u:p@", 1) + path})
	}
	s, err := at("/contexts/.shop").ByID(5)
	if err != nil || len(s.Refs) != 1 || !strings.Contains(s.Refs[0].Text, "Customer") {
		t.Fatalf("%+v, %v", s, err)
	}
	if n, err := at("/").Version(":.shop:orders-value", s); n != 1 || err != nil {
		t.Errorf("by its whole name: version %d, %v", n, err)
	}
	if got, err := at("/").ForWriting(":.shop:payments-value", Avro, `"string"`); err != nil || !r.SubjectExists(":.shop:payments-value") {
		t.Errorf("written: %+v, %v", got, err)
	}
}
