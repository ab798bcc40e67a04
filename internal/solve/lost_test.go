package solve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/session/secrets/secretsprovider"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// dies returns a hook that ends its builder and waits until the solve notices.
func dies(b *buildkittest.Builder) buildkittest.Hook {
	return func(ctx context.Context, _ platform.Platform) error {
		b.Die()
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

func sentContexts(b *buildkittest.Builder) (sent int) {
	for _, s := range b.Solves() {
		sent += s.Context
	}
	return sent
}

const lostArm = `node "second" was lost during the build: the connection broke`

func TestAnotherNodeBuildsThePlatformsOfANodeThatIsLost(t *testing.T) {
	for name, at := range map[string]func(*buildkittest.Builder){
		"before the barrier":       func(b *buildkittest.Builder) { b.Read = dies(b) },
		"while steps run":          func(b *buildkittest.Builder) { b.Run = dies(b) },
		"while an image is pushed": func(b *buildkittest.Builder) { b.Push = dies(b) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			arm := w.second("linux/arm64,linux/arm/v7", armNative)
			at(arm)
			w.req.Fallback = true
			rep := w.mustRun()
			if got := nodesOf(rep); !slices.Equal(got, []string{"default", "default", "default"}) {
				t.Fatalf("built on %q", got)
			}
			for _, p := range rep.Platforms[1:] {
				if p.Mode != plan.Emulated || p.Instead != lostArm {
					t.Errorf("%+v", p)
				}
				note := "warning: " + platform.Format(p.Platform) + ": " + lostArm + `; building it again on node "default"`
				if !slices.Contains(w.progress.notes, note) {
					t.Errorf("%q is not in %q", note, w.progress.notes)
				}
			}
			if names, _ := w.indexed("app:v1"); !slices.Equal(names, []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}) {
				t.Errorf("the index has %q", names)
			}
			if sent := sentContexts(w.Builder); sent != 1 {
				t.Errorf("the context was sent %d times to the other node", sent)
			}
		})
	}
}

func TestAPlatformWhoseNodeIsLostFailsByNameUnlessOthersMayTakeOver(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	arm.Run = dies(arm)
	w.env.Nodes[1].Why = func(context.Context) error { return errors.New(`node "second" was lost: its machine was switched off`) }
	w.req.Retry = 3
	rep, err := w.run()
	lost, ok := errors.AsType[*failure.LostNodeError](err)
	if !ok || lost.Node != "second" || err.Error() != `linux/arm64: node "second" was lost: its machine was switched off` {
		t.Errorf("got %v", err)
	}
	if rep.Platforms[0].Err != nil || w.tagged("app:v1") != "" {
		t.Errorf("%v; the tag names %q", rep.Platforms[0].Err, w.tagged("app:v1"))
	}
}

func TestAPlatformThatMayBeMissingMayLoseItsNode(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	arm.Run = dies(arm)
	w.req.AllowPartial = w.req.Platforms[1:]
	w.mustRun()
	if names, _ := w.indexed("app:v1"); !slices.Equal(names, []string{"linux/amd64"}) {
		t.Errorf("the index has %q", names)
	}
}

func TestAnotherNativeNodeNeedsNoPermission(t *testing.T) {
	w := newHarness(t, "FROM alpine\nADD https://example.com/data.bin /\nRUN make\n")
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	other := w.second("linux/arm64", nil)
	w.env.Nodes[2].Name = "third"
	arm.Run = dies(arm)
	if got := nodesOf(w.mustRun()); !slices.Equal(got, []string{"default", "third"}) {
		t.Fatalf("built on %q", got)
	}
	// The pins of the first node hold for the other one.
	sources := func(b *buildkittest.Builder) []string {
		all := b.Solves()
		return slices.Sorted(slices.Values(all[len(all)-1].Sources))
	}
	if diff := cmp.Diff(sources(w.Builder), sources(other)); diff != "" || other.Resolved("https://example.com/data.bin") != 0 {
		t.Errorf("(-first +third):\n%s", diff)
	}
}

func TestAGivenPlatformIsNotMovedWithoutPermission(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/arm64")
	arm := w.second("linux/arm64", nil)
	w.second("linux/arm64", nil)
	w.env.Nodes[1].Preferred, w.env.Nodes[2].Name = w.req.Platforms, "third"
	arm.Run = dies(arm)
	if _, err := w.run(); !isLost(err) {
		t.Errorf("got %v", err)
	}
}

func TestABuildWhoseNodesAreAllLostFails(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	var both sync.WaitGroup
	both.Add(2)
	for _, b := range []*buildkittest.Builder{w.Builder, arm} {
		b.Run = func(ctx context.Context, p platform.Platform) error {
			both.Done()
			both.Wait()
			return dies(b)(ctx, p)
		}
	}
	w.req.Fallback = true
	_, err := w.run()
	if !isLost(err) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsGoOnlyToNodesWhoseStepsMountThem(t *testing.T) {
	w := newHarness(t, "FROM alpine AS amd64\nRUN --mount=type=secret,id=token true\nFROM alpine AS arm64\nRUN true\nFROM $TARGETARCH\n")
	w.platforms("linux/amd64,linux/arm64")
	arm := w.second("linux/arm64", nil)
	t.Setenv("A_SECRET", "s3cret")
	for _, id := range []string{"token", "GIT_AUTH_TOKEN"} {
		w.req.Secrets = append(w.req.Secrets, secretsprovider.Source{ID: id, Env: "A_SECRET"})
	}
	w.Snoops, arm.Snoops = []string{"token", "GIT_AUTH_TOKEN"}, []string{"token", "GIT_AUTH_TOKEN"}
	w.mustRun()
	for _, s := range arm.Solves() {
		if len(s.Snooped) > 0 {
			t.Errorf("the node without such a step got %q", s.Snooped)
		}
	}
	for _, s := range w.Solves() {
		if !slices.Equal(s.Secrets, []string{"token=s3cret"}) || !slices.Equal(s.Snooped, []string{"token=s3cret"}) {
			t.Errorf("the step got %q, and its node %q", s.Secrets, s.Snooped)
		}
	}
}
