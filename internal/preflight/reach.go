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
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
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
func (r *Reach) Findings(refused []diag.Diagnostic) []diag.Diagnostic {
	r.Wait()
	var found []diag.Diagnostic
	for i, err := range r.errs {
		var unreachable *UnreachedError
		if !errors.As(err, &unreachable) {
			continue
		}
		reported := false
		for _, f := range refused {
			reported = reported || strings.Contains(f.Text(), reference.Domain(r.repos[i]))
		}
		if !reported {
			found = append(found, Refusal("builder-registry", unreachable))
		}
	}
	return found
}

// UnreachedError says that the builder cannot reach a registry that it will push to, while the client can.
type UnreachedError struct {
	Registry string
	Failure  buildkitmsg.NetworkFailure
	Err      error
}

func (e *UnreachedError) Error() string {
	return fmt.Sprintf("the builder cannot reach registry %q, to which it would push: %v", e.Registry, e.Err)
}

func (e *UnreachedError) Unwrap() error { return e.Err }

// unreached returns nil for an answer of a registry, and an error for a failure to get one.
func unreached(repo reference.Named, err error, insecure bool) error {
	host := reference.Domain(repo)
	failure := buildkitmsg.NetworkFailureOf(err)
	verifying := failure == buildkitmsg.BadCertificate || failure == buildkitmsg.PlainHTTP // a push without verification succeeds nevertheless
	if failure == buildkitmsg.NoNetworkFailure || verifying && insecure {
		return nil
	}
	return &UnreachedError{Registry: host, Failure: failure, Err: err}
}
