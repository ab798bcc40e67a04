package container

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// Options are driver options, as the peer's docker-container driver names them,
// by key. ParseOptions has checked them.
type Options map[string]string

const (
	optNetwork = "network"
	optImage   = "image"
	optEnv     = builder.EnvOption // followed by the variable's name
)

// option applies a value to a container that is about to be created.
type option func(value string, c *container.Config, h *container.HostConfig) error

// optionTable has every option but env.*. Messages list options in its order.
func optionTable() map[string]option {
	return map[string]option{
		// A spec has these two in fields of its own; they are listed here so that they are known.
		optNetwork: func(string, *container.Config, *container.HostConfig) error { return nil },
		optImage:   func(string, *container.Config, *container.HostConfig) error { return nil },

		"memory":      bytesOption(func(h *container.HostConfig, n int64) { h.Memory = n }),
		"memory-swap": swapOption,
		"cpu-quota":   intOption(func(h *container.HostConfig, n int64) { h.CPUQuota = n }),
		"cpu-period":  intOption(func(h *container.HostConfig, n int64) { h.CPUPeriod = n }),
		"cpu-shares":  intOption(func(h *container.HostConfig, n int64) { h.CPUShares = n }),
		"cpuset-cpus": textOption(func(h *container.HostConfig, s string) { h.CpusetCpus = s }),
		"cpuset-mems": textOption(func(h *container.HostConfig, s string) { h.CpusetMems = s }),
		// Without it the engine's own default applies. (The peer puts its builders under
		// /docker/buildx, to have one place for limits; this option can do the same.)
		"cgroup-parent":  textOption(func(h *container.HostConfig, s string) { h.CgroupParent = s }),
		"restart-policy": restartOption,

		// These options request what is always the case here.
		"default-load":          fixedOption("false", "a build loads its result on request only"),
		"provenance-add-gha":    fixedOption("false", "a provenance has no data of GitHub Actions"),
		"allow-untrusted-image": fixedOption("true", "docker multiarch does not check the signature of a builder image"),
	}
}

// OptionNames lists the known keys, sorted, for messages and completion.
func OptionNames() []string {
	return append(slices.Sorted(maps.Keys(optionTable())), optEnv+"<name>")
}

// ParseOptions reads values of --driver-opt: each a CSV list of key=value. Of a
// repeated key the last counts. An unknown key is refused with the known ones.
func ParseOptions(lists ...string) (Options, error) {
	split, err := builder.SplitOptions(lists...)
	if err != nil {
		return nil, err
	}
	opts := Options(split)
	// Applying the options to an empty configuration checks them.
	if err := opts.apply(&container.Config{}, &container.HostConfig{}); err != nil {
		return nil, err
	}
	return opts, nil
}

// apply writes the options into the configuration.
func (o Options) apply(c *container.Config, h *container.HostConfig) error {
	table := optionTable()
	for _, k := range slices.Sorted(maps.Keys(o)) {
		if name, ok := strings.CutPrefix(k, optEnv); ok && name != "" {
			c.Env = append(c.Env, name+"="+o[k])
			continue
		}
		set, ok := table[k]
		if !ok {
			return builder.UnknownOption(k, OptionNames())
		}
		if err := set(o[k], c, h); err != nil {
			return fmt.Errorf("driver option %q: invalid value %q: %w", k, o[k], err)
		}
	}
	return nil
}

// fixedOption is an option of the peer's that accepts one value only.
func fixedOption(only, why string) option {
	return func(v string, _ *container.Config, _ *container.HostConfig) error {
		if v != only {
			return fmt.Errorf("it is always %s: %s", only, why)
		}
		return nil
	}
}

func textOption(set func(*container.HostConfig, string)) option {
	return func(v string, _ *container.Config, h *container.HostConfig) error {
		set(h, v)
		return nil
	}
}

func intOption(set func(*container.HostConfig, int64)) option {
	return func(v string, _ *container.Config, h *container.HostConfig) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("not a whole number")
		}
		set(h, n)
		return nil
	}
}

func bytesOption(set func(*container.HostConfig, int64)) option {
	return func(v string, _ *container.Config, h *container.HostConfig) error {
		n, err := units.RAMInBytes(v)
		if err != nil {
			return fmt.Errorf("not a size such as 512m or 4g")
		}
		set(h, n)
		return nil
	}
}

// swapOption is memory plus swap; -1 means unlimited swap.
func swapOption(v string, c *container.Config, h *container.HostConfig) error {
	if v == "-1" {
		h.MemorySwap = -1
		return nil
	}
	return bytesOption(func(h *container.HostConfig, n int64) { h.MemorySwap = n })(v, c, h)
}

func restartOption(v string, _ *container.Config, h *container.HostConfig) error {
	name, count, counted := strings.Cut(v, ":")
	mode := container.RestartPolicyMode(name)
	known := []container.RestartPolicyMode{
		container.RestartPolicyDisabled, container.RestartPolicyAlways,
		container.RestartPolicyOnFailure, container.RestartPolicyUnlessStopped,
	}
	if !slices.Contains(known, mode) || (counted && mode != container.RestartPolicyOnFailure) {
		return fmt.Errorf("not one of no, always, unless-stopped, on-failure[:<count>]")
	}
	h.RestartPolicy = container.RestartPolicy{Name: mode}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil {
			return fmt.Errorf("%q is not a number of attempts", count)
		}
		h.RestartPolicy.MaximumRetryCount = n
	}
	return nil
}
