package golden

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/compatibility.md")

var areas = []struct{ name, title string }{
	{"rest", "REST interface"}, {"producer", "Configuration"}, {"converters", "Converters"}, {"avro", "Avro"},
	{"transforms", "Transformations"}, {"mongosink", "MongoDB sink"}, {"mongosource", "MongoDB source"}, {"datagen", "Datagen source"},
}

// TestCompatibilityPage: docs/compatibility.md says what deviations.json says.
func TestCompatibilityPage(t *testing.T) {
	const file = "../../docs/compatibility.md"
	page := compatibility(t, Deviations())
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != page {
		t.Errorf("docs/compatibility.md is not what deviations.json says (%v): run `go test ./internal/golden -run TestCompatibilityPage -update`", err)
	}
}

func compatibility(t *testing.T, list []Deviation) string {
	var b strings.Builder
	b.WriteString("# Where Culvert answers otherwise than Java\n\nMade from `internal/golden/deviations.json`. Everything else that is recorded is answered as Java answers it.\n" +
		"Where Java damages data without a word, the record is refused with an error.\n")
	known := 0
	for _, area := range areas {
		var reasons []string
		for _, d := range list {
			if d.Area != area.name {
				continue
			}
			known++
			if !slices.Contains(reasons, d.Reason) {
				reasons = append(reasons, d.Reason)
			}
		}
		if len(reasons) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n- %s\n", area.title, strings.Join(reasons, "\n- "))
		}
	}
	if known != len(list) {
		t.Errorf("%d of %d deviations are in an area with a title", known, len(list))
	}
	return b.String()
}
