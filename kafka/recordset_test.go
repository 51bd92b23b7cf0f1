package kafka

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"

	"culvert/data"
)

// recorded is a line of testdata/recordbatches.jsonl: record batches that Java has made,
// and what Java reads in them.
type recorded struct {
	Name    string
	Bytes   []byte
	Count   int
	Records []struct {
		Offset, Timestamp int64
		Key, Value        []byte
		Headers           []data.RawHeader
	}
}

func goldens(t testing.TB) (all []recorded) {
	f, err := os.Open("testdata/recordbatches.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var g recorded
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	if len(all) == 0 {
		t.Fatal("no case")
	}
	return all
}

// old says that the formats before 2 are in it, which sarama reads.
func (g *recorded) old() bool {
	return strings.HasPrefix(g.Name, "format 0") || strings.HasPrefix(g.Name, "format 1")
}

// aborted is the one aborted transaction in the goldens.
func (g *recorded) aborted() []abortedTxn {
	if g.Name == "transactions" {
		return []abortedTxn{{producer: 7, first: 0}}
	}
	return nil
}

// broker is a connection to a broker that has one answer.
type broker struct {
	net.Conn // nil: the rest of it is not called
	frame    []byte
	left     []byte
}

func (b *broker) Write(req []byte) (int, error) {
	copy(b.frame[4:8], req[8:12]) // correlation id
	b.left = b.frame
	return len(req), nil
}

func (b *broker) Read(p []byte) (int, error) {
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *broker) Close() error                     { return nil }
func (b *broker) SetReadDeadline(time.Time) error  { return nil }
func (b *broker) SetWriteDeadline(time.Time) error { return nil }

// twoReaders decodes fetch answers as a link does, by sarama or past it.
type twoReaders struct {
	conn *broker
	link *link
}

func newReader(t testing.TB) *twoReaders {
	conf := sarama.NewConfig()
	conf.Version, conf.ApiVersionsRequest = sarama.V2_3_0_0, false
	r := &twoReaders{conn: new(broker)}
	r.link = &link{turn: make(chan struct{}, 1), tap: &tap{Conn: r.conn}, broker: sarama.NewBroker("b:1"), conn: r.conn}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, ready{r.link.tap}
	if err := r.link.broker.Open(conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.link.broker.Close() })
	return r
}

var fetched = data.TopicPartition{Topic: "t", Partition: 3}

// frame is the answer to a Fetch with records for one partition.
func frame(raw []byte, aborted []abortedTxn) []byte {
	p := kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.HighWatermark, p.LastStableOffset, p.RecordBatches = fetched.Partition, 1000, 900, raw
	for _, a := range aborted {
		p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.producer, FirstOffset: a.first})
	}
	resp := kmsg.FetchResponse{Version: mostFetch, Topics: []kmsg.FetchResponseTopic{{Topic: fetched.Topic, Partitions: []kmsg.FetchResponseTopicPartition{p}}}}
	body := resp.AppendTo(make([]byte, 8))
	binary.BigEndian.PutUint32(body, uint32(len(body)-4))
	return body
}

// fetch reads an answer; without a pool sarama does.
func (r *twoReaders) fetch(raw []byte, aborted []abortedTxn, pool *buffers) (*sarama.FetchResponse, *answer, error) {
	r.conn.frame = frame(raw, aborted)
	l := r.link
	l.tap.pool.Store(pool)
	resp, err := l.broker.Fetch(&sarama.FetchRequest{Version: mostFetch})
	a := l.tap.got
	l.tap.got = nil
	return resp, a, err
}

func (r *twoReaders) ours(t testing.TB, raw []byte, aborted []abortedTxn, from int64, committed bool) (out batchReader, old bool, err error) {
	resp, a, err := r.fetch(raw, aborted, new(buffers))
	if err != nil || a == nil {
		if err == nil && resp.GetBlock(fetched.Topic, fetched.Partition) == nil {
			t.Fatal("neither we nor sarama got the answer")
		}
		return out, true, err
	}
	if len(resp.Blocks) > 0 {
		t.Fatal("sarama got the records as well")
	}
	s := a.share(fetched, 0)
	if s == nil || s.high != 1000 || s.end != 900 || s.code != 0 {
		t.Fatalf("share = %+v", s)
	}
	return out, false, s.read(&out, fetched, from, committed, a.mem)
}

func (r *twoReaders) saramas(t testing.TB, raw []byte, aborted []abortedTxn, from int64, committed bool) (batchReader, error) {
	resp, a, err := r.fetch(raw, aborted, nil)
	if a != nil {
		t.Fatal("we have read what sarama was to read")
	}
	if err != nil {
		return batchReader{}, err
	}
	block := resp.GetBlock(fetched.Topic, fetched.Partition)
	return readBatches(fetched, block, from, committed), nil
}

