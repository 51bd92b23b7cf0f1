//go:build pins

package main

// Pebble's module asks for an old google.golang.org/genproto that still holds the
// packages of its later submodules; in one workspace with FerretDB that is an
// ambiguous import. This keeps a current one in go.mod, where `go mod tidy` would
// drop it.
import _ "google.golang.org/genproto/protobuf/field_mask"
