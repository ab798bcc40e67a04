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
	Mode     Mode // how the step runs
}

// addPrograms adds the programs of the node's graphs.
func (n Node) addPrograms(all map[digest.Digest]Program, graphs []graph.Graph, status emulation.Status) {
	for _, g := range graphs {
		for _, s := range g.Steps {
			if s.Kind != graph.Exec {
				continue
			}
			mode := Native
			if s.Platform.Architecture != "" {
				mode = n.Mode(s.Platform, status)
			}
			if other, ok := all[s.Digest]; ok {
				mode = worse(mode, other.Mode)
			}
			all[s.Digest] = Program{Step: s, Emulated: mode.Emulated(), Mode: mode}
		}
	}
}
