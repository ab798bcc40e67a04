package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Open connects to all endpoints at once, each through its driver. The nodes are in the order of the
// endpoints. If one fails, all are closed again, and the error has the error of each failed endpoint,
// with the node's name if there are several. report is as in [Driver].
func Open(ctx context.Context, drivers map[string]Driver, endpoints []Endpoint, want Spec, report func(line string)) ([]*Node, error) {
	var one sync.Mutex
	say := func(line string) {
		if report != nil {
			one.Lock()
			defer one.Unlock()
			report(line)
		}
	}
	nodes, errs := make([]*Node, len(endpoints)), make([]error, len(endpoints))
	var all sync.WaitGroup
	for i, e := range endpoints {
		all.Go(func() {
			if nodes[i], errs[i] = connect(ctx, drivers, e, want, say); errs[i] != nil && len(endpoints) > 1 {
				errs[i] = fmt.Errorf("node %q: %w", e.Name(), errs[i])
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		for i, n := range nodes {
			if errs[i] == nil {
				_ = n.Close() // the other nodes' errors are the ones to return
			}
		}
		if len(endpoints) == 1 {
			return nil, errs[0]
		}
		return nil, err
	}
	return nodes, nil
}

// Reopen connects to the existing BuildKits of an endpoint, as they are: see [Manager]. A driver that only
// connects has one. The caller closes the nodes.
func Reopen(ctx context.Context, drivers map[string]Driver, e Endpoint, opt ReopenOptions) ([]*Node, error) {
	if m, ok := drivers[e.Driver].(Manager); ok {
		return m.Reopen(ctx, e, opt)
	}
	report := opt.Report
	if report == nil {
		report = func(string) {}
	}
	ctx, answered, end := UntilAnswer(ctx) // the connection's, which lasts as long as the node
	n, err := connect(ctx, drivers, e, Spec{StartWait: opt.Wait, Trusted: opt.Trusted}, report)
	if err != nil {
		defer end()
		return nil, NoAnswer(ctx, err)
	}
	answered()
	return []*Node{n}, nil
}

func connect(ctx context.Context, drivers map[string]Driver, e Endpoint, want Spec, say func(string)) (*Node, error) {
	d, ok := drivers[e.Driver]
	if !ok {
		return nil, fmt.Errorf("unknown driver %q: known are %s", e.Driver, strings.Join(slices.Sorted(maps.Keys(drivers)), ", "))
	}
	n, err := d.Connect(ctx, e, want, say)
	if err == nil && n.Ahead == nil {
		n.Ahead = ProbeAhead(ctx, n.probe, want.Probe, n.Platforms...)
	}
	return n, err
}

// OnEngine is a Driver whose BuildKits run on Docker Engines, or in them.
type OnEngine interface {
	// EngineOf returns the engine of an endpoint. It need not answer.
	EngineOf(e Endpoint) (*engine.Engine, error)
}

// EngineOf returns the Docker Engine that an endpoint's BuildKit runs on; nil if its driver knows none.
func EngineOf(drivers map[string]Driver, e Endpoint) (*engine.Engine, error) {
	if d, ok := drivers[e.Driver].(OnEngine); ok {
		return d.EngineOf(e)
	}
	return nil, nil
}
