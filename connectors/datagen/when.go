package datagen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment is a time that the configuration names: a fixed one, or a distance from
// the beginning of the day on which the connector runs for the first time.
type moment struct {
	ms       int64 // since 1970; relative: since the beginning of that day
	relative bool
}

// at fixes a moment: now is any time of the day that it counts from.
func (m moment) at(now time.Time) int64 {
	if !m.relative {
		return m.ms
	}
	return now.UTC().Truncate(24*time.Hour).UnixMilli() + m.ms
}

const momentForm = "milliseconds since 1970, a time such as 2026-01-31T12:00:00Z, or a distance from the beginning of the current day such as now-30d"

// parseMoment reads milliseconds since 1970, a time, a day in UTC, or "now-30d".
func parseMoment(s string) (moment, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return moment{ms: ms}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return moment{ms: t.UnixMilli()}, nil
		}
	}
	if back, ok := strings.CutPrefix(s, "now-"); ok {
		if ms, err := parseSpan(back); err == nil {
			return moment{ms: -ms, relative: true}, nil
		}
	}
	if s == "now" {
		return moment{relative: true}, nil
	}
	return moment{}, errors.New("Must be " + momentForm)
}

// longest bounds spans and distances, so that sums with times cannot overflow.
const longest = 100 * 366 * 24 * time.Hour

// parseSpan reads a time span above 0, such as 30d, 12h30m or 90s, in milliseconds.
func parseSpan(s string) (int64, error) {
	var days int64
	if n, rest, ok := strings.Cut(s, "d"); ok {
		d, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, errSpan
		}
		if days, s = int64(d), rest; s == "" {
			s = "0s"
		}
	}
	d, err := time.ParseDuration(s)
	if d += time.Duration(days) * 24 * time.Hour; err != nil || d < time.Millisecond || d > longest {
		return 0, errSpan
	}
	return d.Milliseconds(), nil
}

var errSpan = fmt.Errorf("is not a time span from 1ms to %dd, such as 30d, 12h or 90s", int(longest.Hours())/24)
