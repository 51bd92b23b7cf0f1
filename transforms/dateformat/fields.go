package dateformat

import "math"

// field is one of the fields of a calendar. Weekdays count from Sunday, 0, and months
// from January, 0.
type field uint8

const (
	eraField field = iota
	yearField
	weekYearField
	monthField
	dayField
	yearDayField
	weekField
	monthWeekField
	weekdayField
	weekdayInMonthField // the n-th such weekday of the month
	halfField
	hourField   // of a half day
	hour24Field // of a day
	minuteField
	secondField
	millisField
	zoneField // distance from UTC in milliseconds
	fieldCount
)

var fieldOf = [...]field{
	'G': eraField, 'y': yearField, 'Y': weekYearField, 'M': monthField, 'L': monthField, 'd': dayField, 'D': yearDayField,
	'w': weekField, 'W': monthWeekField, 'E': weekdayField, 'u': weekdayField, 'F': weekdayInMonthField, 'a': halfField,
	'K': hourField, 'h': hourField, 'H': hour24Field, 'k': hour24Field, 'm': minuteField, 's': secondField, 'S': millisField,
}

// fields are what a text has said, and in which order: the later of two
// contradicting fields counts.
type fields struct {
	value [fieldCount]int64
	stamp [fieldCount]int // 0: not set
	next  int
}

func (f *fields) set(n field, v int64) {
	f.next++
	f.value[n], f.stamp[n] = v, f.next
}

func (f *fields) isSet(n field) bool { return f.stamp[n] > 0 }

// or is the value of a field, or another where it is not set.
func (f *fields) or(n field, other int64) int64 {
	if f.isSet(n) {
		return f.value[n]
	}
	return other
}

// both is the stamp of two fields that count together.
func (f *fields) both(a, b field) int {
	if !f.isSet(a) || !f.isSet(b) {
		return 0
	}
	return max(f.stamp[a], f.stamp[b])
}

// millis is GregorianCalendar.computeTime. It fails beyond the range of int64.
func (f *fields) millis() (int64, bool) {
	t := ((f.hour()*60+f.value[minuteField])*60+f.value[secondField])*1000 + f.value[millisField]
	days := f.days(floorDiv(t, dayMillis))
	if days > math.MaxInt64/dayMillis-100 || days < math.MinInt64/dayMillis+100 {
		return 0, false
	}
	return days*dayMillis + t - floorDiv(t, dayMillis)*dayMillis - f.value[zoneField], true
}

// Millis is the time of a Calendar in UTC that was given year, month (January is 0), day,
// hour, minute, second and millisecond, each of any size. It fails beyond the range of
// int64.
func Millis(parts [7]int32) (int64, bool) {
	var f fields
	for i, n := range [7]field{yearField, monthField, dayField, hour24Field, minuteField, secondField, millisField} {
		f.set(n, int64(parts[i]))
	}
	return f.millis()
}

func (f *fields) hour() int64 {
	half, whole := f.both(hourField, halfField), f.stamp[hour24Field]
	if whole > 0 && whole >= half {
		return f.value[hour24Field]
	}
	return f.value[hourField] + 12*f.value[halfField]
}

// days is the day, more days after what the fields say. The calendar follows from the
// year as it was given, except in the year of the cutover, where the day decides.
func (f *fields) days(more int64) int64 {
	if f.stamp[weekYearField] > f.stamp[yearField] {
		return f.weekDate() + more
	}
	year := f.or(yearField, 1970)
	if f.isSet(eraField) && f.value[eraField] == 0 {
		year = 1 - year
	}
	rule, ofYear := f.rule()
	if year > cutoverYear || year == cutoverYear && !ofYear {
		if g := rule(gregorianDays, year) + more; g >= cutover {
			return g
		}
	}
	return rule(julianDays, year) + more
}

// weekDate is a day given by the year of its week (CalendarBuilder.establish).
func (f *fields) weekDate() int64 {
	first := firstOf(f.value[weekYearField])
	week, weekday := f.or(weekField, 1), f.or(weekdayField, 0)
	if weekday < 0 || weekday > 6 { // counted from Sunday as 1, and now from Monday as 1
		if weekday++; weekday > 7 {
			weekday--
			week, weekday = week+weekday/7, weekday%7+1
		} else {
			back := (7 - weekday) / 7
			week, weekday = week-back, weekday+7*back
		}
		weekday %= 7
	}
	return first - weekdayOf(first) + 7*(week-1) + weekday
}

// calendar counts the days to the first of a month, January being 1.
type calendar func(year, month int64) int64

// rule chooses the fields that say the day: GregorianCalendar.selectFields. Those
// set last win, and a week needs a weekday to count.
//
// OfYear is set for days counted from the beginning of the year.
func (f *fields) rule() (days func(calendar, int64) int64, ofYear bool) {
	day, yearDay := f.stamp[dayField], f.stamp[yearDayField]
	week, monthWeek := f.both(weekField, weekdayField), f.both(monthWeekField, weekdayField)
	nth := f.both(weekdayInMonthField, weekdayField)
	best := max(day, monthWeek, nth, yearDay, week)
	if best == 0 {
		monthWeek, week = f.stamp[monthWeekField], f.stamp[weekField]
		nth = max(f.stamp[weekdayInMonthField], f.stamp[weekdayField])
		if best = max(monthWeek, nth, week); best == 0 {
			return f.byDay, false
		}
	}
	byWeek := f.stamp[weekField]
	switch {
	case best == day:
		return f.byDay, false
	case best == monthWeek && f.stamp[monthWeekField] >= byWeek && (monthWeek != nth || f.stamp[monthWeekField] >= f.stamp[weekdayInMonthField]):
		return f.byMonthWeek, false
	case best == nth && f.stamp[weekdayInMonthField] >= byWeek:
		return f.byNth, false
	case best == yearDay:
		return f.byYearDay, true
	}
	return f.byWeek, true
}

func (f *fields) byDay(c calendar, year int64) int64 {
	return c(year, f.value[monthField]+1) + f.or(dayField, 1) - 1
}

func (f *fields) byYearDay(c calendar, year int64) int64 {
	return c(year, 1) + f.value[yearDayField] - 1
}

// byMonthWeek and byWeek begin with the Sunday of the week that holds the first day.
func (f *fields) byMonthWeek(c calendar, year int64) int64 {
	return onOrBefore(c(year, f.value[monthField]+1), 0) + f.weekdayOffset() + 7*(f.value[monthWeekField]-1)
}

func (f *fields) byWeek(c calendar, year int64) int64 {
	return onOrBefore(c(year, 1), 0) + f.weekdayOffset() + 7*(f.value[weekField]-1)
}

func (f *fields) weekdayOffset() int64 { return ((f.value[weekdayField] % 7) + 7) % 7 }

func (f *fields) byNth(c calendar, year int64) int64 {
	first := c(year, f.value[monthField]+1)
	n := f.or(weekdayInMonthField, 1)
	if n >= 0 {
		return onOrBefore(first+7*n-1, f.weekdayOffset())
	}
	last := c(year, f.value[monthField]+2) - first + 7*(n+1)
	return onOrBefore(first+last-1, f.weekdayOffset())
}
