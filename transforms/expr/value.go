package expr

import (
	"fmt"
	"math"
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
		for _, n := range names(v) {
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

// as gives a result the type that its field has; ok is false if it is of another type.
func as(v data.Value, s *data.Schema) (_ data.Value, ok bool) {
	switch {
	case v.IsNull():
		return v, s.Optional
	case v.Kind() == s.Kind:
		return v, true
	case v.Kind() == data.Timestamp && (s.Kind == data.Date && v.Int()%86400000 == 0):
		return data.OfDate(v.Int()), true
	case v.Kind() == data.Int64:
		n := v.Int()
		switch s.Kind {
		case data.Int8:
			return data.OfInt8(int8(n)), n == int64(int8(n))
		case data.Int16:
			return data.OfInt16(int16(n)), n == int64(int16(n))
		case data.Int32:
			return data.OfInt32(int32(n)), n == int64(int32(n))
		case data.Float64:
			return data.OfFloat64(float64(n)), math.Abs(float64(n)) <= 1<<53
		}
	case v.Kind() == data.Float64 && s.Kind == data.Float32:
		return data.OfFloat32(float32(v.Float())), true
	}
	return v, false
}
