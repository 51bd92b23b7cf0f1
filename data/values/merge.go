package values

import (
	"culvert/data"
)

// merger finds the schema that all elements of an array, or all keys or values of
// a map, can have. Nulls do not count.
type merger struct {
	schema *data.Schema // nil: none yet, or none at all
	failed bool
}

func (m *merger) merge(s *data.Schema) {
	switch {
	case s == nil || m.failed:
	case m.schema == nil:
		m.schema = s
	default:
		m.schema = common(m.schema, s)
		m.failed = m.schema == nil
	}
}

// wider orders the number types; each holds those before it.
var wider = map[data.Kind]int{data.Int8: 1, data.Int16: 2, data.Int32: 3, data.Int64: 4, data.Float32: 5, data.Float64: 6}

func common(a, b *data.Schema) *data.Schema {
	if a.Kind.Base() == b.Kind.Base() {
		return b // Java takes the newer one, whatever else differs
	}
	wa, wb := wider[a.Kind.Base()], wider[b.Kind.Base()]
	switch {
	case wa == 0 || wb == 0:
		return nil
	case wa > wb:
		return a
	}
	return b
}

// align makes v a value of schema s, as far as Values.convertTo does for what
// Parse finds; ok is false where that fails.
func align(v data.Value, s *data.Schema) (_ data.Value, ok bool) {
	if v.IsNull() {
		return v, false
	}
	isDate := v.Kind() == data.Date || v.Kind() == data.Time || v.Kind() == data.Timestamp
	switch s.Kind {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		if isDate || wider[v.Kind()] == 0 {
			return v, false
		}
		return integerOf(s.Kind, v), true
	case data.Float32, data.Float64:
		if isDate || wider[v.Kind()] == 0 {
			return v, false
		}
		f := v.Float()
		if wider[v.Kind()] < wider[data.Float32] {
			f = float64(v.Int())
		}
		if s.Kind == data.Float32 {
			return data.OfFloat32(float32(f)), true
		}
		return data.OfFloat64(f), true
	case data.Date, data.Time, data.Timestamp:
		return dateOf(s.Kind, v, isDate)
	}
	return v, v.Kind() == s.Kind
}

func integerOf(k data.Kind, v data.Value) data.Value {
	n := v.Int()
	switch k {
	case data.Int8:
		return data.OfInt8(int8(n))
	case data.Int16:
		return data.OfInt16(int16(n))
	case data.Int32:
		return data.OfInt32(int32(n))
	}
	return data.OfInt64(n)
}

// dateOf keeps a date or time as it is and reads a number as days or milliseconds.
func dateOf(k data.Kind, v data.Value, isDate bool) (data.Value, bool) {
	n := v.Int()
	if !isDate {
		if wider[v.Kind()] == 0 || wider[v.Kind()] > wider[data.Int64] {
			return v, false
		}
		if k == data.Date {
			n *= dayMillis
		}
		if k == data.Time && (n < 0 || n > dayMillis) {
			return v, false
		}
	}
	switch k {
	case data.Date:
		return data.OfDate(n), true
	case data.Time:
		return data.OfTime(n), true
	}
	return data.OfTimestamp(n), true
}
