package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gorilla/mux"

	"culvert/runtime/plugins"
)

// Config is what the REST interface is made of.
type Config struct {
	Herder Herder
	// Validator checks configurations and knows the plugins.
	Validator *plugins.Validator
	// Version is the release of Kafka Connect whose answers these are; Commit is ours.
	Version, Commit string
	Loggers         *Loggers

	TopicTracking bool // topic.tracking.enable
	TopicReset    bool // topic.tracking.allow.reset

	// MaskPasswords (rest.mask.passwords) hides the values of passwords in answers.
	MaskPasswords bool

	// Users may use the API, by basic authentication; nil: everybody. Those of
	// admin.listeners need none, as in Java.
	Users *Users
	// Headers are added to every answer (response.http.headers.config).
	Headers Headers
	// AdminElsewhere takes /admin/loggers away from the API: Admin answers it, or
	// nobody. MetricsElsewhere does so with /metrics and MetricsOnly.
	AdminElsewhere, MetricsElsewhere bool
	// Metrics are shown at /metrics; nil: there are none.
	Metrics Metrics

	AllowOrigin  string // access.control.allow.origin
	AllowMethods string // access.control.allow.methods

	// Timeout bounds a request, 90 s if zero; HealthTimeout bounds GET /health, 10 s
	// if zero.
	Timeout, HealthTimeout time.Duration
	// MaxBody bounds a request's body in bytes, 8 MiB if zero.
	MaxBody int64
	// Forward sends requests to the leader; nil: a client of its own.
	Forward Forwarder
	Log     *slog.Logger
}

// Server answers Connect's REST API. It is an http.Handler; the function Serve puts
// it behind listeners.
type Server struct {
	Config
	handlers [listenerSets]http.Handler
}

// Metrics writes what is counted as text of the content type; *metrics.Exporter does.
type Metrics interface {
	ContentType() string
	Write(w io.Writer) error
}

// handler answers one request. Whoever returns an error has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// New makes the server. It does not listen yet.
func New(c Config) *Server {
	c.Timeout = cmp.Or(c.Timeout, 90*time.Second)
	c.HealthTimeout = cmp.Or(c.HealthTimeout, 10*time.Second)
	c.MaxBody = cmp.Or(c.MaxBody, 8<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Loggers == nil {
		c.Loggers = NewLoggers(slog.LevelInfo)
	}
	if c.Forward == nil {
		c.Forward = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := &Server{Config: c}
	routers := [listenerSets]*mux.Router{s.router(), s.router(), s.router()}
	elsewhere := [listenerSets]bool{onAdmin: s.AdminElsewhere, onMetrics: s.MetricsElsewhere}
	for _, rt := range s.routes() {
		on := onListeners
		if elsewhere[rt.on] {
			on, rt.open = rt.on, true
		}
		routers[on].Handle(rt.path, s.methods(rt))
	}
	for i, r := range routers {
		s.handlers[i] = s.cleaned(r)
	}
	s.handlers[onListeners] = s.Headers.on(s.cors(s.handlers[onListeners]))
	return s
}

func (s *Server) router() *mux.Router {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.NotFoundHandler = s.run(func(http.ResponseWriter, *http.Request) error { return status(http.StatusNotFound) })
	return router
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handlers[onListeners].ServeHTTP(w, r)
}

// Admin answers what AdminElsewhere has taken away, for admin.listeners.
func (s *Server) Admin() http.Handler { return s.handlers[onAdmin] }

// MetricsOnly answers what MetricsElsewhere has taken away, for metrics.listener.
func (s *Server) MetricsOnly() http.Handler { return s.handlers[onMetrics] }

// cleaned gives next the path without what Java ignores in one.
func (s *Server) cleaned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, err := cleanPath(r.URL.EscapedPath())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if path != r.URL.EscapedPath() {
			u := *r.URL
			u.RawPath = path
			u.Path, _ = unescape(path) // cleanPath has tried
			r = r.WithContext(r.Context())
			r.URL = &u
		}
		next.ServeHTTP(w, r)
	})
}

// run turns a handler into an http.Handler: its time is bounded, its error becomes
// an answer, and a panic is an error like any other.
func (s *Server) run(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &progress{}
		ctx, cancel := context.WithTimeoutCause(context.WithValue(r.Context(), progressKey{}, p), s.Timeout, errTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, s.MaxBody)
		s.bound(w)
		if s.Log.Enabled(ctx, slog.LevelDebug) {
			seen := &seen{ResponseWriter: w, status: http.StatusOK}
			defer func(begun time.Time) {
				s.Log.Debug("request", "method", r.Method, "path", r.URL.EscapedPath(), "from", r.RemoteAddr, "status", seen.status, "took", time.Since(begun))
			}(time.Now())
			w = seen
		}
		err := s.call(h, w, r)
		if err != nil && ctx.Err() != nil {
			if errors.Is(context.Cause(ctx), errTimeout) {
				err = answerError{http.StatusInternalServerError, p.timeoutText()}
			} else {
				return // the client has gone
			}
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// seen remembers the status of an answer, for the log.
type seen struct {
	http.ResponseWriter
	status int
}

func (s *seen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// bound keeps a client that neither sends nor reads from holding a request for
// ever. The margin is for the answer that says so: the end of reading cancels the
// request, and must not come before the timeout does.
func (s *Server) bound(w http.ResponseWriter) {
	const margin = time.Second
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(s.Timeout + margin)) // a writer of a test may have no connection
	_ = c.SetWriteDeadline(time.Now().Add(s.Timeout + 30*margin))
}

var errTimeout = errors.New("request timed out")

func (s *Server) call(h handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("request panicked", "method", r.Method, "path", r.URL.EscapedPath(), "panic", p, "stack", string(debug.Stack()))
			err = answerError{http.StatusInternalServerError, fmt.Sprintf("internal error: %v", p)}
		}
	}()
	return h(w, r)
}

// awaitReady lets what changes something wait while the worker joins its group, as
// Java's requests wait for the herder's first tick.
func (s *Server) awaitReady(r *http.Request) error {
	if !changes(r.Method) || s.Herder.Ready() {
		return nil
	}
	defer stage(r.Context(), "waiting for the worker to join its group")()
	return s.Herder.AwaitReady(r.Context())
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// reply writes a JSON answer.
func reply(w http.ResponseWriter, code int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		// The status is out, the connection is broken: nobody is left to tell.
		return nil //nolint:nilerror // see above
	}
	return nil
}

// replyEmpty writes a status without a body.
func replyEmpty(w http.ResponseWriter, code int) error {
	w.WriteHeader(code)
	return nil
}

var _ http.Handler = (*Server)(nil)
