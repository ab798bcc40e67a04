// Package results tells people and programs what became of a build, or of a push: tables, metadata and Markdown.
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

// Delivered tells where the result is now.
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

// Loaded has a line for each name that the engine knows now.
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

// Tags has a line for each tag; the digest on it is the one that docker pull shows.
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

// StateNote is what became of a tag, where it is not as it was asked for.
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

// Count is a number of things in words.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
