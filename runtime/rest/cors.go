package rest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// cors adds the headers that let pages of other origins use the API, where
// access.control.allow.origin allows some. Nothing is refused: that is up to the
// browser.
func (s *Server) cors(next http.Handler) http.Handler {
	allowed, err := originPatterns(s.AllowOrigin)
	if err != nil || len(allowed) == 0 {
		return next // CheckOrigins has said what is wrong
	}
	methods := strings.Join(splitList(s.AllowMethods), ",")
	if methods == "" {
		methods = "GET,POST,HEAD"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		if origin != "" && slices.ContainsFunc(allowed, func(p *regexp.Regexp) bool { return p.MatchString(origin) }) {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			if isPreflight(r) {
				w.Header().Set("Access-Control-Allow-Methods", methods)
				w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
				w.Header().Set("Access-Control-Max-Age", "60")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isPreflight reports whether a browser asks for permission.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// originPattern reads one entry of access.control.allow.origin, in any case: an
// origin, one with * for a part of it, as Connect took until 4.0, or a regular
// expression, as it takes now (Jetty's CrossOriginHandler). A dot is a dot unless the
// entry is recognisably an expression.
func originPattern(entry string) (*regexp.Regexp, error) {
	if strings.ContainsAny(entry, `\()[]{}|+?^$`) || strings.Contains(entry, ".*") {
		return regexp.Compile("(?i)^(?:" + entry + ")$")
	}
	return regexp.Compile("(?i)^" + strings.ReplaceAll(regexp.QuoteMeta(entry), `\*`, `.*`) + "$")
}

// originPatterns reads access.control.allow.origin.
func originPatterns(text string) (all []*regexp.Regexp, err error) {
	for _, entry := range splitList(text) {
		p, err := originPattern(entry)
		if err != nil {
			return nil, fmt.Errorf("%s is neither an origin nor a regular expression: %w", entry, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// CheckOrigins checks a value of access.control.allow.origin.
func CheckOrigins(text string) error {
	_, err := originPatterns(text)
	return err
}

func splitList(text string) []string {
	var list []string
	for _, e := range strings.Split(text, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}
