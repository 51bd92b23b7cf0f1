package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"testing"

	"culvert/configdef"
	"culvert/connectors/all"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
	"culvert/runtime/plugins"
	"culvert/runtime/task"
)

// TestGoldenTransforms runs the recorded calls of every transformation, of every
// predicate, and of whole chains, built and run as those of a task are.
func TestGoldenTransforms(t *testing.T) {
	reg, err := plugins.New("4.3.1", all.Set())
	if err != nil {
		t.Fatal(err)
	}
	golden.RunVectors(t, "transforms", "transforms", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		c.Input, c.Output = bigint.ReplaceAll(c.Input, asDecimal), bigint.ReplaceAll(c.Output, asDecimal)
		switch {
		case strings.Contains(f.Subject, ".predicates."):
			return runPredicate(reg, f.Subject, c), true
		case strings.HasSuffix(f.Subject, ".(chain)"):
			return runChain(reg, c.Config, c), true
		}
		props := map[string]string{"transforms": "t", "transforms.t.type": f.Subject}
		for k, v := range c.Config {
			props["transforms.t."+k] = v
		}
		return runSingle(reg, f.Subject, props, c), true
	})
}

// No converter makes a java.math.BigInteger, and data has no counterpart: the cases
// run with the decimal that has the same digits.
var bigint, asDecimal = regexp.MustCompile(`\{"bigint":("-?[0-9]+")\}`), []byte(`{"decimal":{"unscaled":$1,"scale":0}}`)

// TestGoldenTransformsSeeADifference: a recording that says something else fails.
func TestGoldenTransformsSeeADifference(t *testing.T) {
	reg, err := plugins.New("4.3.1", all.Set())
	if err != nil {
		t.Fatal(err)
	}
	const record = `{"topic":"t","partition":1,"keySchema":null,"key":null,"valueSchema":null,"value":{"map":[[{"string":"a"},{"int32":%d}]]},"timestamp":5,"headers":[%s]}`
	props := map[string]string{"transforms": "h", "transforms.h.type": "org.apache.kafka.connect.transforms.InsertHeader",
		"transforms.h.header": "h", "transforms.h.value.literal": "x"}
	c := golden.VectorCase{Input: fmt.Appendf(nil, record, 1, "")}
	const header = `{"key":"h","schema":{"type":"string","optional":false},"value":{"string":"x"}}`
	for want, same := range map[string]bool{
		fmt.Sprintf(record, 1, header): true, fmt.Sprintf(record, 2, header): false, fmt.Sprintf(record, 1, ""): false,
		fmt.Sprintf(record, 1, strings.Replace(header, `"x"`, `"y"`, 1)): false, "null": false,
	} {
		c.Output = []byte(want)
		if err := runChain(reg, props, &c); (err == nil) != same {
			t.Errorf("want %s: %v", want, err)
		}
	}
	c.Output, c.Error = []byte("null"), &golden.VectorError{Class: "org.apache.kafka.connect.errors.DataException", Stage: "apply"}
	if err := runChain(reg, props, &c); err == nil {
		t.Error("an error that does not come is not missed")
	}
}

// runSingle runs one transformation. A recorded error of its configuration names
// keys without prefix, as the transformation itself does.
func runSingle(reg *plugins.Registry, class string, props map[string]string, c *golden.VectorCase) error {
	if c.Error != nil && c.Error.Stage == "configure" {
		p, err := reg.Transform(class)
		if err != nil {
			return err
		}
		_, err = p.New(maps.Clone(c.Config), slog.Default())
		_, err = golden.CompareError(c.Error, err)
		return err
	}
	return runChain(reg, props, c)
}

func runChain(reg *plugins.Registry, props map[string]string, c *golden.VectorCase) error {
	aliases, err := configdef.ParseText(configdef.List, props["transforms"])
	if err != nil {
		return err
	}
	keys := connectorKeys{Transforms: aliases.List}
	st, err := buildStages(reg, props, &keys, slog.Default())
	if c.Error != nil && c.Error.Stage == "configure" {
		_, err = golden.CompareError(c.Error, err)
		return err
	}
	if err != nil {
		return err
	}
	steps, err := steps(st.before)
	if err != nil {
		return err
	}
	b, err := recordOf(c)
	if err != nil {
		return err
	}
	return compareRecord(c, b, applyAll(steps, b))
}

// applyAll runs the steps until one fails the record.
func applyAll(steps []task.Step, b *data.Batch) error {
	for i := range steps {
		if err := steps[i].Apply(context.Background(), b); err != nil {
			return err
		}
		if failed := b.Failed(); len(failed) > 0 {
			return failed[0].Err
		}
	}
	return nil
}

