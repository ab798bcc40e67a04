package builder

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// addresses is a driver that connects to every address that it has no error for.
type addresses struct {
	errs   map[string]error
	all    sync.WaitGroup // until all have been asked for
	mu     sync.Mutex
	closed []string
}

func (d *addresses) Connect(_ context.Context, e Endpoint, _ Spec, report func(string)) (*Node, error) {
	d.all.Done()
	d.all.Wait()
	report("connecting to " + e.Address)
	if err := d.errs[e.Address]; err != nil {
		return nil, err
	}
	return &Node{Endpoint: e, Disconnect: func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.closed = append(d.closed, e.Address)
		return nil
	}}, nil
}

func opening(d Driver, addresses ...string) Opening {
	o := Opening{Drivers: map[string]Driver{"test": d}}
	for _, a := range addresses {
		o.Endpoints = append(o.Endpoints, Endpoint{Node: "node " + a, Driver: "test", Address: a})
	}
	return o
}

func TestNodesAreOpenedAtOnceInTheirOrder(t *testing.T) {
	t.Parallel()
	d := &addresses{}
	d.all.Add(2)
	var said []string
	o := opening(d, "1", "2")
	o.Report = func(line string) { said = append(said, line) }
	all, err := Open(t.Context(), o)
	if err != nil || len(all) != 2 || all[0].Node.Endpoint.Name() != "node 1" || all[1].Node.Endpoint.Name() != "node 2" {
		t.Fatalf("%v, %v", all, err)
	}
	slices.Sort(said)
	if !slices.Equal(said, []string{"connecting to 1", "connecting to 2"}) {
		t.Errorf("said %q", said)
	}
}

func TestANodeThatCannotBeOpenedDoesNotConcernTheOthers(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	d := &addresses{errs: map[string]error{"2": refused}}
	d.all.Add(2)
	o := opening(d, "1", "2")
	o.Endpoints = append(o.Endpoints, Endpoint{Builder: "d", Driver: "other"})
	all, err := Open(t.Context(), o)
	if err != nil || all[0].Node == nil || !errors.Is(all[1].Err, refused) || len(d.closed) > 0 {
		t.Errorf("%v, %v, closed %q", all, err, d.closed)
	}
	if want := `unknown driver "other": known are test`; all[2].Err == nil || all[2].Err.Error() != want {
		t.Errorf("got %v, want %s", all[2].Err, want)
	}
}

func TestAFailureThatIsJudgedAsOneClosesTheOthers(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	d := &addresses{errs: map[string]error{"2": refused}}
	d.all.Add(2)
	o := opening(d, "1", "2")
	o.Judge = func(all []Outcome) (bool, error) { return false, all[1].Err }
	if all, err := Open(t.Context(), o); !errors.Is(err, refused) || all != nil || !slices.Equal(d.closed, []string{"1"}) {
		t.Errorf("%v, %v, closed %q", all, err, d.closed)
	}
}

// makers is a driver whose nodes have to be made, except those that cannot be reached or never answer.
type makers struct {
	unreachable, silent string
	mu                  sync.Mutex
	made                []string
}

func (d *makers) Connect(ctx context.Context, e Endpoint, want Spec, _ func(string)) (*Node, error) {
	switch e.Address {
	case d.unreachable:
		return nil, errors.New("no route to host")
	case d.silent:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := want.Permit(ctx); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = append(d.made, e.Address)
	return &Node{Endpoint: e}, nil
}

func TestNothingIsMadeIfAnotherNodeIsMissing(t *testing.T) {
	t.Parallel()
	d := &makers{unreachable: "2"}
	o := opening(d, "1", "2", "3")
	o.Want.Permit = func(context.Context) error { t.Error("a permission was asked for"); return nil }
	o.Judge = func(all []Outcome) (bool, error) { return false, all[1].Err }
	if _, err := Open(t.Context(), o); err == nil || err.Error() != "no route to host" || len(d.made) > 0 {
		t.Errorf("%v, made %q", err, d.made)
	}
}

func TestNodesAreMadeOnceAllAreReached(t *testing.T) {
	t.Parallel()
	d, asked := &makers{}, make(chan struct{}, 2)
	o := opening(d, "1", "2")
	o.Want.Permit = func(context.Context) error { asked <- struct{}{}; return nil }
	if _, err := Open(t.Context(), o); err != nil || len(d.made) != 2 || len(asked) != 2 {
		t.Errorf("%v, made %q, %d permissions", err, d.made, len(asked))
	}
}

func TestANodeThatIsNotNecessaryIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	d := &addressesOrSilent{silent: "2"}
	o := opening(d, "1", "2")
	o.Judge = func(all []Outcome) (bool, error) { return all[0].Node != nil, nil }
	all, err := Open(t.Context(), o)
	if err != nil || all[0].Node == nil || !errors.Is(all[1].Err, ErrGivenUp) {
		t.Errorf("%v, %v", all, err)
	}
}

// addressesOrSilent is a driver whose nodes exist, except one that never answers.
type addressesOrSilent struct{ silent string }

func (d *addressesOrSilent) Connect(ctx context.Context, e Endpoint, _ Spec, _ func(string)) (*Node, error) {
	if e.Address == d.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &Node{Endpoint: e}, nil
}

func TestACancelledOpeningLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	o := opening(&addressesOrSilent{silent: "2"}, "1", "2")
	o.Judge = func([]Outcome) (bool, error) { cancel(stopped); return false, nil }
	if all, err := Open(ctx, o); !errors.Is(err, stopped) || all != nil {
		t.Errorf("%v, %v", all, err)
	}
}

type shell struct{ err error }

func (s shell) Run(context.Context, string) ([]byte, error) { return nil, s.err }

func TestANodeThatCanDoNothingBesidesIsStillOne(t *testing.T) {
	t.Parallel()
	n := &Node{Endpoint: Endpoint{Builder: "b"}}
	if err := n.Why(t.Context()); err == nil || err.Error() != `builder "b" was lost during the build: the connection broke` {
		t.Errorf("got %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	asked := errors.New("the shell is asked")
	n.Shell = shell{asked}
	if _, err := n.Probe(t.Context(), platform.Platform{OS: "linux", Architecture: "arm64"}); !errors.Is(err, asked) {
		t.Errorf("a node with a shell: %v", err)
	}
	n.Ahead = ProbeAhead(t.Context(), func(context.Context, ...platform.Platform) (emulation.Status, error) {
		return emulation.Status{Kernel: "6"}, nil
	}, []platform.Platform{{OS: "linux", Architecture: "arm64"}}, platform.Platform{OS: "linux", Architecture: "amd64"})
	if st, err := n.Probe(t.Context(), platform.Platform{OS: "linux", Architecture: "arm64"}); err != nil || st.Kernel != "6" {
		t.Errorf("an answer ahead: %+v, %v", st, err)
	}
}
