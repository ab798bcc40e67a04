package cli

import "github.com/spf13/pflag"

// AddBuilderFlags adds the flags that select and configure a build's builder.
func AddBuilderFlags(f *pflag.FlagSet, o *BuilderOptions) {
	f.StringVar(&o.Name, "builder", "", "Override the configured builder instance (created if it does not exist)")
	f.StringVar(&o.Image, "builder-image", "", "BuildKit image of the builder")
	f.StringVar(&o.Config, "builder-config", "", "BuildKit daemon config file of the builder")
	f.StringArrayVar(&o.DriverOpts, "driver-opt", nil, `Options for the driver of the builder (e.g. "network=host", "env.KEY=VALUE")`)
	AddTrustFlag(f, &o.Trust)
}

// HostNetworkFlag gives a builder the network of the engine's host.
const HostNetworkFlag = "--driver-opt network=host"