// Java, sarama and we read the same in what Java writes.
func TestGoldenRecordBatches(t *testing.T) {
	r := newReader(t)
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			got, old, err := r.ours(t, g.Bytes, g.aborted(), 0, false)
			if err != nil || old != g.old() {
				t.Fatalf("left to sarama: %v, error %v", old, err)
			}
			theirs, err := r.saramas(t, g.Bytes, g.aborted(), 0, false)
			if err != nil {
				t.Fatal(err)
			}
			if old {
				got = theirs
			}
			if len(got.messages) != g.Count || got.partial {
				t.Fatalf("%d messages, partial %v; Java reads %d", len(got.messages), got.partial, g.Count)
			}
			for i, want := range g.Records {
				m := data.Message{Topic: "t", Partition: 3, Offset: want.Offset, Timestamp: want.Timestamp, Key: want.Key, Value: want.Value, Headers: want.Headers}
				if len(m.Headers) == 0 {
					m.Headers = nil
				}
				if diff := cmp.Diff(m, got.messages[i]); diff != "" {
					t.Errorf("record %d (-Java +ours):\n%s", i, diff)
				}
			}
			switch g.Name {
			case "30000 equal records, zstd": // sarama: more records than bytes are not possible
				if len(theirs.messages) != 0 {
					t.Error("sarama reads it now: it may be compared")
				}
			case "without timestamps": // sarama: none of the batch has one
			default:
				for i := range got.messages { // sarama counts nanoseconds, which end in 2262
					if got.messages[i].Timestamp > maxTimestamp {
						theirs.messages[i].Timestamp = got.messages[i].Timestamp
					}
				}
				if diff := cmp.Diff(theirs.messages, got.messages); diff != "" || theirs.next != got.next {
					t.Errorf("next %d and %d (-sarama +ours):\n%s", theirs.next, got.next, diff)
				}
			}
		})
	}
}

func TestReadCommitted(t *testing.T) {
	r := newReader(t)
	for _, g := range goldens(t) {
		if g.aborted() == nil {
			continue
		}
		for committed, want := range map[bool]string{true: "1 committed, 3 committed later, ", false: "0 aborted, 1 committed, 3 committed later, "} {
			got, _, err := r.ours(t, g.Bytes, g.aborted(), 0, committed)
			text := ""
			for _, m := range got.messages {
				text += fmt.Sprintf("%d %s, ", m.Offset, m.Value)
			}
			if err != nil || text != want || got.next != 6 {
				t.Errorf("committed %v: %s, next %d (%v)", committed, text, got.next, err)
			}
		}
		return
	}
	t.Fatal("no case with an aborted transaction")
}

// An answer is cut anywhere; whole batches count, and no cut is an error.
func TestCutAnswer(t *testing.T) {
	r := newReader(t)
	for _, g := range goldens(t) {
		if g.old() || g.Count > 100 {
			continue
		}
		whole := append(append([]byte{}, g.Bytes...), g.Bytes...)
		for cut := range len(whole) {
			if cut%97 != 0 && cut > 100 {
				continue
			}
			got, _, err := r.ours(t, whole[:cut], g.aborted(), 0, false)
			want := 0
			if cut >= len(g.Bytes) {
				want = g.Count
			}
			if err != nil || len(got.messages) < want || len(got.messages) > want+g.Count || got.bytes == 0 && len(got.messages) > 0 {
				t.Fatalf("%s cut at %d of %d: %d messages, error %v", g.Name, cut, len(whole), len(got.messages), err)
			}
			if none := got.next == 0 && cut > 0; none != got.partial {
				t.Fatalf("%s cut at %d: partial %v, next %d", g.Name, cut, got.partial, got.next)
			}
		}
	}
}

// plainBatch is a batch of n records with small values.
func plainBatch(first int64, n int) []byte {
	var records []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: int32(i), Key: nil, Value: []byte("v")}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		records = r.AppendTo(records)
	}
	b := kmsg.RecordBatch{FirstOffset: first, Magic: 2, LastOffsetDelta: int32(n - 1), ProducerID: -1, NumRecords: int32(n), Records: records}
	b.Length = int32(len(b.AppendTo(nil)) - atBatchLength - 4)
	return sealed(b.AppendTo(nil))
}

// sealed computes the CRCs of the whole batches in raw anew.
func sealed(raw []byte) []byte {
	raw = bytes.Clone(raw)
	for rest := raw; ; {
		size, ok := batchSize(rest)
		if !ok || size < atRecords || size > int64(len(rest)) {
			return raw
		}
		binary.BigEndian.PutUint32(rest[atCRC:], crc32.Checksum(rest[atAttributes:size], castagnoli))
		rest = rest[size:]
	}
}

