package wire

import "fmt"

// MaxSchemaText is the most bytes of a schema's text that are read.
const MaxSchemaText = 4 << 20

// Bounded refuses the JSON of a schema that no parser should be given, for they
// recurse: longer than MaxSchemaText, or with brackets nested deeper than maxDepth.
func Bounded(text string, maxDepth int) error {
	if len(text) > MaxSchemaText {
		return fmt.Errorf("a schema of %d bytes, at most %d are read", len(text), MaxSchemaText)
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("a schema nested deeper than %d levels", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
