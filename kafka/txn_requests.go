package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"culvert/data"
	"culvert/fault"
)

// at sends a request to the coordinator of the transactional id.
func (t *Txn) at(ctx context.Context, f func(b *sarama.Broker) error) error {
	if t.coordinator < 0 {
		var err error
		if t.coordinator, err = t.c.coordinator(ctx, sarama.CoordinatorTransaction, t.id); err != nil {
			return err
		}
	}
	return t.c.ask(ctx, t.coordinator, mainLane, t.c.opts.requestTimeout, f)
}

func (t *Txn) sendInit(ctx context.Context, from identity) (identity, error) {
	var resp *sarama.InitProducerIDResponse
	err := t.at(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.InitProducerID(&sarama.InitProducerIDRequest{Version: 4, TransactionalID: &t.id,
			TransactionTimeout: t.c.opts.txnTimeout, ProducerID: from.id, ProducerEpoch: from.epoch})
		return err
	})
	if err != nil {
		return nobody, err
	}
	return identity{resp.ProducerID, resp.ProducerEpoch}, answered("take over the transactional id "+t.id, resp.Err)
}

// sendPartitions adds the partitions to the transaction.
func (t *Txn) sendPartitions(ctx context.Context, queues []*queue) error {
	what := "begin transaction " + t.id
	req := &sarama.AddPartitionsToTxnRequest{Version: 3, TransactionalID: t.id, ProducerID: t.who.id, ProducerEpoch: t.who.epoch,
		TopicPartitions: map[string][]int32{}}
	for _, q := range queues {
		req.TopicPartitions[q.tp.Topic] = append(req.TopicPartitions[q.tp.Topic], q.tp.Partition)
	}
	var resp *sarama.AddPartitionsToTxnResponse
	err := t.at(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.AddPartitionsToTxn(req)
		return err
	})
	if err != nil {
		t.open = true // perhaps
		return err
	}
	if err := worstOf(what, resp.Errors); err != nil {
		return err
	}
	t.open = true
	return nil
}

// worstOf is the error of an answer by partitions: one that no waiting heals
// counts more. Partitions that were held back because of another say so
// (OPERATION_NOT_ATTEMPTED).
func worstOf(what string, errs map[string][]*sarama.PartitionError) error {
	var worst error
	for topic, parts := range errs {
		for _, p := range parts {
			if p.Err == sarama.ErrNoError || p.Err == sarama.ErrOperationNotAttempted {
				continue
			}
			if worst == nil || waitable(worst) {
				worst = answered(fmt.Sprintf("%s (%s-%d)", what, topic, p.Partition), p.Err)
			}
		}
	}
	return worst
}

func (t *Txn) sendGroup(ctx context.Context, group string) error {
	var resp *sarama.AddOffsetsToTxnResponse
	err := t.at(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{Version: 3, TransactionalID: t.id,
			ProducerID: t.who.id, ProducerEpoch: t.who.epoch, GroupID: group})
		return err
	})
	if err != nil {
		t.open = true // perhaps
		return err
	}
	if err := answered("add group "+group+" to transaction "+t.id, resp.Err); err != nil {
		return err
	}
	t.open = true
	return nil
}

// sendOffsets commits offsets within the transaction. The group has no members, so
// there is neither a member nor a generation.
func (t *Txn) sendOffsets(ctx context.Context, group string, offsets map[data.TopicPartition]OffsetMeta) error {
	coordinator, ok := t.groups[group]
	if !ok {
		var err error
		if coordinator, err = t.c.coordinator(ctx, sarama.CoordinatorGroup, group); err != nil {
			return err
		}
		t.groups[group] = coordinator
	}
	req := &sarama.TxnOffsetCommitRequest{Version: 3, TransactionalID: t.id, GroupID: group, ProducerID: t.who.id,
		ProducerEpoch: t.who.epoch, GenerationID: -1, Topics: map[string][]*sarama.PartitionOffsetMetadata{}}
	for tp, o := range offsets {
		req.Topics[tp.Topic] = append(req.Topics[tp.Topic], &sarama.PartitionOffsetMetadata{Partition: tp.Partition,
			Offset: o.Offset, LeaderEpoch: -1, Metadata: &o.Metadata})
	}
	var resp *sarama.TxnOffsetCommitResponse
	err := t.c.ask(ctx, coordinator, mainLane, t.c.opts.requestTimeout, func(b *sarama.Broker) (err error) {
		resp, err = b.TxnOffsetCommit(req)
		return err
	})
	if err != nil {
		return err
	}
	err = worstOf("commit offsets of group "+group+" in transaction "+t.id, resp.Topics)
	if code, _ := kerror(err); code == sarama.ErrUnknownMemberId || code == sarama.ErrIllegalGeneration {
		return fault.New(fault.Fatal, "kafka.group_has_members", "%v: the group has members", err).
			WithFix("Stop what consumes as group %s: its offsets belong to this task.", group)
	}
	return err
}

