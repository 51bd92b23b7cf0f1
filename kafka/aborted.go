package kafka

// abortedProducers says which transactional batches belong to aborted
// transactions. The broker lists those transactions by their first offset.
type abortedProducers struct {
	left []abortedTxn
	open map[int64]bool // producer ids whose aborted transaction has begun
}

func (a *abortedProducers) upTo(offset int64) {
	for len(a.left) > 0 && a.left[0].first <= offset {
		if a.open == nil {
			a.open = map[int64]bool{}
		}
		a.open[a.left[0].producer] = true
		a.left = a.left[1:]
	}
}

// holds reports whether a batch, by its last offset and its producer, was aborted.
func (a *abortedProducers) holds(last int64, transactional bool, producer int64) bool {
	a.upTo(last)
	return transactional && a.open[producer]
}

// marker ends a transaction: the key of a control record is a version and a type,
// 0 for abort.
func (a *abortedProducers) marker(last, producer int64, key []byte) {
	a.upTo(last)
	if len(key) >= 4 && key[2] == 0 && key[3] == 0 {
		delete(a.open, producer)
	}
}
