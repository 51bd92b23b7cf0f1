// Package task is the path of a record: what one task of a connector does from
// start to stop. It sees Kafka through the small interfaces of clients.go.
//
// The way of a record through a source (Source):
//
//  1. connectors.Source.Read fills a data.Batch and marks the source offsets it reaches
//  2. pipeline.apply runs the transformations in place               (chain.go)
//  3. encoder turns keys, values and headers into bytes              (encode.go)
//  4. Producer.Send, acknowledgements in any order; ring keeps them  (ring.go)
//  5. the marks of the contiguous acknowledged prefix are stored     (Source.flush)
//
// and through a sink (Sink):
//
//  1. Consumer.Poll delivers messages of the partitions that the group gave us (member.go)
//  2. codecs.wire makes records whose cells stay in wire form        (chain.go)
//  3. pipeline.apply runs the transformations                        (chain.go)
//  4. connectors.Sink.Write, again and again while it asks for it    (sink.go)
//  5. the offsets of what is durable are committed                   (session.go)
//
// and through a sink with a stateful transformation (Stream), a join for
// instance, where step 3 is
//
//  3. the inputs of one partition number are merged by timestamp     (merge.go),
//     transforms.Stateful.Process is called once for each, and its rows and the
//     offsets of its inputs leave in one transaction                 (shard.go, commit.go);
//     a restart reads back from the inputs what the windows held     (restore.go)
//
// Records that cannot be processed leave the path in errors.go: they are logged,
// become dead letters, are dropped, or stop the task, as errors.* says.
package task
