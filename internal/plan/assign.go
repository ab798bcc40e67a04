package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Candidate is a node with the facts that decide whether a target is given to it.
type Candidate struct {
	Node
	// Address is where the node is, for messages; "" if there is nothing to say.
	Address string
	// Status is the result of the node's probe; the zero value if it was not necessary.
	Status emulation.Status
	// Installs reports that emulators can be installed on the node.
	Installs bool
	// Running is the number of builds that run there now. Built are the platforms of this build's context that it was the last to build.
	Running int
	Built   []platform.Platform
	// Down is why the node cannot be used; nil if it can be. The Platforms of such a node are known only if it was up before.
	Down error
}

// Place is where a target is built.
type Place struct {
	Node int // the index of the candidate
	// Instead are the indexes of the nodes that are down and would build the target otherwise; none if the target is where it belongs.
	Instead []int
}

// Assign gives each target a place. A target that is among the Preferred platforms of a node is built there and nowhere else. Others are
// given to the first node by these criteria, in this order: one that runs the target natively; one that emulates it; one on which an
// emulator can be installed; one without Preferred platforms; the one with the fewest running builds; the one that has built the target's
// context last; the first of the list.
//
// If a node is down that alone may build a target, or that may be the only one that is native to it, the error is a [DownError], unless
// fallback is set: then the others may take over. If all nodes are down the error is a DownError in any case.
func Assign(all []Candidate, targets []platform.Platform, fallback bool) ([]Place, error) {
	places, down := make([]Place, len(targets)), &DownError{All: allDown(all)}
	for i, target := range targets {
		may, instead := eligible(all, target)
		if len(may) == 0 || len(instead) > 0 && !fallback {
			down.add(all, instead, target)
			continue
		}
		places[i] = Place{slices.MinFunc(may, func(a, b int) int { return all[a].compare(all[b], target) }), instead}
	}
	if len(down.Nodes) > 0 {
		return nil, down
	}
	return places, nil
}

// eligible returns the nodes that may build a target, and those that are down and would build it otherwise.
func eligible(all []Candidate, target platform.Platform) (may, instead []int) {
	var up, given, down []int
	for k, c := range all {
		switch {
		case c.Down != nil:
			down = append(down, k)
		case c.given(target):
			given = append(given, k)
			fallthrough
		default:
			up = append(up, k)
		}
	}
	if len(given) > 0 {
		return given, nil
	}
	for _, k := range down {
		if all[k].given(target) {
			instead = append(instead, k)
		}
	}
	native := slices.ContainsFunc(up, func(k int) bool { return all[k].RunsNatively(target, all[k].Status) })
	if len(instead) > 0 || native {
		return up, instead
	}
	for _, k := range down {
		// A node whose user has named its platforms is for those, and one that was up before is known.
		if c := all[k]; len(c.Preferred) == 0 && (len(c.Platforms) == 0 || c.RunsNatively(target, c.Status)) {
			instead = append(instead, k)
		}
	}
	if len(up) == 0 {
		instead = down
	}
	return up, instead
}

// Rivals returns the indexes of the nodes among which only their running builds, and what they have built before, decide about a target.
func Rivals(all []Candidate, targets []platform.Platform) (rivals []int) {
	for _, target := range targets {
		may, _ := eligible(all, target)
		if len(may) < 2 {
			continue
		}
		best := slices.MinFunc(may, func(a, b int) int { return all[a].compare(all[b], target) })
		equal := slices.DeleteFunc(may, func(k int) bool { return all[k].compare(all[best], target) != 0 })
		if len(equal) > 1 {
			rivals = append(rivals, equal...)
		}
	}
	slices.Sort(rivals)
	return slices.Compact(rivals)
}

// Settled reports whether the nodes that are up suffice: each target has one to which it was given, or one that runs it natively, as far as
// that is known without a probe. The other nodes would not get more than a share of the work.
func Settled(all []Candidate, targets []platform.Platform) bool {
	return !slices.ContainsFunc(targets, func(target platform.Platform) bool {
		given := slices.ContainsFunc(all, func(c Candidate) bool { return c.given(target) })
		return !slices.ContainsFunc(all, func(c Candidate) bool {
			return c.Down == nil && (c.given(target) || !given && c.RunsNatively(target, emulation.Status{}))
		})
	})
}

