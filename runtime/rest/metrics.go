package rest

import (
	"bytes"
	"net/http"
)

// metrics shows what the worker counts, in Prometheus' text format.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) error {
	if s.Metrics == nil {
		return status(http.StatusNotFound)
	}
	var text bytes.Buffer
	if err := s.Metrics.Write(&text); err != nil {
		return err
	}
	w.Header().Set("Content-Type", s.Metrics.ContentType())
	if _, err := w.Write(text.Bytes()); err != nil {
		return nil //nolint:nilerror // the connection is broken: nobody is left to tell
	}
	return nil
}
