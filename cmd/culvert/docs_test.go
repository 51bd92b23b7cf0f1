package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestDocsFresh: what is committed is what `culvert docs` writes, and nothing else.
func TestDocsFresh(t *testing.T) {
	const root = "../../docs/generated"
	want, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range want {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != string(page) {
			t.Errorf("%s is not what the declarations say (%v): run `go run ./cmd/culvert docs`", name, err)
		}
	}
	files := 0
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != len(want) {
		t.Errorf("%d files in docs/generated, %d are made: delete what is left over", files, len(want))
	}
}
