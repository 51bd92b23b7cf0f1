package mongodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"

	"culvert/configdef"
	"culvert/fault"
)

// Connection is how a connector reaches MongoDB: the keys connection.*, server.api.*
// and provider, which source and sink share. Its zero value is to be filled by
// ConnectionKey.
type Connection struct{ settings settings }

// ConnectionKey is the declaration of one of the shared keys for a configuration C that
// has a Connection.
func ConnectionKey[C any](name string, of func(*C) *Connection) configdef.Key[C] {
	for i := range rows {
		if r := &rows[i]; r.name == name {
			k := configdef.Key[C]{Spec: definition.Keys[i].Spec}
			if into := r.into; into != nil {
				k.Into = func(c *C, v configdef.Parsed) { into(&of(c).settings, v) }
			}
			return k
		}
	}
	panic("no key is called " + name)
}

// Hosts names the servers, without secrets, for messages.
func (c *Connection) Hosts() string { return hostsOf(c.settings.URI) }

// URI is the connection string, with its secrets.
func (c *Connection) URI() string { return c.settings.URI }

// Check is what Java's connector does at validation: it reaches the server and looks at
// whether the user may do the actions on the namespace (ConnectionValidator); role is
// one that grants them. It names the server, unless nobody is to be asked.
func (c *Connection) Check(ctx context.Context, actions []string, db, coll, role string, r *configdef.Report) (target string) {
	if !c.Asks() {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	look := &connectionCheck{settings: &c.settings, report: r}
	look.reach(ctx, func() {
		look.require(readRights(ctx, look.client, look.opts), actions, namespace{db, coll}, role)
	})
	return "MongoDB at " + c.Hosts()
}

// Asks reports whether the server may be asked before a task runs (connection.check).
func (c *Connection) Asks() bool { return c.settings.ConnectionCheck != checkNone }

// Open makes a client. It does not wait for the server: the first command does.
func (c *Connection) Open() (*Client, error) {
	opts, err := clientOptions(&c.settings, selectionTimeout)
	if err != nil {
		return nil, err
	}
	direct, err := newDirectWriter(opts)
	if err != nil {
		return nil, uriFault(c.settings.URI, err)
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, uriFault(c.settings.URI, err)
	}
	direct.op.OmitMaxTimeMS = true // commands say how long they may take
	return &Client{server: driverServer{client: client}, op: direct.op, preference: opts.ReadPreference, hosts: c.Hosts()}, nil
}

// Client runs commands that read, outside of sessions. Any number of goroutines may.
type Client struct {
	server     driverServer
	op         driver.Operation
	preference *readpref.ReadPref
	hosts      string
	// Ran is told of each command, with how long it took and what became of it; nil:
	// nobody counts. Those that nobody waits for any more are left out. It is set before
	// the first command, and called by whoever runs one.
	Ran func(command string, took time.Duration, err error)
}

// Pin is the server that a cursor lives on.
type Pin struct{ server driver.Server }

// Run runs a command by the connection string's read preference, or, with a pin that
// an earlier command has filled, on the server of that one. The answer is nobody
// else's.
func (c *Client) Run(ctx context.Context, db string, cmd bson.D, pin *Pin) (bson.Raw, error) {
	body, err := bson.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("encode a command for MongoDB: %w", err)
	}
	var reply bson.Raw
	op := c.op
	op.Database, op.Type, op.ReadPreference = db, driver.Read, c.preference
	if pin != nil && pin.server != nil {
		op.Deployment = driver.SingleServerDeployment{Server: pin.server}
	}
	op.CommandFn = func(dst []byte, _ description.SelectedServer) ([]byte, error) { return appendCommand(dst, body), nil }
	op.ProcessResponseFn = func(_ context.Context, res bsoncore.Document, info driver.ResponseInfo) error {
		reply = bson.Raw(res)
		if pin != nil && info.Error == nil {
			pin.server = info.Server
		}
		return nil
	}
	begun := time.Now()
	err = op.Execute(ctx)
	if c.Ran != nil && !errors.Is(ctx.Err(), context.Canceled) {
		c.Ran(cmd[0].Key, time.Since(begun), err)
	}
	if err != nil {
		return nil, clientError(err)
	}
	return reply, nil
}

// Fault says what a failed command means to somebody who reads.
func (c *Client) Fault(err error) *fault.Error { return classifyAs(err, c.hosts, "cannot be read now") }

// Close ends the client. It may be called twice.
func (c *Client) Close(ctx context.Context) error { return c.server.close(ctx) }

// closeLimit bounds what is said to a server on the way out.
const closeLimit = time.Second

// Quit runs a command that nobody waits for: to give back a cursor, for instance. The
// server forgets by itself what it is not told.
func (c *Client) Quit(ctx context.Context, db string, cmd bson.D, pin *Pin) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	_, _ = c.Run(ctx, db, cmd, pin) // see above
}
