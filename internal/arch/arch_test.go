// Package arch keeps the order of imports: what stands higher may import what
// stands lower, never the other way round.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// levels gives each folder its height; the longest prefix counts. Packages of
// one level do not import each other unless mayImport says so.
var levels = map[string]int{
	"data": 0, "fault": 0, "configdef": 0, "keystore": 0, "jaas": 0,
	"converters": 1, "state": 1, "schemas": 1, "kafka": 1, "transforms/regex": 1, "transforms/dateformat": 1,
	"connectors": 2, "transforms": 2,
	"runtime/plugins": 3, "runtime/store": 3, "runtime/task": 3, "runtime/metrics": 3, "runtime/providers": 3,
	"runtime/worker": 4, "runtime/group": 4,
	"runtime/herder": 5,
	"runtime/rest":   6,
	"runtime/boot":   7, "connectors/all": 7,
	"cmd/culvert": 8,
	"configs":     0,
}

// mayImport are the sideways imports within one level: importer -> imported,
// by the folder that has the level. A folder may always import inside itself.
var mayImport = map[string][]string{
	"converters":      {"schemas"},
	"configdef":       {"fault"},
	"runtime/plugins": {"runtime/providers"},
	"data":            {"fault"},
	"runtime/task":    {"runtime/metrics"},
}

// only names the folders that alone may import a module.
var only = map[string][]string{
	"github.com/IBM/sarama":                      {"kafka"},
	"github.com/riferrei/srclient":               {"schemas"},
	"go.mongodb.org/mongo-driver/v2":             {"connectors/mongodb", "converters/bson"},
	"github.com/cockroachdb/pebble/v2":           {"state"},
	"software.sslmate.com/src/go-pkcs12":         {"keystore"},
	"github.com/pavlo-v-chernykh/keystore-go/v4": {"keystore"},
	"github.com/youmark/pkcs8":                   {"keystore"},
	"github.com/bufbuild/protocompile":           {"converters/protobuf"},
	"github.com/santhosh-tekuri/jsonschema/v6":   {"converters/jsonschema"},
	"google.golang.org/genproto":                 {"converters/protobuf"},
	"google.golang.org/protobuf":                 {"converters/protobuf"},
	"github.com/gorilla/mux":                     {"runtime/rest"},
	"github.com/spf13/cobra":                     {"cmd/culvert"},
	"github.com/magiconair/properties":           {"runtime/boot", "runtime/providers"},
	"github.com/prometheus/client_golang":        {"runtime/metrics"},
	"github.com/prometheus/common":               {"runtime/metrics"},
	"github.com/twmb/franz-go/pkg/kfake":         nil, // tests only
	"github.com/twmb/franz-go/pkg/sr":            nil, // tests only
}

// neverShipped must not be among the dependencies of the product.
var neverShipped = []string{"github.com/twmb/franz-go", "github.com/FerretDB", "culvert/internal/mongostub", "culvert/internal/ports"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// place returns the folder that gives path its level.
func place(path string) (folder string, level int, ok bool) {
	path = strings.TrimPrefix(path, "culvert/")
	for f := path; ; {
		if l, found := levels[f]; found {
			return f, l, true
		}
		i := strings.LastIndexByte(f, '/')
		if i < 0 {
			return "", 0, false
		}
		f = f[:i]
	}
}

func under(path, folder string) bool {
	path = strings.TrimPrefix(path, "culvert/")
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "culvert/...") {
		if under(p.ImportPath, "internal") || under(p.ImportPath, "test") || under(p.ImportPath, "bench") || under(p.ImportPath, "examples") || under(p.ImportPath, "demo") {
			continue
		}
		folder, level, ok := place(p.ImportPath)
		if !ok {
			t.Errorf("%s has no place in the order of imports; give it one here and in docs/architecture.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			checkImport(t, p.ImportPath, folder, level, imp)
		}
	}
}

func checkImport(t *testing.T, from, folder string, level int, imp string) {
	t.Helper()
	for module, folders := range only {
		if imp != module && !strings.HasPrefix(imp, module+"/") {
			continue
		}
		allowed := false
		for _, f := range folders {
			allowed = allowed || under(from, f)
		}
		if !allowed {
			t.Errorf("%s imports %s, which only %v may", from, imp, folders)
		}
	}
	if !strings.HasPrefix(imp, "culvert/") {
		return
	}
	target, height, ok := place(imp)
	switch {
	case !ok:
		t.Errorf("%s imports %s, which has no place", from, imp)
	case target == folder:
	case height > level:
		t.Errorf("%s (level %d) imports %s (level %d)", from, level, imp, height)
	case height == level && !contains(mayImport[folder], target):
		t.Errorf("%s imports %s of the same level", from, imp)
	case level == 2 && target == "kafka":
		t.Errorf("%s imports kafka; what must write to Kafka gets a small interface in Env", from)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func TestProductCarriesNoTestServer(t *testing.T) {
	for _, p := range list(t, "-deps", "culvert/cmd/culvert") {
		for _, n := range neverShipped {
			if strings.HasPrefix(p.ImportPath, n) {
				t.Errorf("cmd/culvert depends on %s", p.ImportPath)
			}
		}
	}
}
