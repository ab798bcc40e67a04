package solve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// job is one platform's part of a build. It never changes.
type job struct {
	index  int // in the order of the platforms
	target platform.Platform
	*nodeRun
	instead string // see plan.Job
}

// ordinal returns the job's position among those of its node.
func (j job) ordinal() int { return slices.Index(j.own, j.index) }

// attrs returns the frontend attributes. The map is new at each call.
func (j job) attrs() map[string]string {
	attrs := j.req.attrs(j.target, j.session)
	if j.node.LocalImages && !j.req.Pull {
		attrs["image-resolve-mode"] = pb.AttrImageResolveModePreferLocal
	}
	return attrs
}

// read reads the Dockerfile for the platform. again says that the reading is not the one that was reported at the barrier.
func (j job) read(ctx context.Context, gw gateway.Client, isolated, again bool) (reading, error) {
	got, common := reading{}, false
	if !isolated && !again {
		got, common = j.readInCommon(ctx, gw)
	}
	var err error
	if !common {
		attrs := j.attrs()
		if isolated {
			buildcache.Isolate(attrs, j.target)
		}
		got, err = j.readAlone(ctx, gw, attrs)
	}
	if err == nil && got.opaque != nil && j.node.onlyForRegistry() {
		return got, &preflight.UnreadSourcesError{Node: j.node.Name, Err: got.opaque}
	}
	if err == nil && again {
		for _, held := range j.node.hostSources(j.req.Source, got.graph) {
			return got, held.Err
		}
	}
	return got, err
}

// readAlone solves the Dockerfile for the platform of attrs, without evaluating it, and reads the graph of the steps that it would run.
func (j job) readAlone(ctx context.Context, gw gateway.Client, attrs map[string]string) (reading, error) {
	res, err := j.runFrontend(ctx, gw, attrs)
	if err != nil {
		return reading{}, err
	}
	got, err := described(res.Metadata)
	if err != nil {
		return reading{}, err
	}
	got.result = res
	ref, err := res.SingleRef()
	if err != nil {
		return reading{}, fmt.Errorf("the frontend gave no single result: %w", err)
	}
	if ref == nil { // FROM scratch without steps
		return got, nil
	}
	def, err := definitionOf(ctx, ref)
	if ctx.Err() != nil {
		return reading{}, context.Cause(ctx)
	}
	if err == nil {
		got.graph, err = graph.Read(def)
	}
	if err != nil {
		got.graph, got.opaque = opaque(attrs["platform"]), err
		return got, nil
	}
	got.def = def
	return got, nil
}

// syntax returns the image of the frontend that the job's Dockerfile is for, and the words after it; "" means BuildKit's own, unless a remote
// context has the Dockerfile. A BUILDKIT_SYNTAX build argument replaces it, as in docker buildx (build/opt.go).
func (j job) syntax(attrs map[string]string) (image, cmdline string, byArgument bool) {
	if cmdline = strings.TrimSpace(attrs["build-arg:BUILDKIT_SYNTAX"]); cmdline != "" {
		image, _, _ = strings.Cut(cmdline, " ")
		return image, cmdline, true
	}
	image, cmdline = dockerfile.Syntax(j.req.Source.DockerfileOf(j.target).Text)
	return image, cmdline, false
}

// runFrontend runs the frontend of the job's Dockerfile with these attributes, which it completes. An image of a frontend is pinned, except where
// a named context replaces it, and in attested builds, whose provenance names the image as the Dockerfile does.
func (j job) runFrontend(ctx context.Context, gw gateway.Client, attrs map[string]string) (*gateway.Result, error) {
	image, cmdline, byArgument := j.syntax(attrs)
	attested, pinned := len(j.fleet.req.Attests) > 0, pins.Frontend{}
	if image != "" && !attested && !j.req.Source.Replaces(image) {
		pinned = j.fleet.frontends.Pin(image, func(image string) (pins.Resolved, error) {
			name, dgst, config, err := gw.ResolveImageConfig(ctx, image, sourceresolver.Opt{LogName: baseimage.QuietVertex})
			return pins.Resolved{Name: name, Digest: dgst, Config: config}, err
		})
	}
	req := gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: attrs}
	if !attested && (image == "" || pinned.TakesInputs) { // provenance names the context's files
		req.FrontendInputs = j.req.Source.Inputs(ctx, j.target, attrs)
	}
	if req.FrontendInputs == nil {
		defer j.readAhead(ctx, gw)()
	}
	if pinned.Image == "" && !byArgument { // BuildKit finds the image itself
		return j.node.solved(ctx, gw, req)
	}
	req.Frontend = "gateway.v0"
	attrs["source"], attrs["cmdline"] = cmp.Or(pinned.Image, image), cmdline
	res, err := j.node.solved(ctx, gw, req)
	if err != nil && !byArgument && len(errdefs.Sources(err)) == 0 {
		err = fmt.Errorf("# syntax=%s: %w", cmdline, err)
	}
	return res, err
}

