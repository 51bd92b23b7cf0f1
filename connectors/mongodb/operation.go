package mongodb

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"
	//lint:ignore SA1019 it has the type of the clock that operations and connections share, and nothing else has
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/session"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/xoptions"
)

// The driver's own values where the options have none; it does not export them.
const (
	maxPoolSize     = 100
	adaptiveRetries = 2
)

// surround is room for what the driver puts around a command: $db, $clusterTime, apiVersion.
const surround = 1 << 10

// directWriter runs finished commands on the connections of a client, below the
// client: mongo.Database.RunCommand encodes every command again, which copies it
// twice, and these copies were more than half of all that a task allocated. Here it
// is copied once, into the wire message. Servers, connections, authentication, TLS
// and timeouts are those of the client, because both have one topology.
//
// Its commands carry no session. The sink repeats a batch itself, so it needs no
// retryable writes; a command of a transaction goes through the client.
type directWriter struct {
	op driver.Operation // but for database and command
}

// newDirectWriter makes the topology and gives it to the options of the client that
// shares it. The client opens and closes it.
func newDirectWriter(opts *options.ClientOptions) (*directWriter, error) {
	if opts.MaxPoolSize == nil {
		opts.SetMaxPoolSize(maxPoolSize)
	}
	var authenticator driver.Authenticator
	if opts.Auth != nil {
		a, err := auth.CreateAuthenticator(opts.Auth.AuthMechanism, topology.ConvertCreds(opts.Auth), opts.HTTPClient)
		if err != nil {
			return nil, err
		}
		authenticator = a
	}
	var info atomic.Pointer[options.DriverInfo]
	info.Store(opts.DriverInfo)
	clock := new(session.ClusterClock) //lint:ignore SA1019 see the import
	cfg, err := topology.NewAuthenticatorConfig(authenticator, topology.WithAuthConfigClock(clock),
		topology.WithAuthConfigClientOptions(opts), topology.WithAuthConfigDriverInfo(&info))
	if err != nil {
		return nil, err
	}
	deployment, err := topology.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := xoptions.SetInternalClientOptions(opts, "deployment", deployment); err != nil {
		return nil, err
	}
	var connecting time.Duration
	if opts.ConnectTimeout != nil {
		connecting = *opts.ConnectTimeout
	}
	w := &directWriter{op: driver.Operation{
		Clock: clock, CommandMonitor: opts.Monitor, Deployment: deployment, Timeout: opts.Timeout, Authenticator: authenticator,
		ServerAPI:                 topology.ServerAPIFromServerOptions(connecting, cfg.ServerOpts),
		MaxAdaptiveRetries:        overloadRetries(opts),
		EnableOverloadRetargeting: opts.EnableOverloadRetargeting != nil && *opts.EnableOverloadRetargeting,
	}}
	return w, nil
}

// appendCommand puts a finished command into the wire message.
func appendCommand(dst []byte, cmd bson.Raw) []byte {
	return append(slices.Grow(dst, len(cmd)+surround), cmd[first:len(cmd)-1]...)
}

// overloadRetries is how often the driver repeats what an overloaded server refused.
func overloadRetries(opts *options.ClientOptions) uint {
	switch {
	case opts.RetryWrites != nil && !*opts.RetryWrites, opts.RetryReads != nil && !*opts.RetryReads:
		return 0
	case opts.MaxAdaptiveRetries != nil:
		return *opts.MaxAdaptiveRetries
	}
	return adaptiveRetries
}

// run runs a command; its errors are those of mongo.Database.RunCommand. It is safe
// for concurrent use.
func (w *directWriter) run(ctx context.Context, db string, cmd bson.Raw) error {
	op := w.op
	op.Database = db
	op.CommandFn = func(dst []byte, _ description.SelectedServer) ([]byte, error) { return appendCommand(dst, cmd), nil }
	return clientError(op.Execute(ctx))
}

// commandError is a mongo.CommandError with the text that the client gives it: that
// of the error in it, which has code and message already.
type commandError struct{ mongo.CommandError }

func (e commandError) Error() string { return e.Wrapped.Error() }
func (e commandError) Unwrap() error { return e.CommandError }

// clientError is an error of the driver as the client reports it: processWriteError
// and wrapErrors of package mongo.
func clientError(err error) error {
	var written driver.WriteCommandError
	var failed driver.Error
	switch {
	case err == nil, errors.Is(err, driver.ErrUnacknowledgedWrite):
		return nil
	case errors.As(err, &written):
		return writeException(&written)
	case errors.Is(err, topology.ErrTopologyClosed):
		return mongo.ErrClientDisconnected
	case errors.As(err, &failed):
		return commandError{mongo.CommandError{Code: failed.Code, Message: failed.Message, Labels: failed.Labels,
			Name: failed.Name, Wrapped: err, Raw: bson.Raw(failed.Raw)}}
	}
	return err
}

func writeException(e *driver.WriteCommandError) mongo.WriteException {
	out := mongo.WriteException{Labels: e.Labels, Raw: bson.Raw(e.Raw), WriteErrors: make(mongo.WriteErrors, len(e.WriteErrors))}
	for i, w := range e.WriteErrors {
		out.WriteErrors[i] = mongo.WriteError{Index: int(w.Index), Code: int(w.Code), Message: w.Message,
			Details: bson.Raw(w.Details), Raw: bson.Raw(w.Raw)}
	}
	if c := e.WriteConcernError; c != nil {
		out.WriteConcernError = &mongo.WriteConcernError{Name: c.Name, Code: int(c.Code), Message: c.Message,
			Details: bson.Raw(c.Details), Raw: bson.Raw(c.Raw)}
	}
	return out
}
