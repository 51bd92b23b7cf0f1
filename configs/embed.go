// Package configs holds the files that users copy: worker properties, connector
// configurations and schemas. Tests and the demo read them from here, so that
// what is documented is what runs.
package configs

import (
	"embed"
	"encoding/json"
	"fmt"
)

// Files holds worker/, connectors/ and schemas/.
//
//go:embed worker connectors schemas
var Files embed.FS

// Pipeline lists the connectors of the example pipeline in the order in which to
// create them: connectors/<name>.json.
var Pipeline = []string{"datagen-orders", "datagen-payments", "orders-payments-join", "mongodb-sink"}

// Connector is the body of POST /connectors.
type Connector struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
}

// Read returns connectors/<name>.json.
func Read(name string) (Connector, error) {
	var c Connector
	raw, err := Files.ReadFile("connectors/" + name + ".json")
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("connectors/%s.json: %w", name, err)
	}
	return c, nil
}
