// Package imagetest runs a build's tests on its finished images, and shows them as steps of their platforms.
package imagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Env has the services that the tests use.
type Env struct {
	// Open opens the place of the tests.
	Open     Opener
	Progress Progress
	// During runs work, and shows it if it lasts.
	During func(what string, work func() error) error
}

// Opener opens a place for tests. It returns an error if the place cannot run them.
type Opener func(ctx context.Context, tests []smoke.Test, note diag.Notes) (Place, error)

// Place runs the programs of images.
type Place interface {
	// Provide makes an image available.
	Provide(context.Context, Image) (smoke.Place, error)
	// Close removes what was made for the images, also when ctx has ended.
	Close(context.Context) error
}

// Progress receives the events of the tests.
type Progress interface {
	// Status is a message about a platform's steps; nil ends it.
	Status(platform.Platform, *client.SolveStatus)
	// Note is a message for the user.
	Note(diag.Diagnostic)
}

// Tester has a place that is ready for tests.
type Tester struct {
	env   Env
	place Place
}

// Open prepares the place of the tests. The images that they load stay until done removes them, at the very end, so that an output to the
// engine finds them already present.
func Open(ctx context.Context, env Env, tests []smoke.Test) (t *Tester, done func(), err error) {
	place, err := env.Open(ctx, tests, env.Progress.Note)
	if err != nil {
		return nil, nil, err
	}
	return &Tester{env, place}, func() {
		if err := place.Close(ctx); err != nil {
			env.Progress.Note(diag.Warningf("what was made for the tests may stay until the next command removes it: %v", err))
		}
	}, nil
}

// Image is an image to test.
type Image struct {
	Platform platform.Platform
	Child    index.Child
	// Pull is the repository from which the place of the tests pulls the image; nil: the client sends it. The client always sends it to an
	// engine that is also an output, so that it is sent only once.
	Pull reference.Named
}

// Run runs tests on an image, in parallel as far as their place permits it. The error names the failed tests.
func (t *Tester) Run(ctx context.Context, img Image, tests []smoke.Test) ([]smoke.Outcome, error) {
	var place smoke.Place
	err := t.env.During("loading "+platform.Format(img.Platform)+" for testing", func() (err error) {
		place, err = t.place.Provide(ctx, img)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the image could not be tested: %w", err)
	}
	outcomes := make([]smoke.Outcome, len(tests))
	var all sync.WaitGroup
	for i, test := range tests {
		all.Go(func() {
			if o := t.run(ctx, img.Platform, place, test); ctx.Err() == nil || o.Exit >= 0 { // otherwise the outcome says nothing about the image
				outcomes[i] = o
			}
		})
	}
	all.Wait()
	t.env.Progress.Status(img.Platform, nil)
	if ctx.Err() != nil {
		return slices.DeleteFunc(outcomes, func(o smoke.Outcome) bool { return o.Test == "" }), context.Cause(ctx)
	}
	return outcomes, smoke.Result{Outcomes: outcomes}.Err()
}
