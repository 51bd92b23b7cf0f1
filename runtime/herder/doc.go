// Package herder turns what the user wants into what runs: it is the only place
// where membership in the worker group meets tasks.
//
// # The loop
//
// One goroutine owns all state of a Herder (loop.go). It takes what comes in (a
// change of the config topic, an assignment, a report of a task, a timer), computes
// diff(desired, actual), a pure function (diff.go), and posts the difference to the
// worker. It never waits: not for a plugin, not for a broker, not for a task. What
// takes time is done by others, who post their result back.
//
// Requests of users (control.go) do not go through the loop. They write to the
// config topic and return when the record is read back; the loop sees the same
// record as every other worker and acts on it. Reads (view.go) are of snapshots.
//
// # Rebalance
//
// Under the eager protocol a worker gives up its work before it joins. A follower
// does: Revoke stops all its tasks, and waits for them. The leader does not have
// to: nobody gets an assignment before the leader hands them out, so it stops in
// Assign what it loses or what has changed, waits for that, and only then tells
// the others (membership.go). A lone worker, which leads itself, therefore never
// interrupts a task because another connector came or went.
//
// Task configs take effect with an assignment that knows them (its config offset
// is beyond their commit), never before: when the partitions of a source move from
// one of its tasks to another, the old task has stored its offsets before the new
// one reads them, on whichever workers they are.
//
//  1. A record changes the work (store.Cluster.WorkSeq). Every worker that reads it
//     stops the tasks whose configs are replaced, and asks for a rebalance.
//  2. Followers stop everything and join. The leader joins.
//  3. The leader has the list of members: it stops what is not its own any more and
//     marks UNASSIGNED what workers that are gone have left RUNNING.
//  4. All get their assignments and start what they do not run yet.
//
// # Losing the membership
//
// A worker is out of the group when the coordinator says so: then it stops all
// its tasks before it joins again (a process that was frozen, for instance). While
// no coordinator answers, its tasks go on, however long that takes. Either the
// cluster is down for everybody, then nobody else can have got the work; or only
// this worker is cut off, then what it could still do is harmless: the consumers of
// sinks are static members whose successors fence them, the join's producers are
// fenced by their transactional ids, a source cannot produce without the cluster,
// and between the return of the connection and the coordinator's answer it can at
// most produce again what its successor has produced.
//
// # What is shown
//
// The herder alone writes statuses, through one queue (statuses.go), so that they
// keep their order. RUNNING with a trace is a task that waits for something
// outside; the trace says for what.
package herder
