package topicsink

import (
	"errors"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/data"
)

// routes encode the cells of one side. Where a transcoder knows the way from what the
// cell's converter reads to what the output's writes, no value is made.
type routes struct {
	conv   converters.Converter
	rename func(*data.Schema) *data.Schema // nil: schemas keep their names
	direct converters.Routes
	find   func(data.Decoder) (converters.Transcoder, bool)
}

func (r *routes) to(conv converters.Converter, rename func(*data.Schema) *data.Schema) {
	r.conv, r.rename = conv, rename
	r.find = func(from data.Decoder) (converters.Transcoder, bool) { return avro.Direct(from, conv, rename) }
}

// append encodes a cell to the end of buf. Invariant 8: both ways give equal bytes.
func (r *routes) append(cell *data.Cell, a *data.Arena, buf []byte) (wire, rest []byte, err error) {
	start := len(buf)
	end, err := r.direct.Append(buf, cell, r.find)
	if errors.Is(err, converters.ErrIndirect) {
		end, err = r.byValue(cell, a, buf)
	}
	if err != nil || end == nil {
		return nil, buf, err
	}
	return end[start:len(end):len(end)], end, nil
}

func (r *routes) byValue(cell *data.Cell, a *data.Arena, buf []byte) ([]byte, error) {
	v, schema, err := cell.Value(a)
	if err != nil {
		return nil, err
	}
	if r.rename != nil {
		schema = r.rename(schema)
	}
	return r.conv.Encode(buf, v, schema)
}
