// Package boot builds a worker from properties and a list of plugins. The
// command, the demo and the tests all start through it, so that what is tested
// is what runs.
package boot
