package datetime

import (
	"strings"
	"time"
	_ "time/tzdata" // the image has no time zones of its own
)

// zones remembers the zones that a format has met.
type zones struct{ known map[string]*time.Location }

// maxZones is more than there are; what is no zone is not kept.
const maxZones = 1000

// parse is ZoneIdPrinterParser: an offset, UTC, UT or GMT with or without one, or the
// longest name of a region.
func (z *zones) parse(text string, at int, p *parsed) (end int, ok bool) {
	rest := text[at:]
	if rest == "" {
		return 0, false
	}
	prefix := 0
	switch {
	case rest[0] == '+' || rest[0] == '-':
	case strings.HasPrefix(rest, "UTC"), strings.HasPrefix(rest, "GMT") && !strings.HasPrefix(rest, "GMT0"):
		prefix = 3
	case strings.HasPrefix(rest, "UT"):
		prefix = 2
	default:
		return z.region(text, at, p)
	}
	zero := "Z"
	if prefix > 0 {
		if at+prefix == len(text) || text[at+prefix] == 'Z' {
			p.zone = time.UTC
			return at + prefix, true
		}
		zero = ""
	}
	seconds, end, ok := parseOffset(text, at+prefix, 5, zero)
	if !ok {
		return 0, false
	}
	p.zone = time.FixedZone("", seconds)
	return end, true
}

func (z *zones) region(text string, at int, p *parsed) (end int, ok bool) {
	n := 0
	for at+n < len(text) && isZoneByte(text[at+n]) && n < 40 {
		n++
	}
	for ; n > 0; n-- {
		if loc := z.load(text[at : at+n]); loc != nil {
			p.zone = loc
			return at + n, true
		}
	}
	if text[at] == 'Z' {
		p.zone = time.UTC
		return at + 1, true
	}
	return 0, false
}

func isZoneByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/_+-", c) >= 0
}

func (z *zones) load(id string) *time.Location {
	if loc, ok := z.known[id]; ok {
		return loc
	}
	if id == "Local" || id == "" || !strings.Contains(id, "/") && len(id) > 12 {
		return nil
	}
	loc, err := time.LoadLocation(id)
	if err != nil {
		return nil
	}
	if z.known == nil {
		z.known = map[string]*time.Location{}
	}
	if len(z.known) < maxZones {
		z.known[id] = loc
	}
	return loc
}
