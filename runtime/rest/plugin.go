package rest

import (
	"net/http"
	"strings"

	"culvert/fault"
	"culvert/runtime/plugins"
)

func (s *Server) listPlugins(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	connectorsOnly := !query.Has("connectorsOnly") || isTrue(query, "connectorsOnly")
	return reply(w, http.StatusOK, s.Validator.Plugins.List(connectorsOnly))
}

// getPluginConfig answers with a plugin's keys; ?extended=true adds ours to those
// that the Java plugin has.
func (s *Server) getPluginConfig(w http.ResponseWriter, r *http.Request) error {
	name, query := pathVar(r, "plugin"), r.URL.Query()
	if _, ok := s.Validator.Plugins.Class(name); ok && query.Has("version") {
		version := query.Get("version")
		if err := s.Validator.Plugins.Allow(name, version); err != nil {
			if fault.Of(err).Code == plugins.CodeVersionSyntax {
				return badRequest("Invalid version specification: %s", version)
			}
			return err
		}
	}
	keys, err := s.Validator.Plugins.Definitions(name, isTrue(query, "extended"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, keys)
}

func (s *Server) validate(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	config, err := parseProps(body)
	if err != nil {
		return err
	}
	name := pathVar(r, "plugin")
	if class, ok := config.text["connector.class"]; ok && !strings.HasSuffix(prune(class), prune(name)) {
		return badRequest("Included connector type %s does not match request type %s", class, name)
	}
	s.unmask(config.text["name"], config)
	answer, err := s.runValidation(r.Context(), plugins.Request{Props: config.text, Nulls: config.nulls})
	if err != nil {
		if code, text := answerOf(err); code == http.StatusBadRequest {
			// Java shows the exception that its future wraps, with 500.
			java := "org.apache.kafka.connect.runtime.rest.errors.BadRequestException"
			if f := fault.Of(err); f.Code == plugins.CodeOverride {
				java = f.Java
			}
			return badRequest("%s: %s", java, text)
		}
		return err
	}
	return reply(w, http.StatusOK, answer)
}

// prune is ConnectorPluginsResource.normalizedPluginName.
func prune(name string) string {
	if short := strings.TrimSuffix(name, "Connector"); short != "" {
		return short
	}
	return name
}
