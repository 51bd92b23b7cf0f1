package task

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/data"
	"culvert/fault"
)

func TestSink_dead_letter_headers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1, LettersContext: true}
		s.set(func() {
			s.append(data.Message{Topic: "in", Key: []byte("k"), Value: []byte("good"), Timestamp: 7})
			s.append(data.Message{Topic: "in", Key: []byte("k1"), Value: []byte("bad one"), Timestamp: 8, Headers: []data.RawHeader{{Key: "own", Value: []byte("x")}}})
			s.append(data.Message{Topic: "in", Key: []byte("k2"), Value: []byte("refused"), Timestamp: 9, Headers: []data.RawHeader{{Key: "__connect.errors.topic", Value: []byte("first")}}})
		})
		s.dst.set(func(_ context.Context, b *data.Batch) error {
			for i := range b.Records {
				if raw, _, _ := b.Records[i].Value.Wire(); string(raw) == "refused" {
					b.Fail(i, data.StagePut, fault.New(fault.Record, "mongo.document", "document refused").WithJava("com.mongodb.Refused"))
				}
			}
			return nil
		})
		s.start(t)
		s.end()
		letters := s.messages("dead")
		if len(letters) != 2 {
			t.Fatalf("%d dead letters", len(letters))
		}
		check := func(m data.Message, key, value string, ts int64, want map[string]string) {
			t.Helper()
			if string(m.Key) != key || string(m.Value) != value || m.Timestamp != ts {
				t.Errorf("letter %q %q %d", m.Key, m.Value, m.Timestamp)
			}
			have := map[string]string{}
			for _, h := range m.Headers {
				have[h.Key] = string(h.Value) // the last one of a name counts
			}
			for k, v := range want {
				if have[k] != v {
					t.Errorf("header %s is %q, not %q", k, have[k], v)
				}
			}
			if !strings.HasPrefix(have["__connect.errors.exception.stacktrace"], want["__connect.errors.exception.class.name"]+": ") {
				t.Errorf("stack trace %q", have["__connect.errors.exception.stacktrace"])
			}
		}
		check(letters[0], "k1", "bad one", 8, map[string]string{
			"own": "x", "__connect.errors.topic": "in", "__connect.errors.partition": "0", "__connect.errors.offset": "1",
			"__connect.errors.connector.name": "c", "__connect.errors.task.id": "0", "__connect.errors.stage": "VALUE_CONVERTER",
			"__connect.errors.class.name": "test.TextConverter", "__connect.errors.exception.class.name": "org.apache.kafka.connect.errors.DataException",
			"__connect.errors.exception.message": `cannot read "bad one"`,
		})
		check(letters[1], "k2", "refused", 9, map[string]string{
			"__connect.errors.topic": "in", "__connect.errors.offset": "2", "__connect.errors.stage": "TASK_PUT", "__connect.errors.class.name": "org.apache.kafka.connect.sink.SinkTask",
			"__connect.errors.exception.class.name": "com.mongodb.Refused", "__connect.errors.exception.message": "document refused",
		})
		if h := letters[1].Headers[0]; h.Key != "__connect.errors.topic" || string(h.Value) != "first" {
			t.Errorf("the letter's own header became %s=%q", h.Key, h.Value)
		}
		if s.offset() != 3 {
			t.Errorf("offset %d committed", s.offset())
		}
	})
}

// Java converts the key before the value: a record with both unreadable failed at its key,
// whatever was looked at first here.
func TestSink_first_converter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1, LettersContext: true}
		s.set(func() {
			s.append(data.Message{Topic: "in", Key: []byte("bad key"), Value: []byte("bad value"), Timestamp: 7})
		})
		s.dst.set(func(_ context.Context, b *data.Batch) error {
			for i := range b.Records {
				if _, _, err := b.Records[i].Value.Value(b.Arena); err != nil {
					b.Fail(i, data.StagePut, err)
				}
			}
			return nil
		})
		s.start(t)
		s.end()
		letters := s.messages("dead")
		if len(letters) != 1 {
			t.Fatalf("%d dead letters", len(letters))
		}
		for _, h := range letters[0].Headers {
			switch h.Key {
			case "__connect.errors.stage":
				if string(h.Value) != "KEY_CONVERTER" {
					t.Errorf("stage %s", h.Value)
				}
			case "__connect.errors.exception.message":
				if string(h.Value) != `cannot read "bad key"` {
					t.Errorf("message %s", h.Value)
				}
			}
		}
	})
}

// A dead letter that is not acknowledged holds the offset back.
func TestSink_letter_before_offset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSinkTest(t)
		s.topic("in", 1)
		s.holdAcks = true
		s.cfg.Errors = Errors{Tolerate: true, Letters: "dead", LettersReplication: 1}
		s.put("in", "k", "bad", 1)
		s.start(t)
		time.Sleep(time.Minute)
		if s.offset() != -1 {
			t.Fatalf("offset %d committed, the dead letter is not acknowledged", s.offset())
		}
		s.release()
		time.Sleep(11 * time.Second)
		if s.offset() != 1 {
			t.Fatalf("offset %d committed", s.offset())
		}
		s.end()
	})
}
