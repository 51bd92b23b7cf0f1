package mongodb

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"culvert/configdef"
	"culvert/connectors/mongodb/extjson"
)

// The checks that the source's keys share with the sink's.

// OneOf accepts the values in any case, as Validators.EnumValidatorAndRecommender.
func OneOf(values ...string) configdef.Validator { return oneOf(values...).exported() }

// ClassName accepts a name of a Java class.
func ClassName() configdef.Validator { return aClassName.exported() }

// Regex accepts what Java compiles.
func Regex() configdef.Validator { return aRegex.exported() }

// EmptyOr also accepts no text at all.
func EmptyOr(o configdef.Validator) configdef.Validator {
	return func(name string, v configdef.Parsed) error {
		if v.Text == "" {
			return nil
		}
		return o(name, v)
	}
}

func (v validator) exported() configdef.Validator {
	return func(_ string, p configdef.Parsed) error { return v.check(p) }
}

// Documents reads a JSON array of documents, as ConfigHelper.jsonArrayFromString.
func Documents(text string) ([]bson.Raw, error) { return jsonArray(text) }

// Document reads a JSON document in the Java driver's dialect.
func Document(text string) (bson.Raw, error) {
	b, err := extjson.Append(nil, text)
	return bson.Raw(b), err
}
