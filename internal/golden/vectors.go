package golden

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata
var recorded embed.FS

// Env names the environment variable that points to another folder of the same
// shape as testdata.
const Env = "CULVERT_GOLDEN"

// Root is the folder of the recorded answers: testdata, or what CULVERT_GOLDEN names.
func Root() fs.FS {
	if dir := os.Getenv(Env); dir != "" {
		return os.DirFS(dir)
	}
	sub, err := fs.Sub(recorded, "testdata")
	if err != nil {
		panic(err) // the embedded folder has a fixed name
	}
	return sub
}

// VectorFile is one file of input and output vectors.
type VectorFile struct {
	Name    string       // without ".json"
	Area    string       `json:"area"`
	Subject string       `json:"subject"`
	Cases   []VectorCase `json:"cases"`

	// Of the config providers: the files and the environment that they see.
	Files       map[string]string `json:"files"`
	Environment map[string]string `json:"environment"`
}

// VectorCase is one recorded call.
type VectorCase struct {
	Name       string                     `json:"name"`
	Op         string                     `json:"op"`
	RawConfig  map[string]json.RawMessage `json:"config"`
	Input      json.RawMessage            `json:"input"`
	Output     json.RawMessage            `json:"output"`
	Error      *VectorError               `json:"error"`
	RecordType string                     `json:"recordType"`
	Configured bool                       `json:"configured"`
	Failure    json.RawMessage            `json:"failure"`   // mongosink/bulk_write_failures
	Construct  *VectorError               `json:"construct"` // mongosink/config_validation

	Config map[string]string `json:"-"`
}

// VectorError is a recorded exception.
type VectorError struct {
	Class     string       `json:"class"`
	Message   string       `json:"message"`
	Stage     string       `json:"stage"`
	Cause     *VectorError `json:"cause"`
	Tolerated bool         `json:"tolerated"`
}

// ComparesMessage reports whether the text has to be equal, not only the failure.
func (e *VectorError) ComparesMessage() bool {
	return (strings.HasPrefix(e.Class, "org.apache.kafka.") || strings.HasPrefix(e.Class, "com.mongodb.")) &&
		!strings.Contains(e.Message, "@HASH")
}

// Vectors reads the files of an area in the order of their names.
func Vectors(t testing.TB, area string) []*VectorFile {
	t.Helper()
	root := Root()
	names, err := fs.Glob(root, area+"/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var files []*VectorFile
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		f := &VectorFile{Name: strings.TrimSuffix(path.Base(name), ".json")}
		if err := json.Unmarshal(text, f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range f.Cases {
			f.Cases[i].Config = plainConfig(f.Cases[i].RawConfig)
		}
		files = append(files, f)
	}
	return files
}

func plainConfig(raw map[string]json.RawMessage) map[string]string {
	config := make(map[string]string, len(raw))
	for k, v := range raw {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v) // a boolean or a number, given as such
		}
		config[k] = s
	}
	return config
}

// RunVectors runs every case of the files of an area that run accepts (ok), and
// logs one line "golden <label> <passed>/<cases>". A run without a case fails.
// Cases that stand in deviations.json are counted apart.
func RunVectors(t *testing.T, area, label string, run func(f *VectorFile, c *VectorCase) (err error, ok bool)) {
	t.Helper()
	passed, cases, deviating := 0, 0, 0
	for _, f := range Vectors(t, area) {
		for i := range f.Cases {
			c := &f.Cases[i]
			err, ok := runSafely(run, f, c)
			if !ok {
				continue
			}
			if err != nil && deviates(area, f.Name, c.Name, err) {
				deviating++
				continue
			}
			cases++
			if err != nil {
				t.Errorf("%s/%s %q: %v", area, f.Name, c.Name, err)
				continue
			}
			passed++
		}
	}
	Report(t, label, passed, cases)
	if deviating > 0 {
		fmt.Printf("golden %s: %d more cases deviate on purpose, see internal/golden/deviations.json\n", label, deviating)
	}
}

// Report logs the one line of an area. No case at all is a failure; a case that did
// not pass has failed the test already.
func Report(t testing.TB, label string, passed, cases int) {
	t.Helper()
	fmt.Printf("golden %s %d/%d\n", label, passed, cases)
	if cases == 0 {
		t.Errorf("golden %s: no case", label)
	}
}

func runSafely(run func(*VectorFile, *VectorCase) (error, bool), f *VectorFile, c *VectorCase) (err error, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			err, ok = fmt.Errorf("panic: %v", p), true
		}
	}()
	return run(f, c)
}

// Deviation is a set of cases where Culvert answers otherwise, and why.
type Deviation struct {
	Area  string   `json:"area"`
	File  string   `json:"file"`
	Cases []string `json:"cases"` // names; a trailing * stands for any end
	// Refused are parts of our error texts: what we refuse with one of them is a case
	// of this deviation, whatever its name.
	Refused []string `json:"refused"`
	Reason  string   `json:"reason"`
}

//go:embed deviations.json
var deviationText []byte

// Deviations lists what differs from Java on purpose.
func Deviations() []Deviation {
	var list []Deviation
	if err := json.Unmarshal(deviationText, &list); err != nil {
		panic("deviations.json: " + err.Error())
	}
	return list
}

func deviates(area, file, name string, err error) bool {
	var refusal *refusal
	refused := errors.As(err, &refusal)
	for _, d := range Deviations() {
		if d.Area != area || !matches(d.File, file) {
			continue
		}
		if slices.ContainsFunc(d.Cases, func(c string) bool { return matches(c, name) }) ||
			refused && slices.ContainsFunc(d.Refused, func(text string) bool { return strings.Contains(refusal.Error(), text) }) {
			return true
		}
	}
	return false
}

// refusal is our error where Java answers, or has another text.
type refusal struct{ err error }

func (r *refusal) Error() string { return fmt.Sprintf("failed: %s", r.err) }
func (r *refusal) Unwrap() error { return r.err }

func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// RawData reads {"bytes","text"} or null. Masked answers hold the address of an
// object: only their form is meaningful.
func RawData(raw json.RawMessage) (b []byte, masked bool, err error) {
	if isNull(raw) {
		return nil, false, nil
	}
	var r struct {
		Bytes  *string `json:"bytes"`
		Text   string  `json:"text"`
		Masked bool    `json:"masked"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, false, err
	}
	if r.Bytes == nil {
		return []byte(r.Text), r.Masked, nil
	}
	b, err = base64.StdEncoding.DecodeString(*r.Bytes)
	if b == nil {
		b = []byte{}
	}
	return b, r.Masked, err
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}
