// Package smt holds the single message transforms of Apache Kafka Connect
// (org.apache.kafka.connect.transforms), one file each, with Java's keys, results
// and error texts.
//
// A transformation looks at a record, makes new values in the arena of the batch
// and puts them into the record; what it does not look at stays in wire form. What
// it has to know about an input schema it works out once per schema (plans).
package smt
