package kafka

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/data"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes follow Java's ConsumerProtocolSubscription.json and
// ConsumerProtocolAssignment.json.
func TestConsumerProtocol(t *testing.T) {
	sub := ConsumerSubscription{Topics: []string{"t", "o"}, Generation: 5, Rack: "r",
		Owned: []data.TopicPartition{{Topic: "t", Partition: 1}, {Topic: "o", Partition: 2}, {Topic: "o", Partition: 0}}}
	v3 := unhex(t, "0003"+"00000002"+"00016f"+"000174"+"ffffffff"+
		"00000002"+"00016f"+"00000002"+"00000000"+"00000002"+"000174"+"00000001"+"00000001"+"00000005"+"000172")
	if got := sub.Encode(); !bytes.Equal(got, v3) {
		t.Errorf("subscription\n got %x\nwant %x", got, v3)
	}
	back, err := DecodeSubscription(v3)
	want := ConsumerSubscription{Topics: []string{"o", "t"}, Generation: 5, Rack: "r",
		Owned: []data.TopicPartition{{Topic: "o", Partition: 0}, {Topic: "o", Partition: 2}, {Topic: "t", Partition: 1}}}
	if diff := cmp.Diff(want, back); err != nil || diff != "" {
		t.Errorf("decoded %v\n%s", err, diff)
	}
	none := ConsumerSubscription{Topics: []string{"t"}, Generation: -1}
	if got, want := none.Encode(), unhex(t, "0003"+"00000001"+"000174"+"ffffffff"+"00000000"+"ffffffff"+"ffff"); !bytes.Equal(got, want) {
		t.Errorf("subscription without owned\n got %x\nwant %x", got, want)
	}
	for _, old := range []string{
		"0000" + "00000001" + "000174" + "00000001" + "07",
		"0001" + "00000001" + "000174" + "00000001" + "07" + "00000000",
		"0002" + "00000001" + "000174" + "00000001" + "07" + "00000000" + "ffffffff",
		"0009" + "00000001" + "000174" + "00000001" + "07" + "00000000" + "ffffffff" + "ffff" + "aabb",
	} {
		got, err := DecodeSubscription(unhex(t, old))
		if diff := cmp.Diff(ConsumerSubscription{Topics: []string{"t"}, UserData: []byte{7}, Generation: -1}, got); err != nil || diff != "" {
			t.Errorf("version %s: %v\n%s", old[:4], err, diff)
		}
	}

	a := ConsumerAssignment{Partitions: []data.TopicPartition{{Topic: "t", Partition: 1}, {Topic: "o", Partition: 2}, {Topic: "t", Partition: 0}}}
	av3 := unhex(t, "0003"+"00000002"+"00016f"+"00000001"+"00000002"+"000174"+"00000002"+"00000001"+"00000000"+"ffffffff")
	if got := a.Encode(); !bytes.Equal(got, av3) {
		t.Errorf("assignment\n got %x\nwant %x", got, av3)
	}
	if got, err := DecodeAssignment(nil); err != nil || len(got.Partitions) != 0 {
		t.Errorf("empty assignment = %v %v", got, err)
	}
}

func FuzzConsumerProtocol(f *testing.F) {
	f.Add(ConsumerSubscription{Topics: []string{"t"}, Owned: tps("t", 1, 2)}.Encode())
	f.Add(ConsumerAssignment{Partitions: tps("t", 1, 2)}.Encode())
	f.Add([]byte{0, 3, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeSubscription(b); err == nil {
			if _, err := DecodeSubscription(s.Encode()); err != nil {
				t.Errorf("what was decoded cannot be read again: %v", err)
			}
		}
		if a, err := DecodeAssignment(b); err == nil {
			if _, err := DecodeAssignment(a.Encode()); err != nil {
				t.Errorf("what was decoded cannot be read again: %v", err)
			}
		}
	})
}
