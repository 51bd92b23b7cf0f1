package mongodb

import (
	"slices"
	"strings"
)

// projector keeps or leaves out fields of a document.
type projector interface {
	// project appends the projected document to dst.
	project(dst, doc []byte) []byte
	// idle reports whether nothing is to be done: then nobody looks at the document.
	idle() bool
	// left is what becomes of a document in a field that was left out, where something
	// else holds it too.
	left(v value) value
}

const (
	oneLevel = "*"
	anyLevel = "**"
)

// newProjector makes the projector of a type; nil for "none" and no type.
func newProjector(kind, list string) projector {
	switch strings.ToLower(kind) {
	case "allowlist", "whitelist":
		return newAllowList(list)
	case "blocklist", "blacklist":
		return newBlockList(list)
	}
	return nil
}

func fieldList(list string) []string {
	var fields []string
	for _, f := range strings.Split(strings.TrimSpace(list), ",") {
		if f = strings.TrimSpace(f); f != "" && !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// allowList keeps what its paths name and what leads there (AllowListProjector).
type allowList struct {
	paths    map[string]bool
	prefixes []string // of top-level patterns such as "ab*"
	patterns bool     // one of the paths has a *
	path     []byte   // of the document under way
}

func newAllowList(list string) *allowList {
	p := &allowList{paths: map[string]bool{}}
	for _, f := range fieldList(list) {
		p.patterns = p.patterns || strings.Contains(f, oneLevel)
		for {
			p.paths[f] = true
			if !strings.Contains(f, ".") && f != oneLevel && strings.HasSuffix(f, oneLevel) {
				p.prefixes = append(p.prefixes, strings.TrimSuffix(f, oneLevel))
			}
			i := strings.LastIndexByte(f, '.')
			if i <= 0 {
				break
			}
			f = f[:i]
		}
	}
	return p
}

func (p *allowList) idle() bool { return p.paths[anyLevel] }

// left is an empty document: Java goes on in what it has left out, and finds nothing
// there that the list names.
func (p *allowList) left(v value) value {
	nothing := func(dst, _ []byte) []byte { return append(dst, emptyDocument...) }
	switch v.kind {
	case typeDocument:
		v.data = emptyDocument
	case typeArray:
		v.data = eachDocument(nil, v.data, nothing)
	}
	return v
}

func (p *allowList) project(dst, doc []byte) []byte {
	if p.idle() {
		return append(dst, doc...)
	}
	p.path = p.path[:0]
	return p.document(dst, doc)
}

// document projects the document at p.path.
func (p *allowList) document(dst, doc []byte) []byte {
	dst, start := openDocument(dst)
	outer := len(p.path)
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return closeDocument(dst, start)
		}
		at = f.end
		if outer > 0 {
			p.path = append(p.path, '.')
		}
		p.path = append(p.path, f.name...)
		if p.allows() {
			dst = append(dst, doc[f.start:f.value]...)
			v := doc[f.value:f.end]
			switch {
			case f.kind == typeDocument && !(p.patterns && p.paths[string(p.path)+"."+anyLevel]):
				dst = p.document(dst, v)
			case f.kind == typeArray:
				dst = eachDocument(dst, v, p.document)
			default:
				dst = append(dst, v...)
			}
		}
		p.path = p.path[:outer]
	}
}

// eachDocument appends the array with its documents mapped by do.
func eachDocument(dst, array []byte, do func(dst, doc []byte) []byte) []byte {
	dst, start := openDocument(dst)
	for at := first; ; {
		f, ok := next(array, at)
		if !ok {
			return closeDocument(dst, start)
		}
		dst = append(dst, array[f.start:f.value]...)
		if f.kind == typeDocument {
			dst = do(dst, array[f.value:f.end])
		} else {
			dst = append(dst, array[f.value:f.end]...)
		}
		at = f.end
	}
}

// allows reports whether p.path is named, by itself, by a pattern with one or more
// levels replaced by *, or by a top-level "ab*".
func (p *allowList) allows() bool {
	if p.paths[string(p.path)] {
		return true
	}
	if !p.patterns {
		return false
	}
	key := string(p.path)
	for _, s := range p.prefixes {
		if strings.HasPrefix(key, s) {
			return true
		}
	}
	parts := strings.Split(key, ".")
	for len(parts) > 1 && parts[len(parts)-1] == "" { // as Java's split
		parts = parts[:len(parts)-1]
	}
	return p.matches(parts, 0, make([]string, len(parts)))
}

func (p *allowList) matches(parts []string, i int, pattern []string) bool {
	if i == len(parts) {
		return p.paths[strings.Join(pattern, ".")]
	}
	for _, s := range [2]string{parts[i], oneLevel} {
		pattern[i] = s
		if p.matches(parts, i+1, pattern) {
			return true
		}
	}
	return false
}

// blockList leaves out what its paths name (BlockListProjector).
type blockList struct{ fields []string }

func newBlockList(list string) *blockList { return &blockList{fieldList(list)} }

func (p *blockList) idle() bool { return len(p.fields) == 0 }

func (p *blockList) left(v value) value { return v }

func (p *blockList) project(dst, doc []byte) []byte {
	for i, f := range p.fields {
		out := blocked(nil, doc, f)
		if i == len(p.fields)-1 {
			return append(dst, out...)
		}
		doc = out
	}
	return append(dst, doc...)
}

// blocked appends doc without what the path names.
func blocked(dst, doc []byte, path string) []byte {
	head, tail, nested := strings.Cut(path, ".")
	dst, start := openDocument(dst)
	for at := first; ; {
		f, ok := next(doc, at)
		if !ok {
			return closeDocument(dst, start)
		}
		at = f.end
		name, v := string(f.name), doc[f.value:f.end]
		keep := true
		switch {
		case head == anyLevel:
			keep = false
		case head == oneLevel:
			keep = f.kind == typeDocument
		case !nested && strings.HasSuffix(head, oneLevel):
			keep = !strings.HasPrefix(name, strings.TrimSuffix(head, oneLevel))
		case !nested:
			keep = name != head
		}
		if !keep {
			continue
		}
		dst = append(dst, doc[f.start:f.value]...)
		switch {
		case f.kind == typeDocument && head == oneLevel && tail != "",
			f.kind == typeDocument && nested && name == head && head != oneLevel:
			dst = blocked(dst, v, tail)
		case f.kind == typeArray && nested && name == head && head != oneLevel:
			dst = eachDocument(dst, v, func(dst, doc []byte) []byte { return blocked(dst, doc, tail) })
		default:
			dst = append(dst, v...)
		}
	}
}
