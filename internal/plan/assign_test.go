package plan

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func platforms(t *testing.T, list string) []platform.Platform {
	t.Helper()
	if list == "" {
		return nil
	}
	ps, _, err := platform.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// emulates returns the status of a kernel that runs these architectures in this mode.
func emulates(mode emulation.Mode, archs ...string) (s emulation.Status) {
	for _, arch := range archs {
		s.Archs = append(s.Archs, emulation.Support{Arch: arch, Mode: mode})
	}
	return s
}

// node is a candidate in a test.
type node struct {
	has, given, built string
	status            emulation.Status
	running           int
	installs          bool
	down              bool
}

var errRefused = errors.New("connection refused")

func candidates(t *testing.T, nodes []node) (all []Candidate) {
	t.Helper()
	for i, n := range nodes {
		name := string(rune('a' + i))
		c := Candidate{
			Node: Node{Name: name, Platforms: platforms(t, n.has), Preferred: platforms(t, n.given)}, Address: "tcp://" + name,
			Status: n.status, Installs: n.installs, Running: n.running, Built: platforms(t, n.built),
		}
		if n.down {
			c.Down = errRefused
		}
		all = append(all, c)
	}
	return all
}

func TestEachTargetIsAssignedToTheNodeThatSuitsItBest(t *testing.T) {
	amd64, arm64, down := node{has: "linux/amd64,linux/amd64/v2"}, node{has: "linux/arm64,linux/arm/v7"}, node{down: true}
	emulating := func(archs ...string) node {
		return node{has: "linux/amd64", status: emulates(emulation.Emulated, archs...)}
	}
	with := func(n node, change func(*node)) node {
		change(&n)
		return n
	}
	given := func(n node, ps string) node { return with(n, func(n *node) { n.given = ps }) }
	running := func(n node, builds int) node { return with(n, func(n *node) { n.running = builds }) }
	built := func(n node, ps string) node { return with(n, func(n *node) { n.built = ps }) }
	for name, tt := range map[string]struct {
		nodes   []node
		targets string
		want    []int
	}{
		"one node has all":                                  {[]node{amd64}, "linux/amd64,linux/arm64,linux/s390x", []int{0, 0, 0}},
		"native":                                            {[]node{amd64, arm64}, "linux/amd64,linux/arm64", []int{0, 1}},
		"native in the other order":                         {[]node{arm64, amd64}, "linux/amd64,linux/arm64", []int{1, 0}},
		"a variant that one has":                            {[]node{{has: "linux/amd64"}, amd64}, "linux/amd64/v2", []int{1}},
		"the first of two native ones":                      {[]node{amd64, amd64}, "linux/amd64", []int{0}},
		"the one that it was given to":                      {[]node{amd64, given(amd64, "linux/amd64")}, "linux/amd64", []int{1}},
		"given before native":                               {[]node{given(emulating("arm64"), "linux/arm64"), arm64}, "linux/arm64", []int{0}},
		"given before emulated":                             {[]node{emulating("s390x"), given(arm64, "linux/s390x")}, "linux/s390x", []int{1}},
		"one not keeping to its own platforms":              {[]node{given(amd64, "linux/arm64"), amd64}, "linux/amd64", []int{1}},
		"another platform beside the given ones":            {[]node{given(amd64, "linux/386"), arm64}, "linux/amd64", []int{0}},
		"emulated":                                          {[]node{amd64, {has: "linux/arm64", status: emulates(emulation.Emulated, "s390x")}}, "linux/s390x", []int{1}},
		"emulated, as nobody is native, and native what is": {[]node{emulating("s390x", "arm64"), arm64}, "linux/arm64,linux/s390x", []int{1, 0}},
		"a handler before BuildKit's":                       {[]node{{has: "linux/amd64", status: emulates(emulation.Builder, "s390x")}, {has: "linux/arm64", status: emulates(emulation.Emulated, "s390x")}}, "linux/s390x", []int{1}},
		"where it can be installed":                         {[]node{amd64, {has: "linux/arm64", installs: true}}, "linux/s390x", []int{1}},
		"native by the kernel":                              {[]node{{has: "linux/amd64"}, {has: "linux/arm64", status: emulates(emulation.Native, "arm")}}, "linux/arm/v7", []int{1}},
		"that nobody runs, to the first":                    {[]node{amd64, arm64}, "linux/s390x", []int{0}},
		"the one with fewest builds":                        {[]node{running(amd64, 2), running(amd64, 1)}, "linux/amd64", []int{1}},
		"native, however busy":                              {[]node{emulating("arm64"), running(arm64, 9)}, "linux/arm64", []int{1}},
		"where its cache is":                                {[]node{amd64, built(amd64, "linux/amd64")}, "linux/amd64", []int{1}},
		"the idle one before the cache":                     {[]node{amd64, running(built(amd64, "linux/amd64"), 1)}, "linux/amd64", []int{0}},
		"not one that is down":                              {[]node{down, amd64}, "linux/amd64", []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			places, err := Assign(candidates(t, tt.nodes), platforms(t, tt.targets), false)
			var on []int
			for _, p := range places {
				on = append(on, p.Node)
				if len(p.Instead) > 0 {
					t.Errorf("%d takes over from %d", p.Node, p.Instead)
				}
			}
			if diff := cmp.Diff(tt.want, on); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestNothingIsTakenFromANodeThatIsDownUnlessTheUserSaysSo(t *testing.T) {
	amd64, arm64 := node{has: "linux/amd64", status: emulates(emulation.Emulated, "arm64", "s390x")}, node{has: "linux/arm64"}
	for name, tt := range map[string]struct {
		nodes   []node
		targets string
		err     string // without fallback
		want    []Place
	}{
		"a given platform": {
			[]node{amd64, {given: "linux/arm64", down: true}},
			"linux/amd64,linux/arm64",
			`node "b" (tcp://b), which is to build linux/arm64, cannot be used: connection refused`,
			[]Place{{Node: 0}, {Node: 0, Instead: []int{1}}},
		},
		"a given platform that another one is native to": {
			[]node{arm64, {given: "linux/arm64", down: true}},
			"linux/arm64",
			`node "b" (tcp://b), which is to build linux/arm64, cannot be used: connection refused`,
			[]Place{{Node: 0, Instead: []int{1}}},
		},
		"a platform that the other one only emulates": {
			[]node{{down: true}, amd64},
			"linux/amd64,linux/arm64,linux/s390x",
			`node "a" (tcp://a), which may be the only one that is native to linux/arm64, linux/s390x, cannot be used: connection refused`,
			[]Place{{Node: 1}, {Node: 1, Instead: []int{0}}, {Node: 1, Instead: []int{0}}},
		},
		"one of two that have the platform": {
			[]node{{given: "linux/arm64", down: true}, {has: "linux/arm64", given: "linux/arm64"}}, "linux/arm64", "", []Place{{Node: 1}},
		},
		"a node of other platforms": {
			[]node{amd64, {given: "linux/arm64", down: true}}, "linux/amd64,linux/s390x", "", []Place{{Node: 0}, {Node: 0}},
		},
		"all nodes": {
			[]node{{given: "linux/arm64", down: true}, {down: true}},
			"linux/s390x",
			"node \"a\" (tcp://a), which may be the only one that is native to linux/s390x, cannot be used: connection refused\n" +
				"node \"b\" (tcp://b), which may be the only one that is native to linux/s390x, cannot be used: connection refused",
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Assign(candidates(t, tt.nodes), platforms(t, tt.targets), false)
			if (err == nil) != (tt.err == "") || err != nil && (err.Error() != tt.err || !errors.Is(err, errRefused)) {
				t.Errorf("got %v, want %s", err, tt.err)
			}
			places, err := Assign(candidates(t, tt.nodes), platforms(t, tt.targets), true)
			if diff := cmp.Diff(tt.want, places); diff != "" || (err == nil) != (tt.want != nil) {
				t.Errorf("with fallback: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestOnlyNodesThatMayGetATargetAreNeeded(t *testing.T) {
	for name, tt := range map[string]struct {
		given   []string
		targets string
		want    []int
	}{
		"all are given":           {[]string{"linux/amd64", "linux/arm64", "linux/s390x"}, "linux/amd64,linux/arm64", []int{0, 1}},
		"one is not":              {[]string{"linux/amd64", "linux/arm64", ""}, "linux/amd64,linux/riscv64", []int{0, 1, 2}},
		"given to two":            {[]string{"linux/amd64", "linux/amd64", ""}, "linux/amd64", []int{0, 1}},
		"the first one's own":     {[]string{"", "", "linux/amd64"}, "", []int{0, 2}},
		"nothing was given":       {[]string{"", ""}, "linux/amd64", []int{0, 1}},
		"a variant is another":    {[]string{"linux/arm64", ""}, "linux/arm/v7", []int{0, 1}},
		"one node is always used": {[]string{"linux/arm64"}, "linux/amd64", []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			var given [][]platform.Platform
			for _, list := range tt.given {
				given = append(given, platforms(t, list))
			}
			if diff := cmp.Diff(tt.want, Needed(given, platforms(t, tt.targets))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyNodesThatMayEmulateATargetAreProbed(t *testing.T) {
	amd64, arm64 := node{has: "linux/amd64"}, node{has: "linux/arm64,linux/arm/v7"}
	for name, tt := range map[string]struct {
		nodes   []node
		targets string
		want    []int
	}{
		"each target has its node":           {[]node{amd64, arm64}, "linux/amd64,linux/arm64", nil},
		"one target has none":                {[]node{amd64, arm64}, "linux/amd64,linux/riscv64", []int{0, 1}},
		"one that is down is not":            {[]node{amd64, {down: true}}, "linux/arm64", []int{0}},
		"it was given to one of another CPU": {[]node{arm64, {has: "linux/amd64", given: "linux/arm64"}}, "linux/arm64", []int{1}},
		"it was given to one of its own CPU": {[]node{amd64, {has: "linux/arm64", given: "linux/arm64"}}, "linux/arm64", nil},
		"the first node's own platform":      {[]node{amd64, arm64}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ToProbe(candidates(t, tt.nodes), platforms(t, tt.targets))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestALostTargetIsKnownBeforeAllNodesAre(t *testing.T) {
	up, down, given := node{has: "linux/amd64"}, node{down: true}, node{given: "linux/arm64", down: true}
	pending := node{given: "linux/arm64"}
	for name, tt := range map[string]struct {
		known, pending           []node
		refused, despiteFallback bool
	}{
		"its node is down":                      {[]node{given}, []node{up}, true, false},
		"its node is down and the last":         {[]node{given}, nil, true, true},
		"another one may have it":               {[]node{given}, []node{pending}, false, false},
		"it was given to none, and all may be":  {[]node{down}, []node{up}, false, false},
		"it was given to none, and one is up":   {[]node{down, up}, nil, false, false},
		"it was given to none, and all are out": {[]node{down, down}, nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for fallback, want := range map[bool]bool{false: tt.refused, true: tt.despiteFallback} {
				err := Lost(candidates(t, tt.known), candidates(t, tt.pending), platforms(t, "linux/arm64"), fallback)
				if _, is := errors.AsType[*DownError](err); is != want {
					t.Errorf("fallback %t: %v", fallback, err)
				}
			}
		})
	}
}

func TestNodesThatAreEquallyGoodAreAskedForTheirBuilds(t *testing.T) {
	amd64, arm64 := node{has: "linux/amd64"}, node{has: "linux/arm64"}
	if got := Rivals(candidates(t, []node{amd64, arm64, amd64}), platforms(t, "linux/amd64,linux/arm64")); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("got %v", got)
	}
	if got := Rivals(candidates(t, []node{amd64, arm64}), platforms(t, "linux/amd64,linux/arm64")); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestNodesThatAreUpSufficeIfEachTargetHasOneOfItsOwn(t *testing.T) {
	amd64, arm64 := node{has: "linux/amd64", status: emulates(emulation.Emulated, "arm64")}, node{has: "linux/arm64"}
	for name, tt := range map[string]struct {
		nodes []node
		want  bool
	}{
		"native nodes":                     {[]node{amd64, arm64, {down: true}}, true},
		"one only emulates":                {[]node{amd64, {down: true}}, false},
		"the given one is missing":         {[]node{amd64, arm64, {given: "linux/arm64", down: true}}, false},
		"the given one is there":           {[]node{{down: true}, amd64, {has: "linux/amd64", given: "linux/arm64"}}, true},
		"nobody has answered up to now":    {[]node{{down: true}}, false},
		"the given one of another is down": {[]node{amd64, arm64, {given: "linux/s390x", down: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Settled(candidates(t, tt.nodes), platforms(t, "linux/amd64,linux/arm64")); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestAStepIsSharedByTheTargetsOfOneNodeOnly(t *testing.T) {
	targets := platforms(t, "linux/amd64,linux/arm64,linux/arm/v7")
	step := graph.Step{Digest: digest.Digest("tool"), Kind: graph.Exec, Platform: targets[0]}
	g := graph.Graph{Steps: []graph.Step{step}}
	on := Placement{
		Nodes:  []Node{{Name: "a", Platforms: targets[:1]}, {Name: "b", Platforms: targets[1:]}},
		Status: []emulation.Status{{}, {Archs: []emulation.Support{{Arch: "amd64", Mode: emulation.Emulated, Version: "7.2.22"}}}},
		On:     []int{0, 1, 1},
	}
	p := New(on, targets, []graph.Graph{g, g, g})
	want := "linux/amd64 on a: native\nlinux/arm64 on b: emulated\nlinux/arm/v7 on b: emulated\n"
	if diff := cmp.Diff(want, p.String()); diff != "" || p.Shared["tool"] != 2 || !p.Programs["tool"].Emulated {
		t.Errorf("shared %d times, emulated: %v (-want +got):\n%s", p.Shared["tool"], p.Programs["tool"].Emulated, diff)
	}
	if on.SharesPrograms(0, []graph.Graph{g, g, g}) || !on.SharesPrograms(1, []graph.Graph{g, g, g}) {
		t.Error("a program of one target counts as shared, or one of two does not")
	}
}
