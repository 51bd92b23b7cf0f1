package golden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Replayer sends recorded conversations to a worker and compares the answers.
// Before each one it deletes every connector that the worker has.
type Replayer struct {
	URL     string // http://host:port
	Version string // what GET / gives
	Mongo   string // empty: none is there
	Client  *http.Client

	env map[string]string
}

var runs atomic.Int64

// comparedHeaders are the headers that an answer must have, and no others of them.
var comparedHeaders = []string{"Content-Type", "Location", "Allow", "Last-Modified", "WWW-Authenticate", "Access-Control-Allow-Origin",
	"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Allow-Credentials", "Access-Control-Max-Age"}

// Run replays one conversation; dir is a folder for its files that the worker sees
// as well. The error says what the first difference is.
func (r *Replayer) Run(ctx context.Context, s *Scenario, dir string) error {
	r.env = map[string]string{"RUN": fmt.Sprintf("r%d-%d", os.Getpid(), runs.Add(1)), "DIR": dir, "URL": r.URL, "MONGO": r.Mongo, "VERSION": r.Version}
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := r.clean(ctx); err != nil {
		return err
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Append != nil {
			if err := appendTo(filepath.Join(dir, step.Append.File), step.Append.Text); err != nil {
				return err
			}
			continue
		}
		if err := r.step(ctx, step); err != nil {
			return fmt.Errorf("step %d %s %s: %w", i+1, step.Request.Method, step.Request.Path, err)
		}
	}
	return nil
}

