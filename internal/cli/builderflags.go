package cli

import "github.com/spf13/pflag"

// AddBuilderFlags adds the flags that select and configure a build's builder.
func AddBuilderFlags(f *pflag.FlagSet, o *BuilderOptions) {
	f.StringVar(&o.Name, "builder", "", `Builder to use; it is made if it does not exist (default "default")`)
	f.StringVar(&o.Image, "builder-image", "", "BuildKit image of the builder")
	f.StringVar(&o.Config, "builder-config", "", "BuildKit daemon config file (TOML) for the builder")
	f.StringArrayVar(&o.DriverOpts, "driver-opt", nil, `Options of the builder's container (e.g. "network=host", "env.KEY=VALUE")`)
	AddTrustFlag(f, &o.Trust)
}

// HostNetworkFlag gives a builder the network of the engine's host.
const HostNetworkFlag = "--driver-opt network=host"
