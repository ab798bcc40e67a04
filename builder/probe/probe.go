// Package probe finds out which platforms a BuildKit runs programs for when there is no shell beside
// it. It builds an image of nothing but the probe program of an architecture (see package emulation),
// and runs that program as a build step.
package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client/llb"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	// program is where the probe program is in its image.
	program = "/probe"

	// timeout is how long a program may run. It needs milliseconds; an emulator that hangs must not
	// block a build.
	timeout = 10 * time.Second

	// noShell is the reason why the status has only the outcomes of the programs.
	noShell = "there is no shell beside BuildKit"

	// notStarted and timedOut are the exit statuses that a shell and timeout(1) use.
	notStarted, timedOut = 126, 124
)

// Solver is the part of BuildKit's API that solves definitions.
type Solver interface {
	Solve(context.Context, *controlapi.SolveRequest, ...grpc.CallOption) (*controlapi.SolveResponse, error)
}

// Solve finds out how BuildKit runs programs for the platforms, all if none is given: one solve of one step
// per architecture, all at once, none taken from the cache. They have no session and no frontend, so that all
// of it is one round trip. native are the platforms of BuildKit's worker, its own first: BuildKit's own
// program runs, so that of its architecture is tried only if another one does not end.
//
// Solve cannot distinguish a handler of the kernel from BuildKit's own emulator: both are Emulated.
func Solve(ctx context.Context, s Solver, native []platform.Platform, only ...platform.Platform) (emulation.Status, error) {
	if len(native) == 0 {
		return emulation.Status{}, errors.New("probe what BuildKit runs: it does not report its own platform")
	}
	archs := emulation.ArchsOf(only...)
	outcomes := make([]emulation.Outcome, len(archs))
	g, gctx := errgroup.WithContext(ctx)
	for i, a := range archs {
		outcomes[i].Arch = a.Name
		if a.Name != native[0].Architecture {
			g.Go(func() (err error) {
				outcomes[i], err = try(gctx, s, a)
				return err
			})
		}
	}
	err := g.Wait()
	if err == nil && slices.ContainsFunc(outcomes, hasTimedOut) {
		err = tryOwn(ctx, s, native[0])
	}
	if err != nil {
		return emulation.Status{}, fmt.Errorf("probe what BuildKit runs: %w", err)
	}
	return emulation.Conclude(native[0], noShell, outcomes...), nil
}

// tryOwn returns an error if the program of BuildKit's own platform does not end either.
func tryOwn(ctx context.Context, s Solver, own platform.Platform) error {
	for _, a := range emulation.ArchsOf(own) {
		switch outcome, err := try(ctx, s, a); {
		case err != nil:
			return err
		case hasTimedOut(outcome):
			return fmt.Errorf("a program of its own platform does not end within %s: the node is too busy to tell", timeout)
		}
	}
	return nil
}

func hasTimedOut(o emulation.Outcome) bool { return o.ExitStatus == timedOut }

// step runs the probe program of an architecture in an otherwise empty root.
func step(a emulation.Arch) llb.State {
	p := llb.Platform(platform.Platform{OS: "linux", Architecture: a.Name})
	image := llb.Scratch().File(llb.Mkfile(program, 0o755, a.Program()), p, llb.WithCustomName("make the probe program for "+a.Name))
	return image.Run(llb.Args([]string{program}), p, llb.IgnoreCache, llb.Network(pb.NetMode_NONE), llb.WithCustomName("probe "+a.Name)).Root()
}

// try runs one probe program. A program that does not run is not an error; an unknown outcome is one.
func try(ctx context.Context, s Solver, a emulation.Arch) (emulation.Outcome, error) {
	o := emulation.Outcome{Arch: a.Name}
	def, err := step(a).Marshal(ctx)
	if err != nil {
		return o, err
	}
	tctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = s.Solve(tctx, &controlapi.SolveRequest{Ref: identity.NewID(), Definition: def.ToPB(), Internal: true})
	switch exit, failed := errors.AsType[*gatewaypb.ExitError](err); {
	case err == nil:
		return o, nil
	case failed:
		o.ExitStatus, o.Output = int(exit.ExitCode), reason(err)
		return o, nil
	case ctx.Err() == nil && tctx.Err() != nil:
		o.ExitStatus, o.Output = timedOut, fmt.Sprintf("it does not end within %s", timeout)
		return o, nil
	case strings.Contains(err.Error(), buildkitmsg.NotExecutable): // from a worker that has no exit status for a program that did not start
		o.ExitStatus, o.Output = notStarted, buildkitmsg.NotExecutable
		return o, nil
	}
	return o, err
}

// reason returns the part of a step's error that explains why its program did not start; "" if there is
// none.
func reason(err error) string {
	if strings.Contains(err.Error(), buildkitmsg.NotExecutable) {
		return buildkitmsg.NotExecutable
	}
	return ""
}
