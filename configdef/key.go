package configdef

// Type is the type of a key, with Java's meaning (ConfigDef.Type).
type Type uint8

// The types of keys.
const (
	String Type = iota
	Boolean
	Int
	Short
	Long
	Double
	List
	Class
	Password
)

var typeNames = [...]string{"STRING", "BOOLEAN", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

func (t Type) String() string { return typeNames[t] }

// Importance of a key (ConfigDef.Importance).
type Importance uint8

// The degrees of importance.
const (
	Low Importance = iota
	Medium
	High
)

func (i Importance) String() string { return [...]string{"LOW", "MEDIUM", "HIGH"}[i] }

// Width of a key's field in a form (ConfigDef.Width).
type Width uint8

// The widths.
const (
	NoWidth Width = iota
	ShortWidth
	MediumWidth
	LongWidth
)

func (w Width) String() string { return [...]string{"NONE", "SHORT", "MEDIUM", "LONG"}[w] }

// Spec is the untyped declaration of one key: what REST, documentation and the
// mask of secrets need to know.
type Spec struct {
	Name        string
	Aliases     []string // other spellings, e.g. of managed connectors
	Type        Type
	Importance  Importance
	Required    bool    // has no default: a missing value is an error
	Default     *string // as a user would write it; nil with Required false is a default of null
	Doc         string  // our own words
	Group       string
	Order       int // in the group; where no key of a group has one, they are numbered 1, 2, …
	Width       Width
	DisplayName string
	Dependents  []string
	Check       Validator
	// Resolve gives the full class name for a value of type Class. False: "Class …
	// could not be found.". Nil: every text is taken.
	Resolve func(name string) (class string, ok bool)
	// Recommend lists the values to offer; nil: none.
	Recommend func(props map[string]string) []string
	// Visible says whether a form shows the key; nil: always.
	Visible func(props map[string]string) bool
	// Extended keys are ours, beyond the recorded definition of a Java plugin:
	// they work, but answers show them only when set or asked for.
	Extended bool
	// Distinct lists lose elements that come twice when a plugin is configured, where
	// validation refuses them (KIP-1161).
	Distinct bool
	// Measured says in the documentation what the default is where it depends on the
	// machine; empty: Default is the same everywhere.
	Measured string
	// Ungrouped keys were declared in Java without group and width: order -1,
	// group null, display name = name.
	Ungrouped bool

	checkName string // the name in texts of Check, where it is not Name
}

// Default makes the pointer for Spec.Default and Key.Default.
func Default(s string) *string { return &s }

// Validator checks one parsed value. The returned error is the reason alone,
// as "Value must be at least 1"; configdef adds value and key in Java's form.
type Validator func(name string, v Parsed) error

// Parsed is a value after parsing. Null is set for a key without value.
type Parsed struct {
	Null  bool
	Given bool // the request had the key
	Text  string
	Int   int64
	Float float64
	Bool  bool
	List  []string
}

// Key is a Spec and where its value goes in the configuration struct C.
type Key[C any] struct {
	Spec
	Into func(c *C, v Parsed) // nil: the key is checked and documented, but read by somebody else
}

// Into helpers for the usual fields.

// Str stores the text.
func Str[C any](field func(*C) *string) func(*C, Parsed) {
	return func(c *C, v Parsed) { *field(c) = v.Text }
}

// Num stores an integer.
func Num[C any, N ~int | ~int32 | ~int64](field func(*C) *N) func(*C, Parsed) {
	return func(c *C, v Parsed) { *field(c) = N(v.Int) }
}

// Float stores a double.
func Float[C any](field func(*C) *float64) func(*C, Parsed) {
	return func(c *C, v Parsed) { *field(c) = v.Float }
}

// Flag stores a boolean.
func Flag[C any](field func(*C) *bool) func(*C, Parsed) {
	return func(c *C, v Parsed) { *field(c) = v.Bool }
}

// Strs stores a list.
func Strs[C any](field func(*C) *[]string) func(*C, Parsed) {
	return func(c *C, v Parsed) { *field(c) = v.List }
}
