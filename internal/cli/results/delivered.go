package results

import (
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// PrintDigests is -q: repo@digest for what was pushed, else what the engine or an archive knows the result by.
func PrintDigests(w *cli.Env, out Outcome) {
	report := out.Report
	for _, repo := range out.Request.Repositories() {
		name := reference.FamiliarName(repo) + "@" + report.Target.Digest.String()
		w.Result(name, "published "+name)
	}
	if id := ImageID(report); len(out.Request.Repositories()) == 0 && id != "" {
		w.Result(id, "built and delivered "+id)
	}
}

// ImageID is what the result is known by: the digest that was pushed; else the engine's ID, which is that of the image's configuration
// where the store keeps single images; else the digest that archives hold. "" if no image was made.
func ImageID(report solve.Report) string {
	if len(report.Tags)+len(report.ByDigest) == 0 && len(report.Loaded) > 0 {
		return report.Loaded[0].ID.String()
	}
	return report.Target.Digest.String()
}

// SayUntouched tells where an error left the tags.
func SayUntouched(out io.Writer, o Outcome) {
	if words := untouched(o); begun(o.Report) {
		fmt.Fprintln(out)
		if words != "" {
			cli.Putf(out, "%s\n", words)
		}
	}
}

// untouched is where an error left the tags, in a sentence; "" if files were written only.
func untouched(o Outcome) string {
	report := o.Report
	var moved []string
	for _, t := range report.Tags {
		if t.State == manifest.Moved || t.State == manifest.Overwritten {
			moved = append(moved, t.Ref)
		}
	}
	for _, l := range report.Loaded {
		moved = append(moved, l.Name+" (in the engine)")
	}
	switch files := o.Request.Outputs.Written(); {
	case len(moved)+len(report.Written) == 0 && !files:
		return "No tag was moved."
	case len(moved)+len(report.Written) == 0:
		return "No tag was moved, no file was written."
	case len(moved) > 0:
		return "Tags that were moved before: " + strings.Join(moved, ", ")
	}
	return ""
}
