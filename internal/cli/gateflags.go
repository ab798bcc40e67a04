package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
)

// GateOptions are the options of the examination of executables.
type GateOptions struct {
	Mode  string
	allow []string
}

// GateModes are the values of the flag for the mode.
var GateModes = []string{string(gate.On), string(gate.Off), string(gate.Strict)}

// AddGateFlags adds the flags of the gate to the commands that move tags.
func AddGateFlags(cmd *cobra.Command, o *GateOptions) {
	f := cmd.Flags()
	f.StringVar(&o.Mode, "verify", string(gate.On), `Examine the executables of every image before a tag moves ("on", "off", "strict")`)
	_ = cmd.RegisterFlagCompletionFunc("verify", OneOf(GateModes...))
	AddAllowFlag(f, o)
}

// AddAllowFlag adds the flag for files that may be for any machine.
func AddAllowFlag(f *pflag.FlagSet, o *GateOptions) {
	f.StringArrayVar(&o.allow, "verify-allow", nil, `Path pattern of files that may be for any machine (e.g. "/usr/lib/cross", "/opt/**/*.so")`)
}

// Parse returns nil if nothing is to be examined. flag is the name of the flag for the mode.
func (o GateOptions) Parse(flag string) (*gate.Options, error) {
	opt := gate.Options{Mode: gate.Mode(o.Mode), Allow: o.allow}
	switch opt.Mode {
	case gate.Off:
		return nil, nil
	case gate.On, gate.Strict:
	default:
		return nil, fmt.Errorf("--%s %q is not one of on, off, strict", flag, o.Mode)
	}
	for _, pattern := range o.allow {
		if err := gate.CheckAllow(pattern); err != nil {
			return nil, fmt.Errorf("--verify-allow %q: %w", pattern, err)
		}
	}
	return &opt, nil
}
