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

// Spec is what a caller wants of a builder's container: which one, and how. A
// network among the options has precedence over Host; a mirror on loopback in the
// daemon's configuration asks for the host's network, too.
type Spec struct {
	builder.Endpoint
	builder.Spec

	// ExecOnly forbids the shortcut to BuildKit's socket (see [Node.Client]).
	ExecOnly bool
}

func (s Spec) withDefaults() Spec {
	if s.Builder == "" {
		s.Builder = builder.DefaultName
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

// wanted is the part of a spec, and of what the engine says about itself, that
// a builder can be compared with.
func wanted(s Spec, info engine.Info) settings {
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
	if _, asks := s.asksForHost(); asks {
		w.Network = hostNetwork
	}
	// Two options are said in a way of their own, too; they must agree.
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

// images are those of the engine, for a caller's words.
func (s Spec) images(eng *engine.Engine) trust.Images {
	return trust.Images{Engine: eng, Trusted: s.Trusted, Auth: s.Auth}
}

// asksForHost says whether this build asks for the host's network, and in which
// words ("" if in none that are known).
func (s Spec) asksForHost() (words string, asks bool) {
	if network, ok := s.Options[optNetwork]; ok {
		return "--driver-opt network=host", network == hostNetwork
	}
	if s.Host.Asked {
		return s.Host.For, true
	}
	if mirrors := s.Daemon.Config.LoopbackMirrors(); len(mirrors) > 0 {
		return fmt.Sprintf("the mirror %s in BuildKit's configuration", mirrors[0]), true
	}
	return "", false
}
