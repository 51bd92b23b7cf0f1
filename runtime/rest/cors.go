package rest

import (
	"net/http"
	"regexp"
	"strings"
)

// cors adds the headers that let pages of other origins use the API, where
// access.control.allow.origin allows some. Nothing is refused: that is up to the
// browser.
func (s *Server) cors(next http.Handler) http.Handler {
	allowed := splitList(s.AllowOrigin)
	if len(allowed) == 0 {
		return next
	}
	methods := strings.Join(splitList(s.AllowMethods), ",")
	if methods == "" {
		methods = "GET,POST,HEAD"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		if origin != "" && matchesOrigin(allowed, origin) {
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

// matchesOrigin: a name, or a pattern with * as in http://*.example.com.
func matchesOrigin(allowed []string, origin string) bool {
	for _, a := range allowed {
		if a == "*" || a == origin {
			return true
		}
		if strings.Contains(a, "*") {
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(a), `\*`, `.*`) + "$"
			if ok, err := regexp.MatchString(pattern, origin); ok && err == nil {
				return true
			}
		}
	}
	return false
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
