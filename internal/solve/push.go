package solve

import (
	"context"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// pushAlone pushes the image of a platform that was built with attestations, without them. BuildKit would push an attestation before the
// image it describes, which some registries refuse (buildkit#7007).
func (t *trial) pushAlone(ctx context.Context) (*client.SolveResponse, error) {
	resp, symptoms, err := t.pushOnce(ctx)
	if err != nil {
		return t.pushAgain(ctx, symptoms, err)
	}
	return resp, nil
}

// pushAgain pushes an image again that has been built, after a push that failed with err, as long as the registry's refusals are of the
// moment and the client's policy for registries allows another pause. symptoms are those of the solve that has failed.
func (t *trial) pushAgain(ctx context.Context, symptoms *failure.Symptoms, err error) (*client.SolveResponse, error) {
	pauses := t.env.Registry.Backoff()
	for {
		repository, cause, momentary := symptoms.Momentary(err)
		if again(afterExport, facts{cancelled: ctx.Err() != nil, busy: momentary && !pauses.Off()}) != pushAgain {
			return nil, err
		}
		repo := t.repository(repository)
		gaveUp := pauses.Wait(ctx, repo, err, func(pause time.Duration) {
			t.env.Progress.Note(diag.Notef("registry %q %s; pushing %s again in %s",
				reference.Domain(repo), cause, platform.Format(t.target), pause.Round(time.Second/10)))
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if gaveUp != nil {
			return nil, &index.PushError{Err: gaveUp} // another try of the whole would not be taken either
		}
		var resp *client.SolveResponse
		if resp, symptoms, err = t.pushOnce(ctx); err == nil {
			return resp, nil
		}
	}
}

// repository returns the repository of the request with a name; the first if none has it.
func (t *trial) repository(name string) reference.Named {
	all := t.req.Repositories()
	for _, repo := range all {
		if repo.Name() == name {
			return repo
		}
	}
	return all[0]
}

// pushOnce runs a solve that only pushes the image, without attestations. It finds everything in the cache: it has the images of the solve
// that has built it, and no step runs again that --no-cache has made run. Like the attempt's solve, it waits for its turn to push; see uploads.
func (t *trial) pushOnce(ctx context.Context) (*client.SolveResponse, *failure.Symptoms, error) {
	run := *t.nodeRun
	run.req.Attests, run.req.NoCache, run.req.Steps.NoCache = nil, false, nil
	run.req.Outputs = sink.Outputs{Attrs: t.req.Outputs.Attrs}
	run.files = &sink.StagedFiles{}
	alone, symptoms := job{t.index, t.target, &run}, &failure.Symptoms{}
	turn := push{repositories: len(t.req.Repositories())}
	o := order{
		pins:    t.pins().WithImagesOf(t.out.got.graph),
		exports: func(ctx context.Context) []client.ExportEntry { return alone.exports(ctx, index.NewDocuments()) },
		see: func(msg *client.SolveStatus) {
			t.log.Add(msg)
			symptoms.Add(msg)
			turn.see(msg)
		},
	}
	resp, err := alone.solve(ctx, o, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		got, err := alone.read(ctx, gw, t.out.isolated, true)
		if err != nil {
			return nil, err
		}
		r, err := alone.relocate(ctx, gw, *t.out.decided, relocation{got: got, fallback: t.out.fallback}, t.out.isolated)
		if err == nil {
			err = turn.begin(ctx, t.out.decided.uploads, r.got.graph)
		}
		return r.got.result, err
	})
	turn.end(err == nil)
	return resp, symptoms, err
}

// ended has the exports of a solve that have ended without an error, by their vertices. BuildKit pushes when all others have.
type ended map[digest.Digest]bool

// see processes a message of the solve.
func (e ended) see(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		if buildkitmsg.IsResultExport(v.Name) {
			e[v.Digest] = v.Completed != nil && v.Error == ""
		}
	}
}

// count returns the number of the exports.
func (e ended) count() int {
	n := 0
	for _, ok := range e {
		if ok {
			n++
		}
	}
	return n
}
