package rest

import (
	"bufio"
	"net/http"
)

// metrics shows what the worker counts, in Prometheus' text format.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) error {
	if s.Metrics == nil {
		return status(http.StatusNotFound)
	}
	w.Header().Set("Content-Type", s.Metrics.ContentType())
	out := bufio.NewWriterSize(w, 64<<10) // a thousand connectors are ten megabytes of text
	if err := s.Metrics.Write(out); err != nil {
		return err
	}
	return out.Flush()
}
