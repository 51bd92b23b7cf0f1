package rest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/runtime/rest"
)

// endpoints are the paths of the API and the methods of each, with the status of a
// well-formed request on a worker that has the connector c.
var endpoints = []struct {
	path    string
	methods map[string]int
	body    string // of the methods that take one
}{
	{"/", map[string]int{"GET": 200}, ""},
	{"/health", map[string]int{"GET": 200}, ""},
	{"/connectors", map[string]int{"GET": 200, "POST": 201}, `{"name":"n","config":{"connector.class":"FileStreamSource","topic":"t","file":"f"}}`},
	{"/connectors/c", map[string]int{"GET": 200, "DELETE": 204}, ""},
	{"/connectors/c/config", map[string]int{"GET": 200, "PUT": 200, "PATCH": 200}, `{"connector.class":"FileStreamSource","topic":"t","file":"f"}`},
	{"/connectors/c/status", map[string]int{"GET": 200}, ""},
	{"/connectors/c/restart", map[string]int{"POST": 204}, ""},
	{"/connectors/c/pause", map[string]int{"PUT": 202}, ""},
	{"/connectors/c/resume", map[string]int{"PUT": 202}, ""},
	{"/connectors/c/stop", map[string]int{"PUT": 204}, ""},
	{"/connectors/c/tasks", map[string]int{"GET": 200, "POST": 400}, `[]`}, // unsigned
	{"/connectors/c/tasks/0/status", map[string]int{"GET": 200}, ""},
	{"/connectors/c/tasks/0/restart", map[string]int{"POST": 204}, ""},
	{"/connectors/c/fence", map[string]int{"PUT": 400}, ""},
	{"/connectors/c/topics", map[string]int{"GET": 200}, ""},
	{"/connectors/c/topics/reset", map[string]int{"PUT": 202}, ""},
	{"/connectors/c/offsets", map[string]int{"GET": 200, "PATCH": 200, "DELETE": 200}, `{"offsets":[{"partition":{"filename":"f"},"offset":{"position":1}}]}`},
	{"/connector-plugins", map[string]int{"GET": 200}, ""},
	{"/connector-plugins/FileStreamSource/config", map[string]int{"GET": 200}, ""},
	{"/connector-plugins/FileStreamSource/config/validate", map[string]int{"PUT": 200}, `{"connector.class":"FileStreamSource","topic":"t","file":"f"}`},
	{"/admin/loggers", map[string]int{"GET": 200}, ""},
	{"/admin/loggers/root", map[string]int{"GET": 200, "PUT": 200}, `{"level":"INFO"}`},
}

// takesBody are the methods whose body is read, and not that of another worker.
func takesBody(path, method string) bool {
	switch {
	case strings.HasSuffix(path, "/tasks"), strings.HasSuffix(path, "/fence"):
		return false
	case method == "PATCH", path == "/connectors" && method == "POST":
		return true
	}
	return method == "PUT" && (strings.HasSuffix(path, "/config") || strings.HasSuffix(path, "/validate") || strings.HasPrefix(path, "/admin"))
}

// withConnector serves a worker that has the connector c, with one task.
func withConnector(t *testing.T) (base string) {
	t.Helper()
	s := serve(t, newMemory(t))
	if code, _, body := call(t, s.URL, "POST", "/connectors", source("c")); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	return s.URL
}

// wantError fails unless an answer is an error in JSON with the status.
func wantError(t *testing.T, what string, want, code int, h http.Header, body []byte) {
	t.Helper()
	var e errorBody
	if code != want || h.Get("Content-Type") != "application/json" || json.Unmarshal(body, &e) != nil || e.Code != want || e.Message == "" {
		t.Errorf("%s: %d %v %s, want %d in JSON", what, code, h, body, want)
	}
}

