package kafka

import "culvert/data"

// ConsumerSubscription is the metadata of a member of protocol type "consumer",
// as Java's ConsumerProtocol writes it (versions 0 to 3).
type ConsumerSubscription struct {
	Topics     []string
	UserData   []byte
	Owned      []data.TopicPartition
	Generation int32  // -1: none
	Rack       string // empty: none
}

// Encode gives the bytes in version 3.
func (s ConsumerSubscription) Encode() []byte { return nil }

// DecodeSubscription reads versions 0 to 3, and later ones as 3.
func DecodeSubscription(b []byte) (ConsumerSubscription, error) {
	return ConsumerSubscription{}, errTodo
}

// ConsumerAssignment is what the leader gives a member of protocol type
// "consumer".
type ConsumerAssignment struct {
	Partitions []data.TopicPartition
	UserData   []byte
}

// Encode gives the bytes in version 3.
func (a ConsumerAssignment) Encode() []byte { return nil }

// DecodeAssignment reads all versions.
func DecodeAssignment(b []byte) (ConsumerAssignment, error) { return ConsumerAssignment{}, errTodo }
