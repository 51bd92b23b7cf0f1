package kafka

import (
	"context"
	"log/slog"
	"net"
)

// Settings say how one client of one role reaches the cluster.
type Settings struct {
	// Props are Java client property names with their values: bootstrap.servers,
	// security.protocol, acks, fetch.max.bytes and so on. Keys that no client of
	// the role knows are ignored here; CheckProps lists them.
	Props map[string]string
	// ClientID is used when client.id is not in Props.
	ClientID string
	// Log takes events that nobody is told otherwise; nil: slog.Default().
	Log *slog.Logger
	// Written, when set, gives the key of a property as the user has written it, with
	// its prefix, for errors; nil: as it stands in Props.
	Written func(key string) string
	// Reuse, of a consumer, says that Consumer.Done is called for the messages that are
	// done with.
	Reuse bool
	// Dial makes connections; nil: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Waiting, when set, is told why a client waits ("no broker answers: …") when an
	// outage begins, and "" when it has ended. It may be called from any goroutine
	// and must not block.
	Waiting func(reason string)
}

// Role is what a client is for. Each has its own connections and its own set of
// properties.
type Role uint8

// The roles.
const (
	ProducerRole Role = iota
	ConsumerRole
	AdminRole
)

func (r Role) String() string { return [...]string{"producer", "consumer", "admin"}[r] }

// logger is the name of the logger that Java's client of the role has.
func (r Role) logger() string {
	return "org.apache.kafka.clients." + [...]string{"producer.KafkaProducer", "consumer.KafkaConsumer", "admin.KafkaAdminClient"}[r]
}

// CheckProps checks Java client properties for a role. It returns the keys that
// the role does not know, sorted, for a warning. The error is fault.Config and
// names the key, the value and what would be right; never a secret.
func CheckProps(props map[string]string, role Role) (unknown []string, err error) {
	_, unknown, err = parseProps(props, role)
	return unknown, err
}

func (s *Settings) log() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}
