package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
)

// Info is an engine's description of itself. Its slices are sorted and are the receiver's own.
type Info struct {
	ID      string // the engine's own identity, stable over restarts
	Name    string // host name of the engine's machine
	OSType  string // "linux" or "windows": the system of its containers
	Arch    string // the kernel's own name for the CPU, as `uname -m` has it ("x86_64")
	Version string // version of the engine
	NCPU    int    // CPUs that the engine may use

	ContainerdStore bool // images live in containerd's store, so an image may have many platforms
	Rootless        bool // the engine runs without root
	UserNS          bool // containers run in a user namespace unless they ask for the host's
	CgroupFS        bool // the cgroup driver is "cgroupfs", not "systemd"
	MemoryLimit     bool // the kernel can limit a container's memory
	PidsLimit       bool // and the number of its processes

	InsecureRegistries []string // host[:port] or CIDR, as the engine was configured, plus its own 127.0.0.0/8 and ::1/128
	Mirrors            []string // URLs of the mirrors of Docker Hub

	HTTPProxy, HTTPSProxy, NoProxy string // the engine's own proxies; may hold a password
}

// Info asks the engine for its description, once: later calls return the first answer. A failure is not kept. The first answer also
// removes what commands that were killed have left on the engine (see [Engine.RecordLeftovers]).
func (e *Engine) Info(ctx context.Context) (Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info == nil {
		if err := e.Answers(ctx); err != nil {
			return Info{}, err
		}
		ctx, done := e.watch.attend(ctx)
		defer done()
		res, err := e.api.Info(ctx, client.InfoOptions{})
		if err != nil {
			return Info{}, failed(ctx, "read the engine's information", err)
		}
		info := convertInfo(res.Info)
		e.info = &info
		e.sweep(ctx, info)
	}
	info := *e.info
	info.InsecureRegistries = slices.Clone(info.InsecureRegistries)
	info.Mirrors = slices.Clone(info.Mirrors)
	return info, nil
}

// answerTimeout bounds the very first request, which any engine answers at once. The Docker CLI has waited for two seconds
// before.
const answerTimeout = 2500 * time.Millisecond

// Answers returns an error, [ErrUnreachable], when the engine does not answer in time, as behind a firewall that drops all
// packets. It must come before all other calls, since those may wait without a bound for the library's first request, which is
// this one. A connection over ssh takes its time, and may ask its user; it is not bounded. Any other error is left to the call
// that follows.
func (e *Engine) Answers(ctx context.Context) error {
	host := e.api.DaemonHost()
	scheme, _, _ := strings.Cut(host, "://")
	if !slices.Contains([]string{"unix", "npipe", "tcp"}, scheme) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := e.api.Ping(bounded, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %s does not answer within %s", ErrUnreachable, host, answerTimeout)
	}
	return nil
}

func convertInfo(in system.Info) Info {
	out := Info{
		ID:              in.ID,
		Name:            in.Name,
		OSType:          in.OSType,
		Arch:            in.Architecture,
		Version:         in.ServerVersion,
		NCPU:            in.NCPU,
		ContainerdStore: usesContainerdStore(in.DriverStatus),
		Rootless:        hasSecurityOption(in.SecurityOptions, "rootless"),
		UserNS:          hasSecurityOption(in.SecurityOptions, "userns"),
		CgroupFS:        in.CgroupDriver == "cgroupfs",
		MemoryLimit:     in.MemoryLimit,
		PidsLimit:       in.PidsLimit,
		HTTPProxy:       in.HTTPProxy,
		HTTPSProxy:      in.HTTPSProxy,
		NoProxy:         in.NoProxy,
	}
	if in.RegistryConfig != nil {
		out.InsecureRegistries = insecureRegistries(in.RegistryConfig)
		out.Mirrors = slices.Clone(in.RegistryConfig.Mirrors)
	}
	return out
}

// usesContainerdStore reports whether the status has the pair by which the engine shows that its storage is a containerd
// snapshotter.
func usesContainerdStore(status [][2]string) bool {
	return slices.Contains(status, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
}

// hasSecurityOption reports whether "name=<name>" is among the engine's security options, each a comma-separated list of
// key=value.
func hasSecurityOption(options []string, name string) bool {
	for _, o := range options {
		if slices.Contains(strings.Split(o, ","), "name="+name) {
			return true
		}
	}
	return false
}

func insecureRegistries(cfg *registry.ServiceConfig) []string {
	var out []string
	for _, p := range cfg.InsecureRegistryCIDRs {
		out = append(out, p.String())
	}
	for host, idx := range cfg.IndexConfigs {
		if idx != nil && !idx.Secure {
			out = append(out, host)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
