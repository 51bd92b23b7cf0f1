package configdef

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Validate parses props against an untyped table.
func Validate(specs []Spec, props map[string]string) *Report {
	return ValidateNulls(specs, props, nil)
}

// ValidateNulls is Validate for a request that gives some keys the value null:
// they count as given, without a value. They must not be in props.
func ValidateNulls(specs []Spec, props map[string]string, nulls []string) *Report {
	d := Def[struct{}]{Keys: make([]Key[struct{}], len(specs))}
	for i := range specs {
		d.Keys[i].Spec = specs[i]
	}
	_, r := d.parse(props, nulls, validating)
	return r
}

// Configure is Validate in the way of AbstractConfig's constructor: lists that are
// Distinct lose what comes twice.
func Configure(specs []Spec, props map[string]string) *Report {
	d := Def[struct{}]{Keys: make([]Key[struct{}], len(specs))}
	for i := range specs {
		d.Keys[i].Spec = specs[i]
	}
	_, r := d.Configure(props)
	return r
}

// purpose tells ConfigDef.parse, which configures, from ConfigDef.validate.
type purpose uint8

const (
	validating purpose = iota
	configuring
)

// parseKey is ConfigDef.parseForValidate for one key.
func parseKey(s *Spec, props map[string]string, nulls []string, p purpose) Result {
	res := Result{Spec: s, Value: Parsed{Null: true}}
	text, given := s.lookup(props)
	switch {
	case given:
		res.parse(s, text)
		res.Value.Given = true
	case slices.Contains(nulls, s.Name):
		res.Value.Given = true
	case s.Default != nil:
		res.parse(s, *s.Default)
	case s.Required:
		res.Errors = append(res.Errors, fmt.Sprintf("Missing required configuration \"%s\" which has no default value.", s.Name))
	}
	if p == configuring && s.Distinct {
		res.Value.List = once(res.Value.List)
		res.Value.Text = strings.Join(res.Value.List, ",")
	}
	res.check(s)
	return res
}

