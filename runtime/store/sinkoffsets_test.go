package store

import (
	"testing"

	"culvert/data"
)

func TestParseSinkOffsets(t *testing.T) {
	mark := func(partition, offset string) data.Mark {
		p, err := ParseJSON([]byte(partition))
		if err != nil {
			t.Fatal(err)
		}
		o, err := ParseJSON([]byte(offset))
		if err != nil {
			t.Fatal(err)
		}
		return data.Mark{Partition: p, Next: o}
	}
	got, err := ParseSinkOffsets([]data.Mark{
		mark(`{"kafka_topic":"t","kafka_partition":"1"}`, `{"kafka_offset":"7"}`), mark(`{"kafka_topic":5,"kafka_partition":0}`, `null`)})
	seven, null := got[data.TopicPartition{Topic: "t", Partition: 1}], got[data.TopicPartition{Topic: "5"}]
	if err != nil || len(got) != 2 || seven == nil || *seven != 7 || null != nil {
		t.Errorf("parsed %v, %v", got, err)
	}
	for _, c := range []struct{ partition, offset, want string }{
		{`null`, `{}`, "The partition for a sink connector offset cannot be null or missing"},
		{`{"kafka_topic":"t"}`, `{}`, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"},
		{`{"kafka_topic":null,"kafka_partition":1}`, `{}`, "Kafka topic names must be valid strings and may not be null"},
		{`{"kafka_topic":"t","kafka_partition":null}`, `{}`, "Kafka partitions must be valid numbers and may not be null"},
		{`{"kafka_topic":"t","kafka_partition":1.5}`, `{}`, "Failed to parse the following Kafka partition value in the provided offsets: '1.5'. Partition values for sink connectors need to be integers."},
		{`{"kafka_topic":"t","kafka_partition":1}`, `{"offset":1}`, "The offset for a sink connector should either be null or contain the key 'kafka_offset'"},
		{`{"kafka_topic":"t","kafka_partition":1}`, `{"kafka_offset":true}`, "Failed to parse the following Kafka offset value in the provided offsets: 'true'. Offset values for sink connectors need to be integers."},
		{`{"kafka_topic":"t","kafka_partition":1}`, `{"kafka_offset":-1}`, "Invalid negative offset -1 of t-1"},
	} {
		if _, err := ParseSinkOffsets([]data.Mark{mark(c.partition, c.offset)}); err == nil || err.Error() != c.want {
			t.Errorf("%s %s: error %v, want %s", c.partition, c.offset, err, c.want)
		}
	}
}
