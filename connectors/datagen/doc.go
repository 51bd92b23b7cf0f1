// Package datagen is the source that makes up records: the connector that users
// know as io.confluent.kafka.connect.datagen.DatagenConnector.
//
// Two kinds of generators stand behind it. gen makes random values for any Avro
// schema, with the rules and, given a seed, the values of the original. macd makes
// orders and payments that belong together, so that the outcome of a pipeline can
// be counted.
//
// The offset of a task holds the state before its next record: after a restart
// the stream goes on with exactly the record that was not acknowledged.
package datagen
