package dateformat

import (
	"fmt"
	"strings"
	"time"
)

// Format is a compiled pattern. It is for any number of goroutines.
type Format struct {
	pattern string
	items   []item
	// century is the first of the hundred years that two digits stand for, and
	// centuryStart its exact begin, in milliseconds.
	century      int64
	centuryStart int64
}

// item is a letter with its count, or a literal text.
type item struct {
	letter byte // 0: a literal
	count  int
	text   string
}

const letters = "GyMdkHmsSEDFwWahKzZYuXL"

// New compiles a pattern. The error has the text of Java's IllegalArgumentException.
func New(pattern string) (*Format, error) {
	f := &Format{pattern: pattern}
	start := time.Now().UTC().AddDate(-80, 0, 0)
	f.century, f.centuryStart = int64(start.Year()), start.UnixMilli()
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			f.items = append(f.items, item{text: literal.String()})
			literal.Reset()
		}
	}
	quoted := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\'' && i+1 < len(pattern) && pattern[i+1] == '\'':
			literal.WriteByte('\'')
			i++
		case c == '\'':
			quoted = !quoted
		case quoted || !isLetter(c):
			literal.WriteByte(c)
		case !isKnown(c):
			return nil, fmt.Errorf("Illegal pattern character '%c'", c)
		default:
			flush()
			n := i
			for i+1 < len(pattern) && pattern[i+1] == c {
				i++
			}
			if next := i + 1; next < len(pattern) && isLetter(pattern[next]) && !isKnown(pattern[next]) {
				continue // Java reads the letter behind before it looks at this one's count
			}
			if c == 'X' && i-n > 2 {
				return nil, fmt.Errorf("invalid ISO 8601 format: length=%d", i-n+1)
			}
			f.items = append(f.items, item{letter: c, count: i - n + 1})
		}
	}
	if quoted {
		return nil, fmt.Errorf("Unterminated quote")
	}
	flush()
	return f, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isKnown(c byte) bool  { return strings.IndexByte(letters, c) >= 0 }

// Pattern is what the format was made from.
func (f *Format) Pattern() string { return f.pattern }

var (
	months    = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	monthsMMM = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	days      = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	daysEEE   = [...]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	eras      = [...]string{"BC", "AD"}
	halves    = [...]string{"AM", "PM"}
)

// Append appends the time, in milliseconds since the epoch, to dst.
func (f *Format) Append(dst []byte, ms int64) []byte {
	d := dateOf(floorDiv(ms, dayMillis))
	t := ms - floorDiv(ms, dayMillis)*dayMillis
	for i := range f.items {
		if it := &f.items[i]; it.letter == 0 {
			dst = append(dst, it.text...)
		} else {
			dst = it.append(dst, &d, t)
		}
	}
	return dst
}

func (it *item) append(dst []byte, d *date, t int64) []byte {
	hour := t / 3600000
	switch it.letter {
	case 'G':
		return append(dst, eras[d.era()]...)
	case 'y':
		return it.year(dst, d.yearOfEra())
	case 'Y':
		weekYear, _ := d.week()
		return it.year(dst, weekYear)
	case 'M', 'L':
		switch {
		case it.count >= 4:
			return append(dst, months[d.month-1]...)
		case it.count == 3:
			return append(dst, monthsMMM[d.month-1]...)
		}
		return padded(dst, d.month, it.count)
	case 'd':
		return padded(dst, d.day, it.count)
	case 'E':
		if it.count >= 4 {
			return append(dst, days[d.weekday()]...)
		}
		return append(dst, daysEEE[d.weekday()]...)
	case 'u':
		return padded(dst, (d.weekday()+6)%7+1, it.count)
	case 'D':
		return padded(dst, d.yearDay(), it.count)
	case 'F':
		return padded(dst, (d.monthDay()-1)/7+1, it.count)
	case 'w':
		_, week := d.week()
		return padded(dst, week, it.count)
	case 'W':
		return padded(dst, d.weekOfMonth(), it.count)
	case 'a':
		return append(dst, halves[hour/12]...)
	case 'H':
		return padded(dst, hour, it.count)
	case 'k':
		return padded(dst, (hour+23)%24+1, it.count)
	case 'K':
		return padded(dst, hour%12, it.count)
	case 'h':
		return padded(dst, (hour+11)%12+1, it.count)
	case 'm':
		return padded(dst, t/60000%60, it.count)
	case 's':
		return padded(dst, t/1000%60, it.count)
	case 'S':
		return padded(dst, t%1000, it.count)
	case 'z':
		if it.count >= 4 {
			return append(dst, "Coordinated Universal Time"...)
		}
		return append(dst, "UTC"...)
	case 'Z':
		return append(dst, "+0000"...)
	}
	return append(dst, 'Z') // X
}

// year writes two digits for yy, and else all of them.
func (it *item) year(dst []byte, y int64) []byte {
	if it.count == 2 {
		y %= 100
	}
	return padded(dst, y, it.count)
}

func padded(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	var buf [20]byte
	i := len(buf)
	for ; n > 0 || i == len(buf); n /= 10 {
		i--
		buf[i] = byte('0' + n%10)
	}
	for k := len(buf) - i; k < width; k++ {
		dst = append(dst, '0')
	}
	return append(dst, buf[i:]...)
}
