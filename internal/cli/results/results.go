// Package results reports the outcome of a build or a push, to people and to programs: tables, metadata and Markdown.
package results

import (
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Delivered prints where the result is.
func Delivered(out io.Writer, report solve.Report) {
	if len(report.Tags)+len(report.ByDigest) > 0 {
		Tags(out, report)
	}
	if len(report.Loaded) > 0 {
		Loaded(out, report)
	}
	if len(report.Written) > 0 {
		cli.Putf(out, "\nWritten: %s\n", strings.Join(report.Written, ", "))
	}
	if len(report.Written) > 0 && report.Target.Digest != "" && len(report.Tags)+len(report.ByDigest)+len(report.Loaded) == 0 {
		cli.Putf(out, "Digest: %s\n", report.Target.Digest)
	}
}

// Loaded prints a line for each name in the engine.
func Loaded(out io.Writer, report solve.Report) {
	fmt.Fprintln(out)
	t := cli.NewTable(out, "LOADED", "PLATFORM", "IMAGE ID")
	for _, l := range report.Loaded {
		name, who, note := l.Name, "all", ""
		if name == "" {
			name = "(no name)"
		}
		if l.Platform.OS != "" {
			who = platform.Format(l.Platform)
		}
		if l.Already {
			note = "   (unchanged)"
		}
		cli.Putf(t, "%s\t%s\t%s%s\n", name, who, l.ID, note)
	}
	_ = t.Flush()
}

// Tags prints a line for each tag. Its digest is the one that docker pull shows.
func Tags(out io.Writer, report solve.Report) {
	fmt.Fprintln(out)
	t := cli.NewTable(out)
	kind := "INDEX DIGEST (what docker pull shows)"
	if !manifest.IsIndex(report.Target.MediaType) {
		kind = "IMAGE DIGEST (what docker pull shows)"
	}
	cli.Putf(t, "TAG\t%s\n", kind)
	for _, tag := range report.Tags {
		cli.Putf(t, "%s\t%s%s\n", tag.Ref, tag.Digest, StateNote(tag))
	}
	for _, repo := range report.ByDigest {
		cli.Putf(t, "%s (no tag)\t%s\n", reference.FamiliarName(repo), report.Target.Digest)
	}
	_ = t.Flush()
}

// StateNote returns the state of a tag that is not as requested.
func StateNote(tag manifest.TagResult) string {
	switch tag.State {
	case manifest.Already:
		return "   (unchanged)"
	case manifest.Overwritten:
		return fmt.Sprintf("   (pushed, but somebody else has written %s since)", tag.Found)
	case manifest.Untouched:
		return "   (NOT pushed)"
	case manifest.Failed:
		return "   (FAILED)"
	default:
		return ""
	}
}

// Count returns a number with the name of the things.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
