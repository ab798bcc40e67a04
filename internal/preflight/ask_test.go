package preflight_test

import (
	"context"
	"errors"
	"testing"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// registries is a PushChecker that answers when the test lets it, and never for some repositories.
type registries struct {
	silent   map[string]bool
	refusal  error
	finished bool
}

func (r *registries) CheckPush(ctx context.Context, repo reference.Named) (string, error) {
	if r.silent[repo.Name()] {
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	return "asked " + repo.Name(), r.refusal
}

func (r *registries) Finish() { r.finished = true }

func repo(t *testing.T, name string) reference.Named {
	t.Helper()
	named, err := reference.WithName(name)
	if err != nil {
		t.Fatal(err)
	}
	return named
}

func TestAllRegistriesAreAskedAtTheSameTime(t *testing.T) {
	r := &registries{refusal: errors.New("denied")}
	notes := make(chan string, 2)
	a := preflight.AskRegistries(t.Context(), r, []reference.Named{repo(t, "reg.example/a"), repo(t, "reg.example/b")}, func(n string) { notes <- n })
	if err := a.Wait(t.Context()); !errors.Is(err, r.refusal) || len(notes) != 2 {
		t.Errorf("got %v, with %d notes", err, len(notes))
	}
	a.Close()
	if !r.finished {
		t.Error("what goes on after the answers was not waited for")
	}
}

func TestWaitingForARegistryEndsWithTheContext(t *testing.T) {
	r := &registries{silent: map[string]bool{"reg.example/a": true}}
	a := preflight.AskRegistries(t.Context(), r, []reference.Named{repo(t, "reg.example/a")}, func(string) {})
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := a.Wait(ctx); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	a.Close()
}
