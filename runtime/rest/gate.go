package rest

import (
	"net/http"
	"sync/atomic"
)

// Gate answers while the worker behind it is still coming up, and hands
// everything over to the handler behind it once that is there. So the port answers from the
// first moment on, in JSON, and says why it has nothing else to say yet.
type Gate struct{ behind atomic.Pointer[http.Handler] }

// Open hands over to h.
func (g *Gate) Open(h http.Handler) { g.behind.Store(&h) }

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := g.behind.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	const starting = "Worker is still starting up."
	if path, err := cleanPath(r.URL.EscapedPath()); err == nil && path == "/health" {
		_ = reply(w, http.StatusServiceUnavailable, map[string]string{"status": "starting", "message": starting})
		return
	}
	_ = reply(w, http.StatusServiceUnavailable, map[string]any{"error_code": http.StatusServiceUnavailable, "message": starting})
}

var _ http.Handler = (*Gate)(nil)
