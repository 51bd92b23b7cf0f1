// Package regex is java.util.regex.Pattern: the syntax, the meaning and the error
// texts of Java's regular expressions.
//
// An expression is read in Java's grammar and written again in a subset that other
// engines agree on: literals, classes as plain ranges, groups and anchors. Go's
// engine, which takes time linear in the text, runs what it can. What it lacks
// (look-around, back references, atomic groups, possessive quantifiers) runs on a
// backtracking engine, which gives up after a second.
package regex
