package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
)

// gateOptions say how executables are examined.
type gateOptions struct {
	mode  string
	allow []string
}

// gateModes are the values of the flag that has the mode.
var gateModes = []string{string(gate.On), string(gate.Off), string(gate.Strict)}

// addGateFlags is for the commands that move tags.
func addGateFlags(cmd *cobra.Command, o *gateOptions) {
	f := cmd.Flags()
	f.StringVar(&o.mode, "verify", string(gate.On), `Examine the executables of every image before a tag moves ("on", "off", "strict")`)
	_ = cmd.RegisterFlagCompletionFunc("verify", oneOf(gateModes...))
	addAllowFlag(f, o)
}

// addAllowFlag adds the flag of files that may be for any machine.
func addAllowFlag(f *pflag.FlagSet, o *gateOptions) {
	f.StringArrayVar(&o.allow, "verify-allow", nil, `Files that may be for any machine: a path pattern ("/usr/lib/cross", "/opt/**/*.so"); may be repeated`)
}

// parse gives nil if nothing is to be examined. flag is the name of the flag that has the mode.
func (o gateOptions) parse(flag string) (*gate.Options, error) {
	opt := gate.Options{Mode: gate.Mode(o.mode), Allow: o.allow}
	switch opt.Mode {
	case gate.Off:
		return nil, nil
	case gate.On, gate.Strict:
	default:
		return nil, fmt.Errorf("--%s %q is not one of on, off, strict", flag, o.mode)
	}
	for _, pattern := range o.allow {
		if err := gate.CheckAllow(pattern); err != nil {
			return nil, fmt.Errorf("--verify-allow %q: %w", pattern, err)
		}
	}
	return &opt, nil
}
