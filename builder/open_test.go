package builder

import (
	"context"
	"errors"
	"slices"
	"strings"
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

func TestNodesAreOpenedAtOnceInTheirOrder(t *testing.T) {
	t.Parallel()
	d := &addresses{}
	d.all.Add(2)
	var said []string
	nodes, err := Open(t.Context(), map[string]Driver{"test": d},
		[]Endpoint{{Node: "a", Driver: "test", Address: "1"}, {Node: "b", Driver: "test", Address: "2"}}, Spec{},
		func(line string) { said = append(said, line) })
	if err != nil || len(nodes) != 2 || nodes[0].Endpoint.Name() != "a" || nodes[1].Endpoint.Name() != "b" {
		t.Fatalf("%v, %v", nodes, err)
	}
	slices.Sort(said)
	if !slices.Equal(said, []string{"connecting to 1", "connecting to 2"}) {
		t.Errorf("said %q", said)
	}
}

func TestANodeThatCannotBeOpenedIsNamedAndTheOthersAreClosed(t *testing.T) {
	t.Parallel()
	refused, gone := errors.New("refused"), errors.New("no such host")
	d := &addresses{errs: map[string]error{"2": refused, "3": gone}}
	d.all.Add(3)
	_, err := Open(t.Context(), map[string]Driver{"test": d}, []Endpoint{
		{Node: "a", Driver: "test", Address: "1"},
		{Node: "b", Driver: "test", Address: "2"},
		{Node: "c", Driver: "test", Address: "3"},
		{Builder: "d", Driver: "other"},
	}, Spec{}, nil)
	for _, want := range []error{refused, gone} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not in %v", want, err)
		}
	}
	for _, want := range []string{`node "b": refused`, `node "c": no such host`, `node "d": unknown driver "other": known are test`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if !slices.Equal(d.closed, []string{"1"}) {
		t.Errorf("closed: %q", d.closed)
	}
}

func TestTheErrorOfABuildersOnlyNodeIsTheDriversOwn(t *testing.T) {
	t.Parallel()
	refused := errors.New(`builder "x": refused`)
	d := &addresses{errs: map[string]error{"1": refused}}
	d.all.Add(1)
	if _, err := Open(t.Context(), map[string]Driver{"test": d}, []Endpoint{{Driver: "test", Address: "1"}}, Spec{}, nil); err == nil || err.Error() != refused.Error() {
		t.Errorf("got %v", err)
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
