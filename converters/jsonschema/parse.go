package jsonschema

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
	lib "github.com/santhosh-tekuri/jsonschema/v6"

	"culvert/converters/wire"
	"culvert/schemas"
)

const (
	rootURL     = "schema:///root.json"
	maxDepth    = 200
	maxSubtrees = 20000 // objects in a schema; the library compares each with all others
)

// raw is what stood in the text of a schema, kept by the library beside what it
// understood of it.
type raw map[string]any

// Validate finds nothing wrong: it is no keyword.
func (raw) Validate(*lib.ValidatorContext, any) {}

func rawOf(s *lib.Schema) raw {
	for _, e := range s.Extensions {
		if r, ok := e.(raw); ok {
			return r
		}
	}
	return raw{}
}

// loader gives the schemas of the references; nothing is fetched from anywhere.
type loader map[string]any

func (l loader) Load(address string) (any, error) {
	if doc, ok := l[address]; ok {
		return doc, nil
	}
	return nil, fmt.Errorf("the schema refers to %s, which it has no reference for in the registry", address)
}

// anyText is a pattern that nobody matches anything against.
type anyText string

func (a anyText) String() string        { return string(a) }
func (anyText) MatchString(string) bool { return true }

// compile reads the text of a schema. Those that it refers to are in refs, under the
// names that it refers to them by. patterns: the schema is for validating.
func compile(text string, refs []schemas.Reference, draft7, patterns bool) (s *lib.Schema, err error) {
	// The library panics on some schemas that its own drafts do not allow.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("not a JSON schema: %v", p)
		}
	}()
	root, err := document(text, draft7)
	if err != nil {
		return nil, err
	}
	base := rootURL
	if m, ok := root.(map[string]any); ok {
		if id, ok := m["$id"].(string); ok {
			if u, err := url.Parse(id); err == nil && u.IsAbs() {
				u.Fragment = ""
				base = u.String()
			}
		}
	}
	docs := loader{base: root, rootURL: root}
	for _, r := range refs {
		doc, err := document(r.Text, draft7)
		if err != nil {
			return nil, fmt.Errorf("referenced schema %s: %w", r.Name, err)
		}
		docs[r.Name] = doc
		for _, from := range []string{base, rootURL} {
			if u, err := url.Parse(from); err == nil {
				if to, err := u.Parse(r.Name); err == nil {
					docs[to.String()] = doc
				}
			}
		}
	}
	c := lib.NewCompiler()
	c.DefaultDraft(lib.Draft7)
	c.UseLoader(docs)
	c.UseRegexpEngine(func(text string) (lib.Regexp, error) {
		if patterns {
			return pattern(text)
		}
		return anyText(text), nil
	})
	c.RegisterVocabulary(&lib.Vocabulary{URL: "schema:///raw", Compile: func(_ *lib.CompilerContext, obj map[string]any) (lib.SchemaExt, error) {
		return raw(obj), nil
	}})
	c.AssertVocabs()
	return c.Compile(base)
}

// pattern compiles a regular expression; those that Go's engine lacks constructs for
// go to one that has them, with a limit to the time that it may take.
func pattern(text string) (lib.Regexp, error) {
	if re, err := regexp.Compile(text); err == nil {
		return re, nil
	}
	re, err := regexp2.Compile(text, regexp2.ECMAScript)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = time.Second
	return backtracking{re}, nil
}

type backtracking struct{ *regexp2.Regexp }

func (b backtracking) MatchString(s string) bool {
	ok, err := b.Regexp.MatchString(s)
	return ok && err == nil
}

// document parses the text of a schema and brings it into the form that the library
// knows: without dialects that it does not, and with the anchors that Connect writes.
func document(text string, draft7 bool) (any, error) {
	if err := wire.Bounded(text, maxDepth); err != nil {
		return nil, err
	}
	doc, err := lib.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch doc.(type) {
	case bool, map[string]any:
	default:
		return nil, errors.New("a JSON schema is an object, true or false")
	}
	left := maxSubtrees
	if !tidy(doc, draft7, &left) {
		return nil, fmt.Errorf("a schema with more than %d objects", maxSubtrees)
	}
	return doc, nil
}

var dialects = []string{"http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema", "http://json-schema.org/draft-07/schema",
	"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"}

func knownDialect(address string) bool {
	address = strings.TrimSuffix(address, "#")
	for _, d := range dialects {
		if address == d || strings.TrimPrefix(address, "https:") == strings.TrimPrefix(d, "http:") {
			return true
		}
	}
	return false
}

func tidy(v any, draft7 bool, left *int) bool {
	switch v := v.(type) {
	case map[string]any:
		if *left--; *left < 0 {
			return false
		}
		if address, ok := v["$schema"].(string); ok && (draft7 || !knownDialect(address)) {
			delete(v, "$schema")
		}
		if id, ok := v["id"].(string); ok && strings.HasPrefix(id, "#") && v["$id"] == nil {
			v["$id"] = id
		}
		for _, e := range v {
			if !tidy(e, draft7, left) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !tidy(e, draft7, left) {
				return false
			}
		}
	}
	return true
}
