package values

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"culvert/data"
)

const dayMillis = 86400000

// AppendLiteral appends v as Values.convertToString writes it: JSON-like, bytes as
// base64, dates as ISO 8601. A text at the top stands as it is.
func AppendLiteral(dst []byte, v data.Value, s *data.Schema) []byte {
	return appendLiteral(dst, v, s, false)
}

func appendLiteral(dst []byte, v data.Value, s *data.Schema, embedded bool) []byte {
	switch v.Kind() {
	case data.String:
		if !embedded {
			return append(dst, v.Bytes()...)
		}
		return appendQuoted(dst, v.Str())
	case data.Bytes:
		if embedded {
			dst = append(dst, '"')
		}
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		if embedded {
			dst = append(dst, '"')
		}
		return dst
	case data.Date, data.Time, data.Timestamp:
		return appendISO(dst, v.Int())
	case data.Array:
		dst = append(dst, '[')
		for i, e := range v.Elems() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendLiteral(dst, e, elem(s), true)
		}
		return append(dst, ']')
	case data.Map:
		dst = append(dst, '{')
		pairs := v.Elems()
		for i := 0; i+1 < len(pairs); i += 2 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendLiteral(dst, pairs[i], key(s), true), ':')
			dst = appendLiteral(dst, pairs[i+1], elem(s), true)
		}
		return append(dst, '}')
	case data.Struct:
		return appendStructLiteral(dst, v, s)
	}
	return AppendText(dst, v, s)
}

func appendStructLiteral(dst []byte, v data.Value, s *data.Schema) []byte {
	dst = append(dst, '{')
	for i, f := range v.Elems() {
		if s == nil || i >= len(s.Fields) {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		fs := s.Fields[i].Schema
		dst = append(appendQuoted(dst, s.Fields[i].Name), ':')
		dst = appendLiteral(dst, fs.DefaultOr(f), fs, true)
	}
	return append(dst, '}')
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func appendQuoted(dst []byte, text string) []byte {
	return append(append(append(dst, '"'), quoting.Replace(text)...), '"')
}

// appendISO is Values.dateFormatFor: the time of day before 1970-01-02, the day at
// midnight, else both.
func appendISO(dst []byte, ms int64) []byte {
	layout := "2006-01-02T15:04:05.000Z"
	switch {
	case ms < dayMillis:
		layout = "15:04:05.000Z"
	case ms%dayMillis == 0:
		layout = "2006-01-02"
	}
	return time.UnixMilli(ms).UTC().AppendFormat(dst, layout)
}

// The lengths of the texts that are looked at as dates and times.
const (
	isoDate      = len("yyyy-MM-dd")
	isoTime      = len("HH:mm:ss.SSSZ")
	isoTimestamp = isoDate + len("T") + isoTime
)

// temporal reads a date, a time or a timestamp, as leniently as SimpleDateFormat
// does: months and hours may overflow, and what follows is ignored.
func temporal(token string) (data.Value, *data.Schema, bool) {
	token = strings.ReplaceAll(token, `\:`, ":")
	switch utf16Len(token) {
	case isoDate:
		if days, _, ok := parseDate(token); ok {
			return data.OfDate(days * dayMillis), data.Of(data.Date), true
		}
	case isoTime:
		if ms, ok := parseTime(token); ok {
			return data.OfTime(ms), data.Of(data.Time), true
		}
	case isoTimestamp:
		days, rest, ok := parseDate(token)
		if !ok || !strings.HasPrefix(rest, "T") {
			break
		}
		if ms, ok := parseTime(rest[1:]); ok {
			return data.OfTimestamp(days*dayMillis + ms), data.Of(data.Timestamp), true
		}
	}
	return data.Value{}, nil, false
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// digits reads a number, after spaces and tabs.
func digits(s string) (n int64, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 32)
	return n, s[end:], err == nil
}

// numbers reads numbers with the given separators behind each.
func numbers(s string, separators string, into []int64) (rest string, ok bool) {
	for i := range into {
		if into[i], s, ok = digits(s); !ok {
			return "", false
		}
		if i < len(separators) {
			if s == "" || s[0] != separators[i] {
				return "", false
			}
			s = s[1:]
		}
	}
	return s, true
}

func parseDate(s string) (days int64, rest string, ok bool) {
	var n [3]int64
	if rest, ok = numbers(s, "--", n[:]); !ok {
		return 0, "", false
	}
	return daysSinceEpoch(n[0], n[1], n[2]), rest, true
}

func parseTime(s string) (ms int64, ok bool) {
	var n [4]int64
	if _, ok = numbers(s, "::.Z", n[:]); !ok {
		return 0, false
	}
	return ((n[0]*60+n[1])*60+n[2])*1000 + n[3], true
}

// daysSinceEpoch counts as java.util.GregorianCalendar does: in the Julian calendar
// before 15 October 1582.
func daysSinceEpoch(year, month, day int64) int64 {
	month--
	year += month / 12
	if month %= 12; month < 0 {
		month += 12
		year--
	}
	gregorian := time.Date(int(year), time.Month(month+1), 1, 0, 0, 0, 0, time.UTC).Unix()/86400 + day - 1
	const cutover = -141427 // 15 October 1582
	if gregorian >= cutover {
		return gregorian
	}
	// The Julian day number of a date in the Julian calendar, with years from March on.
	a := (14 - (month + 1)) / 12
	y := year + 4800 - a
	m := month + 1 + 12*a - 3
	return day + (153*m+2)/5 + 365*y + floorDiv(y, 4) - 32083 - 2440588
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
