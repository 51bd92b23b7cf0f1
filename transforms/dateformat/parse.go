package dateformat

import (
	"errors"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

var errUnparseable = errors.New("Unparseable date")

// Parse reads a time, in milliseconds since the epoch, from the beginning of text;
// what follows is ignored. It is as lenient as Java: numbers may lie beyond their
// range, and blanks may stand before them.
func (f *Format) Parse(text string) (int64, error) {
	ms, _, err := f.ParsePrefix(text)
	return ms, err
}

// ParsePrefix is Parse, and says where what it read ends.
func (f *Format) ParsePrefix(text string) (ms int64, end int, err error) {
	p := parser{text: text}
	twoDigits := false
	for i := range f.items {
		it := &f.items[i]
		if it.letter == 0 {
			if !strings.HasPrefix(p.text[p.at:], it.text) {
				return 0, 0, errUnparseable
			}
			p.at += len(it.text)
			continue
		}
		abuts := i+1 < len(f.items) && f.items[i+1].isNumber()
		if !p.field(it, abuts, f, &twoDigits) {
			return 0, 0, errUnparseable
		}
	}
	if p.at == 0 {
		return 0, 0, errUnparseable
	}
	ms, ok := p.fields.millis()
	if ok && twoDigits && ms < f.centuryStart {
		year := yearField
		if p.fields.isSet(weekYearField) {
			year = weekYearField
		}
		p.fields.value[year] += 100
		ms, ok = p.fields.millis()
	}
	if !ok {
		return 0, 0, errUnparseable
	}
	return ms, p.at, nil
}

// isNumber reports whether a number before this item ends where its letters end.
func (it *item) isNumber() bool {
	switch it.letter {
	case 'M', 'L':
		return it.count <= 2
	case 'y', 'Y', 'd', 'k', 'H', 'm', 's', 'S', 'D', 'F', 'w', 'W', 'h', 'K', 'u':
		return true
	}
	return false
}

type parser struct {
	text   string
	at     int
	fields fields
}

// field reads one field: SimpleDateFormat.subParse.
func (p *parser) field(it *item, abuts bool, f *Format, twoDigits *bool) bool {
	start := p.at
	at := start
	for at < len(p.text) && (p.text[at] == ' ' || p.text[at] == '\t') {
		at++
	}
	if at == len(p.text) {
		return false
	}
	switch it.letter {
	case 'G':
		return p.name(eraField, 0, eras[:])
	case 'a':
		return p.name(halfField, 0, halves[:])
	case 'E':
		return p.name(weekdayField, 0, days[:]) || p.name(weekdayField, 0, daysEEE[:])
	case 'M', 'L':
		if it.count > 2 {
			return p.name(monthField, 0, months[:]) || p.name(monthField, 0, monthsMMM[:])
		}
	case 'z', 'Z':
		return p.zone(start, at)
	case 'X':
		return p.isoZone(at, it.count)
	}
	end := len(p.text)
	if abuts {
		if end = start + it.count; end > len(p.text) {
			return false
		}
	}
	n, next, ok := number(p.text[:end], at)
	if !ok {
		return false
	}
	if (it.letter == 'y' || it.letter == 'Y') && it.count <= 2 && next-at == 2 && p.text[at] != '-' {
		ambiguous := f.century % 100
		*twoDigits = n == ambiguous
		if n < ambiguous {
			n += 100
		}
		n += f.century / 100 * 100
	}
	p.at = next
	p.set(it.letter, n)
	return true
}

func (p *parser) set(letter byte, n int64) {
	field := fieldOf[letter]
	switch {
	case letter == 'M' || letter == 'L':
		n--
	case letter == 'k' && n == 24, letter == 'h' && n == 12:
		n = 0
	case letter == 'u' && n >= 1 && n <= 7: // Monday is 1, Sunday 7
		n %= 7
	case letter == 'u': // what lies beyond counts from Sunday as 1, as in Calendar
		n--
	}
	p.fields.set(field, n)
}

// number reads an integer with an optional minus sign at a position.
func number(s string, at int) (n int64, next int, ok bool) {
	negative := at < len(s) && s[at] == '-'
	if negative {
		at++
	}
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		d := int64(r - '0')
		if d < 0 || d > 9 {
			if r < utf8.RuneSelf || !unicode.IsDigit(r) {
				break
			}
			d = otherDigit(r)
		}
		if n = n*10 + d; n > math.MaxInt32 {
			return 0, at, false // Java would cut it to its low 32 bits
		}
		at += size
		ok = true
	}
	if negative {
		n = -n
	}
	return n, at, ok
}

