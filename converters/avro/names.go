package avro

import (
	"net/url"
	"sort"
	"strings"
	"unicode"
)

// splitName splits a dotted name into namespace and name, scrubbing each part if
// that is configured.
func (m mapping) splitName(full string) (ns, name string) {
	parts := strings.Split(full, ".")
	for i := range parts {
		parts[i] = m.scrubName(parts[i])
	}
	// Java's String.split drops empty parts at the end.
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], "."), parts[last]
}

func (m mapping) scrubFull(full string) string {
	if !m.scrub || full == "" {
		return full
	}
	ns, name := m.splitName(full)
	if ns == "" {
		return name
	}
	return ns + "." + name
}

// scrubName makes a name that Avro takes of one that it does not: bytes that are
// not letters, digits or underscores become %xx, and the percent sign an underscore.
func (m mapping) scrubName(name string) string {
	if !m.scrub || name == "" || plainName(name) {
		return name
	}
	encoded := url.QueryEscape(name)
	encoded = strings.ReplaceAll(encoded, "%2A", "*") // Java's URLEncoder leaves it; either way it becomes '_'
	if encoded[0] >= '0' && encoded[0] <= '9' {
		encoded = "x" + encoded
	}
	out := []byte(encoded)
	for i, c := range out {
		if !nameByte(c) {
			out[i] = '_'
		}
	}
	return string(out)
}

// validName is what Avro's Java library takes for a name, in a field, a symbol and
// each part of a full name: letters and digits of any script, and underscores.
func validName(name string) bool {
	for i, r := range name {
		if r != '_' && (r > 0xffff || !unicode.IsLetter(r)) && (i == 0 || !unicode.Is(unicode.Nd, r)) {
			return false
		}
	}
	return name != ""
}

// plainName reports whether a name is one by Avro's specification, which knows ASCII alone.
func plainName(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return false
		}
	}
	return true
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// shortest drops leading bytes that add nothing to a two's complement.
func shortest(b []byte) []byte {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}
