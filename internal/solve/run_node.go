package solve

import (
	"context"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// nodeRun is one node's part in a build: what all solves on the node share. It is made once, and does not change.
type nodeRun struct {
	task
	node    Node
	session string // ID of the session that serves the build context to the node
	reach   *preflight.Reach
	holder  *buildcache.Holder  // nil if there are no caches
	checker *imagecheck.Checker // nil if nothing is examined
	natives *crosscompile.Natives
}

// openRun serves the build context to the node until stop is called. It cancels ctx if the context cannot be served. What is needed for
// more than reading Dockerfiles is added by [nodeRun.building].
func openRun(ctx context.Context, cancel context.CancelCauseFunc, t task, n Node) (run *nodeRun, stop func(), err error) {
	session, stop, err := serveContext(ctx, cancel, t.req.Source, t.env)
	if err != nil {
		return nil, nil, err
	}
	return &nodeRun{task: t, node: n, session: session, reach: preflight.NewReach(append(t.req.Repositories(), t.req.CacheRepositories()...), t.req.Insecure)}, stop, nil
}

// building is the node's part in a build that makes images. close ends what was begun for it.
func (r *nodeRun) building(ctx context.Context) (run *nodeRun, close func()) {
	b := *r
	b.natives = &crosscompile.Natives{}
	if r.req.Verify != nil && r.req.MakesImages() {
		b.checker = imagecheck.New(*r.req.Verify, imagecheck.Env{Store: r.node.Blobs, Registry: r.env.Registry, Listings: r.env.Listings, During: r.env.during})
	}
	// An image that is solved once more, to be pushed without its attestations, is the same for certain if its steps are held, the context
	// among them.
	b.holder = buildcache.OpenHolder(ctx, r.caches(), r.req.Cache, r.targets, r.req.attested() && r.req.pushes())
	return &b, b.holder.Close
}

// caches is the node as caches need it.
func (r *nodeRun) caches() buildcache.Node {
	return buildcache.Node{
		Options: func(p *spb.Policy) (client.SolveOpt, error) { return r.options(map[string]string{}, pins{p}) },
		Solve: func(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) error {
			_, err := runSolve(ctx, r.node.Solver, opt, fn, see)
			return err
		},
		Show: func(msg *client.SolveStatus) { r.env.Progress.Status(platform.Platform{}, msg) },
		Note: r.env.Progress.Note,
	}
}

// options are what BuildKit is asked besides the frontend's own questions. It compares what comes out with attrs.
func (r *nodeRun) options(attrs map[string]string, p pins) (client.SolveOpt, error) {
	attach, err := r.req.attachables(r.env.Auth)
	return client.SolveOpt{
		FrontendAttrs: attrs, Session: attach, Internal: true, OCIStores: r.req.Source.Stores,
		AllowedEntitlements: r.req.entitlements(), SourcePolicy: p.under(r.req.Policy),
	}, err
}

// recorded is the one of the targets whose solve BuildKit shall know as a build. It writes every build into its history, to disk
// and before it answers, which is up to half the time of a build from cache (make bench), so one record must do. It is also what
// BuildKit's list of running builds has, so it is the platform that likely takes longest: one that is not the node's own.
func (r *nodeRun) recorded() int {
	for i, t := range r.targets {
		if r.node.Foreign(t) {
			return i
		}
	}
	return 0
}
