package golden

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// Scenario is a recorded conversation with a worker: requests and their answers,
// in order. The format is described in testdata/rest/README.md.
type Scenario struct {
	Name  string            `json:"name"`
	Needs []string          `json:"needs"`
	Files map[string]string `json:"files"`
	Steps []Step            `json:"steps"`
}

// Step is one request and its answer, or text that goes to a file.
type Step struct {
	Append *struct {
		File string `json:"file"`
		Text string `json:"text"`
	} `json:"append"`
	Request struct {
		Method  string             `json:"method"`
		Path    string             `json:"path"`
		Headers map[string]*string `json:"headers"`
		Body    json.RawMessage    `json:"body"`
	} `json:"request"`
	WaitUntil *struct {
		Status int     `json:"status"`
		Body   any     `json:"body"`
		Limit  float64 `json:"limit_s"`
	} `json:"wait_until"`
	Response struct {
		Status   int               `json:"status"`
		Headers  map[string]string `json:"headers"`
		Body     any               `json:"body"`
		OrStatus []int             `json:"or_status"`
	} `json:"response"`
	Compare       string   `json:"compare"`
	Ignore        []string `json:"ignore"`
	Unordered     []string `json:"unordered"`
	IgnoreHeaders []string `json:"ignore_headers"`
}

// Scenarios reads the recorded conversations in the order of their names.
func Scenarios(t testing.TB) []*Scenario {
	t.Helper()
	root := Root()
	names, err := fs.Glob(root, "rest/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []*Scenario
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		s := &Scenario{}
		if err := json.Unmarshal(text, s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s.Name == "" {
			s.Name = strings.TrimSuffix(path.Base(name), ".json")
		}
		all = append(all, s)
	}
	return all
}

// Needs reports whether a conversation needs something of the worker.
func (s *Scenario) NeedsAny(of ...string) bool {
	return slices.ContainsFunc(s.Needs, func(n string) bool { return slices.Contains(of, n) })
}

// mode says how much more than the recording an answer may have.
type mode int

const (
	exact  mode = iota
	fields      // objects may have more fields
	subset      // and lists more elements
)

// differ is the first difference between a recorded JSON value and another, empty
// if there is none.
func (s *Step) differ(want, got any, at []string, m mode) string {
	if hit(s.Ignore, at) {
		if want != nil && got != nil && kindName(want) != kindName(got) {
			return fmt.Sprintf("%s: want a %s, got %s", pointer(at), kindName(want), text(got))
		}
		return ""
	}
	if kindName(want) != kindName(got) {
		return fmt.Sprintf("%s: want %s, got %s", pointer(at), text(want), text(got))
	}
	switch w := want.(type) {
	case map[string]any:
		return s.differObject(w, got.(map[string]any), at, m)
	case []any:
		return s.differList(w, got.([]any), at, m)
	}
	if want != got {
		return fmt.Sprintf("%s: want %s, got %s", pointer(at), text(want), text(got))
	}
	return ""
}

func (s *Step) differObject(want, got map[string]any, at []string, m mode) string {
	for k, v := range want {
		o, ok := got[k]
		if !ok {
			return fmt.Sprintf("%s: missing, want %s", pointer(append(at, k)), text(v))
		}
		if d := s.differ(v, o, append(at, k), m); d != "" {
			return d
		}
	}
	if m == exact {
		for k, o := range got {
			if _, ok := want[k]; !ok {
				return fmt.Sprintf("%s: not wanted, got %s", pointer(append(at, k)), text(o))
			}
		}
	}
	return ""
}

func (s *Step) differList(want, got []any, at []string, m mode) string {
	if m == subset || hit(s.Unordered, at) {
		left := slices.Clone(got)
	next:
		for i, v := range want {
			for j, o := range left {
				if s.differ(v, o, append(at, fmt.Sprint(i)), m) == "" {
					left = slices.Delete(left, j, j+1)
					continue next
				}
			}
			return fmt.Sprintf("%s: no element like %s in %s", pointer(at), text(v), text(got))
		}
		if len(left) > 0 && m != subset {
			return fmt.Sprintf("%s: more elements than wanted: %s", pointer(at), text(left))
		}
		return ""
	}
	for i := range want {
		if i >= len(got) {
			return fmt.Sprintf("%s: missing, want %s", pointer(append(at, fmt.Sprint(i))), text(want[i]))
		}
		if d := s.differ(want[i], got[i], append(at, fmt.Sprint(i)), m); d != "" {
			return d
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("%s: not wanted, got %s", pointer(append(at, fmt.Sprint(len(want)))), text(got[len(want)]))
	}
	return ""
}

func kindName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func pointer(at []string) string { return "/" + strings.Join(at, "/") }

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 1000 {
		b = append(b[:1000], "…"...)
	}
	return string(b)
}

// hit reports whether one of the pointers leads to at; * is one step, ** any
// number of steps.
func hit(pointers []string, at []string) bool {
	for _, p := range pointers {
		var want []string
		if p != "" {
			want = strings.Split(p, "/")[1:]
		}
		if leads(want, at) {
			return true
		}
	}
	return false
}

func leads(want, at []string) bool {
	if len(want) == 0 {
		return len(at) == 0
	}
	if want[0] == "**" {
		for i := 0; i <= len(at); i++ {
			if leads(want[1:], at[i:]) {
				return true
			}
		}
		return false
	}
	if len(at) == 0 || want[0] != "*" && want[0] != strings.ReplaceAll(strings.ReplaceAll(at[0], "~", "~0"), "/", "~1") {
		return false
	}
	return leads(want[1:], at[1:])
}
