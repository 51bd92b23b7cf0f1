package dateformat

const (
	dayMillis = 86400000
	// cutover is 15 October 1582, the first day of the Gregorian calendar, in days
	// since the epoch.
	cutover     = -141427
	cutoverYear = 1582
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// date is a day in the calendar that was in use. The year before 1 is 0.
type date struct {
	days             int64 // since the epoch
	year, month, day int64
}

// dateOf finds the date of a day. It counts years from 1 March of year 0 on, so that
// a leap day is the last day of its year.
func dateOf(days int64) date {
	var y, rest int64
	if days >= cutover {
		z := days + 719468
		century := floorDiv(z, 146097)
		inEra := z - century*146097
		y = (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
		rest = inEra - (365*y + y/4 - y/100)
		y += century * 400
	} else {
		z := days + 719470
		cycle := floorDiv(z, 1461)
		inCycle := z - cycle*1461
		y = min(inCycle/365, 3)
		rest = inCycle - 365*y
		y += cycle * 4
	}
	m := (5*rest + 2) / 153
	d := date{days: days, year: y, month: m + 3, day: rest - (153*m+2)/5 + 1}
	if d.month > 12 {
		d.month -= 12
		d.year++
	}
	return d
}

// gregorianDays and julianDays count the days to the first of a month, whose number
// may lie outside of 1 to 12.
func gregorianDays(year, month int64) int64 {
	y, m := fromMarch(year, month)
	era := floorDiv(y, 400)
	inEra := y - era*400
	return era*146097 + inEra*365 + inEra/4 - inEra/100 + (153*m+2)/5 - 719468
}

func julianDays(year, month int64) int64 {
	y, m := fromMarch(year, month)
	return y*365 + floorDiv(y, 4) + (153*m+2)/5 - 719470
}

// fromMarch counts years from March on, so that a leap day is the last one.
func fromMarch(year, month int64) (y, m int64) {
	month--
	year += floorDiv(month, 12)
	month -= floorDiv(month, 12) * 12
	if month < 2 {
		return year - 1, month + 10
	}
	return year, month - 2
}

// firstOf is the day on which a year begins.
func firstOf(year int64) int64 {
	if g := gregorianDays(year, 1); g >= cutover {
		return g
	}
	return julianDays(year, 1)
}

func (d *date) era() int64 {
	if d.year > 0 {
		return 1
	}
	return 0
}

func (d *date) yearOfEra() int64 {
	if d.year > 0 {
		return d.year
	}
	return 1 - d.year
}

// weekdayOf is 0 for Sunday.
func weekdayOf(days int64) int64 { return days + 4 - floorDiv(days+4, 7)*7 }

func (d *date) weekday() int64 { return weekdayOf(d.days) }

func (d *date) yearDay() int64 { return d.days - firstOf(d.year) + 1 }

// week is the week of the year and the year it counts for: a week with 1 January in
// it is the first one.
func (d *date) week() (year, week int64) {
	if saturday := d.days + 6 - d.weekday(); saturday >= firstOf(d.year+1) {
		return d.year + 1, 1
	}
	first := firstOf(d.year)
	return d.year, (d.days-first+weekdayOf(first))/7 + 1
}

// monthDay counts the days of the month that have been. It is the date but in
// October 1582, of which ten days never were.
func (d *date) monthDay() int64 {
	if d.year == cutoverYear && d.month == 10 && d.days >= cutover {
		return d.day - 10
	}
	return d.day
}

func (d *date) weekOfMonth() int64 {
	n := d.monthDay()
	return (n-1+weekdayOf(d.days-n+1))/7 + 1
}

// onOrBefore is the last day of the weekday at or before days.
func onOrBefore(days, weekday int64) int64 {
	return days - (weekdayOf(days)-weekday+7)%7
}
