// Package datetime reads texts as java.time.format.DateTimeFormatter does: its
// pattern letters, optional sections, strict parsing and SMART resolving, with the
// names of months and days in the languages of names.txt.
//
// The rules are those of DateTimeFormatterBuilder and java.time.format.Parsed. What a
// pattern says that is not implemented (weeks, quarters, localized offsets) matches
// nothing, so that a text stays a text.
package datetime
