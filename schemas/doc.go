// Package schemas reads and registers schemas in a Schema Registry (Confluent's
// API, which other registries speak too). It is the only importer of srclient.
//
// A schema that was read once is never asked for again: ids are immutable. When
// the registry does not answer, errors have class Retry, so that a task waits and
// loses nothing; what the registry definitely does not have is a bad record. Every
// request has a timeout, and after a failure the next ones fail at once until a
// short pause is over, so that a slow registry is not waited for record by record.
package schemas
