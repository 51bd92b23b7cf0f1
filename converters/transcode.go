package converters

import (
	"errors"

	"culvert/data"
)

// Transcoder turns wire bytes straight into another format, with no data.Value made
// between. It gives the very bytes that decoding and encoding give, or none.
type Transcoder interface {
	// Append appends what is made of raw to dst; on an error dst is returned as it
	// was. Errors are ErrIndirect, and those of looking for the schema of raw, which
	// decoding would give as well.
	Append(dst, raw []byte) ([]byte, error)
}

// ErrIndirect is the answer of a transcoder for bytes that are malformed, or that it
// does not know how to read. The caller decodes them and encodes the value; what is
// wrong with them, if anything, comes out on that route.
var ErrIndirect = errors.New("converters: the value has to be decoded first")

// Routes keeps the transcoders of cells, by the decoder that a cell is for. The zero
// Routes is ready; it is for one goroutine.
type Routes struct {
	last  data.Decoder
	route Transcoder // of last; nil: there is none
	all   map[data.Decoder]Transcoder
}

// maxRoutes bounds the memory for decoders that a task no longer has.
const maxRoutes = 256

// Append transcodes the cell as a Transcoder does; find makes the transcoder for a
// decoder when it is first met. Cells that are null or hold a value are indirect.
func (r *Routes) Append(dst []byte, c *data.Cell, find func(data.Decoder) (Transcoder, bool)) ([]byte, error) {
	raw, dec, wire := c.Wire()
	if !wire || raw == nil || dec == nil {
		return dst, ErrIndirect
	}
	if dec != r.last || r.all == nil {
		route, ok := r.all[dec]
		if !ok {
			if r.all == nil || len(r.all) >= maxRoutes {
				r.all = map[data.Decoder]Transcoder{}
			}
			route, _ = find(dec)
			r.all[dec] = route
		}
		r.last, r.route = dec, route
	}
	if r.route == nil {
		return dst, ErrIndirect
	}
	return r.route.Append(dst, raw)
}
