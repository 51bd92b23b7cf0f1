package rest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"culvert/runtime/store"
)

func (s *Server) pause(w http.ResponseWriter, r *http.Request) error {
	if err := s.Herder.SetTarget(r.Context(), pathVar(r, "connector"), store.Paused); err != nil {
		return s.forward(w, r, nil, err)
	}
	return replyEmpty(w, http.StatusAccepted)
}

func (s *Server) resume(w http.ResponseWriter, r *http.Request) error {
	if err := s.Herder.SetTarget(r.Context(), pathVar(r, "connector"), store.Started); err != nil {
		return s.forward(w, r, nil, err)
	}
	return replyEmpty(w, http.StatusAccepted)
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) error {
	if err := s.Herder.SetTarget(r.Context(), pathVar(r, "connector"), store.Stopped); err != nil {
		return s.forward(w, r, nil, err)
	}
	return replyEmpty(w, http.StatusNoContent)
}

// restart restarts the connector alone, or with includeTasks or onlyFailed what
// those say (KIP-745).
func (s *Server) restart(w http.ResponseWriter, r *http.Request) error {
	name, query := pathVar(r, "connector"), r.URL.Query()
	what := store.Restart{Connector: name, IncludeTasks: isTrue(query, "includeTasks"), OnlyFailed: isTrue(query, "onlyFailed")}
	if !what.IncludeTasks && !what.OnlyFailed {
		if err := s.Herder.RestartConnector(r.Context(), name); err != nil {
			return s.forward(w, r, nil, err)
		}
		return replyEmpty(w, http.StatusNoContent)
	}
	st, err := s.Herder.Restart(r.Context(), what)
	if err != nil {
		return s.forward(w, r, nil, err)
	}
	info, err := s.showStatus(name, st)
	if err != nil {
		return err
	}
	return reply(w, http.StatusAccepted, info)
}

func (s *Server) restartTask(w http.ResponseWriter, r *http.Request) error {
	n, err := taskVar(r)
	if err != nil {
		return err
	}
	if err := s.Herder.RestartTask(r.Context(), pathVar(r, "connector"), n); err != nil {
		return s.forward(w, r, nil, err)
	}
	return replyEmpty(w, http.StatusNoContent)
}

// isTrue reads a flag as Boolean.valueOf does: everything but "true" is false.
func isTrue(query url.Values, name string) bool { return strings.EqualFold(query.Get(name), "true") }

// topicsInfo is the answer of GET …/topics. Clients break on a further key.
type topicsInfo struct {
	Topics []string `json:"topics"`
}

func (s *Server) getTopics(w http.ResponseWriter, r *http.Request) error {
	if !s.TopicTracking {
		return answerError{http.StatusForbidden, "Topic tracking is disabled."}
	}
	name := pathVar(r, "connector")
	return reply(w, http.StatusOK, map[string]topicsInfo{name: {append([]string{}, s.Herder.Topics(name)...)}})
}

func (s *Server) resetTopics(w http.ResponseWriter, r *http.Request) error {
	switch {
	case !s.TopicTracking:
		return answerError{http.StatusForbidden, "Topic tracking is disabled."}
	case !s.TopicReset:
		return answerError{http.StatusForbidden, "Topic tracking reset is disabled."}
	}
	if err := s.Herder.ResetTopics(r.Context(), pathVar(r, "connector")); err != nil {
		return err
	}
	return replyEmpty(w, http.StatusAccepted)
}

// The headers of requests between workers (InternalRequestSignature).
const (
	macHeader       = "X-Connect-Authorization"
	algorithmHeader = "X-Connect-Request-Signature-Algorithm"
)

// signature reads what signs a request; nil without one.
func signature(r *http.Request, body []byte) (*Signature, error) {
	text, algorithm := r.Header.Get(macHeader), r.Header.Get(algorithmHeader)
	if text == "" || algorithm == "" {
		return nil, nil
	}
	if !slices.Contains([]string{"HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512", "HmacMD5"}, algorithm) {
		return nil, badRequest("Algorithm %s not available", algorithm)
	}
	mac, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, badRequest("%s is not base64", macHeader)
	}
	return &Signature{Body: body, MAC: mac, Algorithm: algorithm}, nil
}

func (s *Server) putTasks(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return unreadable(err)
	}
	var tasks []map[string]string
	for _, one := range raw {
		p, err := parseProps(one)
		if err != nil {
			return err
		}
		tasks = append(tasks, p.text)
	}
	signed, err := signature(r, body)
	if err != nil {
		return err
	}
	if err := s.Herder.PutTasks(r.Context(), pathVar(r, "connector"), tasks, signed); err != nil {
		return s.forward(w, r, body, err)
	}
	return replyEmpty(w, http.StatusNoContent)
}

func (s *Server) fence(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	signed, err := signature(r, body)
	if err != nil {
		return err
	}
	if err := s.Herder.Fence(r.Context(), pathVar(r, "connector"), signed); err != nil {
		return s.forward(w, r, body, err)
	}
	return replyEmpty(w, http.StatusNoContent)
}
