package boot

import (
	"net"
	"os"
	"strings"
)

// clientProps are the worker's properties as a Kafka client sees them: those
// without a prefix, with those of the role's prefix on top.
func clientProps(props map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range props {
		if !strings.HasPrefix(k, "producer.") && !strings.HasPrefix(k, "consumer.") && !strings.HasPrefix(k, "admin.") {
			out[k] = v
		}
	}
	if prefix == "" {
		return out
	}
	for k, v := range props {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = v
		}
	}
	return out
}

// topicConfigs are the settings of an internal topic: what follows
// config.storage. and its like, but for the worker's own keys (KIP-605).
func topicConfigs(props map[string]string, kind string) map[string]string {
	configs := map[string]string{}
	for k, v := range props {
		switch rest, ok := strings.CutPrefix(k, kind+".storage."); {
		case !ok:
		case rest == "topic", rest == "partitions", rest == "replication.factor", rest == "file.filename", rest == "cleanup.policy":
		default:
			configs[rest] = v
		}
	}
	return configs
}

// ownAddress is how others may reach this machine when nobody said: the address
// that its name stands for, as Java's InetAddress.getLocalHost.
func ownAddress() string {
	if name, err := os.Hostname(); err == nil {
		if ips, err := net.LookupHost(name); err == nil && len(ips) > 0 {
			return ips[0]
		}
	}
	return "127.0.0.1"
}