// once drops elements that come again.
func once(list []string) []string {
	var out []string
	for _, e := range list {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// lookup finds the text of a key under its name or one of its other spellings.
func (s *Spec) lookup(props map[string]string) (text string, given bool) {
	if text, given = props[s.Name]; given {
		return text, true
	}
	for _, a := range s.Aliases {
		if text, given = props[a]; given {
			return text, true
		}
	}
	return "", false
}

func (r *Result) parse(s *Spec, text string) {
	v, err := ParseText(s.Type, text)
	if err == nil && s.Type == Class && s.Resolve != nil {
		name, ok := s.Resolve(v.Text)
		if !ok {
			err = fmt.Errorf("Class %s could not be found.", text)
		}
		v.Text = name
	}
	if err != nil {
		r.Errors = append(r.Errors, invalid(s.Name, text, err.Error()))
		return // the value stays null
	}
	r.Value = v
}

// check runs the validator, also on a value that is null, as Java does.
func (r *Result) check(s *Spec) {
	if s.Check == nil {
		return
	}
	name := s.Name
	if s.checkName != "" {
		name = s.checkName
	}
	err := s.Check(name, r.Value)
	if err == nil {
		return
	}
	var (
		own   *ValueError
		whole Sentence
		shown = r.Value.Show(s.Type)
	)
	switch {
	case errors.As(err, &whole):
		r.Errors = append(r.Errors, string(whole))
		return
	case errors.As(err, &own):
		shown = own.Value
	}
	r.Errors = append(r.Errors, invalid(name, shown, err.Error()))
}

// ValueError is the error of a Validator that says itself how the value is to be
// shown: a password whose harmless part helps to find the mistake.
type ValueError struct {
	Value  string
	Reason string
}

func (e *ValueError) Error() string { return e.Reason }

// Sentence is the error of a Validator that words the whole text: Java's
// ConfigException with one argument.
type Sentence string

func (s Sentence) Error() string { return string(s) }

func invalid(name, value, reason string) string {
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", value, name, reason)
}

// Show is the value as Java's error texts print it; a password is hidden.
func (v Parsed) Show(t Type) string {
	switch {
	case v.Null:
		return "null"
	case t == Password:
		return Hidden
	case t == List:
		return "[" + strings.Join(v.List, ", ") + "]"
	case t == Class:
		return "class " + v.Text
	}
	return v.Text
}

// Hidden is what stands for the value of a password.
const Hidden = "[hidden]"

// String is ConfigDef.convertToString: the value as answers show it. It has no
// value for null.
func (v Parsed) String(t Type) (text string, ok bool) {
	switch {
	case v.Null:
		return "", false
	case t == Password:
		return Hidden, true
	}
	return v.Text, true
}

// DefaultText is the default as answers show it; ok is false where it is null
// or there is none.
func (s *Spec) DefaultText() (text string, ok bool) {
	if s.Default == nil {
		return "", false
	}
	v, err := ParseText(s.Type, *s.Default)
	if err != nil {
		return *s.Default, true // a table that the tests of its plugin refuse
	}
	return v.String(s.Type)
}

// ParseText is ConfigDef.parseType for a text value. The error is the reason
// alone.
func ParseText(t Type, text string) (Parsed, error) {
	trimmed := trim(text)
	v := Parsed{Text: trimmed}
	switch t {
	case Boolean:
		switch {
		case strings.EqualFold(trimmed, "true"):
			v.Bool = true
		case strings.EqualFold(trimmed, "false"):
		default:
			return v, errors.New("Expected value to be either true or false")
		}
		v.Text = strconv.FormatBool(v.Bool)
	case Int, Short, Long:
		n, err := strconv.ParseInt(asciiDigits(trimmed), 10, map[Type]int{Int: 32, Short: 16, Long: 64}[t])
		if err != nil {
			return v, fmt.Errorf("Not a number of type %s", t)
		}
		v.Int, v.Text = n, strconv.FormatInt(n, 10)
	case Double:
		f, ok := ParseDouble(trimmed)
		if !ok {
			return v, fmt.Errorf("Not a number of type %s", t)
		}
		v.Float, v.Text = f, formatDouble(f)
	case List:
		if trimmed != "" {
			v.List = comma.Split(trimmed, -1)
		}
		v.Text = strings.Join(v.List, ",")
	}
	return v, nil
}

var comma = regexp.MustCompile(`[ \t\n\x0B\f\r]*,[ \t\n\x0B\f\r]*`)

// trim is String.trim: control characters go as well, wider blanks stay.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// asciiDigits turns the decimal digits of other scripts into 0 to 9:
// Integer.parseInt takes them.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 || !unicode.Is(unicode.Nd, r) {
			return r
		}
		zero := r // the ten digits of a script are consecutive
		for r-zero < 9 && unicode.Is(unicode.Nd, zero-1) {
			zero--
		}
		return '0' + (r - zero)
	}, s)
}

// ParseDouble is Java's Double.parseDouble: a suffix d or f is taken, names of special
// values have one spelling.
func ParseDouble(s string) (float64, bool) {
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || strings.ContainsRune(s, '_') {
		return 0, false
	}
	if body == "NaN" || body == "Infinity" {
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil || body == "NaN"
	}
	if body == "" || body[0] != '.' && (body[0] < '0' || body[0] > '9') {
		return 0, false
	}
	hex := strings.HasPrefix(body, "0x") || strings.HasPrefix(body, "0X")
	if hex && !strings.ContainsAny(body, "pP") {
		return 0, false
	}
	s = strings.TrimRight(s, "dDfF")
	if len(body)-len(strings.TrimRight(body, "dDfF")) > 1 {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// formatDouble is Double.toString.
func formatDouble(f float64) string {
	abs := max(f, -f)
	switch {
	case f != f:
		return "NaN"
	case abs > 1.7976931348623157e308:
		return strings.TrimPrefix(strings.Replace(strconv.FormatFloat(f, 'f', -1, 64), "Inf", "Infinity", 1), "+")
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.ContainsRune(s, '.') {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.ContainsRune(mantissa, '.') {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent) // strconv wrote it
	return mantissa + "E" + strconv.Itoa(n)
}
