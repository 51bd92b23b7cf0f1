package rest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"culvert/fault"
	"culvert/runtime/plugins"
	"culvert/runtime/store"
)

type taskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// connectorInfo describes a connector (Java's ConnectorInfo).
type connectorInfo struct {
	Name   string        `json:"name"`
	Config orderedConfig `json:"config"`
	Tasks  []taskID      `json:"tasks"`
	Type   string        `json:"type"`
}

// typeOf is the connector's type; "unknown", as in Java, for a class that is not
// built in.
func (s *Server) typeOf(c *store.Connector) string {
	if c != nil {
		if p, err := s.Validator.Plugins.Connector(c.Config["connector.class"]); err == nil {
			return string(p.Kind)
		}
	}
	return "unknown"
}

func (s *Server) listConnectors(w http.ResponseWriter, r *http.Request) error {
	names := s.Herder.Connectors()
	query := r.URL.Query()
	if !query.Has("expand") {
		return reply(w, http.StatusOK, append([]string{}, names...))
	}
	type expanded struct {
		Status *statusInfo    `json:"status,omitempty"`
		Info   *connectorInfo `json:"info,omitempty"`
	}
	all := map[string]expanded{}
	for _, name := range names {
		var e expanded
		var err error
		for _, what := range query["expand"] {
			switch what {
			case "status":
				var st statusInfo
				if st, err = s.statusOf(name); err == nil {
					e.Status = &st
				}
			case "info":
				var c *store.Connector
				if c, err = s.Herder.Connector(name); err == nil {
					i := s.infoOf(c)
					e.Info = &i
				}
			}
			if err != nil {
				break
			}
		}
		switch {
		case fault.Is(err, fault.NotFound): // deleted meanwhile, or it has no status yet
		case err != nil:
			return err
		default:
			all[name] = e
		}
	}
	return reply(w, http.StatusOK, all)
}

func (s *Server) createConnector(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	req, err := parseCreate(body)
	if err != nil {
		return err
	}
	if err := nameInto(req.config, req.name); err != nil {
		return err
	}
	if isDryRun(r) {
		return s.tryOut(w, r, req.name, req.config, true)
	}
	c, err := s.store(r.Context(), req.config, func() (*store.Connector, error) {
		return s.Herder.Create(r.Context(), req.name, req.config.text, req.initial)
	})
	if err != nil {
		return s.forward(w, r, body, err)
	}
	return s.replyCreated(w, r, c, req.config)
}

// store validates a config and has it written. The leader validates what comes
// from another worker, so that nothing is checked twice.
func (s *Server) store(ctx context.Context, p *props, write func() (*store.Connector, error)) (*store.Connector, error) {
	if err := s.Herder.Lead(); err != nil {
		return nil, err
	}
	s.unmask(p.text["name"], p)
	if err := s.check(ctx, p.text, p.nulls); err != nil {
		return nil, err
	}
	return write()
}

// check is nil for a valid config. Keys that look misspelt are logged: nobody
// refuses them, as in Java.
func (s *Server) check(ctx context.Context, config map[string]string, nulls []string) error {
	answer, err := s.runValidation(ctx, plugins.Request{Props: config, Nulls: nulls})
	if err != nil {
		return err
	}
	for _, typo := range answer.Typos() {
		s.Log.Warn("unknown key in the configuration of a connector", "connector", config["name"], "key", typo.Key, "meant", typo.Meant)
	}
	if len(answer.Ignored) > 0 {
		s.Log.Info("keys of the managed service have no effect here", "connector", config["name"], "keys", strings.Join(answer.Ignored, ","))
	}
	return answer.Err()
}

func (s *Server) replyCreated(w http.ResponseWriter, r *http.Request, c *store.Connector, sent *props) error {
	i := s.infoOf(c)
	i.Config.names, i.Tasks = sent.names, []taskID{}
	w.Header().Set("Location", location(r, c.Name))
	return reply(w, http.StatusCreated, i)
}

