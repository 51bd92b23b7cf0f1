package rest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The OpenAPI 3.1 document of the API. The operations stand here, the shapes of
// bodies in openapi_schemas.json; a test holds both against the routes, and
// schemathesis holds the whole against a running worker.

//go:embed openapi_schemas.json
var openapiSchemas []byte

// operation is one method of one path.
type operation struct {
	method, path, summary string
	query                 []queryParam
	body                  string // name of a schema; empty: none
	answers               map[int]string
	errors                []int // beyond those that all operations have
}

// queryParam is a parameter that is read as text: what is not known in it is ignored.
type queryParam struct{ name, description string }

// Names of answers that are not schemas.
const (
	noBody = ""
	asText = "text"
)

var (
	dryRunParam  = queryParam{"dry_run", "true: check everything, store nothing, and answer 200 with what was found."}
	forwardParam = queryParam{"forward", "Set by workers that pass a request on."}
	// changeErrors are those of a request that the leader carries out.
	changeErrors = []int{http.StatusConflict}
	bodyErrors   = []int{http.StatusConflict, http.StatusRequestEntityTooLarge}
)

var operations = []operation{
	{"GET", "/", "Version of the worker and id of the Kafka cluster", nil, "", map[int]string{200: "ServerInfo"}, nil},
	{"GET", "/health", "Whether the worker is healthy", nil, "", map[int]string{200: "WorkerStatus", 500: "WorkerStatus", 503: "WorkerStatus"}, nil},
	{"GET", "/openapi.json", "This document", nil, "", map[int]string{200: "Document"}, nil},
	{"GET", "/metrics", "What the worker counts, in Prometheus' text format", nil, "", map[int]string{200: asText}, nil},
	{"GET", "/connectors", "List the connectors", []queryParam{{"expand", "status, info or both: a map by name with these."}}, "",
		map[int]string{200: "Connectors"}, nil},
	{"POST", "/connectors", "Create a connector", []queryParam{dryRunParam, forwardParam}, "CreateConnector",
		map[int]string{200: "DryRun", 201: "ConnectorInfo"}, bodyErrors},
	{"GET", "/connectors/{connector}", "A connector with its tasks", nil, "", map[int]string{200: "ConnectorInfo"}, nil},
	{"DELETE", "/connectors/{connector}", "Delete a connector; its offsets stay", []queryParam{forwardParam}, "", map[int]string{204: noBody}, changeErrors},
	{"GET", "/connectors/{connector}/config", "The configuration of a connector", nil, "", map[int]string{200: "StoredConfig"}, nil},
	{"PUT", "/connectors/{connector}/config", "Create a connector or replace its configuration", []queryParam{dryRunParam, forwardParam}, "Config",
		map[int]string{200: "ConnectorInfoOrDryRun", 201: "ConnectorInfo"}, bodyErrors},
	{"PATCH", "/connectors/{connector}/config", "Change some keys; null removes one", []queryParam{dryRunParam, forwardParam}, "Config",
		map[int]string{200: "ConnectorInfoOrDryRun"}, bodyErrors},
	{"GET", "/connectors/{connector}/status", "The states of a connector and its tasks", nil, "", map[int]string{200: "ConnectorStatus"}, nil},
	{"POST", "/connectors/{connector}/restart", "Restart a connector, and its tasks on request",
		[]queryParam{{"includeTasks", "true: the tasks too."}, {"onlyFailed", "true: only what has failed."}, forwardParam}, "",
		map[int]string{202: "ConnectorStatus", 204: noBody}, changeErrors},
	{"PUT", "/connectors/{connector}/pause", "Pause a connector", nil, "", map[int]string{202: noBody}, changeErrors},
	{"PUT", "/connectors/{connector}/resume", "Let a paused or stopped connector go on", nil, "", map[int]string{202: noBody}, changeErrors},
	{"PUT", "/connectors/{connector}/stop", "Stop a connector: it keeps no tasks", []queryParam{forwardParam}, "", map[int]string{204: noBody}, changeErrors},
	{"GET", "/connectors/{connector}/tasks", "The tasks of a connector with their configurations", nil, "", map[int]string{200: "Tasks"}, nil},
	{"POST", "/connectors/{connector}/tasks", "Between workers: store task configurations", []queryParam{forwardParam}, "TaskConfigs",
		map[int]string{204: noBody}, bodyErrors},
	{"GET", "/connectors/{connector}/tasks/{task}/status", "The state of a task", nil, "", map[int]string{200: "TaskState"}, nil},
	{"POST", "/connectors/{connector}/tasks/{task}/restart", "Restart a task", []queryParam{forwardParam}, "", map[int]string{204: noBody}, changeErrors},
	{"PUT", "/connectors/{connector}/fence", "Between workers: fence the tasks of an exactly-once source", []queryParam{forwardParam}, "",
		map[int]string{204: noBody}, changeErrors},
	{"GET", "/connectors/{connector}/topics", "The topics that a connector has used", nil, "", map[int]string{200: "Topics"}, []int{http.StatusForbidden}},
	{"PUT", "/connectors/{connector}/topics/reset", "Forget them", nil, "", map[int]string{202: noBody}, []int{http.StatusForbidden}},
	{"GET", "/connectors/{connector}/offsets", "The offsets of a connector", nil, "", map[int]string{200: "Offsets"}, nil},
	{"PATCH", "/connectors/{connector}/offsets", "Change offsets of a stopped connector; null forgets one", []queryParam{forwardParam}, "Offsets",
		map[int]string{200: "Message"}, bodyErrors},
	{"DELETE", "/connectors/{connector}/offsets", "Forget all offsets of a stopped connector", []queryParam{forwardParam}, "",
		map[int]string{200: "Message"}, changeErrors},
	{"GET", "/connector-plugins", "List the plugins", []queryParam{{"connectorsOnly", "false: converters, transformations and predicates too."}}, "",
		map[int]string{200: "Plugins"}, nil},
	{"GET", "/connector-plugins/{plugin}/config", "The keys of a plugin",
		[]queryParam{{"version", "The version of the plugin, or a range."}, {"extended", "true: also the keys that the Java plugin does not have."}}, "",
		map[int]string{200: "Keys"}, nil},
	{"PUT", "/connector-plugins/{plugin}/config/validate", "Check a configuration", nil, "Config", map[int]string{200: "ConfigInfos"}, bodyErrors},
	{"GET", "/admin/loggers", "The loggers and their levels", nil, "", map[int]string{200: "Loggers"}, nil},
	{"GET", "/admin/loggers/{logger}", "The level of a logger", nil, "", map[int]string{200: "LoggerLevel"}, nil},
	{"PUT", "/admin/loggers/{logger}", "Set a level", []queryParam{{"scope", "worker (the default) or cluster."}}, "SetLevel",
		map[int]string{200: "LoggerNames", 204: noBody}, bodyErrors},
}

