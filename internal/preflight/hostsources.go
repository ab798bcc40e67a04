package preflight

import (
	"fmt"
	"slices"

	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// LocalSourceError says that a build would fetch from an address of the engine's host itself.
type LocalSourceError struct {
	URL  string
	Node string
}

func (e *LocalSourceError) Error() string {
	return fmt.Sprintf("builder %q is on the network of the engine's host only to reach a registry, and must not fetch %s", e.Node, e.URL)
}

// UnreadSourcesError says that the sources of a build are not known, on a node that must not fetch from the engine's host.
type UnreadSourcesError struct {
	Node string
	Err  error
}

func (e *UnreadSourcesError) Error() string {
	return fmt.Sprintf("builder %q is on the network of the engine's host only to reach a registry, and the sources that it would fetch there "+
		"cannot be checked: %v", e.Node, e.Err)
}

func (e *UnreadSourcesError) Unwrap() error { return e.Err }

// HostSource is a source that must not be fetched, and the reason.
type HostSource struct {
	step graph.Step
	Err  error
}

// HostSources returns the sources of a graph that a node on the host's network would fetch from the host itself, or from an address that
// only the host reaches. The command line may name such sources: the context, and named contexts.
func HostSources(node string, src source.Source, g graph.Graph) (found []HostSource) {
	for _, s := range g.Remotes() {
		if where, local := s.Local(); local && !src.Names(s.Source, s.Attrs[pb.AttrFullRemoteURL]) {
			found = append(found, HostSource{s, &LocalSourceError{URL: where, Node: node}})
		}
	}
	return found
}

// OnHost returns the findings about host sources, which have the indexes of targets.
func OnHost(targets []platform.Platform, graphs []graph.Graph, sources [][]HostSource) (found []diag.Diagnostic) {
	for i, g := range graphs {
		for _, s := range sources[i] {
			file, line := placeOf(g, s.step)
			k := slices.IndexFunc(found, func(f diag.Diagnostic) bool { return f.File == file && f.Line == line && f.Text() == s.Err.Error() })
			if k < 0 {
				k, found = len(found), append(found, diag.Diagnostic{
					Check: "host-network", Severity: diag.Error, File: file, Line: line, Cause: s.Err,
				})
			}
			found[k].Platforms = append(found[k].Platforms, platform.Format(targets[i]))
		}
	}
	return found
}

// placeOf returns the place of a source in a Dockerfile, or of the step that takes it.
func placeOf(g graph.Graph, source graph.Step) (file string, line int) {
	if source.Line > 0 {
		return source.File, source.Line
	}
	for _, s := range g.Steps {
		if s.Line > 0 && slices.Contains(s.Inputs, source.Digest) {
			return s.File, s.Line
		}
	}
	return "", 0
}
