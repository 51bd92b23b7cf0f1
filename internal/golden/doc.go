// Package golden holds recorded answers of the reference implementations and
// what runs them: values and records in the form of the recordings become data.
// Only tests import it.
package golden
