package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"culvert/fault"
)

func init() {
	// go-metrics starts a goroutine for good with the first meter, and nobody reads
	// sarama's metrics: ours are made elsewhere.
	metrics.UseNilMetrics = true
}

// link is one connection to one broker, made when it is needed and made anew
// after any failure. One request is under way at a time: sarama's Broker would
// queue others on a mutex, where neither a deadline nor the end of a context
// reaches them.
type link struct {
	cluster *cluster
	addr    string
	turn    chan struct{} // holds one token while a call is under way

	broker *sarama.Broker // owned by who has the turn
	tap    *tap           // of the broker's connection; as broker

	mu     sync.Mutex // guards conn and closed, for close to cut a call short
	conn   net.Conn
	closed bool
}

// errTransport marks a failure to get an answer: whether the broker has acted on
// the request is not known.
var errTransport = errors.New("no answer")

// errHungUp is the end of a connection before its first answer: a broker that goes
// down does so, and one that is spoken to in another protocol than its listener's.
var errHungUp = errors.New("it closed the new connection, as it does when security.protocol is not that of its listener")

// errTimedOut is an answer that did not come in time.
var errTimedOut = errors.New("the request timed out")

// call sends what f sends, within timeout. When ctx or timeout end first the
// connection is cut, which is the only way to make sarama return.
func (l *link) call(ctx context.Context, timeout time.Duration, f func(b *sarama.Broker) error) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	first := l.broker == nil
	if first {
		if err := l.open(limited); err != nil {
			return l.explain(ctx, limited, err)
		}
	}
	cut := context.AfterFunc(limited, l.cutter())
	err := f(l.broker)
	if !cut() || err != nil {
		l.drop()
	}
	if first && limited.Err() == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = fmt.Errorf("%w: %w", errHungUp, err)
	}
	if err != nil {
		return l.explain(ctx, limited, err)
	}
	return nil
}

// cutter closes the connection as it is now, not a later one.
func (l *link) cutter() func() {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	return func() { _ = conn.Close() }
}

func (l *link) explain(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errClosed) || l.isClosed() {
		return errClosed
	}
	if limited.Err() != nil {
		err = errTimedOut
	}
	if f := l.cluster.refusal(err); f != nil {
		f.Err = fmt.Errorf("broker %s: %w", l.addr, err)
		return f
	}
	if permanent(err) {
		return fmt.Errorf("broker %s: %w", l.addr, err)
	}
	return fmt.Errorf("broker %s: %w: %w", l.addr, errTransport, err)
}

func (l *link) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *link) open(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, l.cluster.opts.connectTimeout)
	defer cancel()
	conn, err := l.cluster.dial(dial, "tcp", l.addr)
	if err != nil {
		return err
	}
	conf := *l.cluster.base
	through := &tap{Conn: conn}
	if t := l.cluster.opts.security.tls; t != nil { // below the tap, not above it as sarama would have it
		through.Conn = tls.Client(conn, named(t, l.addr))
		conf.Net.TLS.Enable = false
	}
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = ready{through}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return errClosed
	}
	b := sarama.NewBroker(l.addr)
	if err := b.Open(&conf); err != nil {
		_ = conn.Close()
		return err
	}
	l.conn, l.broker, l.tap = conn, b, through
	l.cluster.log.Debug("connected", "broker", l.addr, "client.id", l.cluster.opts.clientID)
	return nil
}

// named is the settings for a server by that address: its certificate is checked for
// the host.
func named(cfg *tls.Config, addr string) *tls.Config {
	if cfg.ServerName != "" {
		return cfg
	}
	cfg = cfg.Clone()
	if host, _, err := net.SplitHostPort(addr); err == nil {
		cfg.ServerName = host
	}
	return cfg
}

// drop ends the connection; the next call makes another.
func (l *link) drop() {
	if l.broker == nil {
		return
	}
	l.mu.Lock()
	_ = l.conn.Close()
	l.mu.Unlock()
	_ = l.broker.Close()
	l.broker, l.tap = nil, nil
}

// close cuts the connection for good, also under a call, and waits until the call
// has returned.
func (l *link) close() {
	l.mu.Lock()
	if l.closed = true; l.conn != nil {
		_ = l.conn.Close()
	}
	l.mu.Unlock()
	l.turn <- struct{}{}
	l.drop()
	<-l.turn
}

// ready gives sarama the connection that was dialled with a context.
type ready struct{ conn net.Conn }

func (r ready) Dial(string, string) (net.Conn, error) { return r.conn, nil }

// permanent reports errors that no waiting heals, beside those of refusal: requests
// that the broker does not know.
func permanent(err error) bool {
	var encoding sarama.PacketEncodingError
	var config sarama.ConfigurationError
	return errors.Is(err, sarama.ErrUnsupportedVersion) || errors.As(err, &encoding) || errors.As(err, &config)
}

// unreachable is the error of a call that got no answer in time.
func unreachable(what string, err error) error {
	if f := fault.Of(err); f != nil && f.Code == CodeRefused {
		return fmt.Errorf("%s: %w", what, err)
	} else if f != nil {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault.Error{Class: fault.Retry, Code: "kafka.interrupted", Err: fmt.Errorf("%s: %w", what, err)}
	}
	if permanent(err) {
		return &fault.Error{Class: fault.Config, Code: "kafka.unsupported", Err: fmt.Errorf("%s: %w", what, err),
			Fix: "Use a broker of Kafka 2.1 or later."}
	}
	return &fault.Error{Class: fault.Retry, Code: "kafka.unreachable", Err: fmt.Errorf("%s: %w", what, err),
		Fix: "Check bootstrap.servers, that the brokers run, and that security.protocol is that of their listener."}
}
