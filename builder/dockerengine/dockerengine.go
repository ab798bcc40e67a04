// Package dockerengine connects to the BuildKits inside Docker Engines. Such a BuildKit needs no container,
// no privileges and no image, and what it makes is in the engine's own image store already. The engine must
// have the containerd image store: without it, its BuildKit makes no images of several platforms.
//
// The engine configures its BuildKit, which fetches on the network of the engine's host.
package dockerengine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// DriverName is the driver's name for users.
const DriverName = "docker"

// Driver connects to the BuildKit inside the engine at an endpoint's address.
type Driver struct {
	// Engine returns the engine at an endpoint's address.
	Engine func(address string) (*engine.Engine, error)
}

var (
	_ builder.Checker  = Driver{}
	_ builder.OnEngine = Driver{}
)

// EngineOf implements [builder.OnEngine].
func (d Driver) EngineOf(e builder.Endpoint) (*engine.Engine, error) { return d.Engine(e.Address) }

// ClassicStoreError means that an engine has no containerd image store.
type ClassicStoreError struct{ Host string }

func (e *ClassicStoreError) Error() string {
	return fmt.Sprintf("the engine at %s does not have the containerd image store, without which its BuildKit makes no images of several platforms", e.Host)
}

// VersionError means that an engine's BuildKit is too old.
type VersionError struct{ Engine, BuildKit, Min string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the BuildKit of Docker Engine %s is %s, and %s or newer is needed", e.Engine, e.BuildKit, e.Min)
}

// errConfigured is the error for settings that would need a buildkitd that this program starts.
var errConfigured = errors.New("the BuildKit inside a Docker Engine is configured by the engine")

const (
	optNetwork  = "network"
	hostNetwork = "host"
)

// OptionNames implements [builder.Checker]. By network=host a user permits builds to fetch from the
// engine's host.
func (Driver) OptionNames() []string { return []string{optNetwork} }

// ParseOptions implements [builder.Checker].
func (Driver) ParseOptions(lists ...string) (map[string]string, error) {
	opts, err := builder.SplitOptions(lists...)
	if err != nil {
		return nil, err
	}
	return opts, checkOptions(opts)
}

func checkOptions(opts map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(opts)) {
		if k != optNetwork {
			return fmt.Errorf("driver option %q: %w", k, errConfigured)
		}
		if opts[k] != hostNetwork {
			return fmt.Errorf("driver option %s: %q is not possible: the engine is on the network %q of its machine", k, opts[k], hostNetwork)
		}
	}
	return nil
}

// Check implements [builder.Checker].
func (Driver) Check(e builder.Endpoint) error {
	if len(e.Flags) > 0 || e.Config.TOML != nil {
		return fmt.Errorf("%w: it takes neither flags of buildkitd nor a configuration file", errConfigured)
	}
	return checkOptions(e.Options)
}

// Connect implements [builder.Driver].
func (d Driver) Connect(ctx context.Context, e builder.Endpoint, want builder.Spec, _ func(line string)) (*builder.Node, error) {
	eng, err := d.Engine(e.Address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	n, err := d.connect(ctx, eng, e, want)
	if err != nil && !errors.Is(err, want.Host.PermissionErr) {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	return n, err
}

func (d Driver) connect(ctx context.Context, eng *engine.Engine, e builder.Endpoint, want builder.Spec) (*builder.Node, error) {
	if err := errors.Join(d.Check(e), want.CheckConnectOnly(errConfigured)); err != nil {
		return nil, err
	}
	chosen := e.Options[optNetwork] == hostNetwork
	if err := want.Host.Refused(chosen); err != nil {
		return nil, err
	}
	info, err := eng.Info(ctx)
	switch {
	case err != nil:
		return nil, err
	case info.OSType != "linux":
		return nil, fmt.Errorf("the engine runs %s containers; a builder needs linux", info.OSType)
	case !info.ContainerdStore:
		return nil, &ClassicStoreError{eng.Host()}
	}
	l, err := link.Open(ctx, link.Options{Dial: eng.DialBuildKit})
	if err != nil {
		return nil, fmt.Errorf("cannot connect to the BuildKit of the engine at %s: %w", eng.Host(), err)
	}
	minimum := cmp.Or(want.MinVersion, builder.MinVersion)
	if builder.TooOld(l.Version(), minimum) {
		_ = l.Close()
		return nil, &VersionError{info.Version, l.Version(), minimum}
	}
	return &builder.Node{
		Endpoint: e, ID: l.Workers[0].ID, Version: l.Version(), Platforms: l.Workers[0].Platforms, CPUs: info.NCPU, OnHost: true, HostChosen: chosen,
		Near: eng.Near(), RoundTrip: l.RoundTrip, LocalImages: true, Caches: []string{"gha", "inline", "local", "registry"}, // builder-next/controller.go of moby
		Client: l.Client,
		Abilities: builder.Abilities{
			Engine: &builder.Engine{Images: trust.Images{Engine: eng, Trusted: want.Trusted, Auth: want.Auth}},
			Return: l,
			Lost:   func(ctx context.Context) error { return fmt.Errorf("the engine at %s: %w", eng.Host(), l.Why(ctx)) },
		},
		Disconnect: l.Close,
	}, nil
}
