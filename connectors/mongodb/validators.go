package mongodb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/configdef"
	"culvert/connectors/mongodb/extjson"
	"culvert/transforms/regex"
)

// validator is a check with the text by which Java's definition prints it.
type validator struct {
	text  string
	check func(v configdef.Parsed) error
	// values are those of an enumeration, to be recommended.
	values []string
}

var (
	aRegex            = validator{text: "A valid regex", check: checkRegex}
	aConnectionString = validator{text: "A valid connection string", check: checkURI}
	aServerVersion    = validator{text: "A valid server version", check: func(v configdef.Parsed) error {
		if v.Text != "1" {
			return fmt.Errorf("Unknown server API version: %s", v.Text)
		}
		return nil
	}}
	notItself = validator{text: "Topic override", check: func(v configdef.Parsed) error {
		if v.Text != "" {
			return errors.New("This configuration shouldn't be set directly. See the documentation about how to configure topic based overrides.\n" +
				"Write topic.override.<topic>.<key>, for example topic.override.foo.collection=bar.")
		}
		return nil
	}}
	// ownJavaCode accepts nothing: leaving the class out without a word would write values
	// that it was there to change, to encrypt for example.
	ownJavaCode = validator{text: "empty", check: func(configdef.Parsed) error {
		return errors.New("a class of your own is Java code, which this worker cannot load. Change the values by a transformation (org.apache.kafka.connect.transforms.MaskField, for example), or before they come to Kafka")
	}}
	nonEmpty = validator{text: "non-empty string", check: func(v configdef.Parsed) error {
		if !v.Null && v.Text == "" {
			return errors.New("String must be non-empty")
		}
		return nil
	}}
	atLeast0        = validator{text: "[0,...]", check: func(v configdef.Parsed) error { return configdef.AtLeast(0)("", v) }}
	aJSONArray      = validator{text: "A valid JSON array", check: func(v configdef.Parsed) error { _, err := jsonArray(v.Text); return err }}
	aDatePattern    = validator{text: "A valid DateTimeFormatter format", check: func(v configdef.Parsed) error { return checkDatePattern(v.Text) }}
	aLanguageTag    = validator{text: "A valid Locale language tag format", check: func(configdef.Parsed) error { return nil }}
	aClassName      = validator{text: "A string matching `" + classPattern + "`", check: func(v configdef.Parsed) error { return checkClass(v.Text) }}
	classNames      = validator{text: "A list matching: `" + classPattern + "`", check: checkClasses}
	projectionTypes = oneOf("none", "blacklist", "whitelist", "allowlist", "blocklist")
	uuidFormats     = oneOf("string", "binary")
	tolerances      = oneOf("none", "data", "all")
	granularities   = oneOf("seconds", "minutes", "hours")
)

const (
	identifier   = `\p{javaJavaIdentifierStart}\p{javaJavaIdentifierPart}*`
	classPattern = "(" + identifier + `\.)*` + identifier
)

// emptyOr also accepts no text at all.
func emptyOr(o validator) validator {
	return validator{text: "An empty string OR " + o.text, values: o.values, check: func(v configdef.Parsed) error {
		if v.Text == "" {
			return nil
		}
		return o.check(v)
	}}
}

// oneOf accepts the values in any case.
func oneOf(values ...string) validator {
	text := "[" + strings.Join(values, ", ") + "]"
	return validator{text: text, values: values, check: func(v configdef.Parsed) error {
		if !slices.Contains(values, strings.ToLower(v.Text)) {
			return fmt.Errorf("Invalid enumerator value. Should be one of: %s", text)
		}
		return nil
	}}
}

func checkClass(name string) error {
	for _, part := range strings.Split(name, ".") {
		for i, r := range part {
			if !unicode.IsLetter(r) && r != '_' && r != '$' && (i == 0 || !unicode.IsDigit(r)) {
				return errors.New("Does not match expected class pattern.")
			}
		}
		if part == "" {
			return errors.New("Does not match expected class pattern.")
		}
	}
	return nil
}

func checkClasses(v configdef.Parsed) error {
	for _, c := range v.List {
		if err := checkClass(c); err != nil {
			return err
		}
	}
	return nil
}

// checkRegex accepts what Java compiles.
func checkRegex(v configdef.Parsed) error {
	if _, err := regex.Compile(v.Text); err != nil {
		return fmt.Errorf("Invalid regex: %w", err)
	}
	return nil
}

// jsonArray reads an array of documents in the driver's JSON. The second attempt
// with doubled backslashes is Java's: it lets people write regular expressions
// without escaping them.
func jsonArray(text string) ([]bson.Raw, error) {
	if text == "" {
		return nil, nil
	}
	docs, err := documents(text)
	if err != nil {
		var second error
		if docs, second = documents(strings.ReplaceAll(text, `\`, `\\`)); second != nil {
			return nil, err
		}
	}
	return docs, nil
}

func documents(text string) ([]bson.Raw, error) {
	b, err := extjson.Append(nil, "{s: "+text+"}")
	var e *extjson.Error
	if errors.As(err, &e) {
		return nil, fmt.Errorf("Invalid value %s: %w for configuration Not a valid JSON array", e.Class, err)
	}
	cast := func(what, to string) error {
		return fmt.Errorf("Invalid value java.lang.ClassCastException: %s cannot be cast to %s for configuration Not a valid JSON array", what, to)
	}
	array, ok := bson.Raw(b).Lookup("s").ArrayOK()
	if !ok {
		return nil, cast("The value", "java.util.List")
	}
	values, err := bson.RawArray(array).Values()
	if err != nil {
		return nil, err
	}
	docs := make([]bson.Raw, len(values))
	for i, v := range values {
		if docs[i], ok = v.DocumentOK(); !ok {
			return nil, cast("List element", "org.bson.Document")
		}
	}
	return docs, nil
}

// checkDatePattern is java.time.format.DateTimeFormatter.ofPattern's check.
func checkDatePattern(p string) error {
	open := 0
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			if !strings.ContainsRune("GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp", rune(c)) {
				return fmt.Errorf("Unknown pattern letter: %c", c)
			}
		case c == '\'':
			for i++; ; i++ {
				if i >= len(p) {
					return fmt.Errorf("Pattern ends with an incomplete string literal: %s", p)
				}
				if p[i] == '\'' {
					if i+1 >= len(p) || p[i+1] != '\'' {
						break
					}
					i++
				}
			}
		case c == '[':
			open++
		case c == ']':
			if open--; open < 0 {
				return errors.New("Pattern invalid as it contains ] without previous [")
			}
		case c == '{' || c == '}' || c == '#':
			return fmt.Errorf("Pattern includes reserved character: '%c'", c)
		}
	}
	return nil
}
