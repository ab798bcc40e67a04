package solve

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// exports returns the exports that BuildKit makes of the platform's result.
func (j job) exports(ctx context.Context, documents *index.Documents) []client.ExportEntry {
	return append(j.files.Exports(ctx, j.index), j.req.Exports(j.target, documents)...)
}

// collect reads the image that a solve has exported.
func (t *trial) collect(ctx context.Context, resp *client.SolveResponse, documents *index.Documents) (index.Child, error) {
	if !t.req.MakesImages() {
		return index.Child{}, nil
	}
	c, root, err := t.req.ReadExported(ctx, resp.ExporterResponse, documents)
	c.Layers = t.node.Layers
	if err != nil || !t.req.Pushes() {
		return c, err
	}
	if there, ok := t.there(ctx, c, root); ok {
		return there, nil
	}
	if sent, ok := t.supply(ctx, c, resp); ok {
		return sent, nil
	}
	if again(afterExport, facts{unpushed: t.unpushed}) == pushAlone {
		if resp, err = t.pushAlone(ctx); err != nil {
			return c, err
		}
		if root, err = index.Exported(resp.ExporterResponse); err != nil {
			return c, err
		}
	}
	return t.req.ReadPushed(ctx, t.env.Registry, c, root)
}

// patience is how long a solve waits for its turn to push before its layers are compressed meanwhile. Where the registry has the layers
// already, the turn comes sooner.
const patience = 200 * time.Millisecond

// awaitPush waits for the solve's turn to push. BuildKit compresses layers in the export, so it does that in another solve in the meantime:
// otherwise the builder would be idle while one platform pushes.
func (t *trial) awaitPush(ctx context.Context, u *uploads) error {
	began, turn := time.Now(), make(chan struct{})
	if !t.req.NoCache { // another solve would run the steps again
		during, over := context.WithCancel(context.WithoutCancel(ctx)) // it may go on while this solve exports
		var compressing sync.WaitGroup
		t.compressed = func() { over(); compressing.Wait() }
		compressing.Go(func() {
			select {
			case <-time.After(patience):
				t.compress(during)
			case <-turn:
			}
		})
	}
	err := t.push.begin(ctx, u, t.out.got.graph)
	close(turn)
	t.out.began = t.out.began.Add(time.Since(began))
	return err
}

// compress makes the image without pushing it. The export of the attempt's solve finds the compressed layers, or joins in if this one is
// at work. It also fails in the same way, so an error is left to it.
func (t *trial) compress(ctx context.Context) {
	opt, err := t.options(map[string]string{}, t.out.decided.pins)
	if err != nil {
		return
	}
	opt.Exports = []client.ExportEntry{t.req.Unpushed(t.target)}
	_, _ = runSolve(ctx, t.node.Solver, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: t.out.got.def.ToPB()})
		if err == nil {
			res.Metadata = t.out.got.result.Metadata
		}
		return res, err
	}, func(*client.SolveStatus) {})
}

// pushAlone pushes the image of a platform that was built with attestations, without them. BuildKit would push an attestation before the
// image it describes, which some registries refuse (buildkit#7007).
func (t *trial) pushAlone(ctx context.Context) (*client.SolveResponse, error) {
	resp, symptoms, err := t.pushOnce(ctx, nil)
	if err != nil {
		return t.pushAgain(ctx, symptoms, err)
	}
	return resp, nil
}

