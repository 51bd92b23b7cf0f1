package rest

import (
	"net/http"
	"sync/atomic"
)

// Gate answers while the worker behind it is still coming up, and hands
// everything over to the Server once that is there. So the port answers from the
// first moment on, in JSON, and says why it has nothing else to say yet.
type Gate struct{ server atomic.Pointer[Server] }

// Open hands over to the server.
func (g *Gate) Open(s *Server) { g.server.Store(s) }

func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := g.server.Load(); s != nil {
		s.ServeHTTP(w, r)
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
