package fault

import (
	"errors"
	"fmt"
	"strings"
)

// because is an error whose text is complete without its cause, as a Java
// exception's message is.
type because struct {
	text  string
	cause error
}

func (b *because) Error() string { return b.text }
func (b *because) Unwrap() error { return b.cause }

// Because makes an error that says exactly the formatted message and keeps its
// cause for traces. It is for messages that Java words.
func Because(cause error, format string, args ...any) error {
	return &because{text: fmt.Sprintf(format, args...), cause: cause}
}

// causes lists the texts below err that err itself does not show.
func causes(err error) []string {
	var list []string
	shown := err.Error()
	for c := errors.Unwrap(err); c != nil; c = errors.Unwrap(c) {
		if text := c.Error(); !strings.Contains(shown, text) {
			list = append(list, text)
			shown = text
		}
	}
	return list
}