// everywhere are the errors that any request may have: a path or a body that cannot
// be read, no credentials, nothing there, media types, and a worker that starts or
// fails.
var everywhere = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusNotAcceptable, http.StatusUnsupportedMediaType,
	http.StatusInternalServerError, http.StatusServiceUnavailable}

type jsonObject = map[string]any

// openapi is the document.
var openapi = sync.OnceValue(func() []byte {
	paths := jsonObject{}
	for _, o := range operations {
		item, ok := paths[o.path].(jsonObject)
		if !ok {
			item = jsonObject{}
			if params := pathParams(o.path); len(params) > 0 {
				item["parameters"] = params
			}
			paths[o.path] = item
		}
		item[strings.ToLower(o.method)] = o.describe()
	}
	doc, err := json.Marshal(jsonObject{
		"openapi": "3.1.0",
		"info":    jsonObject{"title": "Kafka Connect REST API of Culvert", "version": "1", "license": jsonObject{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"paths":   paths, "components": jsonObject{"schemas": json.RawMessage(openapiSchemas)},
	})
	if err != nil {
		panic(err) // the embedded file is not JSON; a test reads it
	}
	return doc
})

// pathExamples lead those who try the document to something that is there.
var pathExamples = map[string]any{"connector": "example", "task": 0, "plugin": "FileStreamSource", "logger": "root"}

func pathParams(path string) []jsonObject {
	var params []jsonObject
	for _, segment := range strings.Split(path, "/") {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		schema := jsonObject{"type": "string"}
		if name == "task" {
			schema = jsonObject{"type": "integer", "format": "int32"}
		}
		params = append(params, jsonObject{"name": name, "in": "path", "required": true, "schema": schema, "example": pathExamples[name]})
	}
	return params
}

func (o *operation) describe() jsonObject {
	responses := jsonObject{}
	for code, body := range o.answers {
		responses[strconv.Itoa(code)] = response(code, body)
	}
	for _, code := range append(slices.Clone(everywhere), o.errors...) {
		if _, ok := responses[strconv.Itoa(code)]; !ok {
			responses[strconv.Itoa(code)] = response(code, "Error")
		}
	}
	out := jsonObject{"summary": o.summary, "operationId": operationID(o.method, o.path), "responses": responses}
	var params []jsonObject
	for _, q := range o.query {
		params = append(params, jsonObject{"name": q.name, "in": "query", "description": q.description, "schema": jsonObject{"type": "string"}})
	}
	if params != nil {
		out["parameters"] = params
	}
	if o.body != "" {
		out["requestBody"] = jsonObject{"required": true, "content": jsonObject{"application/json": jsonObject{"schema": ref(o.body)}}}
	}
	return out
}

func response(code int, body string) jsonObject {
	out := jsonObject{"description": http.StatusText(code)}
	switch body {
	case noBody:
	case asText:
		out["content"] = jsonObject{"text/plain": jsonObject{"schema": jsonObject{"type": "string"}}}
	default:
		out["content"] = jsonObject{"application/json": jsonObject{"schema": ref(body)}}
	}
	if code == http.StatusCreated {
		out["headers"] = jsonObject{"Location": jsonObject{"description": "Where the connector is.", "schema": jsonObject{"type": "string"}}}
	}
	return out
}

func ref(schema string) jsonObject { return jsonObject{"$ref": "#/components/schemas/" + schema} }

// operationID names an operation: getConnectorsConnectorStatus.
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for _, word := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}-.", r) }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	if path == "/" {
		id += "Root"
	}
	return id
}

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(openapi())))
	_, _ = w.Write(openapi()) // a client that has gone is no error
	return nil
}
