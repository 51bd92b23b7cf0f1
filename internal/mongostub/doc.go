// Package mongostub is a MongoDB that lives in the test process: it speaks the
// wire protocol on loopback, keeps documents in memory or throws them away,
// and fails when it is told to. It is for unit tests and measurements, so that
// neither needs a server.
//
// It answers hello, isMaster, ping, insert, update, delete, bulkWrite, find,
// getMore, endSessions, killSessions, connectionStatus and buildInfo, and as a replica
// set commitTransaction and abortTransaction. Filters match by equality and $in of
// (dotted) fields; updates are replacements or $set with $setOnInsert.
// Whatever else is asked for is CommandNotFound, as a real server says.
//
// With Discard it reads no more of a write than it needs to count it, so that
// what is measured is the client.
package mongostub
