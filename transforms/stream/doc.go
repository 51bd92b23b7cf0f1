// Package stream joins two topics by time: culvert.transforms.StreamJoin.
//
// Every pair of a left and a right record with equal keys and
// left.time - before <= right.time <= left.time + after becomes one row, when
// its second record arrives. The rules are those of a KStream-KStream inner
// join (KStreamKStreamJoin, JoinWindows), as ksqlDB's WITHIN gives it:
//
//   - time is event time, and nothing is ever too late by the clock; a record is
//     forgotten when its own side's time is before + after + grace further
//     (state.Windows);
//   - several matches give several rows, in the time order of the other side;
//   - a row's time is the later of the two, its headers are those of the record
//     that triggered it, its key is the join value;
//   - a record with null key or null value joins with nothing and is counted.
//
// A record is kept in the form in which Kafka delivered it and decoded again
// when it matches: the state needs no format of its own.
package stream
