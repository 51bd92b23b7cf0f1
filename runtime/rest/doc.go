// Package rest is the worker's HTTP interface: Kafka Connect's REST API.
//
// Handlers are thin: decode the request, call the Herder, encode the answer. A
// handler is a func(w, r) error, and errors.go alone turns an error into
// {"error_code","message"} with the status that Java gives it. A request that
// only the leader can carry out comes back from the Herder as a Forward error and
// is sent on to the leader, once.
//
// A handler waits only with the request's context, which ends with the client's
// connection or after the request timeout (90 s, as in Java).
package rest
