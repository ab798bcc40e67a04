package buildcmd

import (
	"context"
	"slices"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// ready has everything that a build or a plan needs. close is never nil.
type ready struct {
	env       solve.Env
	preflight func(context.Context) error
	conn      *cli.Connection
	close     func()
}

// prepare connects to the builder while it asks the registries whether they would accept the result. A registry's refusal is reported
// before a builder is made; one whose repository took a push lately, by the memory, is only looked at. prepare also completes the job with values
// that are known only now.
func prepare(ctx context.Context, w *cli.Env, j *job, progress *display.Display, memory pushed.Memory) (r ready, err error) {
	for _, n := range j.notes {
		progress.Note(n)
	}
	release, err := j.takeLocalBases(ctx, w, progress.Say)
	r.close = release
	if err != nil {
		return r, err
	}
	registry := j.pushRetry.Client(w.Registry(ctx, progress.Say, j.insecure...))
	took := func(repo reference.Named) bool { return memory.Took(reference.TrimNamed(repo), pushed.Client) }
	looking, stop := context.WithCancel(ctx)
	registry.LookAhead(looking, slices.DeleteFunc(slices.Clone(j.request.Tags), func(tag reference.NamedTagged) bool { return !took(tag) })...)
	asked := slices.DeleteFunc(slices.Concat(j.request.Repositories(), j.request.CacheRepositories()), took)
	answers := preflight.AskRegistries(ctx, registry, asked, progress.Say)
	r.preflight, r.close = answers.Wait, func() { stop(); answers.Close(); release() }
	loadable := askEngine(ctx, w, j.request.Outputs.Load() != nil)
	r.conn, err = w.Connect(ctx, cli.ConnectOptions{
		Builder: j.builder, Targets: j.request.Platforms, Fallback: j.request.Fallback, Probe: j.request.ToProbe(), Host: j.hostNetwork(), Note: progress.Note,
		Containers: len(j.request.Tests) > 0,
		Permit:     func(ctx context.Context) error { return preflight.Refused(answers.Wait(ctx)) },
	})
	if err != nil {
		return r, err
	}
	r.close = func() { stop(); answers.Close(); r.conn.Close(); release() }
	if err := <-loadable; err != nil {
		return r, err
	}
	if j.request.Outputs.Load() != nil {
		if err := cli.CheckReserved(j.request.Outputs.Load().Names, "--load", r.conn.Images()...); err != nil {
			return r, err
		}
	}
	if err := buildflags.ResolveGateways(ctx, j.request.ExtraHosts, r.conn); err != nil {
		return r, err
	}
	r.env = r.conn.Env
	r.env.Registry, r.env.Progress, r.env.Stdout = registry, progress, cli.Exact(w.Out)
	r.env.Listings, r.env.Bases, r.env.Times = w.Listings(), w.Cached("bases"), w.Cached("times")
	r.env.Pushed = memory
	r.env.Placements = w.Cached("placements")
	if j.request.Outputs.Load() != nil || len(j.request.Tests) > 0 {
		r.env.Engine, r.env.PullAuth = w.Engine(), w.Logins().ForPulls(progress.Say)
	}
	return r, nil
}

// askEngine returns a channel with the error for which no image can be loaded into the engine, which is asked while the builder is made
// ready. Without a load it is closed. The engine remembers its answer for the load.
func askEngine(ctx context.Context, w *cli.Env, loads bool) <-chan error {
	asked := make(chan error, 1)
	if !loads {
		close(asked)
		return asked
	}
	go func() {
		_, err := w.Engine().Info(ctx)
		asked <- err
	}()
	return asked
}

// explained returns the error of work on the connection, with the reason if the connection or the engine knows it.
func (r ready) explained(ctx context.Context, w *cli.Env, err error) error {
	return r.conn.Explained(ctx, localBaseHint(ctx, w, err))
}
