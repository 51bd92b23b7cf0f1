package mongodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"culvert/configdef"
	"culvert/connectors"
	"culvert/data"
	"culvert/fault"
	"culvert/internal/golden"
)

const area = "mongosink"

// recordJSON is a record in the form of the vectors.
type recordJSON struct {
	Topic       string
	Partition   int32
	KeySchema   json.RawMessage
	Key         json.RawMessage
	ValueSchema json.RawMessage
	Value       json.RawMessage
	Timestamp   *int64
	KafkaOffset int64
}

func (j *recordJSON) record() (data.Record, error) {
	r := data.Record{Topic: j.Topic, Partition: j.Partition, Offset: j.KafkaOffset, Input: -1, Timestamp: data.NoTimestamp}
	if j.Timestamp != nil {
		r.Timestamp = *j.Timestamp
	}
	for _, c := range []struct {
		schema, value json.RawMessage
		cell          *data.Cell
	}{{j.KeySchema, j.Key, &r.Key}, {j.ValueSchema, j.Value, &r.Value}} {
		s, err := golden.SchemaOf(c.schema)
		if err != nil {
			return r, err
		}
		v, err := golden.ValueOf(c.value)
		if err != nil {
			return r, err
		}
		*c.cell = data.ValueCell(v, s)
	}
	return r, nil
}

func recordOf(raw json.RawMessage) (data.Record, error) {
	var j recordJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return data.Record{}, err
	}
	return j.record()
}

func batchOf(raw json.RawMessage) (*data.Batch, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	b := data.NewBatch()
	for _, j := range list {
		r, err := recordOf(j)
		if err != nil {
			return nil, err
		}
		b.Records = append(b.Records, r)
	}
	return b, nil
}

// TestGoldenMongosink runs every recorded case of the sink.
func TestGoldenMongosink(t *testing.T) {
	golden.RunVectors(t, area, area, func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		switch {
		case c.Op == "convert":
			return convertCase(c), true
		case c.Op == "process":
			return process(c), true
		case f.Name == "batches":
			return batchesCase(c), true
		case f.Name == "bulk_write_failures":
			return bulkFailure(c), true
		case f.Name == "config_validation":
			return validationCase(c), true
		}
		return nil, false
	})
}

func convertCase(c *golden.VectorCase) error {
	r, err := recordOf(c.Input)
	if err != nil {
		if golden.AsUnrepresentable(err) && c.Error != nil {
			return nil
		}
		return err
	}
	var d document
	d.reset(&r, &data.Arena{})
	key, _, err := d.keyDoc()
	val, _, verr := d.valueDoc()
	if err == nil {
		err = verr
	}
	if handled, err := golden.CompareError(c.Error, err); handled || err != nil {
		return err
	}
	var want struct{ KeyDoc, ValueDoc json.RawMessage }
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	if err := same("keyDoc", want.KeyDoc, key); err != nil {
		return err
	}
	return same("valueDoc", want.ValueDoc, val)
}

func process(c *golden.VectorCase) error {
	s, err := goldenSink(c.Config, nil)
	var r data.Record
	var got string
	if err == nil {
		if r, err = recordOf(c.Input); err != nil {
			return err
		}
		b := data.NewBatch()
		b.Records = append(b.Records, r)
		err = plans(s, b)
		if err != nil {
			// The batch stops the task; underneath is the record's error.
			if f := fault.Of(err); f.Class == fault.Fatal {
				f.Class = fault.Record
			}
		} else if len(s.plan.failures) > 0 {
			err = s.plan.failures[0].err
			if c.Error != nil && !c.Error.Tolerated {
				return fmt.Errorf("tolerated: %w", err)
			}
		}
	}
	if handled, err := golden.CompareError(c.Error, err); handled || err != nil {
		return err
	}
	if len(s.plan.list) == 1 {
		got = s.plan.chunks[0].ns.String()
	}
	var want struct {
		Namespace  string
		WriteModel json.RawMessage
	}
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	if string(want.WriteModel) == "null" {
		if len(s.plan.list) != 0 {
			return errors.New("a write, want none")
		}
		return nil
	}
	if got != want.Namespace {
		return fmt.Errorf("namespace %q, want %q", got, want.Namespace)
	}
	return sameModel(want.WriteModel, s.plan.buf, &s.plan.list[0])
}

func goldenSink(props map[string]string, srv server) (*Sink, error) {
	cfg, err := newConfig(props)
	if err != nil {
		return nil, err
	}
	return newSink(cfg, connectors.Env{}, srv), nil
}

