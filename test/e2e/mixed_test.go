//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// mixed makes records as topics have them after some years: inserts, updates,
// tombstones, and all that is no document. The same seed makes the same records.
// Records that a sink could bring in each other's way share a partition, since a sink
// reads partitions in no order.
type mixed struct {
	r   *rand.Rand
	all []*sarama.ProducerMessage
}

const mixedPartitions = 2

// add appends a record; a nil key or value is none.
func (m *mixed) add(topic string, partition int, key, value any) {
	n := len(m.all)
	p := &sarama.ProducerMessage{Topic: topic, Partition: int32(partition % mixedPartitions), Key: encoded(key), Value: encoded(value),
		Timestamp: time.UnixMilli(1_750_000_000_000 + int64(n))}
	if m.r.IntN(10) == 0 {
		p.Headers = []sarama.RecordHeader{{Key: []byte("trace"), Value: fmt.Appendf(nil, "%08x", n)}, {Key: []byte("flag"), Value: nil}, {Key: []byte("n"), Value: []byte("12")}}
	}
	m.all = append(m.all, p)
}

func encoded(v any) sarama.Encoder {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return sarama.StringEncoder(v)
	case []byte:
		return sarama.ByteEncoder(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps, texts and numbers encode
	}
	return sarama.ByteEncoder(raw)
}

