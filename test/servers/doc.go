// Package servers installs and starts the real servers that the end-to-end
// suite and the measurements run against: Apache Kafka, the Java Connect worker,
// a schema registry, and a MongoDB-compatible server. All of them listen on
// loopback and come from Maven Central and PyPI through their ordinary clients.
//
// What is installed is kept in a cache folder outside the checkout
// (CULVERT_CACHE, else culvert-servers in the user's cache folder).
package servers
