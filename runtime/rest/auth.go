package rest

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// Users says who may use the API: the basic authentication of Connect
// (BasicAuthSecurityRestExtension with PropertyFileLoginModule, KIP-285). A nil *Users
// lets everybody in.
type Users struct{ files []map[string]string }

// NewUsers makes it from properties files of user=password; a user of any of them is
// let in, and with one that is empty everybody is, as in Java.
func NewUsers(files ...map[string]string) *Users { return &Users{files} }

// Open reports whether everybody is let in.
func (u *Users) Open() bool {
	if u == nil {
		return true
	}
	for _, f := range u.files {
		if len(f) == 0 {
			return true
		}
	}
	return false
}

// admits reports whether a request's Authorization header names a user.
func (u *Users) admits(r *http.Request) bool {
	if u.Open() {
		return true
	}
	method, encoded, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(method, "Basic") {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	name, password, ok := strings.Cut(string(raw), ":")
	if !ok || name == "" {
		return false
	}
	admitted := 0
	for _, f := range u.files {
		want, known := f[name]
		equal := subtle.ConstantTimeCompare([]byte(want), []byte(password))
		if known {
			admitted |= equal
		}
	}
	return admitted == 1
}

// authenticate is JaasBasicAuthFilter. Java's body is the bare sentence, without a
// challenge; clients read error_code from a body, and browsers ask only when
// challenged.
//
// Requests between workers are signed and carry no user. A browser sends none with a
// preflight either: where the origin is allowed, the answer says nothing but how to
// go on.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, rt *route) error {
	if rt.open || r.Method == rt.internal || isPreflight(r) && w.Header().Get("Access-Control-Allow-Origin") != "" || s.Users.admits(r) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Kafka Connect", charset="UTF-8"`)
	return answerError{http.StatusUnauthorized, "User cannot access the resource."}
}
