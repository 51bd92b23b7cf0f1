// Package providers resolves variables in configurations: ${provider:path:key} and
// ${provider:key}, by the config providers that the worker's config.providers
// names (KIP-297, KIP-632, KIP-887; ConfigTransformer, WorkerConfigTransformer).
//
// A configuration is stored and shown as it was written. It is resolved where it
// is used: when it is validated, when tasks are made of it, and when a task
// starts. What came out of a provider is a secret until somebody proves otherwise:
// Secrets keeps it out of logs, traces and error texts.
package providers
