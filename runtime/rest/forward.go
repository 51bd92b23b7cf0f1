package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"culvert/fault"
)

// forward sends a request on if err says that another worker has to carry it out:
// HerderRequestHandler.completeOrForwardRequest. Two hops at most, because the first
// target may have lost the lead meanwhile; more mean that a rebalance is under way.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, body []byte, err error) error {
	var to Forward
	if !errors.As(err, &to) {
		if f := fault.Of(err); f != nil && f.Code == RebalanceCode {
			return answerError{http.StatusConflict,
				"Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"}
		}
		return err
	}
	query := r.URL.Query()
	first := !query.Has("forward")
	if !first && !strings.EqualFold(query.Get("forward"), "true") {
		return answerError{http.StatusConflict, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"}
	}
	target := to.ForwardURL()
	if target == "" {
		return answerError{http.StatusConflict,
			"Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."}
	}
	query.Set("forward", fmt.Sprint(first))
	defer stage(r.Context(), "forwarding the request to "+target)()
	req, err := http.NewRequestWithContext(r.Context(), r.Method, strings.TrimSuffix(target, "/")+r.URL.EscapedPath()+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return forwardError(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kafka-connect")
	for _, name := range []string{"Authorization", "Content-Type", macHeader, algorithmHeader} {
		if v := r.Header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	res, err := s.Forward.Do(req)
	if err != nil {
		if r.Context().Err() != nil {
			return err
		}
		return forwardError(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return forwardError(err)
	}
	if kind := res.Header.Get("Content-Type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	if at, err := url.Parse(res.Header.Get("Location")); err == nil && at.Path != "" {
		// The client talks to this worker; the path is the same here.
		w.Header().Set("Location", baseURL(r)+at.EscapedPath())
	}
	if res.StatusCode < http.StatusMultipleChoices {
		// Who reads from this worker right after its answer has to see the change too. A
		// worker that cannot read now says so at the next request.
		_ = s.Herder.Refresh(r.Context())
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answer) // a client that has gone is no error
	return nil
}

func forwardError(err error) error {
	return answerError{http.StatusInternalServerError, "IO Error trying to forward REST request: " + err.Error()}
}
