package configdef

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The common validators, with Java's texts.

// AtLeast is ConfigDef.Range.atLeast.
func AtLeast(min int64) Validator {
	return func(_ string, v Parsed) error {
		if v.Null {
			return errors.New("Value must be non-null")
		}
		if v.Int < min {
			return fmt.Errorf("Value must be at least %d", min)
		}
		return nil
	}
}

// Between is ConfigDef.Range.between.
func Between(min, max int64) Validator {
	return func(name string, v Parsed) error {
		if err := AtLeast(min)(name, v); err != nil {
			return err
		}
		if v.Int > max {
			return fmt.Errorf("Value must be no more than %d", max)
		}
		return nil
	}
}

// OneOf is ConfigDef.ValidString.in. Null is refused.
func OneOf(values ...string) Validator {
	return func(_ string, v Parsed) error {
		for _, want := range values {
			if !v.Null && v.Text == want {
				return nil
			}
		}
		return fmt.Errorf("String must be one of: %s", strings.Join(values, ", "))
	}
}

// OneOfFold is ConfigDef.CaseInsensitiveValidString.in. Null is refused.
func OneOfFold(values ...string) Validator {
	return func(_ string, v Parsed) error {
		for _, want := range values {
			if !v.Null && strings.EqualFold(v.Text, want) {
				return nil
			}
		}
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.Join(values, ", "))
	}
}

// NonEmpty is ConfigDef.NonEmptyString. Null is accepted.
func NonEmpty(_ string, v Parsed) error {
	if !v.Null && v.Text == "" {
		return errors.New("String must be non-empty")
	}
	return nil
}

// NonEmptyWithoutControlChars is ConfigDef.NonEmptyStringWithoutControlChars.
// Null is accepted: a missing value has an error of its own.
func NonEmptyWithoutControlChars(_ string, v Parsed) error {
	if v.Null {
		return nil
	}
	if v.Text == "" {
		return errors.New("String may not be empty")
	}
	var found []string
	for _, r := range v.Text {
		if r < 0x20 || r >= 0x7F && r <= 0x9F { // Character.isISOControl
			found = append(found, strconv.Itoa(int(r)))
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("String may not contain control sequences but had the following ASCII chars: %s", strings.Join(found, ", "))
	}
	return nil
}

// NonNull is ConfigDef.NonNullValidator.
func NonNull(_ string, v Parsed) error {
	if v.Null {
		return errors.New("entry must be non null")
	}
	return nil
}

// MaxElements is ConfigDef.ListSize.atMostOfSize.
func MaxElements(n int) Validator {
	return func(_ string, v Parsed) error {
		if len(v.List) > n {
			return fmt.Errorf("exceeds maximum list size of [%d].", n)
		}
		return nil
	}
}

// Elements is ConfigDef.ValidList: no element twice, none empty, each one of
// values where there are any. An empty list is accepted, null is not.
func Elements(values ...string) Validator {
	return func(name string, v Parsed) error {
		if v.Null {
			return Sentence(fmt.Sprintf("Configuration '%s' values must not be null.", name))
		}
		if hasDuplicates(v.List) {
			return Sentence(fmt.Sprintf("Configuration '%s' values must not be duplicated.", name))
		}
		for _, e := range v.List {
			if e == "" {
				return Sentence(fmt.Sprintf("Configuration '%s' values must not be empty.", name))
			}
			if len(values) > 0 {
				if err := OneOf(values...)(name, Parsed{Text: e}); err != nil {
					return &ValueError{Value: e, Reason: err.Error()}
				}
			}
		}
		return nil
	}
}

// Aliases is the validator of a list of aliases (ConnectorConfig.aliasValidator).
func Aliases(name string, v Parsed) error {
	if err := NonNull(name, v); err != nil {
		return err
	}
	if hasDuplicates(v.List) {
		return errors.New("Duplicate alias provided.")
	}
	return nil
}

func hasDuplicates(list []string) bool {
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		if seen[e] {
			return true
		}
		seen[e] = true
	}
	return false
}

// Optional accepts null and hands everything else to check.
func Optional(check Validator) Validator {
	return func(name string, v Parsed) error {
		if v.Null {
			return nil
		}
		return check(name, v)
	}
}

// All is ConfigDef.CompositeValidator: the first error counts.
func All(checks ...Validator) Validator {
	return func(name string, v Parsed) error {
		for _, check := range checks {
			if err := check(name, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// NonEmptyElements is ConfigDef.ValidList that does not accept an empty list: no
// element twice, none empty.
func NonEmptyElements(name string, v Parsed) error {
	if !v.Null && len(v.List) == 0 {
		return Sentence(fmt.Sprintf("Configuration '%s' must not be empty. Valid values include: any non-empty value", name))
	}
	return Elements()(name, v)
}
