// Package metrics is what Culvert counts, and how it shows it.
//
//	table.go    every metric: Java's MBean and attribute, its Prometheus name, its help
//	window.go   statistics over the last samples, as Kafka's own metrics keep them
//	task.go     what a task counts; it is told once for each batch
//	worker.go   what a worker counts: starts, rebalances
//	collect.go  a scrape: the table's rows from what is counted
//
// Tasks and workers only add; names, labels and formats are known here alone.
package metrics
