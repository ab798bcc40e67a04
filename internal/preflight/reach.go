package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// Reach finds out whether a node reaches the registries that it will push to: it requests from each of them something that does not exist.
// "Not found" and "log in" are answers of a registry. The requests begin with the node's first solve, while it reads its Dockerfile.
type Reach struct {
	repos    []reference.Named // one per registry
	insecure bool              // a push need not verify anything
	begin    sync.Once
	asking   sync.WaitGroup
	errs     []error // by repos
}

// reachTime bounds the requests. A timeout refuses nothing.
const reachTime = 4 * time.Second

// NewReach returns a Reach for the first repository of each registry.
func NewReach(repos []reference.Named, insecure bool) *Reach {
	r := &Reach{insecure: insecure}
	seen := map[string]bool{}
	for _, repo := range repos {
		if host := reference.Domain(repo); !seen[host] {
			seen[host] = true
			r.repos = append(r.repos, repo)
		}
	}
	r.errs = make([]error, len(r.repos))
	return r
}

// absentDigest is a digest that no registry has.
var absentDigest = digest.FromString("docker multiarch asks whether a builder reaches this registry")

// Start sends the requests, the first time that it is called. gw must live until [Reach.Findings] has returned.
func (r *Reach) Start(ctx context.Context, gw gateway.Client) {
	if r == nil {
		return
	}
	r.begin.Do(func() {
		for i, repo := range r.repos {
			r.asking.Go(func() { r.errs[i] = r.ask(ctx, gw, repo) })
		}
	})
}

func (r *Reach) ask(ctx context.Context, gw gateway.Client, repo reference.Named) error {
	bounded, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	_, _, _, err := gw.ResolveImageConfig(bounded, repo.Name()+"@"+absentDigest.String(), sourceresolver.Opt{
		LogName: baseimage.QuietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{ResolveMode: "pull"},
	})
	if err == nil || bounded.Err() != nil {
		return nil
	}
	return unreached(repo, err, r.insecure)
}

// Wait waits until all requests have ended: a request ends with the solve that sends it.
func (r *Reach) Wait() { r.asking.Wait() }

// Findings waits for the answers. A registry that the client does not reach either is left to the client's own error.
func (r *Reach) Findings(refused []Finding) []Finding {
	r.Wait()
	var found []Finding
	for i, err := range r.errs {
		var unreachable *UnreachedError
		if !errors.As(err, &unreachable) {
			continue
		}
		said := false
		for _, f := range refused {
			said = said || strings.Contains(f.Err.Error(), reference.Domain(r.repos[i]))
		}
		if !said {
			found = append(found, Finding{Check: "builder-registry", Err: unreachable, Fix: unreachable.fix})
		}
	}
	return found
}

// UnreachedError says that the builder cannot reach a registry that it will push to, while the client can.
type UnreachedError struct {
	Registry string
	Err      error
	fix      string
}

func (e *UnreachedError) Error() string {
	return fmt.Sprintf("the builder cannot reach the registry %q, which it is to push to: %v", e.Registry, e.Err)
}

func (e *UnreachedError) Unwrap() error { return e.Err }

// unreached returns nil for an answer of a registry, and an error for a failure to get one.
func unreached(repo reference.Named, err error, insecure bool) error {
	host := reference.Domain(repo)
	var fix string
	verified := false // a push without verification succeeds nevertheless
	switch buildkitmsg.NetworkFailureOf(err) {
	case buildkitmsg.NoConnection:
		fix = "the builder has a network of its own: --driver-opt network=host puts it on that of the engine's host"
	case buildkitmsg.UnknownHost:
		fix = "the builder looks names up by itself: see that the engine's host can, or --driver-opt network=host"
	case buildkitmsg.BadCertificate:
		verified = true
		fix = "put the registry's authority into /etc/docker/certs.d/" + host + "/ca.crt on this machine, or ~/.docker/certs.d: the builder gets a copy"
	case buildkitmsg.PlainHTTP:
		verified = true
		fix = "the registry speaks plain HTTP: list it in the engine's insecure-registries, or say http = true for it with --builder-config"
	default:
		return nil
	}
	if verified && insecure {
		return nil
	}
	return &UnreachedError{Registry: host, Err: err, fix: fix}
}
