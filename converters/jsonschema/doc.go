// Package jsonschema is io.confluent.connect.json.JsonSchemaConverter: JSON in
// Confluent's wire format, whose JSON schema is mapped to a Connect schema as
// Confluent's JsonSchemaData does.
//
// Schemas are compiled, and payloads validated where that is configured, by
// santhosh-tekuri/jsonschema; the payloads themselves are read and written by
// converters/json.
package jsonschema
