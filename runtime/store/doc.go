// Package store keeps what a cluster of workers shares: the connectors with
// their task configs and target states (Config), what runs where and how
// (Statuses), and how far each source has come (Offsets).
//
// All three are views of a Table: a compacted topic (Topic), memory (Memory) or
// the offset file of a standalone worker (File). The records have the formats of
// Apache Kafka Connect: keys, values, the order of fields, nulls and the order of
// the records themselves, so that a Java worker reads ours as we read its.
//
//	config   session-key                     {"key","algorithm","creation-timestamp"}
//	         connector-<name>                {"properties":{}}, null when deleted
//	         task-<name>-<n>                 {"properties":{}}, valid from the next commit on
//	         commit-<name>                   {"tasks":N}
//	         target-state-<name>             {"state","state.v2"}; the second wins
//	         restart-connector-<name>        {"include-tasks","only-failed"}
//	         tasks-fencing-<name>            {"task-count":N}
//	         logger-cluster-<logger>         {"level"}
//	status   status-connector-<name>         {"state","trace","worker_id","generation","version"}
//	         status-task-<name>-<n>          the same
//	         status-topic-<t>:connector-<c>  {"topic":{"name","connector","task","discoverTimestamp"}}
//	offset   ["<name>",{partition}]          the offset; null: none
//
// Values are JSON without a schema envelope, as Java's JsonConverter writes it.
// What a record of another worker holds is never trusted: one that cannot be
// read is logged with its key and left out, the rest counts.
package store
