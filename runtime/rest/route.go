package rest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gorilla/mux"
)

// route is one path and what it answers.
type route struct {
	path string
	get, put,
	post, patch,
	delete handler
	// internal is the method that other workers use: its body may have any media type,
	// and its sender is known by a signature instead of a password.
	internal string
	// on is where the path is answered, if those listeners are set; open: without a user.
	on   listenerSet
	open bool
	// anyAccept: the answer is no JSON, and what the client accepts does not matter.
	anyAccept bool
}

// listenerSet is one of the properties that name listeners.
type listenerSet uint8

const (
	onListeners listenerSet = iota
	onAdmin                 // admin.listeners
	onMetrics               // metrics.listener
	listenerSets
)

// routes is the whole API.
func (s *Server) routes() []route {
	const connector = "/connectors/{connector}"
	return []route{
		{path: "/", get: s.root},
		{path: "/health", get: s.health},
		{path: "/openapi.json", get: s.openapi},
		{path: "/connectors", get: s.listConnectors, post: s.createConnector},
		{path: connector, get: s.getConnector, delete: s.deleteConnector},
		{path: connector + "/config", get: s.getConfig, put: s.putConfig, patch: s.patchConfig},
		{path: connector + "/status", get: s.getStatus},
		{path: connector + "/restart", post: s.restart},
		{path: connector + "/pause", put: s.pause},
		{path: connector + "/resume", put: s.resume},
		{path: connector + "/stop", put: s.stop},
		{path: connector + "/tasks", get: s.getTasks, post: s.putTasks, internal: http.MethodPost},
		{path: connector + "/tasks/{task}/status", get: s.getTaskStatus},
		{path: connector + "/tasks/{task}/restart", post: s.restartTask},
		{path: connector + "/fence", put: s.fence, internal: http.MethodPut},
		{path: connector + "/topics", get: s.getTopics},
		{path: connector + "/topics/reset", put: s.resetTopics},
		{path: connector + "/offsets", get: s.getOffsets, patch: s.alterOffsets, delete: s.resetOffsets},
		{path: "/connector-plugins", get: s.listPlugins},
		{path: "/connector-plugins/{plugin}/config", get: s.getPluginConfig},
		{path: "/connector-plugins/{plugin}/config/validate", put: s.validate},
		{path: "/admin/loggers", get: s.listLoggers, on: onAdmin},
		{path: "/admin/loggers/{logger}", get: s.getLogger, put: s.putLogger, on: onAdmin},
		{path: "/metrics", get: s.metrics, on: onMetrics, anyAccept: true},
	}
}

// methods answers a path by method, in the order in which Jersey refuses a
// request: method, then Content-Type, then Accept, then the user.
func (s *Server) methods(rt route) http.Handler {
	handlers := map[string]handler{}
	allow := []string{http.MethodOptions}
	for _, m := range []struct {
		name string
		h    handler
	}{{http.MethodGet, rt.get}, {http.MethodHead, rt.get}, {http.MethodPut, rt.put}, {http.MethodPost, rt.post}, {http.MethodPatch, rt.patch}, {http.MethodDelete, rt.delete}} {
		if m.h != nil {
			handlers[m.name] = m.h
			allow = append(allow, m.name)
		}
	}
	slices.Sort(allow)
	handlers[http.MethodOptions] = func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", strings.Join(allow, ","))
		return replyEmpty(w, http.StatusOK)
	}
	return s.run(func(w http.ResponseWriter, r *http.Request) error {
		h, ok := handlers[r.Method]
		switch {
		case !ok:
			w.Header().Set("Allow", strings.Join(allow, ","))
			return status(http.StatusMethodNotAllowed)
		case r.Method == http.MethodOptions: // of any type, whatever is accepted
		case r.Method != rt.internal && !isMediaType(r.Header):
			return status(http.StatusBadRequest)
		case r.Method != rt.internal && !isJSON(r.Header):
			return status(http.StatusUnsupportedMediaType)
		case !rt.anyAccept && !accepts(r.Header.Values("Accept")):
			return status(http.StatusNotAcceptable)
		}
		if err := s.authenticate(w, r, &rt); err != nil {
			return err
		}
		if err := s.awaitReady(r); err != nil {
			return err
		}
		return h(w, r)
	})
}

// isMediaType reports whether the Content-Type can be read at all.
func isMediaType(h http.Header) bool {
	given := h.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(given)
	return given == "" || err == nil && strings.Contains(kind, "/")
}

// isJSON reports whether a request's Content-Type may be JSON; one without is up
// to whoever reads the body.
func isJSON(h http.Header) bool {
	given := h.Get("Content-Type")
	if given == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(given)
	return err == nil && kind == "application/json"
}

// accepts reports whether an Accept header takes application/json. None takes
// everything.
func accepts(values []string) bool {
	given := false
	for _, one := range strings.Split(strings.Join(values, ","), ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		given = true
		kind, _, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		// Jersey takes q=0 as well.
		if kind == "application/json" || kind == "application/*" || kind == "*/*" || kind == "*" {
			return true
		}
	}
	return !given
}

// cleanPath drops the last slash and matrix parameters (;a=b), which Java ignores.
// A path that Java's HTTP layer refuses is refused.
func cleanPath(escaped string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, p := range parts {
		parts[i], _, _ = strings.Cut(p, ";")
	}
	if len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	for _, p := range parts {
		if p == "" && len(parts) > 1 {
			return "", badRequest("The path has an empty segment")
		}
		if _, err := unescape(p); err != nil {
			return "", err
		}
	}
	return "/" + strings.Join(parts, "/"), nil
}

func unescape(segment string) (string, error) {
	text, err := url.PathUnescape(segment)
	if err != nil || !utf8.ValidString(text) {
		return "", badRequest("The path is not percent-encoded UTF-8: %s", strconv.QuoteToASCII(segment))
	}
	return text, nil
}

// pathVar is a decoded part of the path.
func pathVar(r *http.Request, name string) string {
	text, _ := unescape(mux.Vars(r)[name]) // cleanPath has tried
	return text
}

// taskVar is the task's number. Java does not find a path whose number is none.
func taskVar(r *http.Request) (int, error) {
	n, err := strconv.ParseInt(pathVar(r, "task"), 10, 32)
	if err != nil {
		return 0, status(http.StatusNotFound)
	}
	return int(n), nil
}

// escapeSegment encodes a name for the Location header, as UriBuilder.path does,
// but for slash and percent: those names can be used again.
func escapeSegment(name string) string {
	const keep = "-._~!$&'()*+,;=:@"
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c)|0x100, 16)[1:]))
	}
	return b.String()
}

// location is the address of a connector as the client sees this worker.
func location(r *http.Request, name string) string {
	return baseURL(r) + "/connectors/" + escapeSegment(name)
}

func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
