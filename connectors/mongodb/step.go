package mongodb

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// step is one of the steps from a connection string to a collection that may be
// written to, as it failed.
type step struct {
	name string // resolve, connect, TLS, answer, primary, authenticate, authorize, …
	why  string
	fix  string
}

func (s step) String() string { return fmt.Sprintf("Failed step: %s: %s", s.name, s.why) }

// hints are what a user can do about a failed step.
var hints = map[string]string{
	"read the connection settings": "Correct connection.uri or the stores of connection.ssl.*.",
	"resolve":                      "Check the name of the host in connection.uri, and the name servers of the worker.",
	"connect":                      "Check that MongoDB runs there and that the worker can reach it: host, port, firewalls, the IP access list of Atlas.",
	"TLS":                          "Check whether the server has TLS (tls in connection.uri), and that connection.ssl.truststore holds the authority of its certificate.",
	"answer":                       "Check that it is a MongoDB that listens there, and whether it wants TLS as connection.uri says (tls).",
	"find a primary":               "Check the members of the replica set, and replicaSet and directConnection in connection.uri.",
	"authenticate":                 "Check user, password, authSource and authMechanism in connection.uri.",
	"declare the API version":      "Leave server.api.version empty, or use a newer server.",
}

func failedStep(name, why string) step { return step{name: name, why: why, fix: hints[name]} }

// failedAt names the step at which the driver gave up. Its errors say it by their
// types; what they say in words is only shown.
func failedAt(err error) step {
	name := "answer"
	var authentication *auth.Error
	if errors.As(err, &authentication) || hasAny(errorCodes(err), append([]int{atlasError}, authCodes...)) {
		name = "authenticate"
	}
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		name = failedSelection(selection)
	} else if network := networkStep(err); network != "" && name != "authenticate" {
		name = network
	}
	return failedStep(name, explain(err))
}

// failedSelection is the step at which the server that came furthest failed.
func failedSelection(s topology.ServerSelectionError) string {
	order := []string{"resolve", "connect", "TLS", "answer", "find a primary"}
	furthest := -1
	for _, server := range s.Desc.Servers {
		name := "find a primary" // it answers, and is none
		if server.LastError != nil {
			if name = networkStep(server.LastError); name == "" {
				name = "answer"
			}
		} else if server.Kind.String() == "Unknown" {
			name = "connect" // nothing came back until now
		}
		furthest = max(furthest, slices.Index(order, name))
	}
	if furthest < 0 {
		return "find a primary" // none is of the replica set that was asked for
	}
	return order[furthest]
}

// networkStep is the step of an error from below MongoDB's protocol, or empty.
func networkStep(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	isOp := errors.As(err, &op)
	switch {
	case errors.As(err, &dns):
		return "resolve"
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), isOp && op.Op == "remote error", isOp && op.Op == "local error":
		return "TLS" // an alert is an error of the other side, or of this one, for package tls
	case isOp && op.Op == "dial":
		return "connect"
	}
	return ""
}
