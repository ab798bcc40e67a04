// Package pins fixes the remote sources of a build to one state for all of its platforms, whichever node makes them.
package pins

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// Pins fix the remote sources of all platforms to one state. Each platform's frontend resolves its base images itself, so a tag that
// changes meanwhile would give the platforms different base images. The frontend writes the digest it found into the graph: where all
// graphs agree no pin is needed. Otherwise the first platform's digest holds for all.
//
// The frontend does not resolve git refs and downloads, so this package resolves them, once.
type Pins struct{ Policy *spb.Policy }

// Under returns the pins together with the user's own policy. The user's policy comes first: the pins apply to the sources that it yields.
func (p Pins) Under(user *spb.Policy) *spb.Policy {
	if user == nil || p.Policy == nil {
		return cmp.Or(user, p.Policy)
	}
	return &spb.Policy{Version: 1, Rules: slices.Concat(user.Rules, p.Policy.Rules)}
}

// Resolve compares the graphs (in the order of the plan; a zero graph is skipped) and resolves their remote sources. changed reports for
// each graph whether it must be read again under the pins. notes name the sources that could not be pinned.
func Resolve(ctx context.Context, gw gateway.Client, graphs []graph.Graph) (p Pins, changed []bool, notes []diag.Diagnostic) {
	rules, notes := remoteRules(ctx, gw, graphs)
	rules = append(imageRules(graphs), rules...)
	changed = make([]bool, len(graphs))
	if len(rules) == 0 {
		return Pins{}, changed, notes
	}
	p.Policy = &spb.Policy{Version: 1, Rules: rules}
	for i, g := range graphs {
		changed[i] = slices.ContainsFunc(g.Sources(), func(s graph.Step) bool { return affected(s, rules) })
	}
	return p, changed, notes
}

// affected reports whether a rule names the source and the source is not yet in the state of that rule.
func affected(s graph.Step, rules []*spb.Rule) bool {
	return slices.ContainsFunc(rules, func(r *spb.Rule) bool {
		name, _, _ := strings.Cut(s.Source, "@sha256:")
		wants := r.Selector.Identifier
		return (name == wants || s.Source == wants) && s.Source != r.Updates.Identifier || s.Source == wants && len(r.Updates.Attrs) > 0
	})
}

// imageRules returns a rule for each image that the graphs disagree about.
func imageRules(graphs []graph.Graph) []*spb.Rule {
	var names []string
	first := map[string]digest.Digest{}
	split := map[string]bool{}
	for _, g := range graphs {
		for _, img := range g.Images() {
			switch have, ok := first[img.Name]; {
			case img.Digest == "":
			case !ok:
				first[img.Name] = img.Digest
				names = append(names, img.Name)
			case have != img.Digest:
				split[img.Name] = true
			}
		}
	}
	var rules []*spb.Rule
	for _, name := range names {
		if split[name] {
			rules = append(rules, convert("docker-image://"+name, fmt.Sprintf("docker-image://%s@%s", name, first[name]), nil))
		}
	}
	return rules
}

// remoteRules resolves every git ref to its commit and every download to its checksum. A source that an older BuildKit cannot resolve is
// left as it is, with a note. Other errors surface in the solve.
func remoteRules(ctx context.Context, gw gateway.Client, graphs []graph.Graph) (rules []*spb.Rule, notes []diag.Diagnostic) {
	seen := map[string]bool{}
	for _, g := range graphs {
		for _, s := range g.Remotes() {
			if seen[s.Source] || s.Pinned() {
				continue
			}
			seen[s.Source] = true
			rule, err := resolveRemote(ctx, gw, s)
			switch {
			case err != nil:
				notes = append(notes, diag.Warningf("%s cannot be pinned to one state for all platforms: %v", s.Source, err))
			case rule != nil:
				rules = append(rules, rule)
			}
		}
	}
	return rules, notes
}

func resolveRemote(ctx context.Context, gw gateway.Client, s graph.Step) (*spb.Rule, error) {
	meta, err := gw.ResolveSourceMetadata(ctx, &pb.SourceOp{Identifier: s.Source, Attrs: s.Attrs}, sourceresolver.Opt{})
	if err != nil {
		return nil, err
	}
	switch {
	case meta.Git != nil && meta.Git.Checksum != "":
		commit := meta.Git.CommitChecksum
		if commit == "" {
			commit = meta.Git.Checksum
		}
		return convert(s.Source, gitAt(s.Source, commit), nil), nil
	case meta.HTTP != nil && meta.HTTP.Digest != "" && s.Attrs[pb.AttrHTTPChecksum] == "":
		return convert(s.Source, s.Source, map[string]string{pb.AttrHTTPChecksum: meta.HTTP.Digest.String()}), nil
	}
	return nil, nil
}

// gitAt replaces the ref of a git source ("git://host/repo#ref:subdir", BuildKit's form) by a commit.
func gitAt(source, commit string) string {
	repo, fragment, _ := strings.Cut(source, "#")
	_, subdir, ok := strings.Cut(fragment, ":")
	if ok {
		return repo + "#" + commit + ":" + subdir
	}
	return repo + "#" + commit
}

func convert(from, to string, attrs map[string]string) *spb.Rule {
	return &spb.Rule{
		Action:   spb.PolicyAction_CONVERT,
		Selector: &spb.Selector{Identifier: from, MatchType: spb.MatchType_EXACT},
		Updates:  &spb.Update{Identifier: to, Attrs: attrs},
	}
}

// WithImagesOf returns the pins together with pins of a graph's images to the digests they have in it. The barrier did not need these pins where
// all platforms agreed.
func (p Pins) WithImagesOf(g graph.Graph) Pins {
	var rules []*spb.Rule
	if p.Policy != nil {
		rules = slices.Clone(p.Policy.Rules)
	}
	for _, img := range g.Images() {
		name := "docker-image://" + img.Name
		known := slices.ContainsFunc(rules, func(r *spb.Rule) bool { return r.Selector.Identifier == name })
		if img.Digest != "" && !known {
			rules = append(rules, convert(name, fmt.Sprintf("%s@%s", name, img.Digest), nil))
		}
	}
	if len(rules) == 0 {
		return p
	}
	return Pins{&spb.Policy{Version: 1, Rules: rules}}
}
