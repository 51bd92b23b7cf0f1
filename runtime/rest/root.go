package rest

import (
	"context"
	"errors"
	"net/http"
)

type serverInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Cluster string `json:"kafka_cluster_id"`
}

func (s *Server) root(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, serverInfo{s.Version, s.Commit, s.Herder.ClusterID()})
}

type workerStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// health asks the herder for a sign of life (KIP-1017).
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.HealthTimeout)
	defer cancel()
	err := s.Herder.Health(ctx)
	ready := s.Herder.Ready()
	late := errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil && ready:
		return reply(w, http.StatusOK, workerStatus{"healthy", "Worker has completed startup and is ready to handle requests."})
	case !ready && (err == nil || late):
		return reply(w, http.StatusServiceUnavailable, workerStatus{"starting", "Worker is still starting up."})
	case late:
		return reply(w, http.StatusInternalServerError,
			workerStatus{"unhealthy", "Worker was unable to handle this request and may be unable to handle other requests."})
	}
	return err
}