// pushAgain pushes an image again that has been built, after a push that failed with err, as long as the registry's refusals are of the
// moment and the client's policy for registries allows another pause. symptoms are those of the solve that has failed. The pause is in the
// solve that pushes again, so that BuildKit holds the image's steps meanwhile.
func (t *trial) pushAgain(ctx context.Context, symptoms *failure.Symptoms, err error) (*client.SolveResponse, error) {
	pauses := t.env.Registry.Backoff()
	for {
		refusal, momentary := t.refusal(symptoms, err)
		if !t.pushesAgain(ctx, pauses, momentary) {
			return nil, t.final(ctx, refusal, err)
		}
		var gaveUp error
		again := err
		resp, seen, err2 := t.pushOnce(ctx, func(solving context.Context) error {
			gaveUp = t.pause(solving, pauses, refusal.repository, again, refusal.cause, "pushing "+platform.Format(t.target))
			return gaveUp
		})
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case gaveUp != nil:
			return nil, &index.PushError{Err: gaveUp} // another try of the whole would not be taken either
		case err2 == nil:
			return resp, nil
		}
		symptoms, err = seen, err2
	}
}

// refusal is what a registry did with a push.
type refusal struct {
	repository reference.Named
	cause      string // such as "answered 429 Too Many Requests"; "" if it is final
	token      error  // why the client had no token for the push; nil if that is not the reason
}

// refusal returns why a push failed, and whether the reason is one of the moment.
func (t *trial) refusal(symptoms *failure.Symptoms, err error) (r refusal, momentary bool) {
	if !failure.PushFailed(err) {
		return r, false
	}
	repository := ""
	repository, r.cause, momentary = symptoms.Momentary(err)
	r.repository = t.repository(repository)
	if !buildkitmsg.IsLoginRefused(err) || t.env.TokenError == nil {
		return r, momentary
	}
	if r.token = t.env.TokenError(reference.Domain(r.repository)); r.token != nil {
		r.cause, momentary = buildkitmsg.Momentary(r.token, 0)
	}
	return r, momentary
}

// final returns the error of a push that is not made again. If BuildKit's requests were refused, and this client's would be, too, the
// registry's answer to this client says more.
func (t *trial) final(ctx context.Context, r refusal, err error) error {
	if r.token != nil {
		err = &index.PushError{Err: &failure.TokenError{Registry: reference.Domain(r.repository), Repository: r.repository.Name(), Err: r.token}}
	}
	silent, _ := errors.AsType[*failure.SilentError](err)
	switch {
	case silent != nil:
		return &index.PushError{Err: silent}
	case ctx.Err() != nil || !failure.PushFailed(err) || !buildkitmsg.MayBeQuirk(err) && r.token == nil:
		return err
	}
	switch note, refused := t.env.Registry.CheckPush(ctx, r.repository); {
	case errors.Is(refused, manifest.ErrUnauthorized):
		return &index.PushError{Err: refused}
	case refused != nil || note != "" || r.token != nil && buildkitmsg.IsLoginRefused(r.token):
		return err // the client's own token may be older than the refusal
	}
	return &index.PushError{Err: &failure.BuilderPushError{Err: err}}
}

// pushesAgain reports whether what a registry did not take is sent to it again. momentary: the refusal is of the moment.
func (r *nodeRun) pushesAgain(ctx context.Context, pauses *manifest.Backoff, momentary bool) bool {
	return again(afterExport, facts{cancelled: ctx.Err() != nil, busy: momentary && !pauses.Off()}) == pushAgain
}

// pause waits for a registry, and notes why: cause is what the registry did, and doing names the work that follows the pause. An error says
// that there is no more waiting; it wraps err.
func (r *nodeRun) pause(ctx context.Context, pauses *manifest.Backoff, repo reference.Named, err error, cause, doing string) error {
	if silent, ok := errors.AsType[*failure.SilentError](err); ok {
		pauses.Waited(silent.For)
	}
	return pauses.Wait(ctx, repo, err, func(pause time.Duration) {
		r.env.Progress.Note(diag.Notef("registry %q %s; %s again in %s", reference.Domain(repo), cause, doing, pause.Round(time.Second/10)))
	})
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
// that has built it, and no step runs again that --no-cache has made run. Like the attempt's solve, it waits for its turn to push; see
// uploads. before, which may be nil, is called before that, when the solve holds the image's steps; its error ends the solve.
func (t *trial) pushOnce(ctx context.Context, before func(context.Context) error) (*client.SolveResponse, *failure.Symptoms, error) {
	run := *t.nodeRun
	run.req.Attests, run.req.NoCache, run.req.Steps.NoCache = nil, false, nil
	run.req.Outputs = sink.Outputs{Attrs: t.req.Outputs.Attrs}
	run.files = &sink.StagedFiles{}
	alone, symptoms := job{t.index, t.target, &run, t.instead}, &failure.Symptoms{}
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
		if err == nil && before != nil {
			err = heldDuring(ctx, r.got.result, before)
		}
		if err == nil {
			t.req.SetPush(r.got.result, true)
			err = turn.begin(ctx, t.out.decided.uploads, r.got.graph)
		}
		return r.got.result, err
	})
	turn.end(err == nil)
	return resp, symptoms, err
}

