// Package topicsink is the sink that writes what leaves its chain of
// transformations to a topic: culvert.connectors.TopicSink. Behind a join it is
// what makes Kafka → Kafka pipelines.
//
// It encodes; the task produces, in one transaction with the offsets of the
// inputs (connectors.Transactional).
package topicsink
