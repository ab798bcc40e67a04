package main

import (
	"context"
	"path/filepath"
	"slices"
)

// scanner writes an SBOM without a look at the image: what counts is the way there.
const scanner = "#!/bin/sh\nset -e\ncat >$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<END\n" +
	`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[],` +
	`"predicate":{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"image"}}` + "\nEND\n"

// attested returns the row about images with provenance and an SBOM.
func (w *world) attested(ctx context.Context) ([]row, error) {
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
		words := slices.DeleteFunc(slices.Clone(c.cmd), func(word string) bool { return word == "--provenance=false" })
		who[i].cmd = slices.Insert(words, 3, "--provenance=mode=max", "--sbom=generator="+image)
	}
	return []row{{name: "3 platforms with provenance and SBOM, nothing to rebuild", unit: millis, want: 0.9, who: who}}, nil
}

// plans returns the row about a plan, which the peer has not.
func (w *world) plans(context.Context) ([]row, error) {
	c, y := w.cases[0], w.ways[0]
	words := []string{"docker", "multiarch", "plan", "--builder", ourBuilder, "--platform", c.platforms, c.dir}
	return []row{{name: "plan of 3 platforms, bases known", unit: millis, want: 250, who: []contestant{{ours, words, y.env}}}}, nil
}