// sendEnd commits or aborts. Repeating it is safe: the coordinator confirms what
// it has done already.
func (t *Txn) sendEnd(ctx context.Context, commit bool) error {
	var resp *sarama.EndTxnResponse
	err := t.at(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.EndTxn(&sarama.EndTxnRequest{Version: 3, TransactionalID: t.id, ProducerID: t.who.id,
			ProducerEpoch: t.who.epoch, TransactionResult: commit})
		return err
	})
	if err != nil {
		return err
	}
	return answered("end transaction "+t.id, resp.Err)
}

// describe asks who owns the transactional id and how its last transaction stands.
func (t *Txn) describe(ctx context.Context) (identity, string, error) {
	what := "describe transaction " + t.id
	var resp *sarama.DescribeTransactionsResponse
	err := t.at(ctx, func(b *sarama.Broker) (err error) {
		resp, err = b.DescribeTransactions(&sarama.DescribeTransactionsRequest{TransactionalIDs: []string{t.id}})
		return err
	})
	if err != nil {
		return nobody, "", err
	}
	if len(resp.TransactionStates) != 1 {
		return nobody, "", fmt.Errorf("%s: %w", what, errTransport)
	}
	s := resp.TransactionStates[0]
	return identity{s.ProducerID, s.ProducerEpoch}, s.TransactionState, answered(what, s.ErrorCode)
}

// produceRound sends the first batch of each queue to its leader and takes out
// those that are in the log. The error is that of one that is not.
func (t *Txn) produceRound(ctx context.Context, queues []*queue) (progress bool, err error) {
	tps := make([]data.TopicPartition, len(queues))
	byPartition := make(map[data.TopicPartition]*queue, len(queues))
	for i, q := range queues {
		tps[i], byPartition[q.tp] = q.tp, q
	}
	byLeader, err := t.c.byLeader(ctx, tps)
	if err != nil {
		return false, err
	}
	for broker, part := range byLeader {
		for len(part) > 0 {
			n, some, perr := t.produceTo(ctx, broker, part, byPartition)
			progress = progress || some
			if perr != nil && (err == nil || waitable(err)) {
				err = perr
			}
			part = part[n:]
		}
	}
	return progress, err
}

// produceTo sends one request with as many of the partitions as max.request.size
// allows, and says with how many.
func (t *Txn) produceTo(ctx context.Context, broker int32, tps []data.TopicPartition, queues map[data.TopicPartition]*queue) (n int, progress bool, err error) {
	req := &sarama.ProduceRequest{Version: 8, TransactionalID: &t.id, RequiredAcks: sarama.WaitForAll,
		Timeout: int32(t.c.opts.requestTimeout.Milliseconds())}
	for bytes := 0; n < len(tps); n++ {
		b := queues[tps[n]].batches[0]
		if bytes += b.bytes; n > 0 && bytes > t.c.opts.maxRequest {
			break
		}
		req.AddBatch(tps[n].Topic, tps[n].Partition, b.seal(t.who, t.sequences[tps[n]], &t.c.opts, true))
	}
	var resp *sarama.ProduceResponse
	err = t.c.ask(ctx, broker, mainLane, t.c.opts.requestTimeout+answerTime, func(b *sarama.Broker) (err error) {
		resp, err = b.Produce(req)
		return err
	})
	if err != nil {
		t.c.forgetLeaders(tps[:n])
		return n, false, err
	}
	for _, tp := range tps[:n] {
		block := resp.GetBlock(tp.Topic, tp.Partition)
		if block == nil {
			block = &sarama.ProduceResponseBlock{Err: sarama.ErrUnknownTopicOrPartition}
		}
		perr := t.answer(queues[tp], block)
		if perr == nil {
			progress = true
		} else if err == nil || waitable(err) {
			err = perr
		}
	}
	return n, progress, err
}

// answer acts on what a broker said of a queue's first batch.
func (t *Txn) answer(q *queue, block *sarama.ProduceResponseBlock) error {
	first := q.batches[0]
	what := fmt.Sprintf("produce to %s-%d", q.tp.Topic, q.tp.Partition)
	switch judge(first, block.Err, 0) {
	case delivered:
		t.sequences[q.tp] = advance(t.sequences[q.tp], len(first.records))
		q.batches = q.batches[1:]
		return nil
	case halved:
		q.batches = append(halve(first), q.batches[1:]...)
		return nil
	case again:
		if staleLeader(block.Err) {
			t.c.forgetLeaders([]data.TopicPartition{q.tp})
		}
		return answered(what, block.Err)
	}
	if !ofRecords(block.Err) {
		return answered(what, block.Err)
	}
	words, i := block.ErrorMessage, 0
	if len(block.RecordErrors) > 0 {
		i = int(block.RecordErrors[0].BatchIndex)
		if m := block.RecordErrors[0].BatchIndexErrorMessage; m != nil {
			words = m
		}
	}
	if i < 0 || i >= len(first.entries) {
		return answered(what, block.Err)
	}
	return &RecordError{int(first.entries[i].i), rejected(q.tp, block.Err, words)}
}

// halve makes two batches of one. The one goes back when Run ends: it is still in
// the list it came from.
func halve(b *batch) []*batch {
	parts := []*batch{newBatch(b.tp), newBatch(b.tp)}
	for i, e := range b.entries {
		part := parts[i*2/len(b.entries)]
		part.add(e.message())
		part.entries = append(part.entries, e)
	}
	return parts
}
