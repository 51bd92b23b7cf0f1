// Package gen generates random values for an Avro schema whose arg.properties
// say how: options, iteration, range, length, regex, odds, prefix, suffix, keys.
//
// The rules, the texts of the errors and, with a seed, the values are those of
// the Avro random generator that users of the datagen connector know
// (io.confluent.avro.random.generator.Generator 0.4.1). Values made by regex are
// the exception: they match the expression and the length, no more.
package gen
