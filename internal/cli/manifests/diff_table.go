package manifests

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

func diffTable(out io.Writer, row diffRow) error {
	t := cli.NewTable(out)
	for i, side := range []diffSide{row.A, row.B} {
		t.Row(string('A'+rune(i)), side.Name, side.Digest)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if len(row.Platforms) > 0 {
		t.Row("PLATFORM", "STATE", "MANIFEST DIGEST", "DIFFERENCE")
	}
	for _, p := range row.Platforms {
		diffLines(t, p)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, key := range row.Annotations {
		cli.Putf(out, "The index annotation %q differs.\n", key)
	}
	for _, d := range row.OnlyInA {
		cli.Putf(out, "Only A has %s, which is not an image.\n", d)
	}
	for _, d := range row.OnlyInB {
		cli.Putf(out, "Only B has %s, which is not an image.\n", d)
	}
	if row.Same {
		text := "No difference."
		if row.A.Digest != row.B.Digest {
			text = "No difference, except in how the index is written."
		}
		cli.Putf(out, "%s\n", text)
	}
	return nil
}

func diffLines(t cli.Table, p diffPlatform) {
	var notes []string
	if p.Attestations {
		notes = append(notes, "attestations")
	}
	switch p.State {
	case tree.Removed:
		t.Row(p.Platform, "only in A", p.A.Digest)
	case tree.Added:
		t.Row(p.Platform, "only in B", p.B.Digest)
	case tree.Same:
		t.Row(p.Platform, "same", p.A.Digest, strings.Join(notes, "; "))
	default:
		t.Row(p.Platform, "changed", "A "+p.A.Digest, results.Count(p.A.Layers, "layer")+", "+units.HumanSize(float64(p.A.Size)))
		t.Row("", "", "B "+p.B.Digest,
			fmt.Sprintf("%s, %s, %d of them in A", results.Count(p.B.Layers, "layer"), units.HumanSize(float64(p.B.Size)), p.SharedLayers))
		if len(p.Config) > 0 {
			notes = append([]string{"configuration: " + strings.Join(p.Config, ", ")}, notes...)
		}
		if len(notes) > 0 {
			t.Row("", "", "", strings.Join(notes, "; "))
		}
	}
}