// order has the options of a solve besides its frontend.
type order struct {
	pins     pins.Pins
	exports  func(context.Context) []client.ExportEntry // nil: nothing is exported; its argument ends with the solve
	recorded bool                                       // see nodeRun.recorded
	see      func(*client.SolveStatus)                  // receives all messages; may be nil
}

// solve runs one solve of the job. Its pins hold for all that the frontend looks up and for all that the steps fetch: BuildKit takes them
// from the solve, and ignores those of a gateway request to a frontend (solver/llbsolver/bridge.go).
func (j job) solve(ctx context.Context, o order, fn gateway.BuildFunc) (*client.SolveResponse, error) {
	opt, err := j.options(j.attrs(), o.pins)
	if err != nil {
		return nil, err
	}
	ctx, over := context.WithCancel(ctx)
	defer over() // an export that still waits for its turn ends
	opt.Internal = !o.recorded
	var to []reference.Named // that the solve pushes to
	if o.exports != nil {
		opt.Exports = o.exports(ctx)
		j.req.Cache.InlineInto(&opt)
		if j.req.Pushes() {
			to = j.req.Repositories()
		}
	}
	var own questions
	others := lookups{j.targets, map[digest.Digest]int{}}
	var warnings []*client.VertexWarning
	defer func() {
		j.passWarnings(warnings)
		j.env.Progress.Status(j.target, nil)
	}()
	return j.watched(ctx, to, opt, fn, func(msg *client.SolveStatus) {
		own.remove(msg)
		for i, part := range others.take(msg) {
			j.env.Progress.Status(j.targets[i], part)
		}
		if o.see != nil {
			o.see(msg)
		}
		warnings = append(warnings, msg.Warnings...)
		j.env.Progress.Status(j.target, msg)
	})
}

// errConnection is why a node is lost, if nobody says more.
var errConnection = errors.New("the connection broke")

// lostWithin is how long it takes at most until a lost connection has ended the node's session. A solve may notice it before.
const lostWithin = 2 * time.Second

// whileUp returns a context that ends when the job's node is lost. The caller calls over.
func (j job) whileUp(ctx context.Context) (_ context.Context, over func()) {
	if j.up == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(j.up, func() { cancel(context.Cause(j.up)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// lost returns the error of a solve, or a [failure.LostNodeError] if one of several nodes was lost, or one that may return.
func (j job) lost(ctx context.Context, err error) error {
	if j.up == nil || ctx.Err() != nil || len(j.env.Nodes) == 1 && j.up.Err() == nil && !j.node.Return.Away() {
		return err
	}
	if failure.Disconnected(err) || failure.Cancelled(err) { // BuildKit cancels a solve whose session has ended
		select {
		case <-j.up.Done():
		case <-ctx.Done():
		case <-time.After(lostWithin):
		}
	}
	if j.up.Err() == nil || ctx.Err() != nil {
		return err
	}
	why := fmt.Errorf("%s was lost during the build: %w", plan.NodeText(j.node.Name, j.node.Address), context.Cause(j.up)) //nolint:contextcheck // of the node
	if j.node.Why != nil {
		why = j.node.Why(ctx)
	}
	return &failure.LostNodeError{Node: j.node.Name, Err: why}
}

func isLost(err error) bool {
	_, lost := errors.AsType[*failure.LostNodeError](err)
	return lost
}

// at returns the job on the node of an attempt.
func (j job) at(a attempt) job {
	if a.moved != nil {
		return *a.moved
	}
	return j
}
