// Package bson makes BSON documents of records, as MongoDB's sink connector 2.0.1
// makes them (SchemaRecordConverter, MapRecordConverter).
//
// There are two routes with the same result, byte for byte. Append writes a
// data.Value. For gives a transcoder that reads the bytes that Kafka delivered and
// makes no data.Value at all; whatever is unusual it leaves to the other route by
// answering ErrIndirect, so that it can be faster but not different.
package bson