func runPredicate(reg *plugins.Registry, class string, c *golden.VectorCase) error {
	p, err := reg.Predicate(class)
	if err != nil {
		return err
	}
	predicate, err := p.New(c.Config, slog.Default())
	if handled, err := golden.CompareError(c.Error, err); handled {
		return err
	}
	b, err := recordOf(c)
	if err != nil {
		return err
	}
	got, err := predicate.Test(&b.Records[0], b.Arena)
	if err != nil {
		return err
	}
	return golden.CompareValue(c.Output, data.OfBool(got))
}

// recorded is a record of the recordings.
type recorded struct {
	Topic       string
	Partition   *int32
	KeySchema   json.RawMessage
	Key         json.RawMessage
	ValueSchema json.RawMessage
	Value       json.RawMessage
	Timestamp   *int64
	Headers     []struct {
		Key    string
		Schema json.RawMessage
		Value  json.RawMessage
	}
	KafkaOffset *int64
}

func recordOf(c *golden.VectorCase) (*data.Batch, error) {
	var in recorded
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return nil, err
	}
	b := data.NewBatch()
	r := b.Append()
	r.Topic = in.Topic
	if in.Partition != nil {
		r.Partition = *in.Partition
	}
	if in.Timestamp != nil {
		r.Timestamp = *in.Timestamp
	}
	if in.KafkaOffset != nil {
		r.Offset = *in.KafkaOffset
	}
	if c.RecordType != "source" {
		r.Input = 0
		b.Inputs = append(b.Inputs, data.Message{Topic: in.Topic, Partition: r.Partition, Offset: r.Offset})
	}
	var err error
	if r.Key, err = cellOf(in.KeySchema, in.Key); err != nil {
		return nil, err
	}
	if r.Value, err = cellOf(in.ValueSchema, in.Value); err != nil {
		return nil, err
	}
	for _, h := range in.Headers {
		cell, err := cellOf(h.Schema, h.Value)
		if err != nil {
			return nil, err
		}
		r.Headers = append(r.Headers, data.Header{Key: h.Key, Value: cell})
	}
	return b, nil
}

func cellOf(schema, value json.RawMessage) (data.Cell, error) {
	s, err := golden.SchemaOf(schema)
	if err != nil {
		return data.Cell{}, err
	}
	v, err := golden.ValueOf(value)
	return data.ValueCell(v, s), err
}

func compareRecord(c *golden.VectorCase, b *data.Batch, err error) error {
	if c.Error != nil && err != nil && fault.ClassOf(err) != fault.Record {
		return fmt.Errorf("class %s of %q, want record", fault.ClassOf(err), err)
	}
	if handled, err := golden.CompareError(c.Error, err); handled {
		return err
	}
	if string(c.Output) == "null" || len(c.Output) == 0 {
		if len(b.Records) > 0 {
			return fmt.Errorf("the record is still there, want it dropped")
		}
		return nil
	}
	if len(b.Records) != 1 {
		return fmt.Errorf("%d records, want one", len(b.Records))
	}
	var want recorded
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	r := &b.Records[0]
	partition, timestamp := int32(-1), data.NoTimestamp
	if want.Partition != nil {
		partition = *want.Partition
	}
	if want.Timestamp != nil {
		timestamp = *want.Timestamp
	}
	if r.Topic != want.Topic || r.Partition != partition || r.Timestamp != timestamp {
		return fmt.Errorf("record of topic %q partition %d timestamp %d, want %q %d %d", r.Topic, r.Partition, r.Timestamp, want.Topic, partition, timestamp)
	}
	if err := compareCell("key", want.KeySchema, want.Key, &r.Key); err != nil {
		return err
	}
	if err := compareCell("value", want.ValueSchema, want.Value, &r.Value); err != nil {
		return err
	}
	if len(r.Headers) != len(want.Headers) {
		return fmt.Errorf("%d headers, want %d", len(r.Headers), len(want.Headers))
	}
	for i, h := range want.Headers {
		if r.Headers[i].Key != h.Key {
			return fmt.Errorf("header %d is %q, want %q", i, r.Headers[i].Key, h.Key)
		}
		if err := compareCell("header "+h.Key, h.Schema, h.Value, &r.Headers[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func compareCell(what string, schema, value json.RawMessage, c *data.Cell) error {
	v, s, err := c.Value(nil)
	if err != nil {
		return err
	}
	if err := golden.CompareSchema(schema, s); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := golden.CompareValue(value, v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