// createRequest is the body of POST /connectors.
type createRequest struct {
	name    string
	config  *props
	initial store.Target
}

// parseCreate reads the body of a create. Beside Java's shape it takes the two that
// Confluent Cloud exports: without an outer name, and the bare config.
func parseCreate(raw []byte) (*createRequest, error) {
	req := &createRequest{}
	if flat, err := parseProps(raw); err == nil && flat.text["connector.class"] != "" {
		req.config, req.name = flat, flat.text["name"]
		return req, nil
	}
	named := false
	err := object(raw, func(member string, value json.RawMessage) error {
		switch member {
		case "name":
			text, null, err := scalar(value)
			if err != nil {
				return badRequest("name is not text")
			}
			named = !null
			// String.trim; a missing name is empty, and the validator refuses that.
			req.name = strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
		case "config":
			if value[0] == 'n' {
				return nil
			}
			p, err := parseProps(value)
			req.config = p
			return err
		case "initial_state":
			return req.setInitial(value)
		default:
			return badRequest("Unrecognized field %q: a connector is created with name, config and initial_state", member)
		}
		return nil
	})
	if err == nil && req.config == nil {
		err = badRequest("config is missing: the connector's configuration, an object")
	}
	if err == nil && !named {
		req.name = req.config.text["name"]
	}
	return req, err
}

func (req *createRequest) setInitial(value json.RawMessage) error {
	text, null, err := scalar(value)
	targets := map[string]store.Target{"RUNNING": store.Started, "PAUSED": store.Paused, "STOPPED": store.Stopped}
	target, ok := targets[strings.ToUpper(text)]
	switch {
	case null:
		return nil
	case err != nil || !ok:
		return badRequest("initial_state is %s; it is RUNNING, PAUSED or STOPPED", value)
	}
	req.initial = target
	return nil
}

// nameInto puts the connector's name into its config, or checks the one that is
// there (ConnectorsResource.checkAndPutConnectorConfigName).
func nameInto(p *props, name string) error {
	if given, ok := p.text["name"]; ok {
		if given != name {
			return badRequest("Connector name configuration (%s) doesn't match connector name in the URL (%s)", given, name)
		}
		return nil
	}
	p.put("name", name)
	return nil
}

