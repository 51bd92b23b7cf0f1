package rest

import (
	"net/http"
	"strings"

	"culvert/fault"
)

func (s *Server) listLoggers(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, s.Loggers.All())
}

func (s *Server) getLogger(w http.ResponseWriter, r *http.Request) error {
	name := pathVar(r, "logger")
	level, ok := s.Loggers.Level(name)
	if !ok {
		return fault.New(fault.NotFound, "rest.unknown_logger", "Logger %s not found.", name)
	}
	return reply(w, http.StatusOK, level)
}

// putLogger sets a level on this worker, or with ?scope=cluster on all (KIP-976).
// Another scope is this worker's, as in Java.
func (s *Server) putLogger(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	request, err := parseProps(body)
	if err != nil {
		return err
	}
	name := pathVar(r, "logger")
	level, ok := request.text["level"]
	switch level = strings.TrimSpace(level); {
	case !ok:
		return badRequest("Desired 'level' parameter was not specified in request.")
	case level == "":
		return badRequest("Illegal null or empty Level name.")
	}
	if _, ok := ParseLevel(level); !ok {
		return fault.New(fault.NotFound, "rest.unknown_level", "invalid log level '%s'.", level)
	}
	if strings.EqualFold(r.URL.Query().Get("scope"), "cluster") {
		if err := s.Herder.SetClusterLevel(r.Context(), name, strings.ToUpper(level)); err != nil {
			return err
		}
		return replyEmpty(w, http.StatusNoContent)
	}
	changed := s.Loggers.Set(name, level)
	s.Log.Info("log level set", "namespace", name, "level", strings.ToUpper(level), "loggers", len(changed))
	return reply(w, http.StatusOK, changed)
}
