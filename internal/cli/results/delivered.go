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

// PrintDigests prints the output of -q: repo@digest of what was pushed, else the ID or digest in the engine or archive.
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

// ImageID returns the pushed digest; else the engine's ID, which is the digest of the image's configuration in a store of single
// images; else the digest in archives. It is "" if no image was made.
func ImageID(report solve.Report) string {
	if len(report.Tags)+len(report.ByDigest) == 0 && len(report.Loaded) > 0 {
		return report.Loaded[0].ID.String()
	}
	return report.Target.Digest.String()
}

// SayUntouched prints which tags an error left unchanged.
func SayUntouched(out io.Writer, o Outcome) {
	if note := untouched(o); begun(o.Report) {
		fmt.Fprintln(out)
		if note != "" {
			cli.Putf(out, "%s\n", note)
		}
	}
}

// untouched returns a sentence about the tags after an error; "" if only files were written.
func untouched(o Outcome) string {
	report := o.Report
	var moved []string
	for _, t := range report.Tags {
		switch t.State {
		case manifest.Moved, manifest.Overwritten:
			moved = append(moved, t.Ref)
		case manifest.Unconfirmed:
			moved = append(moved, t.Ref+" (perhaps)")
		default: // the tag is as it was
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
