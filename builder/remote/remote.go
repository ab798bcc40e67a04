// Package remote connects to BuildKits that somebody else runs: over TCP with or without TLS, over a Unix
// socket, or through a program that reaches one (ssh, docker, podman, kubectl). It makes, starts and
// removes nothing.
//
// Such a BuildKit is taken to be on the network of its machine.
package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// DriverName is the driver's name for users.
const DriverName = "remote"

// Driver connects to the BuildKit at an endpoint's address.
type Driver struct{}

var _ builder.Checker = Driver{}

// OptionNames implements [builder.Checker].
func (Driver) OptionNames() []string { return OptionNames() }

// ParseOptions implements [builder.Checker].
func (Driver) ParseOptions(lists ...string) (map[string]string, error) { return ParseOptions(lists...) }

// Check implements [builder.Checker].
func (Driver) Check(e builder.Endpoint) error {
	spec := builder.Spec{Daemon: buildkitd.Settings{Flags: e.Flags, Config: e.Config}}
	if err := spec.CheckConnectOnly(errConfigured); err != nil {
		return err
	}
	return Check(e)
}

// VersionError means that a BuildKit is too old.
type VersionError struct{ Version, Min string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("its BuildKit is %s, and %s or newer is needed", cmp.Or(e.Version, "older than v0.11"), e.Min)
}

// errConfigured is the error for settings that would need a buildkitd that this program starts.
var errConfigured = errors.New("a remote BuildKit is configured where it runs")

// Check returns an error if the endpoint cannot be one of this driver. It connects to nothing, but reads
// the files that the options name.
func Check(e builder.Endpoint) error {
	_, err := open(e)
	return err
}

// Connect implements [builder.Driver].
func (Driver) Connect(ctx context.Context, e builder.Endpoint, want builder.Spec, _ func(line string)) (*builder.Node, error) {
	n, err := connect(ctx, e, want)
	if err != nil && !errors.Is(err, want.Host.PermissionErr) {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	return n, err
}

func connect(ctx context.Context, e builder.Endpoint, want builder.Spec) (*builder.Node, error) {
	if err := want.CheckConnectOnly(errConfigured); err != nil {
		return nil, err
	}
	opt, err := open(e)
	if err != nil {
		return nil, err
	}
	chosen := e.Options[optNetwork] == hostNetwork
	if err := want.Host.Refused(chosen); err != nil {
		return nil, err
	}
	l, err := link.Open(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", shown(e.Address), err)
	}
	minimum := cmp.Or(want.MinVersion, builder.MinVersion)
	if v := l.Version(); v == "" || builder.TooOld(v, minimum) {
		_ = l.Close()
		return nil, fmt.Errorf("%s: %w", shown(e.Address), &VersionError{v, minimum})
	}
	n := &builder.Node{
		Endpoint: e, ID: l.Workers[0].ID, Version: l.Version(), Platforms: l.Workers[0].Platforms, OnHost: true, HostChosen: chosen, Client: l.Client,
		Near: address.IsSocket(e.Address), RoundTrip: l.RoundTrip, Disconnect: l.Close,
	}
	n.Return = l
	n.Lost = func(ctx context.Context) error { return fmt.Errorf("%s: %w", shown(e.Address), l.Why(ctx)) }
	if e.Options[optLoad] == "true" {
		n.Warnings = append(n.Warnings, fmt.Sprintf("driver option %s=true of %s has no effect: a build loads its result on request only", optLoad, e.Name()))
	}
	return n, nil
}

// shown is an address without its password.
func shown(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return address
}
