// Package protobuf is io.confluent.connect.protobuf.ProtobufConverter: Protobuf in
// Confluent's wire format, mapped to Connect schemas as Confluent's ProtobufData
// does.
//
// A record is a head with the schema's id, the path to the message type inside of
// the schema's file, and the message. Texts of schemas are compiled by protocompile.
package protobuf
