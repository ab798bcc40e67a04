package main

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// group is rows that are made together, when it is their turn.
type group struct {
	about string
	rows  func(context.Context) ([]measure.Row, error)
}

// groups returns those of all measurements. The rows about what most users do are the first.
func (w *world) groups() []group {
	return []group{
		{"builds", w.plain},
		{"the image of a frontend", w.frontends},
		{"CPU time", w.loads},
		{"a registry that is far", w.away},
		{"imported caches", w.fresh},
		{"attestations", w.attested},
		{"plans", w.plans},
		{"start-up", w.starts},
		{"a first build", w.first},
		{"slopes", w.points},
		{"large contexts", w.large},
		{"the size of the program", w.sizes},
		{"outputs", w.outputs},
		{"uploads", w.uploads},
		{"the examination of executables", w.gates},
		{"a far node", w.distant},
		{"several nodes", w.nodes},
		{"merges", w.merges},
		{"emulators", w.emulators},
		{"verify", w.verifies},
		{"compilers", w.crosses},
		{"a cluster", w.cluster},
	}
}
