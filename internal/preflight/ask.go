package preflight

import (
	"context"
	"sync"

	"github.com/distribution/reference"
)

// A PushChecker asks a registry whether it would accept a push: a [manifest.Client]. Finish waits for the work that goes on after that.
type PushChecker interface {
	CheckPush(ctx context.Context, repo reference.Named) (note string, err error)
	Finish()
}

// Answers are the answers of registries that were asked whether they would accept a push.
type Answers struct {
	errs     []error
	answered chan struct{}
	end      func()
}

// AskRegistries begins to ask every repository whether it would accept a push. The caller must call Close.
func AskRegistries(ctx context.Context, c PushChecker, repos []reference.Named, note func(string)) *Answers {
	ctx, cancel := context.WithCancel(ctx)
	a := &Answers{errs: make([]error, len(repos)), answered: make(chan struct{})}
	go func() {
		defer close(a.answered)
		var asking sync.WaitGroup
		for i, repo := range repos {
			asking.Go(func() {
				var hint string
				if hint, a.errs[i] = c.CheckPush(ctx, repo); hint != "" {
					note(hint)
				}
			})
		}
		asking.Wait()
	}()
	a.end = func() {
		cancel()
		<-a.answered
		c.Finish()
	}
	return a
}

// Wait waits for all answers, and returns the refusals, joined.
func (a *Answers) Wait(ctx context.Context) error {
	select {
	case <-a.answered:
		return Together(a.errs...)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the requests that were not answered, and waits for their end.
func (a *Answers) Close() { a.end() }
