package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"culvert/fault"
)

// Error codes of the protocol that sarama does not name.
const (
	errUnknownTopicID sarama.KError = 100
	errInconsistentID sarama.KError = 103
)

// retriable are the answers after which the same request may succeed, as Java's
// RetriableException.
func retriable(e sarama.KError) bool {
	switch e {
	case sarama.ErrInvalidMessage, sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition,
		sarama.ErrRequestTimedOut, sarama.ErrReplicaNotAvailable, sarama.ErrNetworkException,
		sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrNotController,
		sarama.ErrKafkaStorageError, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrOffsetNotAvailable, sarama.ErrConcurrentTransactions,
		errUnknownTopicID, errInconsistentID, sarama.ErrThrottlingQuotaExceeded, sarama.ErrUnstableOffsetCommit:
		return true
	}
	return false
}

// staleCoordinator are the answers that ask for a new look at who coordinates.
func staleCoordinator(e sarama.KError) bool {
	return e == sarama.ErrConsumerCoordinatorNotAvailable || e == sarama.ErrNotCoordinatorForConsumer
}

// staleLeader are the answers that ask for a new look at who leads.
func staleLeader(e sarama.KError) bool {
	switch e {
	case sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition, sarama.ErrReplicaNotAvailable,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrKafkaStorageError, errUnknownTopicID, errInconsistentID:
		return true
	}
	return false
}

// answered turns an error code into a classified error: what was asked, and the
// broker's words. The code stays within reach of errors.Is.
func answered(what string, e sarama.KError) error {
	if e == sarama.ErrNoError {
		return nil
	}
	f := &fault.Error{Class: fault.Fatal, Code: fmt.Sprintf("kafka.error_%d", int16(e)), Err: fmt.Errorf("%s: %w", what, spoken{e})}
	switch {
	case retriable(e), e == sarama.ErrRebalanceInProgress:
		f.Class = fault.Retry
	case e == sarama.ErrProducerFenced, e == sarama.ErrInvalidProducerEpoch, e == sarama.ErrFencedInstancedId,
		e == sarama.ErrUnknownMemberId, e == sarama.ErrIllegalGeneration:
		f.Class, f.Code = fault.Fenced, "kafka.fenced"
	case e == sarama.ErrTopicAuthorizationFailed, e == sarama.ErrGroupAuthorizationFailed,
		e == sarama.ErrClusterAuthorizationFailed, e == sarama.ErrTransactionalIDAuthorizationFailed:
		f.Code = "kafka.unauthorized"
		f.Fix = "Give the worker's principal the right to do this (kafka-acls), or another principal to the worker."
	}
	return f
}

// spoken gives words to codes that sarama has none for.
type spoken struct{ sarama.KError }

func (s spoken) Error() string {
	switch s.KError {
	case sarama.ErrProducerFenced:
		return "there is a newer producer with the same transactional id, which fences this one"
	case errUnknownTopicID, errInconsistentID:
		return "the topic was deleted and created again"
	}
	return strings.TrimPrefix(s.KError.Error(), "kafka server: ")
}

func (s spoken) Unwrap() error { return s.KError }

// kerror finds a broker's error code in err.
func kerror(err error) (sarama.KError, bool) {
	var e sarama.KError
	ok := errors.As(err, &e)
	return e, ok
}
