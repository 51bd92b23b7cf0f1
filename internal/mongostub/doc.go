// Package mongostub is a MongoDB that lives in the test process: it speaks the
// wire protocol on loopback, keeps documents in memory or throws them away,
// and fails when it is told to. It is for unit tests and measurements, so that
// neither needs a server.
//
// It answers hello, isMaster, ping, insert, update, delete, bulkWrite, find, aggregate
// (change streams, and pipelines over a collection as far as copying needs them),
// getMore, killCursors, drop, listDatabases, listCollections, endSessions,
// killSessions, connectionStatus and buildInfo, and as a replica set commitTransaction
// and abortTransaction. Filters match by equality and $in of (dotted) fields; updates
// are replacements or $set with $setOnInsert. A change stream shows writes when they
// are made, those of a transaction too.
// Whatever else is asked for is CommandNotFound, as a real server says.
//
// With Discard it reads no more of a write than it needs to count it, so that
// what is measured is the client.
package mongostub
