// Package kafka is all that Culvert does with a Kafka cluster, and the only
// importer of sarama.
//
// Clients are separate by role, because sarama holds a broker connection's lock
// for a whole round trip: a Fetch that waits for data would hold up a heartbeat
// or a commit to the same broker. So a Consumer only fetches, a Group joins,
// beats and commits, a Producer and a Txn produce, an Admin does the rest, and
// each has connections of its own.
//
//	settings.go  Java client properties -> sarama's settings (security.go: TLS, SASL)
//	admin.go     topics, configs, offsets of groups and partitions
//	consumer.go  fetch of explicitly assigned partitions
//	producer.go  idempotent produce with endless delivery
//	txn.go       rows and input offsets in one transaction
//	group.go     membership, for the protocol types "connect" and "consumer"
//	protocol.go  the bytes of the consumer protocol; range.go: Java's RangeAssignor
//	table.go     a compacted topic, read into memory and written to
//
// Outages of brokers are waited out: no call returns an error because a broker
// is away, except where its comment says Retry. No client ever makes a broker
// create a topic by asking for its metadata.
package kafka
