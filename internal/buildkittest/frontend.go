package buildkittest

import (
	"context"
	"errors"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/frontend/subrequests/outline"
	"github.com/moby/buildkit/frontend/subrequests/targets"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// dockerfile does the work of BuildKit's frontend (frontend/dockerfile/builder) with its own parts. The frontend as a whole
// cannot be used: its cache of image configurations has a data race, which fails our tests.
func dockerfile(ctx context.Context, b *bridge) (*gateway.Result, error) {
	ui, err := dockerui.NewClient(b)
	if err != nil {
		return nil, err
	}
	src, err := ui.ReadEntrypoint(ctx, "Dockerfile")
	if err != nil {
		return nil, err
	}
	opt := dockerfile2llb.ConvertOpt{Config: ui.Config, Client: ui, SourceMap: src.SourceMap, MetaResolver: b}
	if res, ok, err := ui.HandleSubrequest(ctx, requests(src.Data, opt)); ok || err != nil {
		return res, err
	}
	res, err := ui.Build(ctx, func(ctx context.Context, platform *ocispecs.Platform, _ int) (*dockerui.BuildResult, error) {
		opt := opt
		opt.TargetPlatform = platform
		converted, err := dockerfile2llb.Dockerfile2LLB(ctx, src.Data, opt)
		if err != nil {
			return nil, located(err, src.SourceMap)
		}
		def, err := converted.State.Marshal(ctx)
		if err != nil {
			return nil, err
		}
		solved, err := b.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB()})
		if err != nil {
			return nil, err
		}
		return &dockerui.BuildResult{Reference: solved.Ref, Image: converted.Image, BaseImage: converted.BaseImage}, nil
	})
	if err != nil {
		return nil, err
	}
	return res.Finalize()
}

// located gives an error its position in the Dockerfile, as the frontend does (frontend/dockerfile/builder/build.go).
func located(err error, file *llb.SourceMap) error {
	var at *parser.LocationError
	if !errors.As(err, &at) || len(at.Locations) == 0 {
		return err
	}
	src := &errdefs.Source{Info: &pb.SourceInfo{Filename: file.Filename, Data: file.Data, Language: file.Language}}
	for _, r := range at.Locations[0] {
		start, end := &pb.Position{Line: int32(r.Start.Line)}, &pb.Position{Line: int32(r.End.Line)} //nolint:gosec // no file has that many lines
		src.Ranges = append(src.Ranges, &pb.Range{Start: start, End: end})
	}
	return errdefs.WithSource(err, src)
}

// requests are the subrequests that BuildKit's frontend answers instead of building.
func requests(data []byte, opt dockerfile2llb.ConvertOpt) dockerui.RequestHandler {
	return dockerui.RequestHandler{
		Outline: func(ctx context.Context) (*outline.Outline, error) {
			return dockerfile2llb.Dockerfile2Outline(ctx, data, opt)
		},
		ListTargets: func(ctx context.Context) (*targets.List, error) { return dockerfile2llb.ListTargets(ctx, data) },
		Lint: func(ctx context.Context) (*lint.LintResults, error) {
			return dockerfile2llb.DockerfileLint(ctx, data, opt)
		},
	}
}