func TestDamagedBatch(t *testing.T) {
	r := newReader(t)
	plain := goldens(t)[0]
	head := len(plain.Bytes)
	two := append(bytes.Clone(plain.Bytes), plain.Bytes...)
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   string
	}{
		"CRC":         {func(b []byte) []byte { b[head-1] ^= 1; return b }, "its CRC is"},
		"head":        {func(b []byte) []byte { binary.BigEndian.PutUint32(b[atBatchLength:], 20); return b }, "it claims to have 32 bytes"},
		"negative":    {func(b []byte) []byte { binary.BigEndian.PutUint32(b[atBatchLength:], 0x80000000); return b }, "it claims to have"},
		"format":      {func(b []byte) []byte { b[atMagic] = 3; return sealed(b) }, "its format is 3"},
		"codec":       {func(b []byte) []byte { b[atAttributes+1] |= 7; return sealed(b) }, "unknown kind 7"},
		"too many":    {func(b []byte) []byte { b[atCount] = 0x7f; return sealed(b) }, "records in"},
		"negative no": {func(b []byte) []byte { b[atCount] = 0x80; return sealed(b) }, "records in"},
		"one less":    {func(b []byte) []byte { b[atCount+3]--; return sealed(b) }, "bytes behind its 5 records"},
		"one more":    {func(b []byte) []byte { b[atCount+3]++; return sealed(b) }, "record 6 of 7: its length is wrong"},
		"record":      {func(b []byte) []byte { b[atRecords] = 0x7e; return sealed(b) }, "record 0 of 6"},
		"key":         {func(b []byte) []byte { b[atRecords+4] = 0x7e; return sealed(b) }, "its key is cut off"},
		"gzip":        {func(b []byte) []byte { b[atAttributes+1] |= 1; return sealed(b) }, "gzip"},
		"zstd":        {func(b []byte) []byte { b[atAttributes+1] |= 4; return sealed(b) }, "magic"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := r.ours(t, c.change(bytes.Clone(two)), nil, 0, false)
			if !errors.Is(err, errCorrupt) || !strings.Contains(fmt.Sprint(err), c.want) || !strings.Contains(fmt.Sprint(err), "offset 1000") {
				t.Errorf("error = %v, want %q", err, c.want)
			}
			behind := append(bytes.Clone(plain.Bytes), c.change(bytes.Clone(plain.Bytes))...)
			got, _, err := r.ours(t, behind, nil, 0, false)
			if err == nil || len(got.messages) != plain.Count || got.next != 1006 {
				t.Errorf("behind a good batch: %d messages, next %d, error %v", len(got.messages), got.next, err)
			}
		})
	}
}

// A few bytes that stand for gigabytes are refused, and take no such memory.
func TestInflateBomb(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		src := compressed(t, codec, zeros, maxInflated/len(zeros)+1)
		if _, err := (&lease{pool: new(buffers)}).inflate(codec, src); err == nil {
			t.Errorf("%v: %d bytes became more than %d", codec, len(src), maxInflated)
		}
	}
}

// FuzzRecordBatches: where sarama reads a share, we read the same.
func FuzzRecordBatches(f *testing.F) {
	r := newReader(f)
	for _, g := range goldens(f) {
		if len(g.Bytes) < 5000 {
			f.Add(g.Bytes, int64(0), true)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, from int64, committed bool) {
		raw = sealed(raw)
		aborted := []abortedTxn{{7, 0}}
		theirs, bad := r.saramas(t, raw, aborted, from, committed)
		ours, old, err := r.ours(t, raw, aborted, from, committed)
		if old {
			return
		}
		if bad != nil {
			return
		}
		// sarama takes headers for none that Java refuses: a negative number of them.
		if err != nil && len(theirs.messages) > len(ours.messages) && !strings.Contains(err.Error(), "headers are cut off") {
			t.Fatalf("sarama reads %d messages, we %d and say %v", len(theirs.messages), len(ours.messages), err)
		}
		// It takes a batch with more records than bytes for one that is cut off, so it may stop earlier.
		if err == nil && (len(theirs.messages) > len(ours.messages) || theirs.next > ours.next) {
			t.Fatalf("sarama reads %d messages up to %d, we %d up to %d", len(theirs.messages), theirs.next, len(ours.messages), ours.next)
		}
		for i := range min(len(theirs.messages), len(ours.messages)) {
			a, b := theirs.messages[i], ours.messages[i]
			a.Timestamp, b.Timestamp = 0, 0 // sarama counts nanoseconds, which end in 2262
			if !cmp.Equal(a, b) {
				t.Fatalf("message %d (-sarama +ours):\n%s", i, cmp.Diff(a, b))
			}
		}
	})
}

// compressed is n times text in a compressed form.
func compressed(t *testing.T, codec sarama.CompressionCodec, text []byte, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case sarama.CompressionGZIP:
		w = gzip.NewWriter(&out)
	case sarama.CompressionLZ4:
		w = lz4.NewWriter(&out)
	case sarama.CompressionZSTD:
		w, _ = zstd.NewWriter(&out) // has no options that could be wrong
	case sarama.CompressionSnappy:
		return xerial.Encode(nil, bytes.Repeat(text, n))
	}
	for range n {
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
