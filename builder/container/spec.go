package container

import (
	"context"
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Spec is what a caller wants of a builder. The zero value is a good builder;
// what it leaves unsaid is satisfied by whatever is there.
type Spec struct {
	Name       string // "": DefaultName
	Image      string // "": the one that the builder has, else DefaultImage
	MinVersion string // "": MinVersion

	// Network is "host" when the user has named a registry that a builder reaches
	// on the host's network only (see NeedsHostNetwork), else "". NetworkFor says
	// where, for messages: "-t localhost:5000/app". A network among Options has
	// precedence; a mirror on loopback in Config asks for it, too.
	Network, NetworkFor string
	// Unasked, if not nil, says that something needs the host's network which may
	// not ask for it. It is the error of [Ensure], unless this build asks for a
	// network all the same, or the builder's user has chosen one for the builder.
	Unasked error

	Options  Options           // from --driver-opt
	Config   UserConfig        // from --builder-config
	Certs    Certs             // CA and client certificates for registries
	Proxies  map[string]string // proxy variables of the Docker config, any case; the engine's are added
	AddHosts []string          // "name:address", for the builder's own look-ups
	Flags    []string          // of buildkitd, from --buildkitd-flags: ParseFlags reads them

	// Platforms are those that the user says the builder is for, from --platform of
	// create. They are kept and shown; what it really runs is found out.
	Platforms []ocispecs.Platform

	ToolVersion string // version of this program, recorded on what it makes

	// Trusted are the IDs of images that the user trusts to run with privileges, as
	// the engine shows them. Others must have been pulled from the repository of the
	// builder's image (see package trust).
	Trusted []digest.Digest

	// Auth returns the encoded X-Registry-Auth header for pulling image, or "".
	// nil means none.
	Auth func(ctx context.Context, image string) (string, error)

	// ExecOnly forbids the shortcut to BuildKit's socket (see [Node.Client]).
	ExecOnly bool

	// Chosen, if not nil, is called with the ID of a running container as soon as
	// it is chosen, before its BuildKit has answered: for questions to the
	// container that need not wait for that. If the choice does not last it is
	// called again. It must not block.
	Chosen func(container string)

	// May, if not nil, is asked before a container is made or replaced: an error
	// means that it is not worth while, and is the error of [Ensure].
	May func(context.Context) error

	BusyWait  time.Duration // 0: DefaultBusyWait; negative: do not wait
	StartWait time.Duration // 0: DefaultStartWait
}

func (s Spec) withDefaults() Spec {
	if s.Name == "" {
		s.Name = DefaultName
	}
	if s.MinVersion == "" {
		s.MinVersion = MinVersion
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
		Network:  s.Network,
		Options:  map[string]string{},
		AddHosts: s.AddHosts,
		Flags:    s.Flags,
		Certs:    s.Certs.digests(),
		Insecure: info.InsecureRegistries,
		Mirrors:  info.Mirrors,
		Env:      proxyEnv(s.Proxies, info),
	}
	if s.Config.TOML != nil {
		w.Config = s.Config.digest()
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
