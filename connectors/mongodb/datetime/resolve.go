package datetime

import "time"

const (
	daySeconds = 24 * 60 * 60
	nanos      = int64(1_000_000_000)
	maxYear    = 999_999_999
)

// millis is Parsed.resolve with ResolverStyle.SMART, and then what the sink makes of
// it: an instant, else a time in UTC, else the midnight of a date.
func (p *parsed) millis() (int64, bool) {
	days, hasDate, ok := p.date()
	if !ok {
		return 0, false
	}
	ofDay, hasTime, ok := p.time()
	if !ok || !hasDate {
		return 0, false
	}
	if p.has[weekday] && (days+3-floorDiv(days+3, 7)*7)+1 != p.value[weekday] {
		return 0, false
	}
	if !hasTime {
		return days * daySeconds * 1000, true
	}
	seconds := days*daySeconds + floorDiv(ofDay, nanos)
	switch {
	case p.has[offsetSeconds]:
		seconds -= p.value[offsetSeconds]
	case p.zone != nil:
		seconds -= zoneOffset(p.zone, seconds)
	}
	return seconds*1000 + floorMod(ofDay, nanos)/1_000_000, true
}

// zoneOffset is the offset for a local time. One that comes twice, at the end of
// summer time, has the earlier offset; one that does not exist is moved on by the
// length of the gap: ZonedDateTime.ofLocal.
func zoneOffset(zone *time.Location, local int64) int64 {
	at := func(utc int64) int64 { _, o := time.Unix(utc, 0).In(zone).Zone(); return int64(o) }
	before, after := at(local-daySeconds), at(local+daySeconds)
	if at(local-before) == before {
		return before
	}
	if at(local-after) == after {
		return after
	}
	return before
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// date is IsoChronology.resolveDate: a year with month and day, or with the day of
// the year. The 31st of a shorter month is its last day.
func (p *parsed) date() (days int64, has, ok bool) {
	if p.has[era] && (p.value[era] < 0 || p.value[era] > 1) {
		return 0, false, false
	}
	if p.has[yearOfEra] {
		y := p.value[yearOfEra]
		if y < 1 || y > maxYear {
			return 0, false, false
		}
		if p.has[era] && p.value[era] == 0 || !p.has[era] && p.has[year] && p.value[year] <= 0 {
			y = 1 - y
		}
		if !p.set(year, y) {
			return 0, false, false
		}
	}
	if !p.has[year] {
		return 0, false, true
	}
	y := p.value[year]
	if y < -maxYear || y > maxYear {
		return 0, false, false
	}
	switch {
	case p.has[month] && p.has[dayOfMonth]:
		m, d := p.value[month], p.value[dayOfMonth]
		if m < 1 || m > 12 || d < 1 || d > 31 {
			return 0, false, false
		}
		days = daysFromCivil(y, m, min(d, monthLength(y, m)))
		if p.has[dayOfYear] && days-daysFromCivil(y, 1, 1)+1 != p.value[dayOfYear] {
			return 0, false, false
		}
		return days, true, true
	case p.has[dayOfYear]:
		d := p.value[dayOfYear]
		if d < 1 || d > 365 && !(d == 366 && isLeap(y)) {
			return 0, false, false
		}
		return daysFromCivil(y, 1, 1) + d - 1, true, true
	}
	return 0, false, true
}

func isLeap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func monthLength(y, m int64) int64 {
	switch m {
	case 2:
		if isLeap(y) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFromCivil is the number of days since 1 January 1970 in the proleptic
// Gregorian calendar.
func daysFromCivil(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// time is Parsed.resolveTimeFields and resolveTimeLenient. It is in nanoseconds of
// the day; the hour 24 on the dot is midnight of the next day.
func (p *parsed) time() (ofDay int64, has, ok bool) {
	if !p.ranges() {
		return 0, false, false
	}
	if p.has[clockHour] && !p.set(hour, p.value[clockHour]%24) {
		return 0, false, false
	}
	if p.has[clockHourOfHalf] && !p.set(hourOfHalf, p.value[clockHourOfHalf]%12) {
		return 0, false, false
	}
	if p.has[half] && p.has[hourOfHalf] && !p.set(hour, p.value[half]*12+p.value[hourOfHalf]) {
		return 0, false, false
	}
	switch {
	case p.has[nanoOfDay]:
		return p.value[nanoOfDay], true, true
	case p.has[milliOfDay]:
		return p.value[milliOfDay] * 1_000_000, true, true
	case !p.has[hour], !p.has[minute] && (p.has[second] || p.has[nano]), !p.has[second] && p.has[nano]:
		return 0, false, true
	}
	h, m, s, n := p.value[hour], p.value[minute], p.value[second], p.value[nano]
	if h == 24 && m+s+n > 0 {
		return 0, false, false
	}
	return ((h*60+m)*60+s)*nanos + n, true, true
}

// ranges checks each field of the time by itself.
func (p *parsed) ranges() bool {
	for _, r := range []struct {
		f        field
		min, max int64
	}{{hour, 0, 24}, {clockHour, 0, 24}, {hourOfHalf, 0, 11}, {clockHourOfHalf, 0, 12}, {minute, 0, 59}, {second, 0, 59}, {nano, 0, nanos - 1},
		{milliOfDay, 0, daySeconds*1000 - 1}, {nanoOfDay, 0, daySeconds*nanos - 1}, {weekday, 1, 7}} {
		if p.has[r.f] && (p.value[r.f] < r.min || p.value[r.f] > r.max) {
			return false
		}
	}
	return true
}
