// Package data is what moves through Culvert: values, their schemas, records
// and batches. It imports nothing of ours.
//
// A record that no transformation looked at stays in wire form (Cell) from the
// broker to the sink. A batch owns the memory of what was decoded from it.
package data
