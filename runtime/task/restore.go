package task

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"culvert/data"
	"culvert/fault"
	"culvert/kafka"
)

// note is what a stream task writes into the metadata field of each offset that
// it commits.
type note struct {
	Version int   `json:"v"`
	Time    int64 `json:"t"` // stream time: the highest event time before the offset; -1: none
	From    int64 `json:"f"` // what lies before is older than retention: where a restore begins
	// All says that every partition of the inputs had an offset when this one was
	// written. A partition without one is then a loss, not a first start.
	All bool `json:"all,omitempty"`
	// Whole says that one owner kept the state of all partitions together.
	Whole bool `json:"w,omitempty"`
	// Kept is the print of what was kept and for how long (Stream.kept). From is of
	// use to who keeps the same.
	Kept uint32 `json:"k,omitempty"`
}

const noteVersion = 1

// noteOf reads a metadata field; false when the offset was committed by somebody
// else, a tool for instance.
func noteOf(m kafka.OffsetMeta) (note, bool) {
	var n note
	if json.Unmarshal([]byte(m.Metadata), &n) != nil || n.Version != noteVersion {
		return note{}, false
	}
	return n, true
}

func (n note) meta(offset int64) kafka.OffsetMeta {
	n.Version = noteVersion
	raw, err := json.Marshal(n)
	if err != nil {
		raw = nil // cannot happen: three numbers
	}
	return kafka.OffsetMeta{Offset: offset, Metadata: string(raw)}
}

// trail knows for a lane where event times lie, in chunks of offsets, so that a
// commit can say where a restore must begin. Records come out of order of event
// time, therefore the highest time of each chunk counts. (ListOffsets would find
// the place too, but only for record timestamps.)
type trail struct {
	chunks []chunk
	each   int64 // records of a chunk
	count  int64 // records in the last one
}

type chunk struct{ start, max int64 }

const (
	trailChunks = 128
	trailEach   = 64
)

// begin starts with one chunk that stands for everything from start on.
func (t *trail) begin(start, highest int64) {
	t.chunks, t.each, t.count = append(t.chunks[:0], chunk{start, highest}), trailEach, trailEach
}

func (t *trail) reset() { t.chunks, t.each, t.count = t.chunks[:0], trailEach, trailEach }

// add notes a record.
func (t *trail) add(offset, time int64) {
	if t.count < t.each && len(t.chunks) > 0 {
		last := &t.chunks[len(t.chunks)-1]
		last.max = max(last.max, time)
		t.count++
		return
	}
	if len(t.chunks) == trailChunks {
		for i := range trailChunks / 2 {
			a, b := t.chunks[2*i], t.chunks[2*i+1]
			t.chunks[i] = chunk{a.start, max(a.max, b.max)}
		}
		t.chunks = t.chunks[:trailChunks/2]
		t.each *= 2
	}
	t.chunks = append(t.chunks, chunk{offset, time})
	t.count = 1
}

// from forgets the chunks at the beginning that hold nothing later than cut, and
// returns where the rest begins; next when nothing is left.
func (t *trail) from(cut, next int64) int64 {
	n := 0
	for n < len(t.chunks) && t.chunks[n].max <= cut {
		n++
	}
	t.chunks = append(t.chunks[:0], t.chunks[n:]...)
	if len(t.chunks) == 0 {
		t.count = t.each
		return next
	}
	return t.chunks[0].start
}

