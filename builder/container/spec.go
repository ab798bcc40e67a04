package container

import (
	"fmt"
	"maps"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Spec is a caller's request for a builder's container. A network among the options has precedence over
// Host; a mirror on loopback in the daemon's configuration also requests the host's network.
type Spec struct {
	builder.Endpoint
	builder.Spec

	// ExecOnly forbids the shortcut to BuildKit's socket (see [Node.Client]).
	ExecOnly bool
	// Probes remembers how the kernel runs programs; the zero value remembers nothing.
	Probes probes
}

func (s Spec) withDefaults() Spec {
	if s.Builder == "" {
		s.Builder = builder.DefaultName
	}
	if len(s.Flags) > 0 {
		s.Daemon.Flags = s.Flags
	}
	if s.Config.TOML != nil {
		s.Daemon.Config = s.Config
	}
	if s.MinVersion == "" {
		s.MinVersion = builder.MinVersion
	}
	if s.BusyWait == 0 {
		s.BusyWait = DefaultBusyWait
	}
	if s.StartWait == 0 {
		s.StartWait = DefaultStartWait
	}
	return s
}

// requestedSettings returns the settings of a spec and of the engine with which a builder can be compared.
func requestedSettings(s Spec, info engine.Info) settings {
	w := settings{
		Schema:   settingsSchema,
		Image:    s.Image,
		Options:  map[string]string{},
		AddHosts: s.Daemon.AddHosts,
		Flags:    s.Daemon.Flags,
		Certs:    s.Daemon.Certs.Digests(),
		Insecure: info.InsecureRegistries,
		Mirrors:  info.Mirrors,
		Env: buildkitd.ProxyEnv(s.Daemon.Proxies, map[string]string{
			"HTTP_PROXY": info.HTTPProxy, "HTTPS_PROXY": info.HTTPSProxy, "NO_PROXY": info.NoProxy,
		}),
	}
	if s.Daemon.Config.TOML != nil {
		w.Config = s.Daemon.Config.Digest()
	}
	for _, p := range s.Platforms {
		w.Fixed = append(w.Fixed, platform.Format(p))
	}
	maps.Copy(w.Options, s.Options)
	if _, asks := s.needsHostNetwork(); asks {
		w.Network = hostNetwork
	}
	// Two options also have a field of their own in the spec; the two must agree.
	if v, ok := w.Options[optNetwork]; ok {
		w.Network = v
		delete(w.Options, optNetwork)
	}
	if v, ok := w.Options[optImage]; ok {
		if w.Image == "" {
			w.Image = v
		}
		delete(w.Options, optImage)
	}
	return w
}

// images returns the engine's images, with the caller's texts.
func (s Spec) images(eng *engine.Engine) trust.Images {
	return trust.Images{Engine: eng, Trusted: s.Trusted, Auth: s.Auth}
}

// hostNetworkOfNode reports whether the node was defined with the host's network, so that all builds have it.
func (s Spec) hostNetworkOfNode() bool {
	return s.Node != "" && (s.Options[optNetwork] == hostNetwork || len(s.Config.LoopbackMirrors()) > 0)
}

// needsHostNetwork reports whether this build asks for the host's network; reason is for messages
// ("" if unknown).
func (s Spec) needsHostNetwork() (reason string, needs bool) {
	if network, ok := s.Options[optNetwork]; ok {
		return "the driver option network=host", network == hostNetwork
	}
	if s.Host.Requested {
		return s.Host.For, true
	}
	if mirrors := s.Daemon.Config.LoopbackMirrors(); len(mirrors) > 0 {
		return fmt.Sprintf("the mirror %s in BuildKit's configuration", mirrors[0]), true
	}
	return "", false
}
