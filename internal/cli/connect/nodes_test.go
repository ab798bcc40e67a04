package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var (
	amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}
)

// endpoint is a node in a test: its name, and the platforms that it was given.
func endpoint(name string, given ...platform.Platform) builder.Endpoint {
	return builder.Endpoint{Builder: "b", Node: name, Address: "tcp://" + name, Platforms: given}
}

func up(e builder.Endpoint, native platform.Platform) builder.Outcome {
	return builder.Outcome{Endpoint: e, Node: &builder.Node{Endpoint: e, Platforms: []platform.Platform{native}}}
}

var errRefused = errors.New("connection refused")

func down(e builder.Endpoint) builder.Outcome {
	return builder.Outcome{Endpoint: e, Err: fmt.Errorf("%s: %w", e, errRefused)}
}

func TestNodesThatGetNoPlatformAreNotOpened(t *testing.T) {
	all := []builder.Endpoint{endpoint("a", amd64), endpoint("b", arm64), endpoint("c", platform.Platform{OS: "linux", Architecture: "s390x"})}
	var names []string
	for _, e := range needed(all, []platform.Platform{arm64, amd64}) {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("opened: %q", names)
	}
}

func TestOutcomesAreJudged(t *testing.T) {
	a, b, c := endpoint("a"), endpoint("b", arm64), endpoint("c")
	pending := func(e builder.Endpoint) builder.Outcome { return builder.Outcome{Endpoint: e} }
	both := []platform.Platform{amd64, arm64}
	for name, tt := range map[string]struct {
		all      []builder.Outcome
		targets  []platform.Platform
		fallback bool
		enough   bool
		err      string
	}{
		"all are up":                   {[]builder.Outcome{up(a, amd64), up(b, arm64)}, both, false, true, ""},
		"one is not needed":            {[]builder.Outcome{up(a, amd64), up(b, arm64), pending(c)}, both, false, true, ""},
		"one may be native":            {[]builder.Outcome{up(a, amd64), pending(c)}, both, false, false, ""},
		"a given platform has no node": {[]builder.Outcome{pending(a), down(b)}, both, false, false, `node "b" (tcp://b), which is to build linux/arm64, cannot be used: connection refused`},
		"others may take over":         {[]builder.Outcome{up(a, amd64), down(b)}, both, true, false, ""},
		"the first one's own platform": {[]builder.Outcome{up(a, amd64), pending(c)}, nil, false, true, ""},
		"the first one is not up":      {[]builder.Outcome{down(a), pending(c)}, nil, false, false, `node "a" (tcp://a), which is to build for its own platform, cannot be used: connection refused`},
		"then another one's":           {[]builder.Outcome{down(a), pending(c)}, nil, true, false, ""},
		"nobody is up":                 {[]builder.Outcome{down(a), down(c)}, nil, true, false, `node "a" (tcp://a), which is to build for its own platform, cannot be used: connection refused`},
		"a builder's only node":        {[]builder.Outcome{down(a)}, both, false, false, `builder "b", node "a": connection refused`},
	} {
		t.Run(name, func(t *testing.T) {
			enough, err := judge(tt.all, cli.ConnectOptions{Targets: tt.targets, Fallback: tt.fallback})
			if enough != tt.enough || (err == nil) != (tt.err == "") || err != nil && (err.Error() != tt.err || !errors.Is(err, errRefused)) {
				t.Errorf("%t, %v", enough, err)
			}
		})
	}
	_, err := judge([]builder.Outcome{down(a), down(c)}, cli.ConnectOptions{Targets: both})
	if e, ok := errors.AsType[*plan.DownError](err); !ok || !e.All {
		t.Errorf("got %v", err)
	}
}

func TestOfSeveralNodesThoseThatMayEmulateAreProbedAhead(t *testing.T) {
	s390x := platform.Platform{OS: "linux", Architecture: "s390x"}
	for name, tt := range map[string]struct {
		targets []platform.Platform
		probed  []bool
	}{
		"each target has its node":  {[]platform.Platform{amd64, arm64}, []bool{false, false}},
		"one target has to emulate": {[]platform.Platform{amd64, s390x}, []bool{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			all := []builder.Outcome{up(endpoint("a"), amd64), up(endpoint("b"), arm64), down(endpoint("c"))}
			for _, o := range all[:2] {
				o.Node.Shell = noShell{}
			}
			probeAhead(t.Context(), all, cli.ConnectOptions{Targets: tt.targets, Probe: tt.targets})
			for i, want := range tt.probed {
				n := all[i].Node
				defer n.Ahead.Stop()
				if got := n.Ahead != nil; got != want {
					t.Errorf("node %s: %t", n.Endpoint.Name(), got)
				}
			}
		})
	}
}

// noShell is a shell that runs nothing.
type noShell struct{}

func (noShell) Run(context.Context, string) ([]byte, error) { return nil, errRefused }
