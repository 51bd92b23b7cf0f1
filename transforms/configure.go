package transforms

import (
	"culvert/configdef"
	"culvert/fault"
)

// Configure reads the keys of a plugin as Java's configure does: the first error
// that ConfigDef.parse finds is the error, in its words and of class Config.
func Configure[C any](d *configdef.Def[C], props map[string]string) (C, error) {
	c, r := d.Configure(props)
	for i := range r.Results {
		if errs := r.Results[i].Errors; len(errs) > 0 {
			return c, fault.New(fault.Config, "transforms.config", "%s", errs[0]).WithField(r.Results[i].Spec.Name).
				WithJava("org.apache.kafka.common.config.ConfigException")
		}
	}
	return c, nil
}
