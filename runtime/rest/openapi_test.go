package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"culvert/runtime/plugins"
)

// TestOpenAPIHasTheRoutes: every method of every path stands in the document, and
// the document has no other.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	var served, documented []string
	for _, r := range (&Server{}).routes() {
		for method, h := range map[string]handler{"GET": r.get, "PUT": r.put, "POST": r.post, "PATCH": r.patch, "DELETE": r.delete} {
			if h != nil {
				served = append(served, method+" "+r.path)
			}
		}
	}
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(openapi(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(documented)
	if !slices.Equal(served, documented) || doc.OpenAPI != "3.1.0" {
		t.Errorf("served:\n%s\ndocumented:\n%s", strings.Join(served, "\n"), strings.Join(documented, "\n"))
	}
	// Every schema that is named is there, and every one that is there is named.
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`"#/components/schemas/([A-Za-z]+)"`).FindAllStringSubmatch(string(openapi()), -1) {
		used[m[1]] = true
		if doc.Components.Schemas[m[1]] == nil {
			t.Errorf("no schema %s", m[1])
		}
	}
	for name := range doc.Components.Schemas {
		if !used[name] {
			t.Errorf("schema %s is not used", name)
		}
	}
	ids := map[string]bool{}
	for _, o := range operations {
		id := operationID(o.method, o.path)
		if ids[id] {
			t.Errorf("two operations %s", id)
		}
		ids[id] = true
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	r, err := plugins.New("4.3.1", plugins.Set{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(New(Config{Validator: &plugins.Validator{Plugins: r}}))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct{ Openapi string }
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || res.StatusCode != http.StatusOK || doc.Openapi != "3.1.0" {
		t.Error(fmt.Sprint(res.StatusCode, doc, err))
	}
}
