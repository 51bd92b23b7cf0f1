// Package values writes data as Java writes it: numbers, dates and containers in
// the texts of String.valueOf and of org.apache.kafka.connect.data.Values. What
// users see in topics, headers and error messages comes from here.
package values
