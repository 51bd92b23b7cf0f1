package bson

import (
	"errors"

	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/json"
	"culvert/data"
)

// ErrIndirect is the answer of a transcoder for bytes that are malformed, are not
// a document, or that it does not know how to read. The caller decodes them and
// uses Append; what is wrong with them, if anything, comes out on that route.
var ErrIndirect = errors.New("bson: the value has to be decoded first")

// For returns the direct route from the wire form of dec to BSON documents; false:
// there is none, the caller decodes.
//
// Append appends one document; on an error dst is returned as it was. Errors are
// ErrIndirect, or class Retry while a schema cannot be had. A transcoder uses dec,
// which is then for the same goroutine.
func For(dec data.Decoder) (converters.Transcoder, bool) {
	switch d := dec.(type) {
	case *json.Converter:
		if d.Schemaless() {
			return &jsonDocuments{}, true
		}
	case *avro.Converter:
		return newAvroDocuments(d), true
	}
	return nil, false
}
