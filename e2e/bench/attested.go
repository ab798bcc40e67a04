package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// scanner writes an SBOM without a look at the image: what counts is the way there.
const scanner = "#!/bin/sh\nset -e\ncat >$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<END\n" +
	`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[],` +
	`"predicate":{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"image"}}` + "\nEND\n"

// attested returns the row about images with provenance and an SBOM.
func (w *world) attested(ctx context.Context) ([]measure.Row, error) {
	made, image := filepath.Join(w.dir, "scanner"), w.tag("scanner")
	dockerfile := "FROM " + w.base + "\nCOPY --chmod=755 scan /\nENTRYPOINT [\"/scan\"]\n"
	if err := firstError(
		func() error { return fill(filepath.Join(made, "Dockerfile"), dockerfile) },
		func() error { return fill(filepath.Join(made, "scan"), scanner) },
	); err != nil {
		return nil, err
	}
	y := w.ways[0]
	if _, err := w.docker(ctx, y, "multiarch", "build", "--builder", ourBuilder, "--push", "-t", image, made); err != nil {
		return nil, err
	}
	who := w.builds(y, w.cases[0])[:2]
	for i, c := range who {
		words := slices.DeleteFunc(slices.Clone(c.Cmd), func(word string) bool { return word == "--provenance=false" })
		who[i].Cmd = slices.Insert(words, 3, "--provenance=mode=max", "--sbom=generator="+image)
	}
	return []measure.Row{{Name: "3 platforms with provenance and SBOM, nothing to rebuild", Unit: measure.Millis, Want: ofPeer(0.9), Who: who}}, nil
}

// plans returns the row about a plan, which the peer has not.
func (w *world) plans(context.Context) ([]measure.Row, error) {
	c, y := w.cases[0], w.ways[0]
	plan := y.ours("plan", "--builder", ourBuilder, "--platform", c.platforms, c.dir)
	return []measure.Row{{
		Name: "plan of 3 platforms, bases known", Unit: measure.Millis, Want: []measure.Bound{measure.AtMost(250, "ms")}, Who: []measure.Contestant{plan},
	}}, nil
}
