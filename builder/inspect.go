package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	bkclient "github.com/moby/buildkit/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	// AnswerWithin is how long a node may take to answer a question about its state.
	AnswerWithin = 5 * time.Second

	// detailsWithin bounds the questions to a BuildKit that has answered.
	detailsWithin = 10 * time.Second
)

// errNoAnswer means that a node has not answered within AnswerWithin.
var errNoAnswer = fmt.Errorf("it does not answer within %s", AnswerWithin)

// Depth is how much an inspection asks of a BuildKit.
type Depth int

// These are the depths.
const (
	Brief Depth = iota // its version, its platforms and its rules of garbage collection
	Whole              // also its running builds, the size of its cache, and its configuration
)

// Inspected is an endpoint and what is known about it.
type Inspected struct {
	Endpoint Endpoint
	Managed  bool      // this program makes, starts, stops and removes its BuildKits
	Details  []Details // of each of its BuildKits; none: they have not been made yet
	// Node is the connection to an endpoint of a driver that only connects, open until then has returned; else nil.
	Node *Node
	Err  error // why nothing is known: the endpoint does not answer
}

// Inspect describes endpoints, all at once. An endpoint that does not answer within [AnswerWithin] is
// returned with the reason. Inspect makes, starts and changes nothing, except that a driver that only
// connects is connected to.
//
// Both functions may be nil. connected is called with the connection to each endpoint of a driver that only connects, before it is asked
// anything. then is called with each endpoint's index and description as soon as that is known, at the same time as for others. Inspect
// returns after the last call.
func Inspect(
	ctx context.Context, drivers map[string]Driver, endpoints []Endpoint, depth Depth, connected func(*Node), then func(i int, found Inspected),
) []Inspected {
	found := make([]Inspected, len(endpoints))
	var all sync.WaitGroup
	for i, e := range endpoints {
		all.Go(func() {
			found[i] = inspect(ctx, drivers, e, depth, connected)
			if then != nil {
				then(i, found[i])
			}
			if n := found[i].Node; n != nil {
				_ = n.Close() // everything was asked
				found[i].Node = nil
			}
		})
	}
	all.Wait()
	return found
}

func inspect(ctx context.Context, drivers map[string]Driver, e Endpoint, depth Depth, connected func(*Node)) Inspected {
	m, managed := drivers[e.Driver].(Manager)
	found := Inspected{Endpoint: e, Managed: managed}
	if managed {
		found.Details, found.Err = m.Inspect(ctx, e, depth)
		return found
	}
	n, d, err := inspectConnected(ctx, drivers, e, depth, connected)
	if found.Err = err; err == nil {
		found.Node, found.Details = n, []Details{d}
	}
	return found
}

// inspectConnected describes the BuildKit of a driver that only connects. The caller closes the node.
func inspectConnected(
	ctx context.Context, drivers map[string]Driver, e Endpoint, depth Depth, connected func(*Node),
) (n *Node, d Details, err error) {
	ctx, answered, end := UntilAnswer(ctx) // the connection's, which lasts as long as the node
	if n, err = connect(ctx, drivers, e, Spec{StartWait: AnswerWithin}, func(string) {}); err != nil {
		defer end()
		return nil, d, NoAnswer(ctx, err)
	}
	if connected != nil {
		connected(n)
	}
	d.Status = Status{
		Builder: e.Builder, Driver: e.Driver, State: "running", Fixed: platform.FormatAll(e.Platforms), Options: e.Options, Flags: e.Flags,
	}
	if n.Engine != nil {
		d.Image = n.Engine.Image
	}
	var asking sync.WaitGroup
	if n.Disk != nil && depth == Whole {
		asking.Go(func() {
			if disk, err := n.Disk.Disk(ctx); err == nil {
				d.Disk = &disk
			}
		})
	}
	err = d.Ask(ctx, n.Client, depth, answered)
	asking.Wait()
	if err != nil {
		defer end()
		_ = n.Close() // the error to report is another one
		return nil, d, err
	}
	return n, d, nil
}

// UntilAnswer returns a context that ends after [AnswerWithin] unless answered is called before. The
// caller calls end.
func UntilAnswer(parent context.Context) (ctx context.Context, answered, end func()) {
	ctx, cancel := context.WithCancelCause(parent)
	timer := time.AfterFunc(AnswerWithin, func() { cancel(errNoAnswer) })
	return ctx, func() { timer.Stop() }, func() { timer.Stop(); cancel(nil) }
}

// NoAnswer returns the error of a question whose context is of [UntilAnswer]. If the context has ended, it
// says that there was no answer in time, and what is known besides.
func NoAnswer(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	if errors.Is(err, cause) {
		return err
	}
	code := status.Code(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || code == codes.Canceled || code == codes.DeadlineExceeded {
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// Ask completes the details with the answers of a BuildKit that runs. answered is called after the first
// answer; the error is that of the first question. Later questions may stay without an answer.
func (d *Details) Ask(ctx context.Context, c *bkclient.Client, depth Depth, answered func()) error {
	workers, err := c.ListWorkers(ctx)
	if err == nil && len(workers) == 0 {
		err = errors.New("BuildKit has no worker")
	}
	if err != nil {
		return NoAnswer(ctx, err)
	}
	answered()
	w := workers[0]
	d.Platforms, d.BuildKit, d.GCPolicy = w.Platforms, w.BuildkitVersion.Version, w.GCPolicy
	if depth == Brief {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, detailsWithin)
	defer cancel()
	var asking sync.WaitGroup
	asking.Go(func() { d.Builds, _ = CountBuilds(ctx, c) })
	if records, err := c.DiskUsage(ctx); err == nil {
		u := Sum(records)
		d.Usage = &u
	}
	asking.Wait()
	return nil
}

// CountBuilds counts the builds that run now.
func CountBuilds(ctx context.Context, c *bkclient.Client) (int, error) {
	return countBuilds(ctx, c, "")
}

// countBuilds counts those with a reference; "" is any.
func countBuilds(ctx context.Context, c *bkclient.Client, ref string) (int, error) {
	events, err := c.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true, Ref: ref})
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		e, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if e.GetType() == controlapi.BuildHistoryEventType_STARTED {
			n++
		}
	}
}
