package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// prepared is a print of the converters and transformations that a record goes
// through before a stateful transformation keeps it. It changes when what is kept
// would be another key or another value: state of before the change must not be
// joined with records of after it. How a registry is reached does not count.
//
// A print, not the text: it is written to disk, and the keys may hold secrets.
func (b *builder) prepared(st *stages) string {
	counts := map[string]string{"key.converter": b.chain.Key.Class(), "value.converter": b.chain.Value.Class()}
	add := func(prefix string) {
		for k, v := range under(b.conn, prefix) {
			if !strings.HasPrefix(k, "schema.registry.") && !strings.HasPrefix(k, "basic.auth.") {
				counts[prefix+k] = v
			}
		}
	}
	add("key.converter.")
	add("value.converter.")
	for i, alias := range b.keys.Transforms {
		if alias == st.alias {
			break
		}
		if i == 0 {
			add("predicates.")
		}
		counts["transforms"] += alias + ","
		add("transforms." + alias + ".")
	}
	text, err := json.Marshal(counts) // in the order of the keys
	if err != nil {
		panic(err) // a map of texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
