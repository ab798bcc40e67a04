// Package podtest runs the tests of images in the cluster that their builder is in, for a client without an engine.
package podtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// mostAtOnce is how many tests of a node's images run at the same time. Each one is a few processes of kubectl.
const mostAtOnce = 4

// Clusters opens the clusters of a builder's nodes, one after the other.
type Clusters struct {
	// Login returns the user's login for an image's registry, as a .dockerconfigjson; nil if there is none.
	Login func(ctx context.Context, image string) ([]byte, error)

	prepared map[string]bool
}

// Opener returns what opens the cluster of an endpoint. native reports whether the machines of its pods run a platform without emulation.
func (c *Clusters) Opener(e builder.Endpoint, native func(platform.Platform) bool) imagetest.Opener {
	return func(ctx context.Context, tests []smoke.Test, note diag.Notes) (imagetest.Place, error) {
		programs, err := kubernetes.ProgramsAt(e)
		if err != nil {
			return nil, err
		}
		for _, t := range tests {
			wanted, err := program(t)
			if err == nil {
				err = programs.Check(wanted)
			}
			if err != nil {
				return nil, fmt.Errorf("test %q cannot run in a cluster, and no engine answers here: %w", t.Name, err)
			}
		}
		if err := c.prepare(ctx, programs, note); err != nil {
			return nil, fmt.Errorf("the tests are to run in the cluster, since no engine answers here: %w", err)
		}
		return &place{Programs: programs, native: native, login: c.Login, turns: make(chan struct{}, mostAtOnce)}, nil
	}
}

// prepare prepares a namespace once, and says what is not certain there.
func (c *Clusters) prepare(ctx context.Context, programs kubernetes.Programs, note diag.Notes) error {
	at := programs.Place()
	if c.prepared[at] {
		return nil
	}
	if err := programs.Prepare(ctx); err != nil {
		return err
	}
	note(diag.Notef("no engine answers here, so the tests run in pods, in %s: "+
		"whether they have no network is up to the cluster's network plugin, and the number of their processes is that of any pod", at))
	if c.prepared == nil {
		c.prepared = map[string]bool{}
	}
	c.prepared[at] = true
	return nil
}

// place is a cluster that is ready.
type place struct {
	kubernetes.Programs
	native func(platform.Platform) bool
	login  func(context.Context, string) ([]byte, error)
	turns  chan struct{}

	mu   sync.Mutex
	left []error // of what could not be removed
}

// Provide implements [imagetest.Place]. The cluster pulls an image when a pod needs it.
func (p *place) Provide(ctx context.Context, img imagetest.Image) (at smoke.Place, err error) {
	if img.Pull == nil {
		return at, errors.New("it is in no registry that the cluster could pull it from")
	}
	ref, err := reference.WithDigest(reference.TrimNamed(img.Pull), img.Child.Image.Descriptor.Digest)
	if err != nil {
		return at, err
	}
	var login []byte
	if !p.HasPullSecrets() {
		if login, err = p.login(ctx, img.Pull.Name()); err != nil {
			return at, err
		}
	}
	run := func(ctx context.Context, j smoke.Job) (smoke.ProgramResult, error) {
		wanted, err := program(j.Test)
		if err != nil {
			return smoke.ProgramResult{}, err
		}
		wanted.Image, wanted.Platform, wanted.Login, wanted.Emulated = ref.String(), img.Platform, login, !p.native(img.Platform)
		wanted.Output = j.Stdout
		return p.run(ctx, wanted, j.Begins)
	}
	return smoke.Place{Name: "the cluster", Run: run}, nil
}

// run runs a program when it is its turn.
func (p *place) run(ctx context.Context, wanted kubernetes.Program, begins func()) (smoke.ProgramResult, error) {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return smoke.ProgramResult{}, context.Cause(ctx)
	}
	if begins != nil {
		begins()
	}
	began := time.Now()
	end, left, err := p.Run(ctx, wanted)
	if left != nil {
		p.mu.Lock()
		p.left = append(p.left, left)
		p.mu.Unlock()
	}
	if late, ok := errors.AsType[*kubernetes.ProgramTimeoutError](err); ok {
		err = &smoke.TimeoutError{After: late.After}
	}
	if start, ok := errors.AsType[*kubernetes.ProgramStartError](err); ok {
		err = &engine.StartError{Err: start}
	}
	return smoke.ProgramResult{Exit: end.Exit, OutOfMemory: end.OutOfMemory, Seconds: time.Since(began).Seconds(), Merged: true}, err
}

// Close implements [imagetest.Place]: each run has removed what was made for it, or tried to.
func (p *place) Close(context.Context) error { return errors.Join(p.left...) }

// program returns a test as a program of a pod, without its image.
func program(t smoke.Test) (p kubernetes.Program, err error) {
	t = t.Limited()
	p = kubernetes.Program{Input: t.Stdin, Timeout: t.Timeout, Program: objects.Program{
		Command: t.Entrypoint, Args: t.Command, Env: t.Env, User: t.User, Workdir: t.Workdir, Memory: t.Memory,
	}}
	if t.Entrypoint != nil && len(t.Entrypoint) == 0 { // the image's entrypoint is not wanted
		if p.Command, p.Args = t.Command, nil; len(t.Command) == 0 {
			return p, errors.New("it has no entrypoint, and so it needs a command")
		}
	}
	switch t.Network {
	case "", "none":
		p.Network = objects.NoNetwork
	case "default", "bridge":
		p.Network = objects.PodNetwork
	case "host":
		p.Network = objects.HostNetwork
	default:
		return p, fmt.Errorf("a cluster has no network %q", t.Network)
	}
	return p, nil
}