func oneOf(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// notADocument is JSON, more or less, that no sink can write.
func (m *mixed) notADocument() string {
	return oneOf(m.r, `{"order":`, `{"a":1}}`, `nonsense`, `42`, `-1.5e3`, `"text"`, `[1,2]`, `[{"a":1}]`, `true`, "\x00\x01", `{"a":NaN}`, `{'a':1}`, `{"a":1 "b":2}`, "\xff\xfe{}")
}

// fields are a document of every kind of JSON, without its braces.
func (m *mixed) fields() string {
	r := m.r
	var b strings.Builder
	fmt.Fprintf(&b, `"name":%q,"count":%d,"price":%d.%02d`, oneOf(r, "Zürich", "pen", "", "日本", "a.b", "$dollar", "quote\" and \\"), r.Int64N(1<<uint(1+r.IntN(62)))-5, r.IntN(1000), r.IntN(100))
	switch r.IntN(8) {
	case 0:
		fmt.Fprintf(&b, `,"nested":{"x":{"y":[%d,null,{"z":%t}]},"e":{}}`, r.IntN(9), r.IntN(2) == 0)
	case 1:
		b.WriteString(`,"list":[],"mixed":["a",1,2.5,true,null,[[]]]`)
	case 2:
		b.WriteString(`,"none":null,"big":9223372036854775807,"small":-9223372036854775808,"huge":1e300,"tiny":5e-324,"zero":-0.0`)
	case 3:
		b.WriteString(`,"dotted.name":1,"in $ide":2,"":3`)
	case 4:
		b.WriteString(`,"same":1,"same":2`)
	}
	return b.String()
}

// orders are written by the defaults: an _id is made up. A unique index on email
// refuses some.
func (m *mixed) orders(topic string, n int) {
	for i := range n {
		var key any = fmt.Sprintf("order-%d", i)
		var value any = "{" + m.fields() + "}"
		switch m.r.IntN(60) {
		case 0:
			value = nil
		case 1, 2:
			value = m.notADocument()
		case 3:
			value = oneOf(m.r, "{}", "null", "", " {} ")
		case 4, 5:
			value = fmt.Sprintf(`{"email":"%d@%d.example",%s}`, m.r.IntN(40), i%mixedPartitions, m.fields())
		case 6:
			value = fmt.Sprintf(`{%s,"_id":"own-%d"}`, m.fields(), i)
		case 7:
			key = nil
		case 8:
			key, value = nil, nil
		}
		m.add(topic, i, key, value)
	}
}

// changes come again and again for the same business key.
func (m *mixed) changes(topic string, n, keys int) {
	for i := range n {
		id := m.r.IntN(keys)
		var value any = fmt.Sprintf(`{"id":%d,"version":%d,%s}`, id, i, m.fields())
		switch m.r.IntN(50) {
		case 0:
			value = nil
		case 1:
			value = m.notADocument()
		}
		m.add(topic, id, fmt.Sprint(id), value)
	}
}

// keyed have their _id in a JSON key, and tombstones.
func (m *mixed) keyed(topic string, n, keys int) {
	for i := range n {
		id := m.r.IntN(keys)
		var key any = fmt.Sprintf(`{"_id":%d,"tenant":%q}`, id, oneOf(m.r, "a", "b"))
		var value any = fmt.Sprintf(`{"version":%d,%s}`, i, m.fields())
		switch m.r.IntN(50) {
		case 0, 1, 2, 3:
			value = nil
		case 4:
			value = m.notADocument()
		case 5:
			key = oneOf(m.r, `{"tenant":"a"}`, `{"_id":`, `17`, `"text"`, `null`, `[1]`)
		case 6:
			key = nil
		case 7:
			key, value = oneOf(m.r, `{"tenant":"a"}`, `{}`, `"text"`), nil
		}
		m.add(topic, id, key, value)
	}
}

// typedSchema is a Connect schema with every type and every logical type.
const typedSchema = `{"type":"struct","name":"order","optional":false,"fields":[
 {"field":"i8","type":"int8","optional":true},{"field":"i16","type":"int16","optional":true},{"field":"i32","type":"int32","optional":false},{"field":"i64","type":"int64","optional":true},
 {"field":"f32","type":"float","optional":true},{"field":"f64","type":"double","optional":true},{"field":"flag","type":"boolean","optional":true},{"field":"text","type":"string","optional":true},
 {"field":"raw","type":"bytes","optional":true},{"field":"dec","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"},"optional":true},
 {"field":"day","type":"int32","name":"org.apache.kafka.connect.data.Date","version":1,"optional":true},{"field":"time","type":"int32","name":"org.apache.kafka.connect.data.Time","version":1,"optional":true},
 {"field":"at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1,"optional":true},{"field":"preset","type":"int32","optional":true,"default":7},
 {"field":"list","type":"array","items":{"type":"int32","optional":true},"optional":true},{"field":"map","type":"map","keys":{"type":"string"},"values":{"type":"int64","optional":true},"optional":true},
 {"field":"numbers","type":"map","keys":{"type":"int32"},"values":{"type":"string"},"optional":true},
 {"field":"inner","type":"struct","optional":true,"fields":[{"field":"x","type":"int32","optional":true},{"field":"y","type":"string","optional":false}]}]}`

// typed are JSON with schemas.
func (m *mixed) typed(topic string, n int) {
	schema := strings.ReplaceAll(typedSchema, "\n", "")
	for i := range n {
		r := m.r
		payload := map[string]any{"i32": int32(r.Uint32())}
		some := func(name string, v any) {
			if r.IntN(4) > 0 {
				payload[name] = v
			}
		}
		some("i8", r.IntN(256)-128)
		some("i16", r.IntN(65536)-32768)
		some("i64", int64(r.Uint64()))
		some("f32", float32(r.NormFloat64()))
		some("f64", r.NormFloat64()*1e10)
		some("flag", r.IntN(2) == 0)
		some("text", oneOf(r, "", "Zürich", "x"))
		some("raw", base64.StdEncoding.EncodeToString([]byte(oneOf(r, "", "abc", "\x00\xff"))))
		some("dec", base64.StdEncoding.EncodeToString([]byte(oneOf(r, "\x00", "\x01\x02\x03", "\xff\x00", "\x7f\xff\xff\xff\xff\xff\xff\xff\xff"))))
		some("day", r.IntN(40000)-10000)
		some("time", r.IntN(86_400_000))
		some("at", r.Int64N(4e12)-1e12)
		some("list", []any{r.IntN(5), nil})
		some("map", map[string]any{oneOf(r, "a", "b.c", "$d"): r.IntN(100)})
		if r.IntN(40) == 0 {
			payload["numbers"] = []any{[]any{r.IntN(10), "ten"}}
		}
		some("inner", map[string]any{"x": nil, "y": "why"})
		text, err := json.Marshal(payload)
		if err != nil {
			panic(err) // maps, texts and numbers encode
		}
		var value any = fmt.Sprintf(`{"schema":%s,"payload":%s}`, schema, text)
		switch r.IntN(40) {
		case 0:
			// Java reads a text as the number 0, which is not repeated here.
			value = `{"schema":` + schema + `,"payload":{"text":"no i32"}}`
		case 1:
			value = oneOf(r, `{"payload":{"a":1}}`, `{"schema":null,"payload":{"a":1}}`, `{"schema":{"type":"string"},"payload":"{\"a\":1}"}`,
				`{"schema":{"type":"int32"},"payload":5}`, `{"schema":{"type":"nothing"},"payload":5}`, `{"schema":`+schema+`,"payload":null}`,
				`{"schema":`+schema+`,"payload":{}}`, `{"schema":{"type":"struct","optional":true,"fields":[]},"payload":null}`)
		case 2:
			value = m.notADocument()
		case 3:
			value = nil
		}
		m.add(topic, i, fmt.Sprintf("typed-%d", i), value)
	}
}

// texts are documents in MongoDB's extended JSON, some with an _id that is taken.
func (m *mixed) texts(topic string, n int) {
	more := []string{`"when":{"$date":"2024-02-29T12:30:00.123Z"}`, `"when":{"$date":{"$numberLong":"-1"}}`, `"dec":{"$numberDecimal":"1.500"}`,
		`"oid":{"$oid":"65e0f0f0f0f0f0f0f0f0f0f0"}`, `"bin":{"$binary":{"base64":"AQID","subType":"04"}}`, `"re":{"$regularExpression":{"pattern":"^a","options":"i"}}`,
		`"ts":{"$timestamp":{"t":5,"i":6}}`, `"long":{"$numberLong":"5"}`, `"int":{"$numberInt":"6"}`, `"dbl":{"$numberDouble":"Infinity"}`, `"min":{"$minKey":1}`,
		`"undef":{"$undefined":true}`, `"code":{"$code":"f()"}`, `"sym":{"$symbol":"s"}`, `"n":2147483648`, `"n":1.0`, `"not":{"$oid":"short"}`, `"not":{"$date":"never"}`, `"n":1e400`,
		`"n":12345678901234567890`}
	for i := range n {
		var value any = fmt.Sprintf(`{"_id":"t-%d",%s,%s}`, i, m.fields(), more[m.r.IntN(len(more))])
		switch m.r.IntN(40) {
		case 0, 1:
			value = fmt.Sprintf(`{"_id":"t-%d","again":true}`, max(i-2*m.r.IntN(20), i%2))
		case 2:
			value = "{" + m.fields() + "}"
		case 3:
			value = m.notADocument()
		case 4:
			value = nil
		}
		m.add(topic, i, nil, value)
	}
}

// seeded have an _id of their own, or one that is in the collection from the start.
func (m *mixed) seeded(topic string, n, seeds int) {
	for i := range n {
		id := fmt.Sprintf("s-%d", i)
		if m.r.IntN(500) == 0 {
			id = fmt.Sprintf("seed-%d", m.r.IntN(seeds))
		}
		m.add(topic, i, id, fmt.Sprintf(`{"_id":%q,%s}`, id, m.fields()))
	}
}

// odd are documents that a driver or a server refuses.
func (m *mixed) odd(topic string, n int) {
	for i := range n {
		id := fmt.Sprintf("%q", fmt.Sprintf("odd-%d", i))
		m.add(topic, i, "k", fmt.Sprintf(oneOf(m.r, `{"_id":%s,"a":1}`, `{"$set":{"a":1},"_id":%s}`, `{"_id":%s,"$x":1}`, `{"a":1,"_id":{"x":%s}}`, `{"_id":null,"of":%s}`,
			`{"_id":[%s]}`, `{"_id":true,"of":%s}`, `{"_id":1.5,"of":%s}`), id))
	}
}

// send writes the records into their topics.
func (m *mixed) send(t *testing.T) {
	t.Helper()
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer([]string{shared.kafka.Addr}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for from := 0; from < len(m.all); from += 5000 {
		if err := p.SendMessages(m.all[from:min(from+5000, len(m.all))]); err != nil {
			t.Fatal(err)
		}
	}
}