func (s *Server) getConnector(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Herder.Connector(pathVar(r, "connector"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, s.infoOf(c))
}

func (s *Server) getConfig(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Herder.Connector(pathVar(r, "connector"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, s.shown(c.Config, c.Config))
}

func (s *Server) putConfig(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	config, err := parseProps(body)
	if err != nil {
		return err
	}
	name, created := pathVar(r, "connector"), false
	if err := nameInto(config, name); err != nil {
		return err
	}
	if isDryRun(r) {
		return s.tryOut(w, r, name, config, false)
	}
	c, err := s.store(r.Context(), config, func() (c *store.Connector, err error) {
		c, created, err = s.Herder.Put(r.Context(), name, config.text)
		return c, err
	})
	switch {
	case err != nil:
		return s.forward(w, r, body, err)
	case created:
		return s.replyCreated(w, r, c, config)
	}
	i := s.infoOf(c)
	i.Config.names = config.names
	return reply(w, http.StatusOK, i)
}

func (s *Server) patchConfig(w http.ResponseWriter, r *http.Request) error {
	name := pathVar(r, "connector")
	body, err := readBody(r)
	var patch *props
	if err == nil {
		patch, err = parseProps(body)
	}
	if err != nil {
		if _, missing := s.Herder.Connector(name); fault.Is(missing, fault.NotFound) {
			return missing // Java looks for the connector first
		}
		return err
	}
	if isDryRun(r) {
		c, err := s.Herder.Connector(name)
		if err != nil {
			return err
		}
		return s.tryOut(w, r, name, &props{text: s.patched(c, patch)}, false)
	}
	c, err := s.patch(r.Context(), name, patch)
	if err != nil {
		return s.forward(w, r, body, err)
	}
	return reply(w, http.StatusOK, s.infoOf(c))
}

// patch changes a config that nobody else changes meanwhile: where somebody did,
// it begins again with what is there now.
func (s *Server) patch(ctx context.Context, name string, patch *props) (*store.Connector, error) {
	for {
		if err := s.Herder.Lead(); err != nil {
			return nil, err
		}
		c, err := s.Herder.Connector(name)
		if err != nil {
			return nil, err
		}
		config := s.patched(c, patch)
		if err := s.check(ctx, config, nil); err != nil {
			return nil, err
		}
		done, err := s.Herder.Replace(ctx, name, config, c.ConfigSeq)
		if f := fault.Of(err); f == nil || f.Code != StaleCode || ctx.Err() != nil {
			return done, err
		}
	}
}

// patched is the configuration that a connector has with the patch.
func (s *Server) patched(c *store.Connector, patch *props) map[string]string {
	changes := &props{text: maps.Clone(patch.text)} // the patch may be tried again, on another secret
	s.unmask(c.Name, changes)
	config := maps.Clone(c.Config)
	maps.Copy(config, changes.text)
	for _, n := range patch.nulls {
		delete(config, n)
	}
	return config
}

func (s *Server) deleteConnector(w http.ResponseWriter, r *http.Request) error {
	if err := s.Herder.Delete(r.Context(), pathVar(r, "connector")); err != nil {
		return s.forward(w, r, nil, err)
	}
	return replyEmpty(w, http.StatusNoContent)
}

// taskInfo is one task with its config.
type taskInfo struct {
	ID     taskID        `json:"id"`
	Config orderedConfig `json:"config"`
}

func (s *Server) getTasks(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Herder.Connector(pathVar(r, "connector"))
	if err != nil {
		return err
	}
	tasks := []taskInfo{}
	for n, config := range c.Tasks {
		tasks = append(tasks, taskInfo{taskID{c.Name, n}, s.shown(config, c.Config)})
	}
	return reply(w, http.StatusOK, tasks)
}

// stateInfo is the state of a connector.
type stateInfo struct {
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version,omitempty"`
	Trace    string `json:"trace,omitempty"`
}

// taskState is the state of a task.
type taskState struct {
	ID int `json:"id"`
	stateInfo
}

// statusInfo is the state of a connector and its tasks (Java's ConnectorStateInfo).
type statusInfo struct {
	Name      string      `json:"name"`
	Connector stateInfo   `json:"connector"`
	Tasks     []taskState `json:"tasks"`
	Type      string      `json:"type"`
}

func stateOf(st store.Status) stateInfo {
	return stateInfo{State: st.State, WorkerID: st.WorkerID, Version: st.Version, Trace: st.Trace}
}

func (s *Server) statusOf(name string) (statusInfo, error) {
	st, err := s.Herder.Status(name)
	if err != nil {
		return statusInfo{}, err
	}
	return s.showStatus(name, st)
}

func (s *Server) showStatus(name string, st ConnectorStatus) (statusInfo, error) {
	c, err := s.Herder.Connector(name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return statusInfo{}, err
	}
	info := statusInfo{Name: name, Connector: stateOf(st.Connector), Tasks: []taskState{}, Type: s.typeOf(c)}
	for _, n := range slices.Sorted(maps.Keys(st.Tasks)) {
		info.Tasks = append(info.Tasks, taskState{n, stateOf(st.Tasks[n])})
	}
	return info, nil
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) error {
	info, err := s.statusOf(pathVar(r, "connector"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, info)
}

func (s *Server) getTaskStatus(w http.ResponseWriter, r *http.Request) error {
	n, err := taskVar(r)
	if err != nil {
		return err
	}
	st, err := s.Herder.TaskStatus(pathVar(r, "connector"), n)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, taskState{n, stateOf(st)})
}
