package store

import (
	"strconv"

	"culvert/data"
	"culvert/fault"
)

// NegativeOffset is the fault code of an offset below zero.
const NegativeOffset = "offsets.negative"

// ParseSinkOffsets reads the offsets of a sink as users give them (KIP-875):
// partition {kafka_topic, kafka_partition}, offset {kafka_offset}, both numbers also
// as text. A nil offset forgets the partition. Errors are SinkUtils', class Config.
func ParseSinkOffsets(marks []data.Mark) (map[data.TopicPartition]*int64, error) {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Config, "offsets.shape", format, args...)
	}
	parsed := map[data.TopicPartition]*int64{}
	for _, m := range marks {
		if m.Partition.IsNull() {
			return nil, bad("The partition for a sink connector offset cannot be null or missing")
		}
		topic, hasTopic := m.Partition.Lookup("kafka_topic")
		number, hasNumber := m.Partition.Lookup("kafka_partition")
		switch {
		case !hasTopic || !hasNumber:
			return nil, bad("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'")
		case topic.IsNull():
			return nil, bad("Kafka topic names must be valid strings and may not be null")
		case number.IsNull():
			return nil, bad("Kafka partitions must be valid numbers and may not be null")
		}
		partition, err := strconv.ParseInt(plain(number), 10, 32)
		if err != nil {
			return nil, bad("Failed to parse the following Kafka partition value in the provided offsets: '%s'. "+
				"Partition values for sink connectors need to be integers.", plain(number))
		}
		tp := data.TopicPartition{Topic: plain(topic), Partition: int32(partition)}
		if m.Next.IsNull() {
			parsed[tp] = nil
			continue
		}
		offset, ok := m.Next.Lookup("kafka_offset")
		if !ok {
			return nil, bad("The offset for a sink connector should either be null or contain the key 'kafka_offset'")
		}
		n, err := strconv.ParseInt(plain(offset), 10, 64)
		if err != nil {
			return nil, bad("Failed to parse the following Kafka offset value in the provided offsets: '%s'. "+
				"Offset values for sink connectors need to be integers.", plain(offset))
		}
		if n < 0 {
			return nil, fault.New(fault.Config, NegativeOffset, "Invalid negative offset %d of %s-%d", n, tp.Topic, tp.Partition)
		}
		parsed[tp] = &n
	}
	return parsed, nil
}

// plain is String.valueOf for what JSON gives.
func plain(v data.Value) string {
	if v.Kind() == data.String {
		return v.Str()
	}
	return string(AppendJSON(nil, v))
}
