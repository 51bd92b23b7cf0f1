package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"culvert/fault"
)

// retryCodes are the server's codes for "not now": elections, shutdown, overload,
// a full disk. What they fail is sent again for as long as it takes.
var retryCodes = []int{
	6, 7, 89, 384, 9001, // host unreachable, not found, network timeout, connection error, socket exception
	91, 189, 216, 10058, 10107, 11600, 11601, 11602, 13435, 13436, // shutdown, stepdown, election, not primary, interrupted
	24, 46, 112, // lock timeout, lock busy, write conflict
	50, 202, 262, // time limits
	63, 150, 13388, // stale sharding information
	133, 134, 317, 365, // no server for the preference, majority not available yet, pool expired, temporarily unavailable
	462, 50915, // ingress limit, backup cursor
	14031, // out of disk space
}

// authCodes mean that this user may not do it at all.
var authCodes = []int{13, 18, 31}

// atlasError is the code of everything that Atlas itself refuses: only its text
// tells a bad password from a full disk.
const atlasError = 8000

// classify says what a failed write means. hosts names the server.
func classify(err error, hosts string) *fault.Error {
	return classifyAs(err, hosts, "cannot take writes now")
}

// classifyAs says what a failed command means; refusal is what a server that cannot do
// it now is said to do.
func classifyAs(err error, hosts, refusal string) *fault.Error {
	text := explain(err)
	var authentication *auth.Error
	var se mongo.ServerError
	isServer := errors.As(err, &se)
	var codes []int
	if isServer {
		codes = se.ErrorCodes()
	}
	var inner driver.Error
	if errors.As(err, &inner) {
		codes = append(codes, int(inner.Code))
	}
	atlas := hasAny(codes, []int{atlasError})
	switch {
	case errors.As(err, &authentication), hasAny(codes, authCodes), atlas && strings.Contains(text, "auth"):
		return fault.New(fault.Fatal, codeAuth, "MongoDB at %s refuses the user of connection.uri: %s", hosts, text).
			WithJava("com.mongodb.MongoSecurityException").WithField(keyURI).
			WithFix("Check user, password and authSource in connection.uri, and that the user has a role such as readWrite on the database.")
	case hasAny(codes, retryCodes), labelled(err), atlas && strings.Contains(text, "quota"):
		return down(hosts, refusal+": "+text, err)
	case isNetwork(err):
		return down(hosts, "does not answer: "+text, err)
	case isServer:
		return fault.New(fault.Fatal, codeCommand, "Command failed with error %s on server %s", commandText(err), hosts).
			WithJava("com.mongodb.MongoCommandException")
	}
	// The driver itself refuses: nothing that waiting helps.
	return fault.New(fault.Fatal, "mongo.driver", "MongoDB driver: %s", text).WithJava("com.mongodb.MongoClientException")
}

func down(hosts, what string, err error) *fault.Error {
	return &fault.Error{Class: fault.Retry, Code: codeDown, After: 50 * time.Millisecond, Java: "com.mongodb.MongoException",
		Fix: "Nothing is lost and the task goes on by itself when MongoDB is back. Check that it runs and that the worker can reach it.",
		Err: fault.Because(err, "MongoDB at %s %s", hosts, what)}
}

// outage is the error of a write that the server cannot do now, or nil if its
// answer is final.
func outage(we *mongo.WriteException, hosts string) *fault.Error {
	if wc := we.WriteConcernError; wc != nil && slices.Contains(retryCodes, wc.Code) {
		return down(hosts, fmt.Sprintf("cannot confirm writes now: %s (code %d)", wc.Message, wc.Code), *we)
	}
	for _, e := range we.WriteErrors {
		if slices.Contains(retryCodes, e.Code) {
			return down(hosts, fmt.Sprintf("cannot take writes now: %s (code %d)", e.Message, e.Code), *we)
		}
	}
	return nil
}

func hasAny(codes, wanted []int) bool {
	for _, c := range codes {
		if slices.Contains(wanted, c) {
			return true
		}
	}
	return false
}

func labelled(err error) bool {
	var l mongo.LabeledError
	return errors.As(err, &l) && (l.HasErrorLabel("RetryableWriteError") || l.HasErrorLabel("TransientTransactionError"))
}

func isNetwork(err error) bool {
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	var pool topology.WaitQueueTimeoutError
	var cleared interface{ Retryable() bool } // the pool was cleared while we waited
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &selection) || errors.As(err, &connection) || errors.As(err, &pool) || errors.As(err, &cleared) ||
		errors.As(err, &op) || errors.As(err, &dns) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded)
}

// explain is the error in few words. The driver prints the whole topology around
// the reason why no server could be selected.
func explain(err error) string {
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		var reasons []string
		for _, s := range selection.Desc.Servers {
			if s.LastError != nil {
				reasons = append(reasons, innermost(s.LastError).Error())
			} else if s.Kind.String() != "Unknown" {
				reasons = append(reasons, fmt.Sprintf("%s is a %s, not a primary", s.Addr, s.Kind))
			}
		}
		slices.Sort(reasons)
		if reasons = slices.Compact(reasons); len(reasons) > 0 {
			return strings.Join(reasons, "; ")
		}
		return "no server found"
	}
	return err.Error()
}

// innermost is the cause that names what happened on the network.
func innermost(err error) error {
	for {
		var op *net.OpError
		if errors.As(err, &op) {
			return op
		}
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func commandText(err error) string {
	var ce mongo.CommandError
	if errors.As(err, &ce) {
		return fmt.Sprintf("%d (%s): '%s'", ce.Code, ce.Name, ce.Message)
	}
	return err.Error()
}
