package faultkit

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// outcome is what a user sees of a run, and the results for the tags.
type outcome struct {
	tags   []manifest.TagResult
	target digest.Digest
	err    error
	status int
	text   string
	took   time.Duration
	bad    []string // platforms that were published although the gate refused them
}

// scenario is a command. begin prepares a world for it, without faults; do runs the command.
type scenario struct {
	name  string
	tags  []reference.NamedTagged // in the order in which they move
	begin func(*world)
	do    func(context.Context, *world) outcome
}

var (
	amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}
	moved = tags("team/app:v1", "copy/app:v1", "team/app:latest")
)

var scenarios = []scenario{
	{"build --push", moved, nothing, func(ctx context.Context, w *world) outcome { return w.build(ctx, w.request()) }},
	{"build --push --provenance", moved, nothing, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.Attests = map[string]string{"provenance": "type=provenance,mode=max"}
		return w.build(ctx, req)
	}},
	{"build --push --allow-partial", moved, nothing, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.AllowPartial = []platform.Platform{arm64}
		return w.build(ctx, req)
	}},
	{"build --push --output", moved, nothing, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.Outputs.List = []sink.Output{
			sink.Archive{Dest: filepath.Join(w.dir, "out", "app.tar"), Names: moved}, sink.Archive{Dest: sink.Stdout, Names: moved},
		}
		return w.build(ctx, req)
	}},
	{"manifest merge, from registries", moved[:2], func(w *world) {
		for _, p := range []platform.Platform{amd64, arm64} {
			req := w.request()
			req.Platforms, req.Tags = []platform.Platform{p}, tags("parts/"+p.Architecture+":v1")
			w.must(w.build(w.Context(), req))
		}
	}, func(ctx context.Context, w *world) outcome {
		return w.merge(ctx, host+"/parts/amd64:v1", host+"/parts/arm64:v1")
	}},
	{"manifest merge, from an archive", moved[:2], func(w *world) {
		req := w.request()
		req.Tags, req.Outputs.List = nil, []sink.Output{sink.Archive{Dest: filepath.Join(w.dir, "app.tar"), Names: moved[:1]}}
		w.must(w.build(w.Context(), req))
	}, func(ctx context.Context, w *world) outcome { return w.merge(ctx, filepath.Join(w.dir, "app.tar")) }},
}

func nothing(*world) {}

func (w *world) must(o outcome) {
	w.Helper()
	if o.err != nil {
		w.Fatal(o.text)
	}
}

// request is a build for two platforms, whose executables are examined.
func (w *world) request() solve.Request {
	dir := filepath.Join(w.dir, "context")
	testkit.Write(w, dir, "Dockerfile", "FROM scratch\nCOPY app /app\nRUN make\nENTRYPOINT [\"/app\"]\n")
	testkit.Write(w, dir, "app", "app")
	src, release, err := source.Open(w.Context(), source.Options{Context: dir})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(release)
	return solve.Request{
		Platforms: []platform.Platform{amd64, arm64}, Source: src,
		Delivery: sink.Delivery{Tags: moved}, Verify: &gate.Options{Mode: gate.Strict},
	}
}

func (w *world) build(ctx context.Context, req solve.Request) outcome {
	env := w.env()
	env.Stdout = w.stdout()
	answers := preflight.AskRegistries(ctx, env.Registry, req.Repositories(), func(string) {})
	rep, err := solve.Run(ctx, req, env, answers.Wait)
	answers.Close()
	env.Registry.Finish()
	var text bytes.Buffer
	if err == nil {
		err = explain.WithoutSome(rep)
	}
	results.Delivered(&text, rep)
	if err != nil {
		results.SayUntouched(&text, results.Outcome{Request: req, Report: rep, Err: err})
	}
	o := outcome{tags: rep.Tags, target: rep.Target.Digest, err: err, status: explain.Error(&text, err), text: text.String()}
	for _, p := range rep.Platforms {
		if p.Err == nil && p.Verify.Verdict != gate.OK {
			o.bad = append(o.bad, platform.Format(p.Platform))
		}
	}
	return o
}

func (w *world) merge(ctx context.Context, words ...string) outcome {
	w.pass()
	client := w.client()
	defer client.Finish()
	req := merge.Request{Registry: client, Tags: moved[:2]}
	parsed, err := merge.Parse(ctx, words)
	if err == nil {
		req.Inputs, req.Looks, err = merge.Read(ctx, client, parsed, req.Tags...)
	}
	var done merge.Result
	if err == nil {
		done, err = merge.Merge(ctx, req)
	}
	var text bytes.Buffer
	results.Tags(&text, solve.Report{Target: done.Target, Tags: done.Tags})
	return outcome{tags: done.Tags, target: done.Target.Digest, err: err, status: explain.Error(&text, err), text: text.String()}
}

// stdout receives an archive, unless the fault is there.
func (w *world) stdout() io.Writer { return pipe{w} }

type pipe struct{ *world }

func (p pipe) Write(data []byte) (int, error) {
	if active := p.reach(prepare, request{from: byWriter}); active != nil {
		return 0, active.local
	}
	return len(data), nil
}