// ToProbe returns the indexes of the nodes that may get a target which no node that may get it runs natively, as far as that is known
// without a probe.
func ToProbe(all []Candidate, targets []platform.Platform) (nodes []int) {
	for _, target := range targets {
		may, _ := eligible(all, target)
		if !slices.ContainsFunc(may, func(k int) bool { return all[k].RunsNatively(target, emulation.Status{}) }) {
			nodes = append(nodes, may...)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// Needed returns the indexes of the nodes that may get one of the targets: those to which the targets were given, or all nodes if a target
// was given to none. preferred has the platforms that were given to each node. Without targets the first node's own platform is built.
func Needed(preferred [][]platform.Platform, targets []platform.Platform) (needed []int) {
	given := func(ps []platform.Platform) bool {
		return slices.ContainsFunc(targets, func(p platform.Platform) bool { return platform.Contains(ps, p) })
	}
	all := slices.ContainsFunc(targets, func(p platform.Platform) bool { return !platform.Contains(slices.Concat(preferred...), p) })
	for k, ps := range preferred {
		if all || given(ps) || len(targets) == 0 && (k == 0 || len(ps) > 0) {
			needed = append(needed, k)
		}
	}
	return needed
}

// Lost is what [Assign] would say of nodes that are known already, while others are pending: a [DownError] if all nodes to which a target
// was given are down and fallback is not set, or if all nodes are down.
func Lost(known, pending []Candidate, targets []platform.Platform, fallback bool) error {
	down := &DownError{All: len(pending) == 0 && allDown(known)}
	for _, target := range targets {
		given := func(c Candidate) bool { return c.given(target) }
		_, instead := eligible(known, target)
		lost := slices.ContainsFunc(instead, func(k int) bool { return given(known[k]) }) && !slices.ContainsFunc(pending, given)
		if down.All || lost && !fallback {
			down.add(known, instead, target)
		}
	}
	if len(down.Nodes) == 0 {
		return nil
	}
	return down
}

func allDown(all []Candidate) bool {
	return !slices.ContainsFunc(all, func(c Candidate) bool { return c.Down == nil })
}

// given reports whether the user has given the target to the node.
func (c Candidate) given(target platform.Platform) bool {
	return platform.Contains(c.Preferred, target)
}

// compare returns a negative number if the node is better than another one for a target.
func (c Candidate) compare(other Candidate, target platform.Platform) int {
	return cmp.Or(
		cmp.Compare(other.suits(target), c.suits(target)),
		cmp.Compare(min(1, len(c.Preferred)), min(1, len(other.Preferred))),
		cmp.Compare(c.Running, other.Running),
		cmp.Compare(c.strange(target), other.strange(target)),
	)
}

// suits returns a rank, higher for a node that suits the target better.
func (c Candidate) suits(target platform.Platform) int {
	rank := slices.Index([]Mode{EmulatedBuilder, Emulated, Native}, c.Mode(target, c.Status)) + 2
	if rank == 1 && !c.Installs {
		rank = 0
	}
	return rank
}

// strange returns 0 if the node has built the target's context last, else 1.
func (c Candidate) strange(target platform.Platform) int {
	if platform.Contains(c.Built, target) {
		return 0
	}
	return 1
}

// DownError says that nodes cannot be used on which targets would have to be built.
type DownError struct {
	Nodes []DownNode
	All   bool // no node can be used
}

// DownNode is a node that cannot be used, and the targets that it would build; without targets it is the first node, whose own platform was
// asked for.
type DownNode struct {
	Name, Address string
	Targets       []platform.Platform
	Given         bool // the targets were given to the node; otherwise it may be the only one that runs them natively
	Err           error
}

func (e *DownError) add(all []Candidate, nodes []int, target platform.Platform) {
	for _, k := range nodes {
		c := all[k]
		i := slices.IndexFunc(e.Nodes, func(n DownNode) bool { return n.Name == c.Name && n.Given == c.given(target) })
		if i < 0 {
			i = len(e.Nodes)
			e.Nodes = append(e.Nodes, DownNode{Name: c.Name, Address: c.Address, Given: c.given(target), Err: c.Down})
		}
		e.Nodes[i].Targets = append(e.Nodes[i].Targets, target)
	}
}

func (e *DownError) Error() string {
	lines := make([]string, len(e.Nodes))
	for i, n := range e.Nodes {
		task := "may be the only one that is native to " + strings.Join(platform.FormatAll(n.Targets), ", ")
		switch {
		case n.Given:
			task = "is to build " + strings.Join(platform.FormatAll(n.Targets), ", ")
		case len(n.Targets) == 0:
			task = "is to build for its own platform"
		}
		lines[i] = fmt.Sprintf("%s, which %s, cannot be used: %v", NodeText(n.Name, n.Address), task, n.Err)
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the causes.
func (e *DownError) Unwrap() []error {
	errs := make([]error, len(e.Nodes))
	for i, n := range e.Nodes {
		errs[i] = n.Err
	}
	return errs
}

// NodeText names a node in a message, with its address if it has one.
func NodeText(name, address string) string {
	if address == "" {
		return fmt.Sprintf("node %q", name)
	}
	return fmt.Sprintf("node %q (%s)", name, address)
}
