package expr

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"culvert/data"
	"culvert/data/values"
)

// native is v as expressions see it.
func native(v data.Value, s *data.Schema) any {
	switch v.Kind() {
	case data.Null:
		return nil
	case data.Bool:
		return v.Bool()
	case data.Int8, data.Int16, data.Int32, data.Int64:
		return int(v.Int())
	case data.Float32, data.Float64:
		return v.Float()
	case data.String:
		return v.Str()
	case data.Bytes:
		return v.Bytes()
	case data.Date, data.Time, data.Timestamp:
		return time.UnixMilli(v.Int()).UTC()
	case data.Decimal:
		return values.String(v, s)
	case data.Array:
		list := make([]any, 0, v.Len())
		for _, e := range v.Elems() {
			list = append(list, native(e, elem(s)))
		}
		return list
	case data.Map:
		pairs := v.Elems()
		m := make(map[string]any, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			m[fmt.Sprint(native(pairs[i], nil))] = native(pairs[i+1], elem(s))
		}
		return m
	}
	fields := v.Elems()
	m := make(map[string]any, len(fields))
	for i, f := range fields {
		m[s.Fields[i].Name] = native(s.Fields[i].Schema.DefaultOr(f), s.Fields[i].Schema)
	}
	return m
}

func elem(s *data.Schema) *data.Schema {
	if s == nil {
		return nil
	}
	return s.Elem
}

// scalar is the result of an expression as data.
func scalar(out any) (data.Value, bool) {
	switch v := out.(type) {
	case nil:
		return data.Value{}, true
	case bool:
		return data.OfBool(v), true
	case int:
		return data.OfInt64(int64(v)), true
	case int64:
		return data.OfInt64(v), true
	case float64:
		return data.OfFloat64(v), true
	case string:
		return data.OfString(v), true
	case []byte:
		return data.OfBytes(v), true
	case time.Time:
		return data.OfTimestamp(v.UnixMilli()), true
	case time.Duration:
		return data.OfInt64(v.Milliseconds()), true
	}
	return data.Value{}, false
}

// free is the result as schemaless data, lists and maps included.
func free(out any, depth int) (data.Value, error) {
	if depth > 100 {
		return data.Value{}, bad("a result is nested deeper than 100 levels")
	}
	switch v := out.(type) {
	case taken:
		if v.s == nil {
			return v.v, nil
		}
		return free(native(v.v, v.s), depth)
	case []any:
		list := make([]data.Value, len(v))
		for i := range v {
			var err error
			if list[i], err = free(v[i], depth+1); err != nil {
				return data.Value{}, err
			}
		}
		return data.OfArray(list), nil
	case map[string]any:
		pairs := make([]data.Value, 0, 2*len(v))
		for _, n := range slices.Sorted(maps.Keys(v)) {
			e, err := free(v[n], depth+1)
			if err != nil {
				return data.Value{}, err
			}
			pairs = append(pairs, data.OfString(n), e)
		}
		return data.OfMap(pairs), nil
	}
	v, ok := scalar(out)
	if !ok {
		return v, bad("a result of type %T cannot be stored in a field", out)
	}
	if v.Kind() == data.Timestamp {
		v = data.OfInt64(v.Int()) // schemaless data has no moments
	}
	return v, nil
}

// as gives a result the type that its field has; ok is false if it is of another
// type, and the error says that it is of a fitting type and too large or too fine.
func as(v data.Value, s *data.Schema) (_ data.Value, ok bool, err error) {
	switch {
	case v.IsNull():
		return v, s.Optional, nil
	case v.Kind() == s.Kind:
		return v, true, nil
	case v.Kind() == data.Timestamp && s.Kind == data.Date:
		if v.Int()%86400000 != 0 {
			return v, false, bad("%s is no day without a time, which the type Date wants", values.String(v, nil))
		}
		return data.OfDate(v.Int()), true, nil
	case v.Kind() == data.Int64:
		return asNumber(v.Int(), s)
	case v.Kind() == data.Float64 && s.Kind == data.Float32:
		f := v.Float()
		if n := float32(f); !math.IsInf(float64(n), 0) || math.IsInf(f, 0) {
			return data.OfFloat32(n), true, nil
		}
		return v, false, bad("%v does not fit the type %s", f, s.Kind)
	}
	return v, false, nil
}

// asNumber is an integer as a number of the field's type.
func asNumber(n int64, s *data.Schema) (v data.Value, ok bool, err error) {
	switch s.Kind {
	case data.Int8:
		v, ok = data.OfInt8(int8(n)), n == int64(int8(n))
	case data.Int16:
		v, ok = data.OfInt16(int16(n)), n == int64(int16(n))
	case data.Int32:
		v, ok = data.OfInt32(int32(n)), n == int64(int32(n))
	case data.Float32:
		v, ok = data.OfFloat32(float32(n)), -1<<24 <= n && n <= 1<<24
	case data.Float64:
		v, ok = data.OfFloat64(float64(n)), -1<<53 <= n && n <= 1<<53
	default:
		return v, false, nil
	}
	if !ok {
		return v, false, bad("%d does not fit the type %s", n, s.Kind)
	}
	return v, true, nil
}
