package buildkittest

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // git's commits are
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/sourcepolicy"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// bridge is the gateway of one solve; a frontend that it runs has another one, with its own attributes.
type bridge struct {
	*job
	opts   map[string]string
	inputs map[string]*pb.Definition
}

// Solve implements gateway.Client: a frontend runs, a definition becomes a reference and is not evaluated.
func (b *bridge) Solve(ctx context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	if req.Frontend == "" {
		res := gateway.NewResult()
		if len(req.Definition.GetDef()) > 0 {
			res.SetRef(&reference{bridge: b, def: req.Definition})
		}
		return res, nil
	}
	if req.Evaluate {
		return nil, fmt.Errorf("the frontend %q is to be read, not evaluated", req.Frontend)
	}
	b.note(func(s *Solve) { s.Requests = append(s.Requests, req) })
	b.snoop(ctx)
	if err := b.read(ctx, req.FrontendOpt["platform"]); err != nil {
		return nil, err
	}
	return dockerfile(ctx, &bridge{job: b.job, opts: maps.Clone(req.FrontendOpt), inputs: req.FrontendInputs})
}

// read calls the hook for each platform that a frontend is to read for, at the same time, as the frontend does.
func (b *bridge) read(ctx context.Context, list string) error {
	targets, _, err := platform.Parse(list)
	if err != nil {
		return err
	}
	reading, ctx := errgroup.WithContext(ctx)
	for _, p := range targets {
		reading.Go(func() error { return b.builder.Read.call(ctx, p) })
	}
	return reading.Wait()
}

// policed returns the source after the solve's policy. BuildKit ignores the policies of a request that runs a frontend
// (solver/llbsolver/bridge.go), and so does this.
func (b *bridge) policed(ctx context.Context, op *pb.SourceOp) (*pb.SourceOp, error) {
	op = op.CloneVT()
	if b.Opt.SourcePolicy == nil {
		return op, nil
	}
	_, err := sourcepolicy.NewEngine([]*spb.Policy{b.Opt.SourcePolicy}).Evaluate(ctx, op)
	return op, err
}

// ResolveImageConfig implements gateway.Client.
func (b *bridge) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	op, err := b.policed(ctx, &pb.SourceOp{Identifier: "docker-image://" + ref})
	if err != nil {
		return "", "", nil, err
	}
	ref = strings.TrimPrefix(op.Identifier, "docker-image://")
	// An image without layers would be taken for scratch.
	p := &b.Platform // of an OCI layout, which has no other platform
	if opt.ImageOpt != nil {
		p = opt.ImageOpt.Platform
	}
	if p == nil {
		p = &b.builder.Platforms[0]
	}
	name, pinned, byDigest := strings.Cut(ref, "@")
	if err := b.lookUp(ref); err != nil {
		return "", "", nil, err
	}
	img := ocispecs.Image{Platform: *p, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("layer")}}}
	if b.builder.Image != nil {
		if img.Platform, err = b.builder.Image(name, *p); err != nil {
			err = fmt.Errorf("failed to resolve source metadata for %s: %w", ref, err)
			b.tell(graph.Step{Digest: digest.FromString("metadata " + ref), Name: cmp.Or(opt.LogName, "[internal] load metadata for "+ref)}, false, err)
			return "", "", nil, err
		}
	}
	if b.builder.Contents != nil {
		img.Config, _ = b.builder.Contents(name, img.Platform)
	}
	config, err := json.Marshal(img)
	if byDigest {
		return ref, digest.Digest(pinned), config, err
	}
	if b.builder.Digest != nil {
		return ref, b.builder.Digest(ref, *p), config, err
	}
	return ref, digest.FromString(ref), config, err
}

func (b *bridge) lookUp(ref string) error {
	b.builder.mu.Lock()
	defer b.builder.mu.Unlock()
	b.builder.asked = append(b.builder.asked, ref)
	if b.builder.Unreachable != nil && strings.Contains(ref, "@") {
		return b.builder.Unreachable(ref)
	}
	return nil
}

// ResolveSourceMetadata implements gateway.Client: a git repository is at [Commit], a download has the checksum [Checksum].
func (b *bridge) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, _ sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if b.builder.NoMetadata {
		return nil, errors.New("unknown method ResolveSourceMeta")
	}
	b.builder.mu.Lock()
	b.builder.resolved[op.Identifier]++
	b.builder.mu.Unlock()
	resp := &sourceresolver.MetaResponse{Op: op}
	if strings.HasPrefix(op.Identifier, "git://") {
		resp.Git = &sourceresolver.ResolveGitResponse{Checksum: Commit(op.Identifier)}
	} else {
		resp.HTTP = &sourceresolver.ResolveHTTPResponse{Digest: Checksum(op.Identifier)}
	}
	return resp, nil
}

// Commit returns the commit that a git source's ref resolves to.
func Commit(identifier string) string {
	sum := sha1.Sum([]byte(identifier)) //nolint:gosec // no secret
	return hex.EncodeToString(sum[:])
}

// Checksum returns the checksum of a download's bytes.
func Checksum(identifier string) digest.Digest { return digest.FromString(identifier) }

// BuildOpts implements gateway.Client.
func (b *bridge) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Opts: b.opts, SessionID: "the solve's own", Workers: []gateway.WorkerInfo{{Platforms: b.builder.Platforms}},
		Caps: gwpb.Caps.CapSet(gwpb.Caps.All()), LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
	}
}

// Inputs implements gateway.Client.
func (b *bridge) Inputs(context.Context) (map[string]llb.State, error) { return States(b.inputs) }

// States returns the inputs of a frontend as it sees them.
func States(inputs map[string]*pb.Definition) (map[string]llb.State, error) {
	states := map[string]llb.State{}
	for name, def := range inputs {
		op, err := llb.NewDefinitionOp(def)
		if err != nil {
			return nil, err
		}
		states[name] = llb.NewState(op)
	}
	return states, nil
}

// NewContainer implements gateway.Client.
func (b *bridge) NewContainer(context.Context, gateway.NewContainerRequest) (gateway.Container, error) {
	return nil, fmt.Errorf("no containers here")
}

// Warn implements gateway.Client.
func (b *bridge) Warn(_ context.Context, d digest.Digest, text string, _ gateway.WarnOpts) error {
	b.warning.RLock()
	defer b.warning.RUnlock()
	if b.ended {
		return errors.New("the solve has ended")
	}
	b.status <- &client.SolveStatus{Warnings: []*client.VertexWarning{{Vertex: d, Short: []byte(text)}}}
	return nil
}
