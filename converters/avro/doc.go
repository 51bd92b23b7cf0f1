// Package avro is io.confluent.connect.avro.AvroConverter: Avro in Confluent's
// wire format, with schemas in a Schema Registry.
//
// A record's way: the five-byte head names the writer schema's id (wire.go); the
// schema is fetched once (package schemas), parsed by hamba/avro (parse.go) and
// mapped to a Connect schema as Confluent's AvroData maps it (connect.go); the
// same walk compiles the tree of Nodes that decode.go follows through the bytes.
// Writing goes the other way: derive.go makes the Avro schema of a Connect schema,
// encode.go follows both.
package avro
