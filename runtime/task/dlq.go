package task

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// Headers of a dead letter (DeadLetterQueueReporter, KIP-298).
const (
	headerTopic      = "__connect.errors.topic"
	headerPartition  = "__connect.errors.partition"
	headerOffset     = "__connect.errors.offset"
	headerConnector  = "__connect.errors.connector.name"
	headerTask       = "__connect.errors.task.id"
	headerStage      = "__connect.errors.stage"
	headerClass      = "__connect.errors.class.name"
	headerException  = "__connect.errors.exception.class.name"
	headerMessage    = "__connect.errors.exception.message"
	headerStackTrace = "__connect.errors.exception.stacktrace"
)

// letter is the dead letter for a failed record: the bytes that Kafka delivered,
// with Java's context headers after its own. They are added also to a letter that was
// sent back and has such headers already (DeadLetterQueueReporter.populateContextHeaders
// of 4.3.1): readers take the last header of a name, which is the newest failure.
func (p *policy) letter(f *data.Failure, input *data.Message) data.Message {
	m := data.Message{
		Topic: p.Letters, Partition: -1, Offset: -1, Timestamp: input.Timestamp,
		Key: input.Key, Value: input.Value,
	}
	if !p.LettersContext {
		m.Headers = input.Headers
		return m
	}
	m.Headers = append(make([]data.RawHeader, 0, len(input.Headers)+10), input.Headers...)
	add := func(key, value string) {
		m.Headers = append(m.Headers, data.RawHeader{Key: key, Value: []byte(value)})
	}
	add(headerTopic, input.Topic)
	add(headerPartition, strconv.Itoa(int(input.Partition)))
	add(headerOffset, strconv.FormatInt(input.Offset, 10))
	add(headerConnector, p.id.Connector)
	add(headerTask, strconv.Itoa(p.id.Task))
	add(headerStage, f.Stage.String())
	add(headerClass, f.By)
	if f.Err != nil {
		add(headerException, exceptionOf(f.Err, f.Stage))
		message, trace := f.Err.Error(), traceOf(f.Err, f.Stage)
		if p.Redact != nil {
			message, trace = p.Redact(message), p.Redact(trace)
		}
		add(headerMessage, message)
		add(headerStackTrace, trace)
	}
	return m
}

// exceptionOf is the class of the exception that Java would have thrown.
func exceptionOf(err error, stage data.Stage) string {
	if e := fault.Of(err); e != nil && e.Java != "" {
		return e.Java
	}
	switch stage {
	case data.StageKeyConverter, data.StageValueConverter, data.StageHeaderConverter, data.StageTransformation:
		return "org.apache.kafka.connect.errors.DataException"
	}
	return "org.apache.kafka.connect.errors.ConnectException"
}

// traceOf stands where Java prints a stack trace: the chain of causes without
// frames.
func traceOf(err error, stage data.Stage) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s\n", exceptionOf(err, stage), err)
	last := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		if text := cause.Error(); text != last {
			fmt.Fprintf(&s, "Caused by: %s: %s\n", exceptionOf(cause, stage), text)
			last = text
		}
	}
	return s.String()
}

// makeLetterTopic creates the dead letter topic with one partition, as Java does.
func makeLetterTopic(ctx context.Context, admin Admin, e *Errors, r *retrier) error {
	return r.do(ctx, "dead letter topic "+e.Letters, func() error {
		have, err := admin.Topics(ctx, e.Letters)
		if err != nil {
			return err
		}
		if _, ok := have[e.Letters]; ok {
			return nil
		}
		_, err = admin.CreateTopic(ctx, kafka.TopicSpec{Name: e.Letters, Partitions: 1, Replication: e.LettersReplication})
		if err == nil || fault.Is(err, fault.Retry) {
			return err
		}
		return fault.New(fault.Config, codeLetter, "Could not initialize dead letter queue with topic=%s, replication factor %d: %w",
			e.Letters, e.LettersReplication, err).WithField("errors.deadletterqueue.topic.name").
			WithFix("Create the topic, or set errors.deadletterqueue.topic.replication.factor to at most the number of brokers.")
	})
}

// sendLetters produces dead letters and waits for the broker's acknowledgement:
// the records they stand for count as done only then.
func sendLetters(ctx context.Context, p Producer, letters []data.Message) error {
	if len(letters) == 0 {
		return nil
	}
	err := produceAll(ctx, p, letters)
	if err == nil || ended(ctx, err) || fault.Is(err, fault.Fenced) {
		return err
	}
	return fault.New(fault.Fatal, codeLetter, "dead letter for topic '%s' was not written: %w", letters[0].Topic, err).
		WithFix("Check that the topic takes records of this size (max.message.bytes, producer.override.max.request.size) and that it may be written to.")
}