func sameModel(want json.RawMessage, buf []byte, m *model) error {
	doc, filter := buf[m.doc.off:m.doc.end], buf[m.filter.off:m.filter.end]
	parts := map[string][]byte{}
	kind := ""
	switch m.op {
	case opInsert:
		kind, parts["document"] = "InsertOne", doc
	case opReplace:
		kind, parts["filter"], parts["replacement"] = "ReplaceOne", filter, doc
	case opUpdate:
		kind, parts["filter"], parts["update"] = "UpdateOne", filter, doc
	case opDelete:
		kind, parts["filter"] = "DeleteOne", filter
	}
	var w map[string]json.RawMessage
	if err := json.Unmarshal(want, &w); err != nil {
		return err
	}
	if got := string(w["model"]); got != strconv.Quote(kind) {
		return fmt.Errorf("%s, want %s", kind, got)
	}
	if up, has := w["upsert"]; has && string(up) != strconv.FormatBool(!m.noUpsert) {
		return fmt.Errorf("upsert %t, want %s", !m.noUpsert, up)
	}
	for name, b := range parts {
		if err := same(name, w[name], b); err != nil {
			return err
		}
	}
	return nil
}

func batchesCase(c *golden.VectorCase) error {
	s, err := goldenSink(c.Config, nil)
	if err != nil {
		return err
	}
	b, err := batchOf(c.Input)
	if err != nil {
		return err
	}
	if err := plans(s, b); err != nil {
		return err
	}
	type bulk struct {
		Namespace string  `json:"namespace"`
		Offsets   []int64 `json:"offsets"`
	}
	bulks, reported := []bulk{}, []int64{}
	for _, ch := range s.plan.chunks {
		w := bulk{Namespace: ch.ns.String()}
		for _, m := range s.plan.list[ch.from:ch.to] {
			w.Offsets = append(w.Offsets, b.Records[m.rec].Offset)
		}
		bulks = append(bulks, w)
	}
	for _, f := range s.plan.failures {
		reported = append(reported, b.Records[f.rec].Offset)
	}
	return compareBatches(c.Output, bulks, reported)
}

// scripted is a server whose first command fails as the recording says.
type scripted struct {
	kind  string
	calls []call
}

type call struct {
	models int
}

func (s *scripted) run(_ context.Context, _ string, cmd bson.Raw) error {
	n := 0
	for _, list := range []string{"documents", "updates", "deletes"} {
		if arr, ok := cmd.Lookup(list).ArrayOK(); ok {
			values, err := arr.Values()
			if err != nil {
				return err
			}
			n += len(values)
		}
	}
	s.calls = append(s.calls, call{n})
	if len(s.calls) > 1 {
		return nil
	}
	var we mongo.WriteException
	for _, part := range strings.Split(s.kind, "+") {
		switch {
		case part == "none":
			return nil
		case part == "socket":
			return mongo.CommandError{Message: "Prematurely reached end of stream", Labels: []string{"NetworkError"}}
		case part == "security":
			return mongo.CommandError{Code: 18, Name: "AuthenticationFailed", Message: "Exception authenticating"}
		case part == "runtime":
			return mongo.CommandError{Code: 8, Name: "UnknownError", Message: "boom"}
		case part == "wc":
			we.WriteConcernError = &mongo.WriteConcernError{Code: 64, Name: "WriteConcernTimeout", Message: "waiting for replication timed out"}
		default:
			for _, i := range strings.Split(strings.TrimPrefix(part, "err:"), ",") {
				index, err := strconv.Atoi(i)
				if err != nil {
					return err
				}
				we.WriteErrors = append(we.WriteErrors, mongo.WriteError{Index: index, Code: 11000, Message: "E11000 duplicate key"})
			}
		}
	}
	return we
}

func (s *scripted) find(context.Context, namespace, bson.Raw) (bson.Raw, error) { return nil, nil }
func (s *scripted) command(context.Context, string, bson.D) (bson.Raw, error)   { return nil, nil }
func (s *scripted) writeConcern() []byte                                        { return nil }
func (s *scripted) close(context.Context) error                                 { return nil }

