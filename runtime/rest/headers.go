package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headers are the rules of response.http.headers.config (KIP-577): headers that every
// answer gets.
type Headers []header

type header struct {
	name, value string
	add, date   bool
	offset      time.Duration // of a date, from now
}

// ParseHeaders reads "[action] [name]:[value]" rules, separated by commas; a rule with
// a comma in it stands in quotes. Actions are set, add, setDate and addDate; the value
// of a date is an offset in milliseconds. An error is Java's sentence
// (RestServerConfig.validateHttpResponseHeaderConfig).
func ParseHeaders(text string) (Headers, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var all Headers
	for _, rule := range csvSplit(text) {
		h, err := parseHeader(rule)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func parseHeader(rule string) (h header, err error) {
	action, pair, ok := cutBlank(strings.TrimSpace(rule))
	if !ok {
		return h, fmt.Errorf("Invalid format of header config '%s'. Expected: '[action] [header name]:[header value]'", rule)
	}
	actions := []string{"set", "add", "setDate", "addDate"}
	known := slices.IndexFunc(actions, func(a string) bool { return strings.EqualFold(a, action) })
	if known < 0 {
		return h, fmt.Errorf("Invalid header config action: '%s'. Expected one of [%s]", action, strings.Join(actions, ", "))
	}
	name, value, ok := strings.Cut(strings.TrimSpace(pair), ":")
	if !ok || value == "" || strings.Contains(value, ":") {
		return h, fmt.Errorf("Invalid format of header name and header value pair '%s'. Expected: '[header name]:[header value]'", pair)
	}
	h = header{name: strings.TrimSpace(name), value: strings.TrimSpace(value), add: known%2 == 1, date: known >= 2}
	if h.name == "" || strings.ContainsAny(h.name, " \t\r\n") {
		return h, fmt.Errorf("Invalid header name '%s'. The '[header name]' cannot contain whitespace", h.name)
	}
	if strings.ContainsAny(h.value, "\r\n\x00") {
		return h, fmt.Errorf("Invalid header value of '%s': it cannot contain control characters", h.name)
	}
	if h.date {
		ms, err := strconv.ParseInt(h.value, 10, 64)
		if err != nil || ms > int64(1<<62)/int64(time.Millisecond) || ms < -int64(1<<62)/int64(time.Millisecond) {
			return h, fmt.Errorf("Invalid header value '%s': that of a date is a number of milliseconds from now", h.value)
		}
		h.offset = time.Duration(ms) * time.Millisecond
	}
	return h, nil
}

// cutBlank splits at the first white space.
func cutBlank(text string) (before, after string, ok bool) {
	i := strings.IndexAny(text, " \t\r\n")
	if i < 0 {
		return text, "", false
	}
	return text[:i], strings.TrimSpace(text[i:]), true
}

// csvSplit is Jetty's StringUtil.csvSplit: items are trimmed, and may stand in quotes
// with backslashes before quotes inside.
func csvSplit(text string) []string {
	var items []string
	var item strings.Builder
	quoted, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			item.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"' && (quoted || strings.TrimSpace(item.String()) == ""):
			quoted = !quoted
		case r == ',' && !quoted:
			items = append(items, strings.TrimSpace(item.String()))
			item.Reset()
		default:
			item.WriteRune(r)
		}
	}
	return append(items, strings.TrimSpace(item.String()))
}

// on adds the headers to every answer of next, before next sets its own.
func (hs Headers) on(next http.Handler) http.Handler {
	if len(hs) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range hs {
			value := h.value
			if h.date {
				value = time.Now().Add(h.offset).UTC().Format(http.TimeFormat)
			}
			if h.add {
				w.Header().Add(h.name, value)
			} else {
				w.Header().Set(h.name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}
