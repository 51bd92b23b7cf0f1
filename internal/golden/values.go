package golden

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"

	"culvert/data"
)

// Unrepresentable is the error of a value that has no counterpart in data: a
// java.math.BigInteger or another Java object.
type Unrepresentable struct{ What string }

func (u *Unrepresentable) Error() string { return "no counterpart in data for " + u.What }

// SchemaOf reads a schema in the form of the vectors; null is nil.
func SchemaOf(raw json.RawMessage) (*data.Schema, error) {
	if isNull(raw) {
		return nil, nil
	}
	var j schemaJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, err
	}
	return j.schema()
}

type schemaJSON struct {
	Field      string          `json:"field"`
	Type       string          `json:"type"`
	Optional   bool            `json:"optional"`
	Name       string          `json:"name"`
	Version    int32           `json:"version"`
	Doc        string          `json:"doc"`
	Default    json.RawMessage `json:"default"`
	Parameters json.RawMessage `json:"parameters"`
	Fields     []schemaJSON    `json:"fields"`
	Items      *schemaJSON     `json:"items"`
	Keys       *schemaJSON     `json:"keys"`
	Values     *schemaJSON     `json:"values"`
	Recursive  bool            `json:"recursive"`
}

var kindOf = map[string]data.Kind{
	"int8": data.Int8, "int16": data.Int16, "int32": data.Int32, "int64": data.Int64,
	"float32": data.Float32, "float64": data.Float64, "boolean": data.Bool, "string": data.String,
	"bytes": data.Bytes, "array": data.Array, "map": data.Map, "struct": data.Struct,
}

func (j *schemaJSON) schema() (*data.Schema, error) {
	k, ok := kindOf[j.Type]
	if !ok {
		return nil, fmt.Errorf("schema type %q", j.Type)
	}
	s := &data.Schema{Kind: data.LogicalKind(k, j.Name), Optional: j.Optional, Name: j.Name, Version: j.Version, Doc: j.Doc}
	var err error
	if s.Params, err = orderedParams(j.Parameters); err != nil {
		return nil, err
	}
	if k == data.Struct {
		fields := make([]data.Field, len(j.Fields))
		for i := range j.Fields {
			f, err := j.Fields[i].schema()
			if err != nil {
				return nil, err
			}
			fields[i] = data.Field{Name: j.Fields[i].Field, Schema: f}
		}
		n := data.NewStruct(j.Name, fields...)
		n.Optional, n.Version, n.Doc, n.Params = s.Optional, s.Version, s.Doc, s.Params
		s = n
	}
	for _, part := range []struct {
		from *schemaJSON
		to   **data.Schema
	}{{j.Items, &s.Elem}, {j.Values, &s.Elem}, {j.Keys, &s.Key}} {
		if part.from != nil {
			if *part.to, err = part.from.schema(); err != nil {
				return nil, err
			}
		}
	}
	if len(j.Default) > 0 {
		v, err := ValueOf(j.Default)
		if err != nil {
			return nil, err
		}
		s.Default, s.HasDefault = v, !v.IsNull()
	}
	return s, nil
}

// orderedParams keeps the order of the file, which shows in what is written from it.
func orderedParams(raw json.RawMessage) ([]data.Param, error) {
	if isNull(raw) {
		return nil, nil
	}
	var m map[string]string
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	var ps []data.Param
	for k, v := range m {
		ps = append(ps, data.Param{Name: k, Value: v})
	}
	at := func(k string) int {
		q, _ := json.Marshal(k)
		return indexOf(raw, q)
	}
	sort.Slice(ps, func(a, b int) bool { return at(ps[a].Name) < at(ps[b].Name) })
	return ps, nil
}

func indexOf(raw, key []byte) int {
	for i := 0; i+len(key) <= len(raw); i++ {
		if string(raw[i:i+len(key)]) == string(key) {
			return i
		}
	}
	return len(raw)
}

// ValueOf reads a value in the form of the vectors.
func ValueOf(raw json.RawMessage) (data.Value, error) {
	if isNull(raw) {
		return data.Value{}, nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return data.Value{}, err
	}
	for k, v := range m {
		return typedValue(k, v)
	}
	return data.Value{}, fmt.Errorf("empty value %s", raw)
}

func typedValue(k string, raw json.RawMessage) (data.Value, error) {
	switch k {
	case "int8", "int16", "int32", "int64", "date", "time", "timestamp":
		i, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return data.Value{}, err
		}
		switch k {
		case "int8":
			return data.OfInt8(int8(i)), nil
		case "int16":
			return data.OfInt16(int16(i)), nil
		case "int32":
			return data.OfInt32(int32(i)), nil
		case "int64":
			return data.OfInt64(i), nil
		case "date":
			return data.OfDate(i), nil
		case "time":
			return data.OfTime(i), nil
		}
		return data.OfTimestamp(i), nil
	case "float32":
		f, err := floatOf(raw, 32)
		return data.OfFloat32(float32(f)), err
	case "float64":
		f, err := floatOf(raw, 64)
		return data.OfFloat64(f), err
	case "boolean":
		return data.OfBool(string(raw) == "true"), nil
	case "string", "enum":
		var s string
		err := json.Unmarshal(raw, &s)
		return data.OfString(s), err
	case "bytes":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return data.Value{}, err
		}
		b, err := base64.StdEncoding.DecodeString(s)
		return data.OfBytes(b), err
	case "decimal":
		return decimalOf(raw)
	case "array", "map", "struct":
		return compositeOf(k, raw)
	}
	return data.Value{}, &Unrepresentable{What: k}
}

func floatOf(raw json.RawMessage, bits int) (float64, error) {
	text := string(raw)
	switch text {
	case `"NaN"`:
		return math.Float64frombits(0x7ff8 << 48), nil // Java's
	case `"Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	}
	return strconv.ParseFloat(text, bits)
}

func decimalOf(raw json.RawMessage) (data.Value, error) {
	var d struct {
		Unscaled string `json:"unscaled"`
		Scale    int32  `json:"scale"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return data.Value{}, err
	}
	i, ok := new(big.Int).SetString(d.Unscaled, 10)
	if !ok {
		return data.Value{}, fmt.Errorf("decimal %s", raw)
	}
	return data.OfBigDecimal(i, d.Scale), nil
}

func compositeOf(k string, raw json.RawMessage) (data.Value, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return data.Value{}, err
	}
	var vs []data.Value
	for _, part := range parts {
		if k == "array" {
			v, err := ValueOf(part)
			if err != nil {
				return data.Value{}, err
			}
			vs = append(vs, v)
			continue
		}
		var pair [2]json.RawMessage
		if err := json.Unmarshal(part, &pair); err != nil {
			return data.Value{}, err
		}
		if k == "map" {
			key, err := ValueOf(pair[0])
			if err != nil {
				return data.Value{}, err
			}
			vs = append(vs, key)
		}
		v, err := ValueOf(pair[1])
		if err != nil {
			return data.Value{}, err
		}
		vs = append(vs, v)
	}
	switch k {
	case "map":
		return data.OfMap(vs), nil
	case "struct":
		return data.OfStruct(vs), nil
	}
	return data.OfArray(vs), nil
}