func TestEndpoints(t *testing.T) {
	for _, e := range endpoints {
		t.Run(e.path, func(t *testing.T) {
			allow := []string{"OPTIONS"}
			for m := range e.methods {
				allow = append(allow, m)
				if m == "GET" {
					allow = append(allow, "HEAD")
				}
			}
			slices.Sort(allow)
			for method, want := range e.methods {
				for _, slash := range []string{"", "/"} {
					base, path := withConnector(t), e.path
					if slash != "" && path != "/" {
						path += slash
					}
					body := ""
					if takesBody(e.path, method) || e.body == "[]" && method == "POST" {
						body = e.body
					}
					code, h, answer := call(t, base, method, path, body)
					if code != want || want != 204 && want != 202 && h.Get("Content-Type") != "application/json" || (want == 204 || want == 202) && len(answer) > 0 {
						t.Errorf("%s %s: %d %v %s, want %d", method, path, code, h, answer, want)
					}
				}
			}
			base := withConnector(t)
			code, h, answer := call(t, base, "OPTIONS", e.path, "")
			if code != 200 || h.Get("Allow") != strings.Join(allow, ",") || len(answer) > 0 {
				t.Errorf("OPTIONS: %d %v %s, want Allow: %s", code, h, answer, strings.Join(allow, ","))
			}
			if code, h, answer = call(t, base, "HEAD", e.path, ""); slices.Contains(allow, "HEAD") && (code != 200 || len(answer) > 0 || h.Get("Content-Type") != "application/json") {
				t.Errorf("HEAD: %d %v %s", code, h, answer)
			}
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "MKCOL"} {
				if !slices.Contains(allow, method) {
					code, h, answer := call(t, base, method, e.path, "")
					wantError(t, method, 405, code, h, answer)
					if h.Get("Allow") != strings.Join(allow, ",") {
						t.Errorf("%s: Allow %s", method, h.Get("Allow"))
					}
				}
			}
			code, h, answer = call(t, base, "GET", strings.TrimSuffix(e.path, "/")+"/x/y/z", "")
			wantError(t, "a path below", 404, code, h, answer)
			refusals(t, base, e.path, e.methods)
		})
	}
}

// refusals are requests whose media types or bodies are wrong.
func refusals(t *testing.T, base, path string, methods map[string]int) {
	t.Helper()
	for method := range methods {
		internal := method == "POST" && strings.HasSuffix(path, "/tasks") || strings.HasSuffix(path, "/fence")
		code, h, answer := call(t, base, method, path, "", "Accept", "text/html")
		wantError(t, method+" as HTML", 406, code, h, answer)
		if !internal {
			code, h, answer = call(t, base, method, path, "x=y", "Content-Type", "application/x-www-form-urlencoded")
			wantError(t, method+" of a form", 415, code, h, answer)
			code, h, answer = call(t, base, method, path, "{}", "Content-Type", "json")
			wantError(t, method+" of no type", 400, code, h, answer)
		}
		if !takesBody(path, method) {
			continue
		}
		for _, body := range []string{"", " ", "{", "[]", "null", `"x"`, "12", "nul", `{"a":}`, `{"a":"b"`, `{"a" "b"}`, `{"a":"b"}{}`, `{"a":{"b":"c"}}`, `{"a":["b"]}`, "{\"a\":\"\xff\"}",
			`{"a":"\ud800"`, strings.Repeat("[", 200_000), strings.Repeat(`{"a":`, 200_000), "<html/>"} {
			code, h, answer := call(t, base, method, path, body, "Content-Type", "application/json")
			wantError(t, fmt.Sprintf("%s of %.20q", method, body), 400, code, h, answer)
		}
		code, h, answer = call(t, base, method, path, `{"a":"`+strings.Repeat("x", 9<<20)+`"}`)
		wantError(t, method+" of 9 MiB", 413, code, h, answer)
	}
}

