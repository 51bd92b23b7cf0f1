package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/IBM/sarama"

	"culvert/internal/golden"
)

// Recorded from org.apache.kafka.common.utils.Utils.murmur2 and
// BuiltInPartitioner.partitionForKey (kafka-clients 4.3.1).
func TestGoldenMurmur2(t *testing.T) {
	golden.RunVectors(t, "producer", "murmur2", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if f.Name != "murmur2" {
			return nil, false
		}
		return checkMurmur2(c), true
	})
}

func checkMurmur2(c *golden.VectorCase) error {
	var input struct{ Bytes []byte }
	var want struct {
		Hash       int32
		Partitions map[string]int32
	}
	if err := errors.Join(json.Unmarshal(c.Input, &input), json.Unmarshal(c.Output, &want)); err != nil {
		return err
	}
	if got := Murmur2(input.Bytes); got != want.Hash {
		return fmt.Errorf("Murmur2 = %d, Java says %d", got, want.Hash)
	}
	if len(want.Partitions) == 0 {
		return errors.New("no partitions recorded")
	}
	for n, partition := range want.Partitions {
		n, err := strconv.ParseInt(n, 10, 32)
		if err != nil {
			return err
		}
		if got := PartitionFor(input.Bytes, int32(n)); got != partition {
			return fmt.Errorf("PartitionFor(%d) = %d, Java says %d", n, got, partition)
		}
	}
	return nil
}

// sarama's hash partitioner is the origin of the FNV-1a rule.
func TestPartitioners(t *testing.T) {
	reference := sarama.NewHashPartitioner("t")
	for _, key := range []string{"", "a", "order-1", "order-2", "ключ", "0123456789abcdef"} {
		for _, n := range []int32{1, 2, 3, 6, 50} {
			if key == "" {
				continue // sarama takes an empty key for none
			}
			want, err := reference.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, n)
			if err != nil {
				t.Fatal(err)
			}
			if got := fnvPartition([]byte(key), n); got != want {
				t.Errorf("FNV-1a of %q over %d = %d, sarama says %d", key, n, got, want)
			}
		}
	}
	// librdkafka: crc32("123456789") is the check value of the polynomial.
	if got, want := crc32Partition([]byte("123456789"), 1000), int32(0xcbf43926%1000); got != want {
		t.Errorf("CRC32 partition = %d, want %d", got, want)
	}
}
