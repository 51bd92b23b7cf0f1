package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"culvert/data"
	"culvert/fault"
)

// CompareSchema reports how got differs from a recorded schema. A recorded schema
// that contains itself is cut off where it begins again.
func CompareSchema(want json.RawMessage, got *data.Schema) error {
	if isNull(want) {
		if got != nil {
			return fmt.Errorf("schema: want none, got %s", ShowSchema(got))
		}
		return nil
	}
	var j schemaJSON
	if err := json.Unmarshal(want, &j); err != nil {
		return err
	}
	return j.compare("schema", got)
}

func (j *schemaJSON) compare(at string, got *data.Schema) error {
	if got == nil {
		return fmt.Errorf("%s: want %s, got none", at, j.Type)
	}
	if j.Recursive {
		return nil
	}
	flat := *j
	flat.Fields, flat.Items, flat.Keys, flat.Values = nil, nil, nil, nil
	want, err := flat.schema()
	if err != nil {
		return err
	}
	have := *got
	have.Fields, have.Elem, have.Key = nil, nil, nil
	if !want.Equal(&have) {
		return fmt.Errorf("%s: want %s, got %s", at, ShowSchema(want), ShowSchema(&have))
	}
	if len(j.Fields) != len(got.Fields) {
		return fmt.Errorf("%s: want %d fields, got %d", at, len(j.Fields), len(got.Fields))
	}
	for i := range j.Fields {
		if j.Fields[i].Field != got.Fields[i].Name {
			return fmt.Errorf("%s: field %d is %q, want %q", at, i, got.Fields[i].Name, j.Fields[i].Field)
		}
		if err := j.Fields[i].compare(at+"."+got.Fields[i].Name, got.Fields[i].Schema); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name string
		want *schemaJSON
		got  *data.Schema
	}{{"items", j.Items, got.Elem}, {"keys", j.Keys, got.Key}, {"values", j.Values, got.Elem}} {
		if part.want != nil {
			if err := part.want.compare(at+" "+part.name, part.got); err != nil {
				return err
			}
		}
	}
	return nil
}

// ShowSchema is a schema as text for test failures, one level deep.
func ShowSchema(s *data.Schema) string {
	if s == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "{%s", s.Kind)
	if s.Optional {
		b.WriteString(" optional")
	}
	if s.Name != "" {
		fmt.Fprintf(&b, " name=%s", s.Name)
	}
	if s.Version != 0 {
		fmt.Fprintf(&b, " version=%d", s.Version)
	}
	if s.Doc != "" {
		fmt.Fprintf(&b, " doc=%q", s.Doc)
	}
	if s.HasDefault {
		fmt.Fprintf(&b, " default=%s", ShowValue(s.Default))
	}
	if len(s.Params) > 0 {
		fmt.Fprintf(&b, " params=%q", s.Params)
	}
	return b.String() + "}"
}

// CompareValue reports how got differs from a recorded value.
func CompareValue(want json.RawMessage, got data.Value) error {
	v, err := ValueOf(want)
	if err != nil {
		return err
	}
	if !v.Equal(got) {
		return fmt.Errorf("value: want %s, got %s", ShowValue(v), ShowValue(got))
	}
	return nil
}

// ShowValue is a value as text for test failures.
func ShowValue(v data.Value) string {
	var b strings.Builder
	show(&b, v)
	return b.String()
}

func show(b *strings.Builder, v data.Value) {
	switch v.Kind() {
	case data.Null:
		b.WriteString("null")
	case data.Bool:
		fmt.Fprintf(b, "%t", v.Bool())
	case data.Float32, data.Float64:
		fmt.Fprintf(b, "%s(%v)", v.Kind(), v.Float())
	case data.String:
		fmt.Fprintf(b, "%q", v.Str())
	case data.Bytes:
		fmt.Fprintf(b, "bytes(%x)", v.Bytes())
	case data.Decimal:
		fmt.Fprintf(b, "decimal(%sE%d)", v.Unscaled(), -v.Scale())
	case data.Array, data.Map, data.Struct:
		fmt.Fprintf(b, "%s[", v.Kind())
		for i, e := range v.Elems() {
			if i > 0 {
				b.WriteString(" ")
			}
			show(b, e)
		}
		b.WriteString("]")
	default:
		fmt.Fprintf(b, "%s(%d)", v.Kind(), v.Int())
	}
}

// CompareError checks a failure against the recorded one: that it fails, and the
// text where the recording's class is one of Kafka's or MongoDB's. It returns a
// nil error and handled false when both succeeded.
func CompareError(want *VectorError, got error) (handled bool, err error) {
	switch {
	case want == nil && got == nil:
		return false, nil
	case want == nil:
		return true, &refusal{got}
	case got == nil:
		return true, fmt.Errorf("succeeded, want %s: %s", want.Class, want.Message)
	case want.ComparesMessage() && got.Error() != want.Message:
		return true, &refusal{fmt.Errorf("%w, want %q", got, want.Message)}
	}
	if c := fault.ClassOf(got); c != fault.Record && c != fault.Config {
		return true, fmt.Errorf("class %s of %q, want record or config", c, got)
	}
	return true, nil
}

// AsUnrepresentable reports whether err says that a recorded input has no
// counterpart in data.
func AsUnrepresentable(err error) bool {
	var u *Unrepresentable
	return errors.As(err, &u)
}
