package mongostub

// through applies a pipeline to one document: $replaceRoot and $addFields with fields,
// documents and constants, and $project that leaves fields out. Other stages do nothing.
func through(doc, pipeline []byte) []byte {
	for rest := inside(pipeline); ; {
		stage, tail, ok := next(rest)
		if !ok {
			return doc
		}
		rest = tail
		op, _, _ := next(inside(stage.data))
		switch string(op.name) {
		case "$replaceRoot":
			root, _ := lookup(op.data, "newRoot")
			doc = evaluate(doc, root.data)
		case "$addFields":
			for more := inside(evaluate(doc, op.data)); ; {
				e, left, ok := next(more)
				if !ok {
					break
				}
				doc = set(doc, e)
				more = left
			}
		case "$project":
			for more := inside(op.data); ; {
				e, left, ok := next(more)
				if !ok {
					break
				}
				doc = without(doc, string(e.name))
				more = left
			}
		}
	}
}

// evaluate makes a document of expressions.
func evaluate(doc, expr []byte) []byte {
	d := newDoc(nil)
	for rest := inside(expr); ; {
		e, tail, ok := next(rest)
		if !ok {
			return d.bytes()
		}
		rest = tail
		name := string(e.name)
		text := e.text()
		switch {
		case text == "$$ROOT":
			d.raw(name, doc)
		case len(text) > 1 && text[0] == '$':
			if v, ok := lookup(doc, text[1:]); ok {
				d.copyOf(name, v)
			}
		case e.kind == typeDocument:
			d.raw(name, evaluate(doc, e.data))
		default:
			d.copyOf(name, e)
		}
	}
}
