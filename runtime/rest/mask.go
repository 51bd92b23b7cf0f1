package rest

import (
	"culvert/connectors"
	"culvert/runtime/store"
)

// mask is what answers show in place of a secret with rest.mask.passwords.
const mask = "****************"

// shown is the configuration of a connector, or of one of its tasks, as answers have
// it. What is secret in it the connector's own configuration says.
func (s *Server) shown(config, connector map[string]string) orderedConfig {
	o := inJavaOrder(config)
	if !s.MaskPasswords {
		return o
	}
	secret := s.Validator.Plugins.Secrets(connector)
	text := make(map[string]string, len(config))
	for k, v := range config {
		if v != "" && secret(k) {
			v = mask
		}
		text[k] = v
	}
	o.text = text
	return o
}

// unmask puts the stored secrets back where a client returns a configuration with
// the values that it was shown.
func (s *Server) unmask(name string, p *props) {
	if !s.MaskPasswords {
		return
	}
	c, err := s.Herder.Connector(name)
	if err != nil {
		return
	}
	secret := s.Validator.Plugins.Secrets(c.Config)
	for k, v := range p.text {
		if stored, ok := c.Config[k]; ok && connectors.Masked(v) && secret(k) {
			p.text[k] = stored
		}
	}
}

// infoOf describes a connector.
func (s *Server) infoOf(c *store.Connector) connectorInfo {
	i := connectorInfo{Name: c.Name, Config: s.shown(c.Config, c.Config), Tasks: []taskID{}, Type: s.typeOf(c)}
	for n := range c.Tasks {
		i.Tasks = append(i.Tasks, taskID{c.Name, n})
	}
	return i
}
