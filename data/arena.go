package data

// Arena hands out short-lived memory of a batch: all of it is given back at
// once by Reset. A nil *Arena allocates from the heap. The zero Arena is ready.
type Arena struct {
	values []Value
	bytes  []byte
}

const (
	arenaValues = 1024
	arenaBytes  = 32 << 10
	// A chunk above these sizes is not kept for the next batch, so that one
	// huge record does not pin its memory for good.
	keepValues = 64 << 10
	keepBytes  = 1 << 20
)

// Values returns n null values.
func (a *Arena) Values(n int) []Value {
	if a == nil {
		return make([]Value, n)
	}
	if cap(a.values)-len(a.values) < n {
		a.values = make([]Value, 0, max(n, arenaValues, min(2*cap(a.values), keepValues)))
	}
	start := len(a.values)
	a.values = a.values[:start+n]
	return a.values[start : start+n : start+n]
}

// Bytes returns an empty slice with room for n bytes.
func (a *Arena) Bytes(n int) []byte {
	if a == nil {
		return make([]byte, 0, n)
	}
	if cap(a.bytes)-len(a.bytes) < n {
		a.bytes = make([]byte, 0, max(n, arenaBytes, min(2*cap(a.bytes), keepBytes)))
	}
	start := len(a.bytes)
	a.bytes = a.bytes[:start+n]
	return a.bytes[start : start : start+n]
}

// Copy returns a copy of b in the arena.
func (a *Arena) Copy(b []byte) []byte { return append(a.Bytes(len(b)), b...) }

// Reset takes all memory back. What was handed out must not be used any more.
func (a *Arena) Reset() {
	if cap(a.values) > keepValues {
		a.values = nil
	}
	clear(a.values)
	a.values = a.values[:0]
	if cap(a.bytes) > keepBytes {
		a.bytes = nil
	}
	a.bytes = a.bytes[:0]
}