// takeOver reads where the shard stands and sets its lanes: the committed offset
// to go on from and the offset to read back from.
//
// Invariant 5: the transactional producer is open by now, so the former owner can
// commit no more; RequireStable waits until what it left open has been aborted.
func (sh *shard) takeOver(ctx context.Context) (starts data.Offsets, err error) {
	st := sh.st
	var committed map[data.TopicPartition]kafka.OffsetMeta
	var begins, ends data.Offsets
	err = sh.retry.do(ctx, "offsets of group "+st.cfg.GroupID, func() (err error) {
		if committed, err = sh.stable(ctx); err != nil {
			return err
		}
		if former := sh.formerIDs(committed); len(former) > 0 {
			if err = st.fence(ctx, former); err != nil {
				return err
			}
			if committed, err = sh.stable(ctx); err != nil {
				return err
			}
		}
		if begins, err = st.admin.ListOffsets(ctx, sh.tps, kafka.Earliest); err != nil {
			return err
		}
		ends, err = st.admin.ListOffsets(ctx, sh.tps, kafka.Latest)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := sh.complete(ctx, committed); err != nil {
		return nil, err
	}
	starts = make(data.Offsets, len(sh.lanes))
	for _, l := range sh.lanes {
		m, ok := committed[l.tp]
		if starts[l.tp], err = sh.place(l, m, ok, begins[l.tp], ends[l.tp]); err != nil {
			return nil, err
		}
	}
	return starts, nil
}

// formerIDs are the transactional ids of owners that cut the work differently:
// copartitioned was changed since these offsets were committed. Such an owner, on
// a worker that is frozen, say, is not fenced by ours.
func (sh *shard) formerIDs(committed map[data.TopicPartition]kafka.OffsetMeta) []string {
	var ids []string
	for tp, m := range committed {
		n, known := noteOf(m)
		if !known || n.Whole == (sh.number < 0) {
			continue
		}
		former := tp.Partition
		if n.Whole {
			former = -1
		}
		if id := sh.st.transactionalID(former); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// fence takes transactional ids over to end whoever has them.
func (st *Stream) fence(ctx context.Context, ids []string) error {
	for _, id := range ids {
		txn, err := st.cfg.Txn(ctx, id)
		if err != nil {
			return err
		}
		if err := txn.Close(); err != nil {
			st.cfg.Log.Warn("close failed", "what", "transactional producer", "error", err)
		}
	}
	return nil
}

// leftoverAfter is how long open commits are waited for when nobody can have one.
const leftoverAfter = 5 * time.Second

// stable reads the committed offsets when no transaction has an open commit on
// them.
//
// Nobody but the owner of our transactional id commits these partitions, and
// taking the id over has ended what it left open. A commit that still counts as
// open after a while is a leftover: one that reached the broker after the end of
// its transaction (KIP-890 is about those; it was seen on a 4.3 broker after kills
// and a freeze). No transaction will ever end it, so it never becomes valid, and
// the last valid offset counts. The commit that the shard begins with is of the same
// producer id and clears it away.
func (sh *shard) stable(ctx context.Context) (map[data.TopicPartition]kafka.OffsetMeta, error) {
	limited, cancel := context.WithTimeout(ctx, leftoverAfter)
	defer cancel()
	committed, err := sh.st.admin.GroupOffsets(limited, sh.st.cfg.GroupID, sh.tps, true)
	if err == nil || ctx.Err() != nil || limited.Err() == nil {
		return committed, err
	}
	committed, last := sh.st.admin.GroupOffsets(ctx, sh.st.cfg.GroupID, sh.tps, false)
	if last == nil {
		sh.log.Warn("an open commit that belongs to no transaction is passed over", "group", sh.st.cfg.GroupID, "error", err.Error())
	}
	return committed, last
}

// place sets a lane to its committed offset and returns where to read back from.
func (sh *shard) place(l *lane, m kafka.OffsetMeta, ok bool, begin, end int64) (int64, error) {
	l.time = -1
	l.trail.reset()
	if !ok {
		switch sh.st.cfg.Reset {
		case kafka.Latest:
			l.committed = end
		case kafka.Earliest:
			l.committed = begin
		default:
			return 0, fault.New(fault.Config, "task.no_offset", "group %s has no offset for topic '%s', partition %d, and auto.offset.reset is none",
				sh.st.cfg.GroupID, l.tp.Topic, l.tp.Partition).WithFix("Set consumer.override.auto.offset.reset to earliest or latest.")
		}
		return l.committed, nil
	}
	if m.Offset > end {
		return 0, fault.New(fault.Fatal, "task.offset_beyond_end", "the committed offset %d of topic '%s', partition %d, is beyond its end %d: the topic was deleted and created anew",
			m.Offset, l.tp.Topic, l.tp.Partition, end).WithFix("Delete the offsets of group %s to begin anew, or restore the topic.", sh.st.cfg.GroupID)
	}
	l.committed = m.Offset
	if m.Offset < begin {
		sh.log.Warn("records were deleted by retention before they were read", "topic", l.tp.Topic, "partition", l.tp.Partition,
			"committed", m.Offset, "begin", begin)
		l.committed = begin
	}
	n, known := noteOf(m)
	if known && !n.Whole && sh.number < 0 && !sh.st.pass && m.Offset > begin {
		return 0, sh.st.apart()
	}
	from := begin
	switch {
	case sh.st.pass: // nothing is kept
		from = l.committed
	case known && n.Kept == sh.st.kept(): // else all there is: another window needs other records
		from = min(max(n.From, begin), l.committed)
		l.time = n.Time
		if from < l.committed {
			l.trail.begin(from, n.Time) // refined by what is read back
		}
	}
	return from, nil
}

// apart refuses to go on, over all partitions, from offsets that were committed
// partition by partition: what lies before them was joined within each partition
// only, and the rows whose sides lie in different ones would be lost in silence.
func (st *Stream) apart() error {
	return fault.New(fault.Config, "join.committed_apart",
		"the offsets of group %s were committed while each partition was joined by itself (copartitioned=true); rows whose two sides lie in different partitions were not made and would be missing",
		st.cfg.GroupID).WithFix("Let the join begin anew: stop the connector, delete its offsets (DELETE /connectors/%s/offsets) and resume it, upon which rows that were written before come again; or give it another name.",
		st.cfg.ID.Connector)
}

// complete refuses to take a partition for new that has lost its offset: its
// former rows would be written again.
//
// A first start looks alike for a moment, because the partitions of a join begin
// one after the other. What tells them apart is note.All, which an owner writes
// once it has seen an offset on every partition.
func (sh *shard) complete(ctx context.Context, committed map[data.TopicPartition]kafka.OffsetMeta) error {
	if sh.st.pass {
		return nil // a new topic or partition begins where auto.offset.reset says
	}
	if len(committed) == len(sh.tps) {
		for _, m := range committed {
			if n, ok := noteOf(m); ok && n.All {
				sh.all = true
			}
		}
		return nil
	}
	lost := sh.tps[0]
	for _, tp := range sh.tps {
		if _, ok := committed[tp]; !ok {
			lost = tp
		}
	}
	if len(committed) > 0 {
		return sh.lost(lost)
	}
	var every map[data.TopicPartition]kafka.OffsetMeta
	err := sh.retry.do(ctx, "offsets of group "+sh.st.cfg.GroupID, func() (err error) {
		every, err = sh.st.admin.GroupOffsets(ctx, sh.st.cfg.GroupID, sh.st.all, false)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range every {
		if n, ok := noteOf(m); ok && n.All {
			return sh.lost(lost)
		}
	}
	return nil
}

func (sh *shard) lost(tp data.TopicPartition) error {
	return fault.New(fault.Fatal, "task.offset_lost", "group %s has no offset for topic '%s', partition %d, though its other partitions have: it was lost, or the topic has got more partitions",
		sh.st.cfg.GroupID, tp.Topic, tp.Partition).
		WithFix("Keys may have moved between partitions. Delete all offsets of the group to begin anew, or give the connector a new name; its rows are written again.")
}

// siblings looks, until it has seen it, whether every partition has an offset.
func (sh *shard) siblings(ctx context.Context) {
	every, err := sh.st.admin.GroupOffsets(ctx, sh.st.cfg.GroupID, sh.st.all, false)
	if err == nil && len(every) == len(sh.st.all) {
		sh.all, sh.dirty = true, true
	}
}

// offsets are the lanes' positions with their notes: what a transaction commits.
// The positions of all lanes go together, so that an offset and what was made
// from it are never apart.
func (sh *shard) offsets() map[data.TopicPartition]kafka.OffsetMeta {
	metas := make(map[data.TopicPartition]kafka.OffsetMeta, len(sh.lanes))
	for _, l := range sh.lanes {
		n := note{Time: l.time, From: l.next, All: sh.all, Whole: sh.number < 0, Kept: sh.st.kept()}
		// The windows' own time, not the lanes': a record that was not kept (a null
		// value far ahead) does not expire those that were.
		if kept, any := sh.windows.StreamTime(l.side); any {
			n.From = l.trail.from(kept-sh.st.retention[l.side], l.next)
		}
		metas[l.tp] = n.meta(l.next)
	}
	return metas
}

// restore fills the windows: from a snapshot as far as there is one, from the
// inputs for the rest. Nothing is emitted.
func (sh *shard) restore(ctx context.Context, starts data.Offsets) error {
	committed := make(data.Offsets, len(sh.lanes))
	for _, l := range sh.lanes {
		committed[l.tp] = l.committed
	}
	kept := sh.windows.Load(committed)
	var records int64
	err := sh.st.intake.change(func() error {
		for _, l := range sh.lanes {
			start := starts[l.tp]
			if o, ok := kept[l.tp]; ok {
				start = max(start, o)
			}
			records += l.committed - start
			sh.mu.Lock()
			l.clear()
			l.next, l.pushed = start, start
			sh.mu.Unlock()
			if err := sh.st.intake.consumer.Add(ctx, l.tp, start); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || records == 0 {
		return err
	}
	waiting := sh.st.cfg.Waiting.For(fmt.Sprintf("restore %d", sh.number))
	waiting(fmt.Sprintf("restoring the state of partition %d: reading back about %d records", sh.number, records))
	defer waiting("")
	sh.log.Info("restoring", "records", records, "snapshot", kept != nil)
	sh.unfit = 0
	sh.restoring, sh.before.policy = true, sh.st.silent
	defer func() { sh.restoring, sh.before.policy = false, sh.st.policy }()
	for !sh.allReplayed() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := sh.gather(ctx, sh.in, endCheck, nil); err != nil {
			return err
		}
		if len(sh.in.Inputs) == 0 {
			continue
		}
		if err := sh.replay(ctx); err != nil {
			return err
		}
	}
	if sh.unfit > 0 {
		sh.log.Warn("records within the window cannot be used and make no rows; they were refused before, unless the configuration has changed", "records", sh.unfit)
	}
	return nil
}

func (sh *shard) allReplayed() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, l := range sh.lanes {
		if !sh.replayed(l) {
			return false
		}
	}
	for _, l := range sh.lanes {
		l.next = max(l.next, l.committed)
	}
	return true
}

// replay is one step of a restore.
func (sh *shard) replay(ctx context.Context) error {
	if err := sh.prepare(ctx); err != nil {
		return err
	}
	// What failed then fails now, and was settled then.
	if err := sh.waitOut(); err != nil {
		return err
	}
	sh.in.ClearFailed()
	if err := sh.process(ctx); err != nil {
		return err
	}
	sh.unfit += len(sh.in.Failed())
	sh.advanceLanes()
	sh.in.Release()
	sh.out.Release()
	return sh.checkpoint(ctx, sh.positions())
}
