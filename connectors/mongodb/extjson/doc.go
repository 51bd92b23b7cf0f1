// Package extjson reads text as MongoDB's Java driver does in
// org.bson.BsonDocument.parse: JSON, extended JSON (both versions) and the
// shell's constructors, with unquoted names, single quotes and commas that may
// be missing. The result is BSON.
//
// It is lenient where the driver is: what follows the closing brace is ignored.
// The words of an error are the driver's.
package extjson
