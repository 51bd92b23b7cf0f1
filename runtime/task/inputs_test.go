package task

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

func TestStream_refuses(t *testing.T) {
	cases := []struct {
		name  string
		setup func(s *streamTest)
		want  []string
	}{
		{"partition counts", func(s *streamTest) { s.topic("l", 6); s.topic("r", 3) }, []string{"'l' has 6 partitions", "'r' has 3", "copartitioned=false"}},
		{"compaction", func(s *streamTest) {
			s.topic("l", 1)
			s.topic("r", 1)
			s.configs["r"]["cleanup.policy"] = "compact,delete"
		}, []string{"'r'", "cleanup.policy=compact,delete"}},
		{"retention", func(s *streamTest) {
			s.topic("l", 1)
			s.topic("r", 1)
			s.configs["l"]["retention.ms"] = "3999"
		}, []string{"'l'", "retention.ms=3999", "needs 4000 ms"}},
		{"partitioners", func(s *streamTest) {
			s.topic("l", 6)
			s.topic("r", 6)
			for i := range 20 {
				k := []byte(fmt.Sprintf("key%d", i))
				s.put("l", string(k), "a", 1000)
				s.append(data.Message{Topic: "r", Partition: kafka.Partitioners[1].For(k, 6), Key: k, Value: []byte("b"), Timestamp: 1000})
			}
		}, []string{"partitioned differently", "'l' by murmur2 (Java)", "CRC32", "copartitioned=false"}},
		{"a record out of place", func(s *streamTest) {
			s.topic("l", 6)
			s.topic("r", 6)
			for i := range 20 {
				s.put("l", fmt.Sprintf("key%d", i), "a", 1000)
			}
			for p := range int32(6) {
				s.append(data.Message{Topic: "r", Partition: p, Key: []byte("same"), Value: []byte("b"), Timestamp: 2000})
			}
		}, []string{`"same"`, "topic 'r'", "copartitioned=false"}},
		{"lost offset", func(s *streamTest) {
			s.topic("l", 2)
			s.topic("r", 2)
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{
				{Topic: "l"}: note{Time: 5, All: true}.meta(0), {Topic: "r"}: note{Time: 5, All: true}.meta(0),
			}
		}, []string{"no offset for topic", "partition 1", "connect-c"}},
		{"half an offset", func(s *streamTest) {
			s.topic("l", 1)
			s.topic("r", 1)
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{{Topic: "l"}: note{Time: 5}.meta(0)}
		}, []string{"no offset for topic 'r', partition 0"}},
		{"topic made anew", func(s *streamTest) {
			s.topic("l", 1)
			s.topic("r", 1)
			s.groups["connect-c"] = map[data.TopicPartition]kafka.OffsetMeta{{Topic: "l"}: note{Time: 5}.meta(7), {Topic: "r"}: note{Time: 5}.meta(0)}
		}, []string{"offset 7 of topic 'l'", "beyond its end 0"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStreamTest(t, 0)
				c.setup(s)
				s.topic("joined", 1)
				s.start(t, 1)
				time.Sleep(10 * time.Second)
				select {
				case err := <-s.err:
					text := fault.Explain(err)
					for _, w := range c.want {
						if !strings.Contains(text, w) {
							t.Errorf("%q does not say %q", text, w)
						}
					}
				default:
					t.Errorf("the task runs; rows %v", s.rows())
					s.end()
				}
			})
		})
	}
}

func TestStream_key_types(t *testing.T) {
	c := newCopartition([]string{"l", "r"}, 6, "org.apache.kafka.connect.storage.StringConverter")
	m := &data.Message{Topic: "l", Key: []byte("1")}
	if err := c.first(0, m, data.String); err != nil {
		t.Fatal(err)
	}
	err := c.first(1, &data.Message{Topic: "r", Key: []byte("1")}, data.Int32)
	if err == nil || !strings.Contains(err.Error(), "string in topic 'l', int32 in topic 'r'") {
		t.Errorf("%v", err)
	}
	c = newCopartition([]string{"l", "r"}, 6, "io.confluent.connect.avro.AvroConverter")
	if err := c.first(0, &data.Message{Topic: "l", Key: []byte{0, 0, 0, 0, 1, 2}}, data.String); err != nil {
		t.Fatal(err)
	}
	if err := c.first(1, &data.Message{Topic: "r", Key: []byte{0, 0, 0, 0, 3, 2}}, data.String); err == nil || !strings.Contains(err.Error(), "schema ids, 1 in topic 'l' and 3 in topic 'r'") {
		t.Errorf("%v", err)
	}
}
