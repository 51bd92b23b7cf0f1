package datetime

import (
	"strings"
	"time"
)

// field is what a text says about a time.
type field uint8

const (
	year field = iota
	yearOfEra
	era
	month
	dayOfMonth
	dayOfYear
	weekday
	half
	hour
	clockHour
	hourOfHalf
	clockHourOfHalf
	minute
	second
	nano
	milliOfDay
	nanoOfDay
	offsetSeconds
	fields
)

// parsed are the fields that were read, and the zone.
type parsed struct {
	value [fields]int64
	has   [fields]bool
	zone  *time.Location
}

// set stores a field; a field that was read twice must have the same value.
func (p *parsed) set(f field, v int64) bool {
	if p.has[f] && p.value[f] != v {
		return false
	}
	p.value[f], p.has[f] = v, true
	return true
}

// Parse reads a time, in milliseconds since the epoch; a text without zone is in UTC,
// a date without time at its midnight. ok is false for a text that the pattern does
// not fit, or that is no time.
func (f *Format) Parse(text string) (ms int64, ok bool) {
	var p parsed
	end, ok := f.section(f.items, text, 0, &p)
	if !ok || end != len(text) {
		return 0, false
	}
	return p.millis()
}

// section matches items from at on and returns where they end.
func (f *Format) section(items []item, text string, at int, p *parsed) (end int, ok bool) {
	for i := range items {
		it := &items[i]
		if it.kind == optional {
			had := *p
			if end, ok := f.section(it.inner, text, at, p); ok {
				at = end
			} else {
				*p = had
			}
			continue
		}
		if at, ok = f.item(it, text, at, p); !ok {
			return 0, false
		}
	}
	return at, true
}

func (f *Format) item(it *item, text string, at int, p *parsed) (end int, ok bool) {
	switch it.kind {
	case literal:
		if !strings.HasPrefix(text[at:], it.text) {
			return 0, false
		}
		return at + len(it.text), true
	case number, reduced:
		return it.number(text, at, p)
	case fraction:
		return it.fraction(text, at, p)
	case name:
		return f.names.parse(it, text, at, p)
	case offset:
		seconds, end, ok := parseOffset(text, at, it.style, it.zero)
		return end, ok && p.set(offsetSeconds, int64(seconds))
	case zone:
		return f.zones.parse(text, at, p)
	}
	return 0, false
}

func digits(text string, at, end int) int {
	n := 0
	for at+n < end && at+n < len(text) && text[at+n] >= '0' && text[at+n] <= '9' {
		n++
	}
	return n
}

// number is DateTimeFormatterBuilder.NumberPrinterParser in strict mode.
func (it *item) number(text string, at int, p *parsed) (end int, ok bool) {
	if at == len(text) {
		return 0, false
	}
	plus, minus := text[at] == '+', text[at] == '-'
	switch {
	case plus && it.sign != exceedsPad, minus && it.sign == notNegative:
		return 0, false
	case plus, minus:
		at++
	}
	n := digits(text, at, at+it.max+it.reserved)
	if it.reserved > 0 && n >= it.min {
		n = digits(text, at, at+max(it.min, n-it.reserved))
	}
	if n < it.min || n > 18 {
		return 0, false
	}
	var v int64
	for _, c := range []byte(text[at : at+n]) {
		v = v*10 + int64(c-'0')
	}
	switch {
	case minus && v == 0, it.sign == exceedsPad && plus && n <= it.min, it.sign == exceedsPad && !plus && !minus && n > it.min:
		return 0, false
	case minus:
		v = -v
	}
	if it.kind == reduced {
		v += 2000
	}
	return at + n, p.set(it.field, v)
}

func (it *item) fraction(text string, at int, p *parsed) (end int, ok bool) {
	n := digits(text, at, at+it.max)
	if n < it.min {
		return 0, false
	}
	var v int64
	for i := range 9 {
		v *= 10
		if i < n {
			v += int64(text[at+i] - '0')
		}
	}
	return at + n, p.set(it.field, v)
}

// parseOffset is OffsetIdPrinterParser: minutes and seconds are optional in some
// styles, colons are not.
func parseOffset(text string, at, style int, zero string) (seconds, end int, ok bool) {
	if at == len(text) {
		return 0, at, zero == ""
	}
	if zero != "" && strings.HasPrefix(text[at:], zero) {
		return 0, at + len(zero), true
	}
	sign := 1
	switch text[at] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, at, zero == ""
	}
	end = at + 1
	colon := style == 3 || style == 5
	part := func(colon bool) (n int, ok bool) {
		from := end
		if colon {
			if from >= len(text) || text[from] != ':' {
				return 0, false
			}
			from++
		}
		if digits(text, from, from+2) < 2 {
			return 0, false
		}
		end = from + 2
		return int(text[from]-'0')*10 + int(text[from+1]-'0'), true
	}
	h, ok := part(false)
	if !ok || h > 23 {
		return 0, at, false
	}
	m, ok := part(colon)
	if !ok && style != 1 {
		return 0, at, false
	}
	s := 0
	if ok && style >= 4 {
		s, _ = part(colon)
	}
	total := h*3600 + m*60 + s
	if m > 59 || s > 59 || total > 18*3600 {
		return 0, at, false
	}
	return sign * total, end, true
}
