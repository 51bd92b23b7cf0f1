// Package configdef declares the keys of a configuration once, and everything
// reads that one table: parsing into a typed struct, validation with the texts
// of Java's ConfigDef, the REST answers, the generated documentation and the
// masking of secrets.
//
// The rules are those of org.apache.kafka.common.config.ConfigDef.
package configdef
