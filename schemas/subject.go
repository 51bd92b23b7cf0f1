package schemas

import (
	"fmt"
	"strings"

	"culvert/configdef"
	"culvert/fault"
)

const (
	strategyPackage   = "io.confluent.kafka.serializers.subject."
	topicNameStrategy = strategyPackage + "TopicNameStrategy"
)

// strategy is the class name without its package.
func strategy(class string) string {
	return strings.TrimPrefix(class, strategyPackage)
}

func strategyCheck(_ string, v configdef.Parsed) error {
	switch strategy(v.Text) {
	case "TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy":
		return nil
	}
	return fmt.Errorf("must be TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy of %s", strings.TrimSuffix(strategyPackage, "."))
}

// Subject names the subject of keys or values of a topic. record is the full name
// of the schema if it is a record, else empty.
func (c *Config) Subject(topic string, key bool, record string) (string, error) {
	class, side := c.ValueStrategy, "value"
	if key {
		class, side = c.KeyStrategy, "key"
	}
	s := strategy(class)
	if s == "TopicNameStrategy" || s == "" {
		return topic + "-" + side, nil
	}
	if record == "" {
		return "", fault.New(fault.Record, "registry.subject",
			"In configuration %s.subject.name.strategy = %s, the message %s must only be a record schema", side, class, side).
			WithJava("org.apache.kafka.common.errors.SerializationException").
			WithFix("Use TopicNameStrategy for keys and values that are not records.")
	}
	if s == "TopicRecordNameStrategy" {
		return topic + "-" + record, nil
	}
	return record, nil
}