func appendTo(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// answer is what a worker said.
type answer struct {
	status int
	header http.Header
	body   any // JSON, or text
}

func (r *Replayer) step(ctx context.Context, s *Step) error {
	if s.WaitUntil == nil {
		a, err := r.exchange(ctx, s)
		if err != nil {
			return err
		}
		return r.compare(s, a)
	}
	limit := s.WaitUntil.Limit
	if limit == 0 {
		limit = 60
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(limit*float64(time.Second)))
	defer cancel()
	status := s.WaitUntil.Status
	if status == 0 {
		status = http.StatusOK
	}
	for last := "nothing"; ; {
		a, err := r.exchange(ctx, s)
		if err != nil {
			return fmt.Errorf("waited in vain, last %s: %w", last, err)
		}
		last = fmt.Sprintf("status %d, %s", a.status, text(a.body))
		if a.status == status && (s.WaitUntil.Body == nil || (&Step{}).differ(s.WaitUntil.Body, a.body, nil, fields) == "") {
			return r.compare(s, a)
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("waited in vain, last %s: %w", last, err)
		}
	}
}

// pause is the time between two questions; there is no event to wait for.
func pause(ctx context.Context) error {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exchange sends a request, again while the answer is that a rebalance is expected.
func (r *Replayer) exchange(ctx context.Context, s *Step) (*answer, error) {
	for {
		a, raw, err := r.send(ctx, s)
		if err != nil {
			return nil, err
		}
		again := strings.Contains(raw, "a rebalance is expected") || strings.Contains(raw, "due to stale configuration")
		if again && (a.status == http.StatusConflict || a.status == http.StatusInternalServerError) && a.status != s.Response.Status {
			if err := pause(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", raw, err)
			}
			continue
		}
		return a, nil
	}
}

func (r *Replayer) send(ctx context.Context, s *Step) (*answer, string, error) {
	body := []byte(s.Request.Body)
	given := len(body) > 0
	if given && body[0] == '"' {
		var text string
		if err := json.Unmarshal(body, &text); err != nil {
			return nil, "", err
		}
		body = []byte(text)
	}
	req, err := http.NewRequestWithContext(ctx, s.Request.Method, r.URL, strings.NewReader(r.fill(string(body))))
	if err != nil {
		return nil, "", err
	}
	// The path goes out as it is recorded, also where it is no valid URL.
	path, query, has := strings.Cut(r.fill(s.Request.Path), "?")
	req.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Opaque: path, RawQuery: query, ForceQuery: has && query == ""}
	req.Header.Set("Accept", "application/json")
	if given {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range s.Request.Headers {
		if req.Header.Del(k); v != nil {
			req.Header.Set(k, r.fill(*v))
		}
	}
	res, err := r.Client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, "", err
	}
	a := &answer{status: res.StatusCode, header: res.Header, body: r.unfill(string(raw))}
	var parsed any
	if json.Unmarshal(raw, &parsed) == nil {
		a.body = r.unfillAll(parsed)
	}
	return a, string(raw), nil
}

func (r *Replayer) compare(s *Step, a *answer) error {
	want, mode := s.Response, s.Compare
	if slices.Contains(want.OrStatus, a.status) { // what Java answers with 500 was the client's mistake
		want.Status = a.status
		if body, ok := want.Body.(map[string]any); ok && body["error_code"] != nil {
			body["error_code"] = float64(a.status)
		} else {
			mode = "status"
		}
	}
	if a.status != want.Status {
		return fmt.Errorf("status %d, want %d: %s", a.status, want.Status, text(a.body))
	}
	if err := r.compareHeaders(s, a); err != nil {
		return err
	}
	switch mode {
	case "status":
		return nil
	case "keys":
		if w, g := keysOf(want.Body), keysOf(a.body); w != g {
			return fmt.Errorf("keys %s, want %s", g, w)
		}
		return nil
	case "message_prefix":
		return comparePrefix(want.Body, a.body)
	}
	if want.Body == nil {
		want.Body = ""
	}
	m := exact
	if mode == "subset" {
		m = subset
	}
	if d := s.differ(want.Body, a.body, nil, m); d != "" {
		return errors.New(d)
	}
	return nil
}

func (r *Replayer) compareHeaders(s *Step, a *answer) error {
	for _, h := range comparedHeaders {
		if slices.Contains(s.IgnoreHeaders, h) {
			continue
		}
		want, got := normal(h, s.Response.Headers[h]), normal(h, r.unfill(a.header.Get(h)))
		if want == "" && (h == "Allow" || h == "Content-Type" && got == "application/json") {
			continue
		}
		if want != got {
			return fmt.Errorf("header %s is %q, want %q", h, got, want)
		}
	}
	return nil
}

func normal(header, v string) string {
	switch header {
	case "Allow", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers":
		parts := strings.Split(v, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		sort.Strings(parts)
		return strings.Join(parts, ",")
	case "Content-Type":
		return strings.ToLower(strings.ReplaceAll(v, " ", ""))
	}
	return v
}

func keysOf(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	o, ok := v.(map[string]any)
	if !ok {
		return kindName(v)
	}
	var names []string
	for k := range o {
		names = append(names, k)
	}
	sort.Strings(names)
	return strings.Join(names, ",")
}

func comparePrefix(want, got any) error {
	w, g := want.(map[string]any), map[string]any{}
	if o, ok := got.(map[string]any); ok {
		g = o
	}
	message, _ := g["message"].(string)
	prefix, _ := w["message"].(string)
	if !strings.HasPrefix(message, prefix) || w["error_code"] != g["error_code"] {
		return fmt.Errorf("got %s, want the beginning %s", text(got), text(want))
	}
	return nil
}

// clean deletes every connector.
func (r *Replayer) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	list := &Step{}
	list.Request.Method, list.Request.Path = http.MethodGet, "/connectors"
	for {
		a, err := r.exchange(ctx, list)
		if err != nil {
			return fmt.Errorf("delete all connectors: %w", err)
		}
		names, ok := a.body.([]any)
		if ok && len(names) == 0 {
			return nil
		}
		for _, n := range names {
			del := &Step{}
			del.Request.Method, del.Request.Path = http.MethodDelete, "/connectors/"+url.PathEscape(r.fill(fmt.Sprint(n)))
			if _, err := r.exchange(ctx, del); err != nil {
				return err
			}
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the worker still has connectors: %w", err)
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{(RUN|DIR|URL|MONGO|VERSION)\}`)

func (r *Replayer) fill(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(p string) string { return r.env[p[2:len(p)-1]] })
}

func (r *Replayer) unfill(s string) string {
	for _, k := range []string{"DIR", "URL", "MONGO", "RUN"} {
		if r.env[k] != "" {
			s = strings.ReplaceAll(s, r.env[k], "${"+k+"}")
		}
	}
	return s
}

func (r *Replayer) unfillAll(v any) any {
	switch v := v.(type) {
	case string:
		version := regexp.MustCompile(`(^|[^\d.])` + regexp.QuoteMeta(r.env["VERSION"]) + `([^\d.]|$)`)
		return r.unfill(version.ReplaceAllString(v, "${1}$${VERSION}${2}"))
	case []any:
		for i := range v {
			v[i] = r.unfillAll(v[i])
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[r.unfill(k)] = r.unfillAll(e)
		}
		return out
	}
	return v
}

// RunAll replays the conversations that accept takes and logs the line of their
// area.
func (r *Replayer) RunAll(t *testing.T, label string, accept func(*Scenario) bool) {
	t.Helper()
	passed, cases := 0, 0
	for _, s := range Scenarios(t) {
		if !accept(s) {
			continue
		}
		cases++
		if t.Run(s.Name, func(t *testing.T) {
			if err := r.Run(t.Context(), s, t.TempDir()); err != nil {
				t.Error(err)
			}
		}) {
			passed++
		}
	}
	Report(t, label, passed, cases)
}
