// Package json is org.apache.kafka.connect.json.JsonConverter: plain JSON, or
// JSON in an envelope with its schema.
//
// Decoding reads the bytes once and builds data.Value directly; texts share the
// bytes they were read from. What Java reads into something else without a word (an
// integer beyond 64 bits, a text where the schema says int32) is refused here;
// internal/golden/deviations.json lists these cases.
package json
