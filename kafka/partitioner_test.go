package kafka

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/IBM/sarama"
)

// Recorded from org.apache.kafka.common.utils.Utils.murmur2 and
// BuiltInPartitioner.partitionForKey (kafka-clients 4.3.1).
func TestGoldenMurmur2(t *testing.T) {
	text, err := os.ReadFile("testdata/murmur2.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name   string
			Input  struct{ Bytes []byte }
			Output struct {
				Hash       int32
				Partitions map[string]int32
			}
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, c := range golden.Cases {
		ok := true
		if got := Murmur2(c.Input.Bytes); got != c.Output.Hash {
			t.Errorf("%s: Murmur2 = %d, Java says %d", c.Name, got, c.Output.Hash)
			ok = false
		}
		for n, want := range c.Output.Partitions {
			n, _ := strconv.Atoi(n)
			if got := PartitionFor(c.Input.Bytes, int32(n)); got != want {
				t.Errorf("%s: PartitionFor(%d) = %d, Java says %d", c.Name, n, got, want)
				ok = false
			}
		}
		if ok {
			passed++
		}
	}
	t.Logf("golden producer %d/%d", passed, len(golden.Cases))
	if len(golden.Cases) == 0 {
		t.Fatal("no golden cases")
	}
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
