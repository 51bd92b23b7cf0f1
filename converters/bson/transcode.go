package bson

import (
	"culvert/converters"
	"culvert/converters/avro"
	"culvert/converters/json"
	"culvert/data"
)

// For returns the direct route from the wire form of dec to BSON documents; false:
// there is none, the caller decodes.
//
// It is indirect for bytes that are no documents, and for what has no BSON of its own.
// A transcoder uses dec, which is then for the same goroutine.
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
