package main

import "github.com/spf13/pflag"

// addBuilderFlags adds the flags by which a build says what its builder is to be.
func addBuilderFlags(f *pflag.FlagSet, o *builderOptions) {
	f.StringVar(&o.name, "builder", "", `Builder to use; it is made if it does not exist (default "default")`)
	f.StringVar(&o.image, "builder-image", "", "BuildKit image of the builder")
	f.StringVar(&o.config, "builder-config", "", "BuildKit daemon config file (TOML) for the builder")
	f.StringArrayVar(&o.driverOpts, "driver-opt", nil, `Options of the builder's container (e.g. "network=host", "env.KEY=VALUE")`)
	addTrustFlag(f, &o.trust)
}

// hostNetworkFlag gives a builder the network of the engine's host.
const hostNetworkFlag = "--driver-opt network=host"
