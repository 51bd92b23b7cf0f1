package changestream

import (
	"context"
	"fmt"
	"time"

	"culvert/data"
	"culvert/fault"
)

// askLimit bounds how long MongoDB is asked whether it takes a resume token.
const askLimit = 10 * time.Second

// checkOffsets refuses source offsets that a user wants to set, and that the connector
// would not go on from (KIP-875). Java's connector has no alterOffsets: whatever comes is
// stored, and its task then fails, waits for ever or begins at the present without a word.
//
// Null offsets, and those of partitions that are not the connector's, are taken as they
// come: what GET has answered can be sent back. But somebody who sets offsets of other
// partitions alone has mistaken the name.
func checkOffsets(ctx context.Context, props map[string]string, offsets []data.Mark) error {
	s, err := parse(props)
	if err != nil {
		return err
	}
	own, strange := partitionOf(s), 0
	var last stored
	var mine bool
	for _, m := range offsets {
		switch {
		case m.Partition.Equal(own):
			if last, err = settable(m.Next); err != nil {
				return err
			}
			mine = true
		case !m.Next.IsNull():
			strange++
		}
	}
	if strange > 0 && !mine {
		return unsettable("none of the partitions is the connector's, so that nobody would read them; its partition is {%q: %q}", offsetNamespace, partitionName(s))
	}
	if last.token == nil || !s.Asks() {
		return nil
	}
	return askFor(ctx, s, last)
}

// settable reads an offset that is to be set: null, or what load makes something of. What
// is no primitive value the worker refuses, in Java's words.
func settable(next data.Value) (stored, error) {
	if id, ok := next.Lookup(offsetID); ok && (id.Kind() == data.Map || id.Kind() == data.Array) {
		return stored{}, nil
	}
	at, err := readOffset(next)
	switch {
	case err != nil:
		return at, unsettable("%w; "+shape, err)
	case at.any && !at.copying && at.token == nil:
		return at, unsettable("the offset has no %q; "+shape, offsetID)
	case at.token != nil && field(at.token, "_data").Type == 0:
		return at, unsettable("%q is no resume token: it has no field _data; "+shape, offsetID)
	}
	return at, nil
}

// askFor opens the change stream behind a token. Only a server that opens it without
// the token, and not with it, says that the token is wrong; one that does not answer, or
// to which the user has no rights yet, says nothing.
func askFor(ctx context.Context, cfg *settings, at stored) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	client, err := cfg.Open()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close(context.WithoutCancel(ctx)) }() // nothing is under way
	opens := func(token stored) error {
		db, cmd, err := (&Source{cfg: cfg, token: token.token}).watch()
		if err != nil {
			return err
		}
		c, err := open(ctx, client, db, cmd)
		if err == nil {
			c.close(ctx)
		}
		return err
	}
	refused := opens(at)
	if codeOf(refused) == 0 || opens(stored{}) != nil {
		return nil
	}
	return unsettable("MongoDB does not go on behind the resume token: %s (code %d)", messageOf(refused), codeOf(refused))
}

// shape says what an offset looks like.
const shape = `an offset is {"_id": "{\"_data\": \"82…\"}"}, the resume token as a text of JSON, or null to forget the position`

func unsettable(format string, args ...any) error {
	return fault.New(fault.Config, "mongo.offset", "The offsets were left as they are: %w", fmt.Errorf(format, args...))
}
