// Package plugins knows what can be run: the connectors, converters,
// transformations and predicates that are compiled in, by class name and by alias.
//
// From their declarations it makes the answers of /connector-plugins and of config
// validation. A connector's configuration has three parts: the keys of the framework
// (framework.go), the keys of what it names as transformations, predicates and
// converters (enrich.go), and its own. The order of keys and of errors is Java's
// (AbstractHerder.validateConnectorConfig).
package plugins
