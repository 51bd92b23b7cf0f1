package macd

// Milliseconds of an hour and of a day.
const (
	hour = 3_600_000
	day  = 24 * hour
)

// hourly is how many of a thousand orders of a day are placed in each hour of it,
// in UTC: some for breakfast, most for lunch and dinner, hardly any at night.
var hourly = [24]int64{
	4, 2, 2, 2, 3, 8,
	22, 38, 40, 28, 28, 62,
	104, 96, 50, 34, 38, 66,
	108, 104, 74, 46, 26, 15,
}

// Work is what is done of a day: an hour with the share w does scale·w in each
// millisecond. With this scale the average millisecond does a whole number too.
const (
	scale    = 3
	perDay   = scale * 1000 * hour
	perMilli = perDay / day
)

// before is the work of a day that is done when each hour begins.
var before = func() (b [25]int64) {
	for h, w := range hourly {
		b[h+1] = b[h] + scale*hour*w
	}
	return b
}()

// onClock is the time at which elapsed milliseconds of average business are done
// after start: 0 comes to start itself, a day to the same time of the next day,
// and in between time passes slowly where the business is good. Times never go
// back when elapsed grows.
func onClock(start, elapsed int64) int64 {
	today, at := start/day, start%day
	if at < 0 {
		today, at = today-1, at+day
	}
	work := before[at/hour] + scale*hourly[at/hour]*(at%hour) + perMilli*(elapsed%day)
	today += elapsed / day
	if work >= perDay {
		today, work = today+1, work-perDay
	}
	h := int64(0)
	for before[h+1] <= work {
		h++
	}
	return today*day + h*hour + (work-before[h])/(scale*hourly[h])
}

// Evenly is where item i of n lies when they are spread over a span.
func Evenly(i, n, span int64) int64 { return span/n*i + span%n*i/n }
