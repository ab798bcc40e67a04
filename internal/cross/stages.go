package cross

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// UnknownStages returns the stages that choice names and none of the graphs' Dockerfiles has, in the order of choice. A graph
// without the Dockerfile's text has the stages of its steps.
func UnknownStages(choice Choice, graphs []graph.Graph) []string {
	var unknown []string
	for _, n := range choice.Named {
		known := n.Stage == "" || slices.ContainsFunc(graphs, func(g graph.Graph) bool { return hasStage(g, n.Stage) })
		if !known && !slices.Contains(unknown, n.Stage) {
			unknown = append(unknown, n.Stage)
		}
	}
	return unknown
}

func hasStage(g graph.Graph, name string) bool {
	if slices.ContainsFunc(g.Steps, func(s graph.Step) bool { return s.Stage != "" && strings.EqualFold(s.Stage, name) }) {
		return true
	}
	for _, text := range g.Texts {
		f, _ := dockerfile.Outline(text) // a text that cannot be parsed has no stages
		for i := range f.Stages {
			if strings.EqualFold(stageName(f, i), name) {
				return true
			}
		}
	}
	return false
}

// stageName returns the frontend's name for a stage in the names of its steps.
func stageName(f dockerfile.File, i int) string {
	switch {
	case f.Stages[i].Name != "":
		return f.Stages[i].Name
	case len(f.Stages) == 1:
		return ""
	}
	return fmt.Sprintf("stage-%d", i)
}