func bulkFailure(c *golden.VectorCase) error {
	var failure struct{ Kind string }
	if err := json.Unmarshal(c.Failure, &failure); err != nil {
		return err
	}
	kind := failure.Kind
	srv := &scripted{kind: kind}
	props := map[string]string{"errors.tolerance": "all"} // what the reporter gets
	for k, v := range c.Config {
		props[k] = v
	}
	s, err := goldenSink(props, srv)
	if err != nil {
		return err
	}
	b, err := batchOf(c.Input)
	if err != nil {
		return err
	}
	err = s.Write(context.Background(), b)
	if f := fault.Of(err); f != nil && f.Class == fault.Fatal {
		f.Class = fault.Record
	}
	if handled, err := golden.CompareError(c.Error, err); handled && err != nil {
		return err
	}
	var want struct {
		BulkWrites []struct{ Models []json.RawMessage }
		Reported   []struct {
			Offset  int64
			Class   string
			Message *string
		}
	}
	if err := json.Unmarshal(c.Output, &want); err != nil {
		return err
	}
	if len(srv.calls) != len(want.BulkWrites) {
		return fmt.Errorf("%d bulk writes, want %d", len(srv.calls), len(want.BulkWrites))
	}
	for i, w := range want.BulkWrites {
		if srv.calls[i].models != len(w.Models) {
			return fmt.Errorf("bulk write %d has %d models, want %d", i, srv.calls[i].models, len(w.Models))
		}
	}
	failed := b.Failed()
	if len(failed) != len(want.Reported) {
		return fmt.Errorf("%d reported, want %d", len(failed), len(want.Reported))
	}
	for i, w := range want.Reported {
		f := fault.Of(failed[i].Err)
		if b.Records[failed[i].Index].Offset != w.Offset {
			return fmt.Errorf("reported %d is offset %d, want %d", i, b.Records[failed[i].Index].Offset, w.Offset)
		}
		if kind == "runtime" {
			continue // an exception of the JVM; ours is the server's answer
		}
		if f.Java != w.Class {
			return fmt.Errorf("class %s, want %s", f.Java, w.Class)
		}
		if w.Message != nil && f.Error() != *w.Message {
			return fmt.Errorf("message %q, want %q", f, *w.Message)
		}
	}
	return nil
}

func validationCase(c *golden.VectorCase) error {
	_, r := validate(c.Config)
	got := map[string][]string{}
	for i := range r.Results {
		if e := r.Results[i].Errors; len(e) > 0 {
			got[r.Results[i].Spec.Name] = e
		}
	}
	if c.Error != nil {
		if len(got) == 0 {
			return errors.New("no error")
		}
	} else {
		var want struct{ Errors map[string][]string }
		if err := json.Unmarshal(c.Output, &want); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want.Errors) {
			return fmt.Errorf("errors %q, want %q", got, want.Errors)
		}
	}
	_, err := newConfig(c.Config)
	_, err = golden.CompareError(c.Construct, err)
	return err
}

func TestGoldenMongosinkConfigDef(t *testing.T) {
	text, err := fs.ReadFile(golden.Root(), area+"/configdef.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no recorded definition among these vectors")
	}
	if err != nil {
		t.Fatal(err)
	}
	var def struct {
		Groups []string
		Keys   []struct {
			Name, Type     string
			Required       bool
			Default        *string
			Importance     string
			Group          string
			Order          int
			Width          string
			DisplayName    string
			Dependents     []string
			HasRecommender bool
			Validator      *string
		}
	}
	if err := json.Unmarshal(text, &def); err != nil {
		t.Fatal(err)
	}
	passed := 0
	specs := slices.DeleteFunc(definition.Specs(), func(s configdef.Spec) bool { return s.Extended })
	if len(specs) != len(def.Keys) {
		t.Fatalf("%d keys, want %d", len(specs), len(def.Keys))
	}
	var groups []string
	order := map[string]int{}
	for i, want := range def.Keys {
		s, r := specs[i], rows[i]
		order[s.Group]++
		if order[s.Group] == 1 {
			groups = append(groups, s.Group)
		}
		n := s.Order
		if n == 0 {
			n = order[s.Group]
		}
		def := ""
		if s.Default != nil {
			def = *s.Default
		}
		if s.Type == configdef.Password {
			def = "[hidden]"
		}
		wantDef, validator := "", ""
		if want.Default != nil {
			wantDef = *want.Default
		}
		if want.Validator != nil {
			validator = *want.Validator
		}
		got := fmt.Sprintln(s.Name, s.Type, s.Required, def, s.Importance, s.Group, n, s.Width, s.DisplayName, s.Dependents, s.Recommend != nil, r.check.text)
		w := fmt.Sprintln(want.Name, want.Type, want.Required, wantDef, want.Importance, want.Group, want.Order, want.Width, want.DisplayName, want.Dependents, want.HasRecommender, validator)
		if got != w {
			t.Errorf("%s:\n got %s\nwant %s", want.Name, got, w)
			continue
		}
		passed++
	}
	if !reflect.DeepEqual(groups, def.Groups) {
		t.Errorf("groups %q, want %q", groups, def.Groups)
	}
	fmt.Printf("golden mongosink/configdef %d/%d\n", passed, len(def.Keys))
}
