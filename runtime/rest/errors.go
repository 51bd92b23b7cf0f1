package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"culvert/fault"
)

// answerError is an error with its status and the whole text.
type answerError struct {
	status int
	text   string
}

func (e answerError) Error() string { return e.text }

// status is the error of a request that the HTTP layer refuses, in Jersey's words.
func status(code int) error {
	return answerError{code, "HTTP " + strconv.Itoa(code) + " " + reasons[code]}
}

// reasons are the reason phrases of javax.ws.rs.core.Response.Status, which are not
// all those of net/http.
var reasons = map[int]string{
	http.StatusNotFound: "Not Found", http.StatusMethodNotAllowed: "Method Not Allowed", http.StatusNotAcceptable: "Not Acceptable",
	http.StatusUnsupportedMediaType: "Unsupported Media Type", http.StatusBadRequest: "Bad Request",
}

// badRequest is the error of a request that cannot be understood. Java answers
// some of these with 500 and the text of its JSON library.
func badRequest(format string, args ...any) error {
	return answerError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// errorMessage is the body of every error.
type errorMessage struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// fail writes the answer of an error: ConnectExceptionMapper.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, text := answerOf(err)
	level := slog.LevelDebug
	if code == http.StatusUnauthorized {
		level = levelTrace // somebody's typing
	}
	switch {
	case code >= http.StatusInternalServerError:
		level = slog.LevelError
	case code == http.StatusBadRequest:
		level = slog.LevelWarn // the answer is Java's text; the remedy stands here
	}
	s.Log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.EscapedPath(), "status", code, "err", fault.Explain(err))
	_ = reply(w, code, errorMessage{code, text}) // reply never fails
}

func answerOf(err error) (code int, text string) {
	var (
		own     answerError
		tooLong *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own.status, own.text
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is longer than %d bytes", tooLong.Limit)
	}
	switch fault.ClassOf(err) {
	case fault.Config, fault.Record:
		code = http.StatusBadRequest
	case fault.NotFound:
		code = http.StatusNotFound
	case fault.Conflict, fault.Fenced:
		code = http.StatusConflict
	default:
		code = http.StatusInternalServerError
	}
	return code, err.Error()
}
