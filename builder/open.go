package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Opening is the request to connect to several endpoints at once, each through its driver.
type Opening struct {
	Drivers   map[string]Driver
	Endpoints []Endpoint
	Want      Spec
	// Report is as in [Driver]; nil reports nothing.
	Report func(line string)
	// Judge is called after each outcome with all outcomes so far; it may be nil. An error ends the opening:
	// nothing that was not made yet is made. enough means that the other endpoints are not necessary; they are
	// given up if they need more than Patience.
	Judge    func([]Outcome) (enough bool, err error)
	Patience time.Duration
}

// Outcome is what became of the connection to an endpoint. Node and Err are nil while it is being made.
type Outcome struct {
	Endpoint Endpoint
	Node     *Node
	Err      error // why there is no node
}

// ErrGivenUp is the error of an endpoint that was not necessary and had not answered yet.
var ErrGivenUp = errors.New("it has not answered yet")

// Open connects to the endpoints. The outcomes are in their order; the caller closes the nodes. The error is
// that of Judge, or the cause of ctx; then no node is open.
//
// Before a driver makes or replaces anything (see Permit in [Spec]), Open waits until every other endpoint
// was reached or not, so that nothing is made for an opening that fails.
func Open(ctx context.Context, o Opening) ([]Outcome, error) {
	r := newRun(ctx, o)
	defer r.all.Wait()
	for i := range o.Endpoints {
		r.all.Go(func() { //nolint:contextcheck // each connection has a context of its own
			n, err := r.connect(i)
			r.ended <- ended{i, n, err}
		})
	}
	err := r.collect()
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		for _, out := range r.outcomes {
			if out.Node != nil {
				_ = out.Node.Close() // the error to return is another one
			}
		}
		return nil, err
	}
	return r.outcomes, nil
}

// run is an opening in progress.
type run struct {
	Opening
	all      sync.WaitGroup
	ended    chan ended
	outcomes []Outcome
	ctxs     []context.Context
	cancels  []context.CancelCauseFunc
	reached  []chan struct{} // by endpoint: closed when it was reached, or has an outcome that was judged
	marks    []sync.Once
	saying   sync.Mutex
}

type ended struct {
	index int
	node  *Node
	err   error
}

func newRun(ctx context.Context, o Opening) *run {
	n := len(o.Endpoints)
	r := &run{
		Opening: o, ended: make(chan ended), outcomes: make([]Outcome, n), ctxs: make([]context.Context, n),
		cancels: make([]context.CancelCauseFunc, n), reached: make([]chan struct{}, n), marks: make([]sync.Once, n),
	}
	for i, e := range o.Endpoints {
		r.outcomes[i].Endpoint, r.reached[i] = e, make(chan struct{})
		r.ctxs[i], r.cancels[i] = context.WithCancelCause(ctx) //nolint:fatcontext // a node may use its context for as long as it is open
	}
	return r
}

// collect waits for all outcomes. Its error is that of Judge.
func (r *run) collect() (failed error) {
	var impatient <-chan time.Time
	for left := len(r.outcomes); left > 0; {
		select {
		case e := <-r.ended:
			left--
			r.outcomes[e.index].Node, r.outcomes[e.index].Err = e.node, e.err
			enough, err := r.judge()
			if err != nil && failed == nil {
				failed = err
				r.giveUp(err)
			}
			if enough && impatient == nil {
				impatient = time.After(r.Patience)
			}
			r.mark(e.index)
		case <-impatient:
			r.giveUp(ErrGivenUp)
		}
	}
	return failed
}

func (r *run) judge() (enough bool, err error) {
	if r.Judge == nil {
		return false, nil
	}
	return r.Judge(r.outcomes)
}

// giveUp ends the connections that are being made.
func (r *run) giveUp(cause error) {
	for i, out := range r.outcomes {
		if out.Node == nil && out.Err == nil {
			r.cancels[i](cause)
		}
	}
}

func (r *run) mark(i int) { r.marks[i].Do(func() { close(r.reached[i]) }) }

func (r *run) say(line string) {
	if r.Report != nil {
		r.saying.Lock()
		defer r.saying.Unlock()
		r.Report(line)
	}
}

// connect connects to one endpoint. The error of one that was given up is the cause.
func (r *run) connect(i int) (*Node, error) {
	want := r.Want
	if len(r.outcomes) > 1 {
		want.Permit = func(ctx context.Context) error { return r.permit(ctx, i) }
	}
	n, err := connect(r.ctxs[i], r.Drivers, r.Endpoints[i], want, r.say)
	if err != nil && r.ctxs[i].Err() != nil {
		err = context.Cause(r.ctxs[i])
	}
	return n, err
}

// permit waits for the other endpoints before something is made at one of them.
func (r *run) permit(ctx context.Context, i int) error {
	r.mark(i)
	for _, other := range r.reached {
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.Want.Permit == nil:
		return nil
	}
	return r.Want.Permit(ctx)
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
	if err != nil {
		return nil, err
	}
	for _, one := range append([]*Node{n}, n.More...) {
		one.probes = probes{want.Probes}
	}
	n.ProbeAhead(ctx, want.Probe)
	return n, nil
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
