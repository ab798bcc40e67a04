package faultkit

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
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
	{"build --push --allow-partial --quiet", moved, nothing, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.AllowPartial = []platform.Platform{arm64}
		w.quiet = true
		return w.build(ctx, req)
	}},
	{"build --push, with a test", moved, (*world).startEngine, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.Tests = []smoke.Test{{Name: "it starts"}}
		return w.build(ctx, req)
	}},
	{"build --push --load", moved, (*world).startEngine, func(ctx context.Context, w *world) outcome {
		req := w.request()
		req.Outputs.List = []sink.Output{sink.Load{Names: moved[:1]}}
		return w.build(ctx, req)
	}},
	{"push ARCHIVE --quiet", moved[:2], archived, func(ctx context.Context, w *world) outcome { return w.push(ctx, filepath.Join(w.dir, "app.tar")) }},
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
	{"manifest merge, from an archive", moved[:2], archived, func(ctx context.Context, w *world) outcome { return w.merge(ctx, filepath.Join(w.dir, "app.tar")) }},
}

func nothing(*world) {}

// archived makes the archive app.tar.
func archived(w *world) {
	req := w.request()
	req.Tags, req.Outputs.List = nil, []sink.Output{sink.Archive{Dest: filepath.Join(w.dir, "app.tar"), Names: moved[:1]}}
	w.must(w.build(w.Context(), req))
}

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
	out := results.Outcome{Request: req, Report: rep, Err: err}
	if err == nil {
		w.reach(report, request{})
		err = explain.WithoutSome(rep)
	}
	results.Delivered(&text, rep)
	switch {
	case out.Err != nil:
		results.SayUntouched(&text, out)
	case w.quiet:
		shell := w.shell(&text)
		results.PrintDigests(shell, out)
		err = shell.Answered("docker multiarch build", err)
	}
	o := outcome{tags: rep.Tags, target: rep.Target.Digest, err: err, status: explain.Error(&text, err), text: text.String()}
	for _, p := range rep.Platforms {
		if p.Err == nil && p.Verify.Verdict != gate.OK {
			o.bad = append(o.bad, platform.Format(p.Platform))
		}
	}
	return o
}

// shell is the environment of a command.
func (w *world) shell(stderr io.Writer) *cli.Env {
	client := w.client()
	w.Cleanup(client.Finish)
	return &cli.Env{
		Streams:   cli.Streams{Out: cli.NewStream(pipe{w, report}), Err: stderr},
		Docker:    cli.Docker{Registry: func(context.Context, func(string), ...string) *manifest.Client { return client }},
		Folders:   cli.Folders{CacheDir: func() string { return "" }},
		LookupEnv: func(string) (string, bool) { return "", false },
	}
}

// push runs push ARCHIVE.
func (w *world) push(ctx context.Context, archive string) outcome {
	w.mu.Lock()
	w.run.unplanned, w.quiet = true, true
	w.mu.Unlock()
	var text bytes.Buffer
	shell := w.shell(&text)
	push := images.NewPush(shell)
	push.SilenceErrors, push.SilenceUsage = true, true
	push.SetArgs([]string{"--quiet", archive, reference.FamiliarString(moved[0]), reference.FamiliarString(moved[1])})
	err := push.ExecuteContext(ctx)
	o := outcome{target: digestOf(w, archive)}
	for _, tag := range moved[:2] {
		state := manifest.Moved
		if err != nil {
			state = shownState(text.String(), reference.FamiliarString(tag))
		}
		o.tags = append(o.tags, manifest.TagResult{State: state})
	}
	err = shell.Answered("docker multiarch push", err)
	o.err, o.status = err, explain.Error(&text, err)
	o.text = text.String()
	return o
}

// shownState returns what a table of tags says about one.
func shownState(text, name string) manifest.State {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, state := range []manifest.State{manifest.Already, manifest.Untouched, manifest.Failed, manifest.Unconfirmed} {
			if strings.Contains(line, results.StateNote(manifest.TagResult{State: state})) {
				return state
			}
		}
		return manifest.Moved
	}
	return manifest.Untouched
}

// digestOf returns the digest of the image in an archive.
func digestOf(w *world, file string) digest.Digest {
	archive, err := layout.Open(w.Context(), file)
	if err != nil {
		w.Fatal(err)
	}
	image, err := archive.Pick("")
	if err != nil {
		w.Fatal(err)
	}
	return image.Root.Digest
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
func (w *world) stdout() io.Writer { return pipe{w, prepare} }

type pipe struct {
	*world
	at phase
}

func (p pipe) Write(data []byte) (int, error) {
	if active := p.reach(p.at, request{from: byWriter}); active != nil {
		return 0, active.local
	}
	return len(data), nil
}
