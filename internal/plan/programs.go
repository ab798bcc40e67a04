package plan

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// Program is a step that runs a program.
type Program struct {
	graph.Step
	Emulated bool
	Mode     Mode // how it runs
}

// programs are those of the graphs, by the digests of their steps.
func (n Node) programs(graphs []graph.Graph, status emulation.Status) map[digest.Digest]Program {
	all := map[digest.Digest]Program{}
	for _, g := range graphs {
		for _, s := range g.Steps {
			if s.Kind == graph.Exec {
				mode := Native
				if s.Platform.Architecture != "" {
					mode = n.Mode(s.Platform, status)
				}
				all[s.Digest] = Program{Step: s, Emulated: mode.Emulated(), Mode: mode}
			}
		}
	}
	return all
}
