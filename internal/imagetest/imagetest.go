// Package imagetest runs a build's tests on its finished images, and shows them as steps of their platforms.
package imagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Env has the services that the tests use.
type Env struct {
	Engine   *engine.Engine
	Registry *manifest.Client
	// PullAuth returns the credentials with which the engine pulls the image of this name; nil means none.
	PullAuth func(ctx context.Context, name string) (string, error)
	Progress Progress
	// During runs work, and shows it if it lasts.
	During func(what string, work func() error) error
}

// Progress receives the events of the tests.
type Progress interface {
	// Status is a message about a platform's steps; nil ends it.
	Status(platform.Platform, *client.SolveStatus)
	// Note is a message for the user.
	Note(diag.Diagnostic)
}

// Tester has an engine that is ready for tests.
type Tester struct {
	env    Env
	runner *smoke.Runner
}

// Open prepares the engine for the tests. The images that they load stay until done removes them, at the very end, so that an output to the
// engine finds them already present.
func Open(ctx context.Context, env Env) (t *Tester, done func(), err error) {
	runner, err := smoke.Open(ctx, env.Engine, env.Progress.Note)
	if err != nil {
		return nil, nil, err
	}
	return &Tester{env, runner}, func() {
		if err := runner.Close(ctx); err != nil {
			env.Progress.Note(diag.Warningf("the tested images may be on the engine until the next command removes them: %v", err))
		}
	}, nil
}

// Image is an image to test.
type Image struct {
	Platform platform.Platform
	Child    index.Child
	// Pull is the repository from which the engine pulls the image; nil: the client sends it to the engine. The client always sends it to
	// an engine that is also an output, so that it is sent only once.
	Pull reference.Named
}

// Run runs tests on an image, in parallel as far as the engine has CPUs. The error names the failed tests.
func (t *Tester) Run(ctx context.Context, img Image, tests []smoke.Test) ([]smoke.Outcome, error) {
	var image string
	err := t.env.During("loading "+platform.Format(img.Platform)+" for testing", func() (err error) {
		image, err = t.provide(ctx, img)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the image could not be tested: %w", err)
	}
	outcomes := make([]smoke.Outcome, len(tests))
	var all sync.WaitGroup
	for i, test := range tests {
		all.Go(func() {
			if o := t.run(ctx, img.Platform, image, test); ctx.Err() == nil || o.Exit >= 0 { // otherwise the outcome says nothing about the image
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

// provide makes the image available to the engine: from the registry that it was pushed to, else from the client.
func (t *Tester) provide(ctx context.Context, img Image) (string, error) {
	to := smoke.Image{Platform: img.Platform, Root: img.Child.Image.Descriptor, Config: img.Child.Image.Config.Digest, Pull: img.Pull}
	if img.Pull == nil {
		to.Blobs = func(context.Context) (content.Fetcher, error) { return img.Child, nil }
		return t.runner.Provide(ctx, to)
	}
	to.Blobs = func(ctx context.Context) (content.Fetcher, error) {
		ref, err := reference.WithDigest(img.Pull, to.Root.Digest)
		if err != nil {
			return nil, err
		}
		_, source, err := t.env.Registry.Source(ctx, ref)
		return source, err
	}
	if t.env.PullAuth != nil {
		var err error
		if to.Auth, err = t.env.PullAuth(ctx, img.Pull.Name()); err != nil {
			return "", err
		}
	}
	return t.runner.Provide(ctx, to)
}
