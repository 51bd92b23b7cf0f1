package kafka

import (
	"hash/crc32"
)

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
	{Name: "CRC32 (librdkafka)", For: crc32Partition},
	{Name: "FNV-1a (sarama)", For: fnvPartition},
}

// Murmur2 is org.apache.kafka.common.utils.Utils.murmur2.
func Murmur2(key []byte) int32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(key[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return int32(h)
}

// PartitionFor is where Java's default partitioner puts a key that is not null
// (BuiltInPartitioner.partitionForKey): the positive murmur2 modulo n.
func PartitionFor(key []byte, n int32) int32 { return (Murmur2(key) & 0x7fffffff) % n }

func crc32Partition(key []byte, n int32) int32 { return int32(crc32.ChecksumIEEE(key) % uint32(n)) }

func fnvPartition(key []byte, n int32) int32 {
	h := uint32(2166136261)
	for _, b := range key {
		h = (h ^ uint32(b)) * 16777619
	}
	if p := int32(h) % n; p >= 0 {
		return p
	} else {
		return -p
	}
}