// otherDigit is the value of a digit of another script: ten of them stand in a row.
func otherDigit(r rune) int64 {
	zero := r
	for r-zero < 9 && unicode.IsDigit(zero-1) {
		zero--
	}
	return int64(r - zero)
}

// name reads the longest of the names that stands at the position, in any case.
func (p *parser) name(field field, first int64, names []string) bool {
	best := -1
	for i, n := range names {
		if rest := p.text[p.at:]; len(rest) >= len(n) && strings.EqualFold(rest[:len(n)], n) && (best < 0 || len(n) > len(names[best])) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	p.fields.set(field, first+int64(best))
	p.at += len(names[best])
	return true
}

// zone reads a zone as z and Z do: +hhmm, GMT, GMT+h:mm, or a name.
func (p *parser) zone(start, at int) bool {
	if sign := signAt(p.text, at); sign != 0 {
		return p.offset(at+1, sign, 0, false)
	}
	if len(p.text)-start >= 3 && strings.EqualFold(p.text[start:start+3], "GMT") {
		at = start + 3
		if sign := signAt(p.text, at); sign != 0 {
			return p.offset(at+1, sign, 0, true)
		}
		p.at = at
		p.fields.set(zoneField, 0)
		return true
	}
	best, minutes := "", int64(0)
	for _, z := range zones {
		if rest := p.text[at:]; len(rest) >= len(z.name) && strings.EqualFold(rest[:len(z.name)], z.name) && len(z.name) > len(best) {
			best, minutes = z.name, z.minutes
		}
	}
	if best == "" {
		return false
	}
	p.at = at + len(best)
	p.fields.set(zoneField, minutes*60000)
	return true
}

func signAt(s string, at int) int64 {
	switch {
	case at < len(s) && s[at] == '+':
		return 1
	case at < len(s) && s[at] == '-':
		return -1
	}
	return 0
}

// isoZone reads Z, or +hh, +hhmm, +hh:mm, by the count of X.
func (p *parser) isoZone(at, count int) bool {
	if p.text[at] == 'Z' {
		p.at = at + 1
		p.fields.set(zoneField, 0)
		return true
	}
	sign := signAt(p.text, at)
	return sign != 0 && p.offset(at+1, sign, count, count == 3)
}

// offset reads hours and minutes; count is that of X, 0 for the other letters.
func (p *parser) offset(at int, sign int64, count int, colon bool) bool {
	next := func() (int64, bool) {
		if at < len(p.text) && p.text[at] >= '0' && p.text[at] <= '9' {
			at++
			return int64(p.text[at-1] - '0'), true
		}
		return 0, false
	}
	hours, ok := next()
	if !ok {
		return false
	}
	if d, ok := next(); ok {
		hours = hours*10 + d
	} else if count > 0 || !colon {
		return false
	}
	minutes := int64(0)
	if count != 1 {
		if colon {
			if at >= len(p.text) || p.text[at] != ':' {
				return false
			}
			at++
		}
		tens, ok1 := next()
		ones, ok2 := next()
		if minutes = tens*10 + ones; !ok1 || !ok2 {
			return false
		}
	}
	if hours > 23 || minutes > 59 {
		return false
	}
	p.at = at
	p.fields.set(zoneField, sign*(hours*60+minutes)*60000)
	return true
}

// zones are the names that occur in dates, with their distance from UTC in minutes.
var zones = []struct {
	name    string
	minutes int64
}{
	{"UTC", 0}, {"Coordinated Universal Time", 0}, {"Greenwich Mean Time", 0}, {"WET", 0}, {"WEST", 60}, {"BST", 60},
	{"CET", 60}, {"CEST", 120}, {"Central European Standard Time", 60}, {"Central European Summer Time", 120},
	{"EET", 120}, {"EEST", 180}, {"MSK", 180}, {"SAST", 120}, {"IST", 330}, {"PKT", 300}, {"SGT", 480}, {"HKT", 480}, {"JST", 540}, {"KST", 540},
	{"AWST", 480}, {"ACST", 570}, {"ACDT", 630}, {"AEST", 600}, {"AEDT", 660}, {"NZST", 720}, {"NZDT", 780},
	{"NST", -210}, {"NDT", -150}, {"AST", -240}, {"ADT", -180}, {"EST", -300}, {"EDT", -240}, {"CST", -360}, {"CDT", -300},
	{"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"AKST", -540}, {"AKDT", -480}, {"HST", -600}, {"BRT", -180}, {"ART", -180},
	{"Eastern Standard Time", -300}, {"Eastern Daylight Time", -240}, {"Central Standard Time", -360}, {"Central Daylight Time", -300},
	{"Mountain Standard Time", -420}, {"Mountain Daylight Time", -360}, {"Pacific Standard Time", -480}, {"Pacific Daylight Time", -420},
}
