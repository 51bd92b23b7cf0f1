// Package macd makes the orders and the payments of a chain of restaurants: two
// streams that belong together because both are a pure function of a seed and an
// index. Whoever knows the Config knows what has been sent, what a correct join
// must find and what a correct report of mismatches must name (Truth).
//
// It imports no connector machinery, so that tests and the demo can ask it.
package macd
