package predicates

import (
	"errors"
	"strings"
	"testing"

	"culvert/data"
	"culvert/fault"
	"culvert/transforms"
)

func configured(t *testing.T, name string, props map[string]string) transforms.Predicate {
	t.Helper()
	for _, p := range Plugins() {
		if strings.HasSuffix(p.Class, "."+name) {
			predicate, err := p.New(props, nil)
			if err != nil {
				t.Fatal(err)
			}
			return predicate
		}
	}
	t.Fatalf("no predicate %s", name)
	return nil
}

// TestTopicNameMatches: the answer for one topic is not that for the next.
func TestTopicNameMatches(t *testing.T) {
	p := configured(t, "TopicNameMatches", map[string]string{"pattern": "(?!.*-dlq)orders.*"})
	for _, c := range []struct {
		topic string
		want  bool
	}{{"orders", true}, {"orders", true}, {"orders-dlq", false}, {"orders-dlq", false}, {"orders", true}, {"my-orders", false}, {"", false}} {
		if got, err := p.Test(&data.Record{Topic: c.topic}, nil); got != c.want || err != nil {
			t.Errorf("%q: %v, %v", c.topic, got, err)
		}
	}
}

// TestTooSlow: a match that takes too long fails the record.
func TestTooSlow(t *testing.T) {
	p := configured(t, "TopicNameMatches", map[string]string{"pattern": `(?=(a+)+$)\1b`})
	if _, err := p.Test(&data.Record{Topic: strings.Repeat("a", 60) + "!"}, nil); !fault.Is(err, fault.Record) {
		t.Errorf("error %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Decode([]byte, *data.Arena) (data.Value, *data.Schema, error) {
	return data.Value{}, nil, errBroken
}

// TestTombstone: a value that cannot be read is an error, not a tombstone.
func TestTombstone(t *testing.T) {
	p := configured(t, "RecordIsTombstone", nil)
	if got, err := p.Test(&data.Record{Value: data.WireCell([]byte("x"), broken{})}, nil); !errors.Is(err, errBroken) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := p.Test(&data.Record{Value: data.ValueCell(data.Value{}, data.Of(data.String).AsOptional())}, nil); !got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := p.Test(&data.Record{Value: data.ValueCell(data.OfString(""), nil)}, nil); got || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestHasHeaderKey: names of headers are compared as they are.
func TestHasHeaderKey(t *testing.T) {
	p := configured(t, "HasHeaderKey", map[string]string{"name": "Trace"})
	for want, headers := range map[bool][]data.Header{true: {{Key: "x"}, {Key: "Trace"}}, false: {{Key: "trace"}}} {
		if got, err := p.Test(&data.Record{Headers: headers}, nil); got != want || err != nil {
			t.Errorf("%v: %v, %v", headers, got, err)
		}
	}
}
