// Package worker owns the tasks of this process: it builds each from its
// configuration, starts it, gives it a deadline to stop, and keeps what goes wrong
// in one from the others.
//
//	worker.go   the tasks that run, and the calls of the herder
//	run.go      one task from start to end: panics, fencing, abandonment
//	build.go    configuration -> task.Source, task.Sink or task.Stream
//	chain.go    converters and transformations
//	clients.go  worker and connector properties -> settings of Kafka clients
//	keys.go     the configuration keys that tasks read
//	configs.go  the task configs that go to the config topic
package worker
