// Package dateformat is java.text.SimpleDateFormat in UTC and in English: its
// pattern letters, its lenient parsing, and its calendar, which is Julian before
// 15 October 1582.
//
// The rules are those of SimpleDateFormat, CalendarBuilder and GregorianCalendar in
// the locale en-US: weeks begin on Sunday, and the first week of a year is the one
// that holds 1 January.
package dateformat
