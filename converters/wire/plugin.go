package wire

import (
	"context"

	"culvert/configdef"
	"culvert/converters"
	"culvert/schemas"
)

// Plugin describes a converter with a Schema Registry. Def declares its keys,
// registry is where they keep the registry's, and open makes its factory.
func Plugin[C any, F converters.Factory](class string, aliases []string, def func() *configdef.Def[C], registry func(*C) schemas.Config,
	open func(map[string]string, converters.Side, converters.Env) (F, error)) converters.Plugin {
	return converters.Plugin{
		Class:   class,
		Aliases: aliases,
		Sides:   []converters.Side{converters.Key, converters.Value},
		Spec:    func() []configdef.Spec { return def().Specs() },
		Check: func(props map[string]string, _ converters.Side) *configdef.Report {
			_, report := def().Parse(props)
			return report
		},
		Dial: func(ctx context.Context, props map[string]string, _ converters.Side) (string, error) {
			c, report := def().Parse(props)
			if err := converters.ConfigError(class, report); err != nil {
				return class, err
			}
			return schemas.Ping(ctx, registry(&c))
		},
		New: func(props map[string]string, side converters.Side, env converters.Env) (converters.Factory, error) {
			return open(props, side, env)
		},
	}
}
