package worker

import (
	"fmt"
	"maps"
	"strings"

	"culvert/kafka"
	"culvert/runtime/task"
)

// Java's names of the clients of a task (Worker.java), with the task's id behind.
const (
	producerClient = "connector-producer-"
	consumerClient = "connector-consumer-"
	adminClient    = "connector-adminclient-"
	letterClient   = "connector-dlq-producer-"
)

// settings makes the settings of one client of a task: Java's defaults of the
// role, the worker's properties, those with the role's prefix, and the
// connector's overrides, each over the one before (Worker.baseProducerConfigs,
// baseConsumerConfigs, adminConfigs).
//
// Deviation: producers and consumers take the worker's own security properties
// too, where Java wants each repeated with its prefix. They speak to the same
// brokers.
func (b *builder) settings(role kafka.Role, client string) kafka.Settings {
	worker := b.w.cfg.Props
	props := map[string]string{"bootstrap.servers": b.w.keys.Bootstrap}
	prefix := role.String() + "."
	switch role {
	case kafka.ProducerRole:
		secure(props, worker)
		maps.Copy(props, map[string]string{
			"acks": "all", "max.in.flight.requests.per.connection": "1",
			"delivery.timeout.ms": "2147483647", "max.block.ms": "9223372036854775807",
		})
	case kafka.ConsumerRole:
		secure(props, worker)
		maps.Copy(props, map[string]string{
			"group.id": "connect-" + b.id.Connector, "enable.auto.commit": "false", "auto.offset.reset": "earliest",
		})
	case kafka.AdminRole:
		for k, v := range worker {
			if !strings.HasPrefix(k, "admin.") && !strings.HasPrefix(k, "producer.") && !strings.HasPrefix(k, "consumer.") && k != "client.id" {
				props[k] = v
			}
		}
	}
	props["client.id"] = client + b.id.String()
	maps.Copy(props, under(worker, prefix))
	maps.Copy(props, under(b.conn, prefix+"override."))
	written := func(key string) string {
		if _, own := b.conn[prefix+"override."+key]; own {
			return prefix + "override." + key
		}
		if _, own := worker[prefix+key]; own {
			return prefix + key
		}
		return key
	}
	return kafka.Settings{
		Props: props, Written: written, ClientID: client + b.id.String(), Log: b.log, Dial: b.w.cfg.Dial,
		Waiting: b.waiting.For(client),
	}
}

// secure copies the worker's security properties.
func secure(to, worker map[string]string) {
	for k, v := range worker {
		if k == "security.protocol" || strings.HasPrefix(k, "ssl.") || strings.HasPrefix(k, "sasl.") {
			to[k] = v
		}
	}
}

// position is auto.offset.reset as a position for the task; 0 is none.
func position(consumer kafka.Settings) int64 {
	switch strings.ToLower(consumer.Props["auto.offset.reset"]) {
	case "latest":
		return kafka.Latest
	case "none":
		return 0
	}
	return kafka.Earliest
}

// instanceID is the group.instance.id of a sink's consumer (KIP-345): the same
// after a restart, so that the new process takes the old one's place at once. A
// character that Kafka does not allow in one is written as its number.
func instanceID(cluster string, id task.ID) string {
	var s strings.Builder
	for _, r := range fmt.Sprintf("%s-%s", cluster, id) {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			s.WriteRune(r)
		} else {
			fmt.Fprintf(&s, "_%x_", r)
		}
	}
	text := s.String()
	if len(text) > 249 {
		text = text[:240] + fmt.Sprintf("_%08x", uint32(kafka.Murmur2([]byte(text))))
	}
	return text
}