// heldDuring calls fn while BuildKit holds the steps of a result.
func heldDuring(ctx context.Context, res *gateway.Result, fn func(context.Context) error) error {
	ref, err := res.SingleRef()
	if err == nil && ref != nil {
		err = ref.Evaluate(ctx)
	}
	if err != nil {
		return err
	}
	return fn(ctx)
}

// An image that nothing has changed since its last push is exported without a push. The client asks the registries for it and for all that
// belongs to it, for a layer that platforms share once, and reads its manifest, which it would do after a push as well. If anything is not
// as the memory says, another solve pushes the image.

// recall finds out which image was last pushed for the same steps.
func (t *trial) recall() {
	if !t.req.Pushes() || t.out.got.opaque != nil {
		return
	}
	parts, err := json.Marshal([]any{
		t.target, t.out.got.graph.Layers(), t.out.got.result.Metadata[exptypes.ExporterImageConfigKey], t.req.Unpushed(t.target).Attrs,
	})
	if err != nil {
		return
	}
	t.out.key = digest.FromBytes(parts).Encoded()
	t.known = t.env.Pushed.Image(t.req.Repositories(), t.node.ID, t.out.key)
}

// unchanged reports whether the image is known and all of its steps were in the cache before this build, so that it is likely to be the same.
func (t *trial) unchanged(ctx context.Context, gw gateway.Client) bool {
	return t.known != "" && t.log.CatchUp(ctx, gw) == nil && !slices.ContainsFunc(t.out.got.graph.Steps, func(s graph.Step) bool {
		return len(s.Inputs) > 0 && t.steps.Ran(s.Digest)
	})
}

// isLight reports whether the image is likely to lack little in the repositories: they have taken a push of this node lately. The client then
// pushes what changed. Its requests are fewer and more of them are made at once, and no platform waits for another one's layers. Tests pull the
// image from the registry at once, so it has to be seen there.
func (t *trial) isLight() bool {
	if t.req.Attested() || len(t.req.Tests) > 0 || !t.node.Near || t.node.Layers == nil {
		return false
	}
	return !slices.ContainsFunc(t.req.Repositories(), func(repo reference.Named) bool { return !t.env.Pushed.Took(repo, t.node.ID) })
}

// supply pushes a light image.
func (t *trial) supply(ctx context.Context, c index.Child, resp *client.SolveResponse) (sent index.Child, ok bool) {
	if !t.light {
		return c, false
	}
	_ = t.env.during("pushing "+platform.Format(t.target), func() error { // if it fails, another solve pushes
		sent, ok = t.req.Supply(ctx, t.env.Registry, c, resp.ExporterResponse)
		return nil
	})
	return sent, ok
}

// there completes an image that was not pushed, if all repositories have it. root is the digest of what was exported.
func (t *trial) there(ctx context.Context, c index.Child, root digest.Digest) (index.Child, bool) {
	if t.req.Attested() {
		root = c.Image.Descriptor.Digest
	}
	if !t.unpushed || root != t.known {
		return c, false
	}
	return t.req.ReadThere(ctx, t.env.Registry, c, root)
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
