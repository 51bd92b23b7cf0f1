package converters_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"culvert/internal/golden"
)

// TestGoldenSpecs holds the declared keys of the converters that Java records
// against the recorded ones.
func TestGoldenSpecs(t *testing.T) {
	root := golden.Root()
	if _, err := fs.Stat(root, "configdefs"); err != nil {
		t.Skip("no recorded definitions: ", err)
	}
	n := 0
	for class, p := range plugins() {
		text, err := fs.ReadFile(root, "configdefs/"+class+".json")
		if err != nil {
			continue
		}
		var want struct {
			Configs []struct {
				Name, Type, Importance, Width string
				Required                      bool
				Default                       *string `json:"default_value"`
				Group                         *string `json:"group"`
				DisplayName                   string  `json:"display_name"`
			} `json:"configs"`
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		byName := map[string]int{}
		specs := p.Spec()
		for i, s := range specs {
			byName[s.Name] = i
		}
		if len(specs) != len(want.Configs) {
			t.Errorf("%s: %d keys, want %d", class, len(specs), len(want.Configs))
		}
		for _, w := range want.Configs {
			n++
			i, ok := byName[w.Name]
			if !ok {
				t.Errorf("%s lacks %s", class, w.Name)
				continue
			}
			s := specs[i]
			name := s.DisplayName
			if name == "" {
				name = s.Name
			}
			if s.Type.String() != w.Type || s.Importance.String() != w.Importance || s.Width.String() != w.Width || s.Required != w.Required ||
				deref(s.Default) != deref(w.Default) || (w.Group == nil) != s.Ungrouped || !s.Ungrouped && s.Group != *w.Group || name != w.DisplayName {
				t.Errorf("%s %s: %+v, want %+v", class, w.Name, s, w)
			}
		}
	}
	if n == 0 {
		t.Error("no key compared")
	}
}

func deref(s *string) string {
	if s == nil {
		return "<none>"
	}
	return *s
}
