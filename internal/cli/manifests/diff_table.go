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
		cli.Putf(t, "%c\t%s\t%s\n", 'A'+i, side.Name, side.Digest)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if len(row.Platforms) > 0 {
		fmt.Fprintln(t, "PLATFORM\tSTATE\tMANIFEST DIGEST\tDIFFERENCE")
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
		cli.Putf(out, "Only A has %s, which is no image.\n", d)
	}
	for _, d := range row.OnlyInB {
		cli.Putf(out, "Only B has %s, which is no image.\n", d)
	}
	if row.Same {
		text := "No difference."
		if row.A.Digest != row.B.Digest {
			text = "No difference, but in how the index is written."
		}
		cli.Putf(out, "%s\n", text)
	}
	return nil
}

func diffLines(out io.Writer, p diffPlatform) {
	var notes []string
	if p.Attestations {
		notes = append(notes, "attestations")
	}
	switch p.State {
	case tree.Removed:
		cli.Putf(out, "%s\tonly in A\t%s\n", p.Platform, p.A.Digest)
	case tree.Added:
		cli.Putf(out, "%s\tonly in B\t%s\n", p.Platform, p.B.Digest)
	case tree.Same:
		cli.Putf(out, "%s\tsame\t%s\t%s\n", p.Platform, p.A.Digest, strings.Join(notes, "; "))
	default:
		cli.Putf(out, "%s\tchanged\tA %s\t%s, %s\n", p.Platform, p.A.Digest, results.Count(p.A.Layers, "layer"), units.HumanSize(float64(p.A.Size)))
		cli.Putf(out, "\t\tB %s\t%s, %s, %d of them in A\n", p.B.Digest, results.Count(p.B.Layers, "layer"), units.HumanSize(float64(p.B.Size)), p.SharedLayers)
		if len(p.Config) > 0 {
			notes = append([]string{"configuration: " + strings.Join(p.Config, ", ")}, notes...)
		}
		if len(notes) > 0 {
			cli.Putf(out, "\t\t\t%s\n", strings.Join(notes, "; "))
		}
	}
}
