package extjson

import (
	"math"
	"time"
)

// parseDate reads a date as java.time's ISO_LOCAL_DATE if it has ten characters, else
// as its ISO_OFFSET_DATE_TIME, in milliseconds since the epoch.
func parseDate(s string) (ms int64, ok bool) {
	p := isoParser{s: s}
	year, month, day := p.date()
	var hour, minute, second, nanos, offset int
	if len(s) != len("1970-01-01") {
		p.letter('t')
		hour, minute, second, nanos = p.clock()
		offset = p.offset()
	}
	if p.bad || p.i != len(s) || hour > 23 || minute > 59 || second > 59 || offset > maxOffset || -offset > maxOffset {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if month < 1 || month > 12 || t.Day() != day {
		return 0, false
	}
	seconds := t.Unix() - int64(offset)
	if seconds > math.MaxInt64/1000-1 || seconds < math.MinInt64/1000+1 {
		return 0, false
	}
	return seconds*1000 + int64(nanos)/1e6, true
}

const maxOffset = 18 * 60 * 60

// isoParser reads the parts one after the other.
type isoParser struct {
	s   string
	i   int
	bad bool
}

func (p *isoParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *isoParser) char(c byte) {
	if p.peek() != c {
		p.bad = true
	}
	p.i++
}

// letter takes it in either case.
func (p *isoParser) letter(c byte) {
	if p.peek()|0x20 != c {
		p.bad = true
	}
	p.i++
}

// digits reads as many digits as there are, up to most.
func (p *isoParser) digits(least, most int) (n int) {
	from := p.i
	for p.i-from < most && p.peek() >= '0' && p.peek() <= '9' {
		n = n*10 + int(p.peek()-'0')
		p.i++
	}
	if p.i-from < least {
		p.bad = true
	}
	return n
}

func (p *isoParser) date() (year, month, day int) {
	sign := p.peek()
	if sign == '+' || sign == '-' {
		p.i++
	}
	from := p.i
	year = p.digits(4, 10)
	if long := p.i-from > 4; sign != '-' && long != (sign == '+') || sign == '-' && year == 0 || year > 999999999 {
		p.bad = true // a year of more than four digits has a plus, and only that
	}
	if sign == '-' {
		year = -year
	}
	p.char('-')
	month = p.digits(2, 2)
	p.char('-')
	day = p.digits(2, 2)
	return year, month, day
}

func (p *isoParser) clock() (hour, minute, second, nanos int) {
	hour = p.digits(2, 2)
	p.char(':')
	minute = p.digits(2, 2)
	if p.peek() != ':' {
		return hour, minute, 0, 0
	}
	p.i++
	second = p.digits(2, 2)
	if p.peek() == '.' {
		p.i++
		from := p.i
		nanos = p.digits(0, 9)
		for n := p.i - from; n < 9; n++ {
			nanos *= 10
		}
	}
	return hour, minute, second, nanos
}

// offset reads Z, or hours with a sign and optional minutes and seconds behind colons.
func (p *isoParser) offset() (seconds int) {
	sign := p.peek()
	p.i++
	switch sign {
	case 'z', 'Z':
		return 0
	case '+', '-':
	default:
		p.bad = true
		return 0
	}
	hours := p.digits(2, 2)
	if hours > 23 {
		p.bad = true
	}
	seconds = hours * 3600
	for _, unit := range []int{60, 1} {
		if p.peek() != ':' {
			break
		}
		p.i++
		part := p.digits(2, 2)
		if part > 59 {
			p.bad = true
		}
		seconds += part * unit
	}
	if sign == '-' {
		return -seconds
	}
	return seconds
}
