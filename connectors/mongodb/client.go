package mongodb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"culvert/fault"
	"culvert/keystore"
)

// Times of the client where the connection string has none of its own. A short
// server selection lets the status say soon what is wrong, and a task that waits for
// MongoDB stop soon; the batch comes again anyway, for as long as it takes.
const (
	selectionTimeout = time.Second
	connectTimeout   = 10 * time.Second
)

// server is what the sink needs of a MongoDB.
type server interface {
	// run runs a write command on a database.
	run(ctx context.Context, db string, cmd bson.Raw) error
	// find returns the document that matches the filter, nil if there is none.
	find(ctx context.Context, ns namespace, filter bson.Raw) (bson.Raw, error)
	// command runs a command and returns its answer.
	command(ctx context.Context, db string, cmd bson.D) (bson.Raw, error)
	// writeConcern is the document of the connection string's write concern, nil for
	// the server's default.
	writeConcern() []byte
	close(ctx context.Context) error
}

// driverServer is a server behind the official driver. Commands are built by the
// sink and run as they are, by directWriter: InsertMany and BulkWrite take more than ten times the
// CPU to encode documents that are finished already.
type driverServer struct {
	client  *mongo.Client
	writes  *directWriter
	concern []byte
	blind   bool // w=0: writes are not answered
}

// connect makes the client. It does not wait for the server.
func connect(s *settings) (*driverServer, error) {
	opts, err := clientOptions(s, selectionTimeout)
	if err != nil {
		return nil, err
	}
	writes, err := newDirectWriter(opts)
	if err != nil {
		return nil, uriFault(s.URI, err)
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, uriFault(s.URI, err)
	}
	return &driverServer{client: client, writes: writes, concern: concernDocument(opts.WriteConcern), blind: !opts.WriteConcern.Acknowledged()}, nil
}

func uriFault(uri string, err error) error {
	text := strings.ReplaceAll(err.Error(), uri, maskURI(uri))
	var dns *net.DNSError
	if errors.As(err, &dns) && strings.HasPrefix(uri, srvScheme) && (dns.IsTimeout || dns.IsTemporary) {
		return fault.New(fault.Retry, codeDown, "the DNS does not answer for %s: %s", maskURI(uri), text).WithField(keyURI)
	}
	return fault.New(fault.Config, "mongo.config", "Invalid value %s for configuration %s: %s", maskURI(uri), keyURI, text).WithField(keyURI)
}

// clientOptions reads the connection string; selection is how long to look for a
// server where it does not say.
func clientOptions(s *settings, selection time.Duration) (*options.ClientOptions, error) {
	opts := options.Client().ApplyURI(s.URI)
	if err := opts.Validate(); err != nil {
		return nil, uriFault(s.URI, err)
	}
	if opts.ServerSelectionTimeout == nil {
		opts.SetServerSelectionTimeout(selection)
	}
	if opts.ConnectTimeout == nil {
		opts.SetConnectTimeout(connectTimeout)
	}
	name := "culvert"
	if s.Provider != "" {
		name += "|" + s.Provider
	}
	opts.SetDriverInfo(&options.DriverInfo{Name: name})
	if s.APIVersion != "" {
		opts.SetServerAPIOptions(options.ServerAPI(options.ServerAPIVersion(s.APIVersion)).
			SetStrict(s.APIStrict).SetDeprecationErrors(s.APIDeprecationErrors))
	}
	return opts, setTLS(opts, s)
}

// setTLS reads the stores of connection.ssl.*: PEM, JKS and PKCS12.
func setTLS(opts *options.ClientOptions, s *settings) error {
	trust, own := strings.TrimSpace(s.Truststore), strings.TrimSpace(s.Keystore)
	if trust == "" && own == "" {
		return nil
	}
	if opts.TLSConfig == nil && !strings.HasPrefix(s.URI, srvScheme) {
		return nil // as in Java: the stores alone do not turn TLS on
	}
	stores, err := keystore.Client(map[string]string{
		"ssl.truststore.location": trust, "ssl.truststore.password": strings.TrimSpace(s.TruststorePassword),
		"ssl.keystore.location": own, "ssl.keystore.password": strings.TrimSpace(s.KeystorePassword), "ssl.key.password": strings.TrimSpace(s.KeystorePassword),
	})
	if err != nil {
		return storeFault(err)
	}
	cfg := opts.TLSConfig
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if trust != "" {
		cfg.RootCAs = stores.TLS.RootCAs
	}
	if own != "" {
		cfg.Certificates = stores.TLS.Certificates
	}
	opts.SetTLSConfig(cfg)
	return nil
}

// storeFault names the key of ours that is wrong.
func storeFault(err error) error {
	key, shown := "connection.ssl.truststore", ""
	var e *keystore.Error
	if errors.As(err, &e) {
		shown = e.Shown
		names := map[string]string{"ssl.truststore.password": "connection.ssl.truststorePassword", "ssl.keystore.location": "connection.ssl.keystore",
			"ssl.keystore.password": "connection.ssl.keystorePassword", "ssl.key.password": "connection.ssl.keystorePassword"}
		if name := names[e.Key]; name != "" {
			key = name
		}
		err = fmt.Errorf("%w; it takes %s", e.Err, e.Want)
	}
	return fault.New(fault.Config, "mongo.config", "Invalid value %s for configuration %s: %w", shown, key, err).WithField(key)
}

// concernDocument is the writeConcern field of a command.
func concernDocument(wc *writeconcern.WriteConcern) []byte {
	if wc == nil || wc.W == nil && wc.Journal == nil {
		return nil
	}
	var d bson.D
	if wc.W != nil {
		d = append(d, bson.E{Key: "w", Value: wc.W})
	}
	if wc.Journal != nil {
		d = append(d, bson.E{Key: "j", Value: *wc.Journal})
	}
	b, err := bson.Marshal(d)
	if err != nil {
		return nil // a text and a boolean always encode
	}
	return b
}

func (s *driverServer) run(ctx context.Context, db string, cmd bson.Raw) error {
	if s.writes == nil || mongo.SessionFromContext(ctx) != nil {
		return s.client.Database(db).RunCommand(ctx, cmd).Err()
	}
	return s.writes.run(ctx, db, cmd)
}

func (s *driverServer) find(ctx context.Context, ns namespace, filter bson.Raw) (bson.Raw, error) {
	doc, err := s.client.Database(ns.db).Collection(ns.coll).FindOne(ctx, filter).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return doc, err
}

func (s *driverServer) command(ctx context.Context, db string, cmd bson.D) (bson.Raw, error) {
	return s.client.Database(db).RunCommand(ctx, cmd).Raw()
}

func (s *driverServer) unacknowledged() bool { return s.blind }

func (s *driverServer) writeConcern() []byte { return s.concern }

func (s *driverServer) close(ctx context.Context) error {
	if err := s.client.Disconnect(ctx); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("disconnect from MongoDB: %w", err)
	}
	return nil
}

var _ server = (*driverServer)(nil)