// TestNames: every name that can be created can be read, changed and deleted under
// its percent-encoded name, and Location leads to it.
func TestNames(t *testing.T) {
	names := []string{"a/b", "/", "a%b", "%2F", "%zz", `a\b`, "{}", "{connector}", "a;b", "a?b#c", "a+b c", "..", ".", "../x", "/connectors", "tasks", "ünï-日本-🦆", "a\u0301", "'\"<script>&", "status",
		strings.Repeat("n", 2000), strings.Repeat("日", 500), "$(reboot)", "${env:HOME}", "a=b", "a:b@c", "a,b", "a|b^c`d", "null", "-1", "0"}
	for _, name := range names {
		t.Run(fmt.Sprintf("%.20s", name), func(t *testing.T) {
			m := newMemory(t)
			s := serve(t, m)
			path := "/connectors/" + url.PathEscape(name)
			if name == "." || name == ".." {
				path = "/connectors/" + strings.ReplaceAll(name, ".", "%2E")
			}
			code, h, body := call(t, s.URL, "POST", "/connectors", source(name))
			if code != 201 {
				t.Fatalf("create: %d %s", code, body)
			}
			at, err := url.Parse(h.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(name, ";") {
				at.RawPath = path // what follows is a matrix parameter to Java, in its own Location too
			}
			for _, p := range []string{path, path + "/", path + "/status", path + "/tasks/0/status", path + "/topics", path + "/offsets", path + "/config", at.EscapedPath()} {
				if code, _, body := call(t, s.URL, "GET", p, ""); code != 200 {
					t.Errorf("GET %s: %d %s", p, code, body)
				}
			}
			code, _, body = call(t, s.URL, "GET", path, "")
			if got := decode[struct{ Name string }](t, body); code != 200 || got.Name != name {
				t.Errorf("the name came back as %q", got.Name)
			}
			_, _, body = call(t, s.URL, "GET", "/connectors", "")
			if got := decode[[]string](t, body); !slices.Equal(got, []string{name}) {
				t.Errorf("listed as %q", got)
			}
			if code, _, body = call(t, s.URL, "PUT", path+"/config", `{"connector.class":"FileStreamSource","topic":"t","file":"g"}`); code != 200 {
				t.Errorf("PUT: %d %s", code, body)
			}
			if code, _, body = call(t, s.URL, "PATCH", path+"/config", `{"file":"h"}`); code != 200 {
				t.Errorf("PATCH: %d %s", code, body)
			}
			if code, _, body = call(t, s.URL, "PUT", path+"/stop", ""); code != 204 {
				t.Errorf("stop: %d %s", code, body)
			}
			if code, _, body = call(t, s.URL, "DELETE", path, ""); code != 204 {
				t.Errorf("DELETE: %d %s", code, body)
			}
			if code, _, _ = call(t, s.URL, "GET", path, ""); code != 404 {
				t.Errorf("after the delete: %d", code)
			}
		})
	}
}

// raw sends bytes as they are and reads the first answer.
func raw(t *testing.T, base, request string) (int, http.Header, []byte) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer res.Body.Close()
	var body strings.Builder
	if _, err := bufio.NewReader(res.Body).WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, []byte(body.String())
}

// TestNoHTTP: what is no HTTP or no URL is refused in JSON as well.
func TestNoHTTP(t *testing.T) {
	base := listen(t, rest.New(rest.Config{Herder: newMemory(t), Version: version}), nil)
	for request, want := range map[string]int{
		"GET /connectors/%zz HTTP/1.1\r\nHost: h\r\n\r\n":           400,
		"GET /connectors/%ff HTTP/1.1\r\nHost: h\r\n\r\n":           400,
		"GET /connectors/a%00b HTTP/1.1\r\nHost: h\r\n\r\n":         404,
		"GET //connectors HTTP/1.1\r\nHost: h\r\n\r\n":              400,
		"GET /connectors HTTP/1.1\r\n\r\n":                          400,
		"GET /connectors HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":    400,
		"GET /connectors HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n": 400,
		"BLURB\r\n\r\n": 400,
		"GET /connectors HTTP/9.9\r\nHost: h\r\n\r\n":                                  505,
		"GET /" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\nHost: h\r\n\r\n":          431,
		"POST /connectors HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: strange\r\n\r\n":   501,
		"POST /connectors HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n":           400,
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n":                                        200,
		"GET http://other/connectors HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n": 200,
	} {
		code, h, body := raw(t, base, request)
		if code != want {
			t.Errorf("%.60q: %d %s, want %d", request, code, body, want)
		}
		if want >= 400 {
			wantError(t, fmt.Sprintf("%.60q", request), want, code, h, body)
		}
	}
}

// TestSlowBody: a client that does not send what it announced holds up nobody, and
// not for ever.
func TestSlowBody(t *testing.T) {
	m := newMemory(t)
	base := listen(t, rest.New(rest.Config{Herder: m, Validator: validatorOf(m), Version: version, Timeout: 100 * time.Millisecond}), nil)
	code, h, body := raw(t, base, "POST /connectors HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"name\":")
	wantError(t, "a body that stays away", 500, code, h, body)
	if e := decode[errorBody](t, body); !strings.HasPrefix(e.Message, "Request timed out") {
		t.Error(e.Message)
	}
}
