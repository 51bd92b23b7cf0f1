package configdef_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/configdef"
	"culvert/internal/golden"
)

var types = map[string]configdef.Type{
	"STRING": configdef.String, "BOOLEAN": configdef.Boolean, "INT": configdef.Int, "SHORT": configdef.Short, "LONG": configdef.Long,
	"DOUBLE": configdef.Double, "LIST": configdef.List, "CLASS": configdef.Class, "PASSWORD": configdef.Password,
}

// encoded is a value of the recordings.
type encoded struct {
	Array    *[]encoded `json:"array"`
	String   *string    `json:"string"`
	Password *string    `json:"password"`
	Text     *string    `json:"text"`
	Boolean  *bool      `json:"boolean"`
	Int16    *int64     `json:"int16"`
	Int32    *int64     `json:"int32"`
	Int64    *int64     `json:"int64"`
	Float64  any        `json:"float64"`
	Java     *struct {
		Text string `json:"text"`
	} `json:"java"`
}

func TestGoldenConfigDef(t *testing.T) {
	golden.RunVectors(t, "producer", "configdef_parse", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		switch {
		case f.Name != "configdef_parse":
			return nil, false
		case c.Config["op"] == "convertToString":
			return checkText(c), true
		}
		return checkParse(c), true
	})
	golden.RunVectors(t, "producer", "configdef_validators", func(f *golden.VectorFile, c *golden.VectorCase) (error, bool) {
		if f.Name != "configdef_validators" {
			return nil, false
		}
		return checkValidator(c), true
	})
}

func checkParse(c *golden.VectorCase) error {
	spec := configdef.Spec{Name: "k", Type: types[c.Config["type"]],
		Resolve: func(name string) (string, bool) { return name, name == "java.lang.String" }}
	props, nulls := map[string]string{"k": c.Config["value"]}, []string(nil)
	if string(c.RawConfig["value"]) == "null" {
		props, nulls = nil, []string{"k"}
	}
	r := configdef.ValidateNulls([]configdef.Spec{spec}, props, nulls).Results[0]
	if done, err := compareErrors(c, r.Errors); done {
		return err
	}
	return compareValue(c.Output, spec.Type, r.Value)
}

func compareErrors(c *golden.VectorCase, got []string) (bool, error) {
	want := []string(nil)
	if c.Error != nil {
		want = []string{c.Error.Message}
	}
	if !slices.Equal(got, want) {
		return true, fmt.Errorf("errors %q, want %q", got, want)
	}
	return c.Error != nil, nil
}

func compareValue(want json.RawMessage, t configdef.Type, v configdef.Parsed) error {
	var w encoded
	if err := json.Unmarshal(want, &w); err != nil {
		return err
	}
	text, ok := v.String(t)
	same := false
	switch {
	case w.Array != nil:
		var list []string
		for _, e := range *w.Array {
			list = append(list, *e.String)
		}
		same = slices.Equal(v.List, list)
	case w.Password != nil:
		same = v.Text == *w.Password && text == *w.Text
	case w.String != nil:
		same = v.Text == *w.String
	case w.Boolean != nil:
		same = v.Bool == *w.Boolean
	case w.Int16 != nil:
		same = v.Int == *w.Int16
	case w.Int32 != nil:
		same = v.Int == *w.Int32
	case w.Int64 != nil:
		same = v.Int == *w.Int64
	case w.Java != nil:
		same = v.Show(t) == w.Java.Text
	case w.Float64 != nil:
		f, err := strconv.ParseFloat(fmt.Sprint(w.Float64), 64)
		same = err == nil && (f == v.Float || math.IsNaN(f) && math.IsNaN(v.Float))
	default:
		same = !ok
	}
	if !same {
		return fmt.Errorf("value %+v, want %s", v, want)
	}
	return nil
}

// checkText compares the text of a value that the default of a key has.
func checkText(c *golden.VectorCase) error {
	var in, want encoded
	if err := errors.Join(json.Unmarshal(c.Input, &in), json.Unmarshal(c.Output, &want)); err != nil {
		return err
	}
	t := types[c.Config["type"]]
	source := *want.String
	switch {
	case in.Array != nil:
		var list []string
		for _, e := range *in.Array {
			list = append(list, *e.String)
		}
		source = strings.Join(list, " , ")
	case in.Int64 != nil:
		source = fmt.Sprint(*in.Int64)
	case in.Float64 != nil:
		source = fmt.Sprint(in.Float64)
	}
	spec := configdef.Spec{Name: "k", Type: t, Default: &source}
	if got, _ := spec.DefaultText(); got != *want.String {
		return fmt.Errorf("text %q, want %q", got, *want.String)
	}
	return nil
}

func checkValidator(c *golden.VectorCase) error {
	kind, form, _ := strings.Cut(c.Config["validator"], ": ")
	var in encoded
	if err := json.Unmarshal(c.Input, &in); err != nil {
		return err
	}
	spec := configdef.Spec{Name: "k", Type: configdef.String, Check: validator(kind, form)}
	props, nulls := map[string]string{}, []string(nil)
	switch {
	case in.String != nil:
		props["k"] = *in.String
		if strings.TrimSpace(*in.String) != *in.String { // a validator gets what was parsed, which is trimmed
			return spec.Check("k", configdef.Parsed{Text: *in.String})
		}
	case in.Int32 != nil:
		spec.Type, props["k"] = configdef.Int, fmt.Sprint(*in.Int32)
	case in.Array != nil:
		var list []string
		for _, e := range *in.Array {
			list = append(list, *e.String)
		}
		spec.Type, props["k"] = configdef.List, strings.Join(list, ",")
	default:
		nulls = []string{"k"}
	}
	_, err := compareErrors(c, configdef.ValidateNulls([]configdef.Spec{spec}, props, nulls).Results[0].Errors)
	return err
}

func validator(kind, form string) configdef.Validator {
	list := strings.Split(strings.Trim(form[strings.IndexByte(form+"[", '['):], "[]"), ", ")
	switch kind {
	case "Range":
		if form == "[1,...]" {
			return configdef.AtLeast(1)
		}
		return configdef.Between(0, 10)
	case "ValidString":
		return configdef.OneOf(list...)
	case "CaseInsensitiveValidString":
		return configdef.OneOfFold(list...)
	case "NonEmptyString":
		return configdef.NonEmpty
	case "NonEmptyStringWithoutControlChars":
		return configdef.NonEmptyWithoutControlChars
	case "ValidList":
		return configdef.Elements(list...)
	case "ListSize":
		return configdef.MaxElements(2)
	case "NonNullValidator":
		return configdef.NonNull
	}
	return func(string, configdef.Parsed) error { return errors.New("no such validator") }
}
