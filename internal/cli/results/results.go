// Package results reports the outcome of a build or a push, to people and to programs: tables, metadata and Markdown.
package results

import (
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

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
		name, platforms, note := l.Name, "all", ""
		if name == "" {
			name = "(no name)"
		}
		if l.Platform.OS != "" {
			platforms = platform.Format(l.Platform)
		}
		if l.Already {
			note = "   (unchanged)"
		}
		t.Row(name, platforms, l.ID.String()+note)
	}
	_ = t.Flush()
}

// Tags prints a line for each tag. Its digest is the one that docker pull shows.
func Tags(out io.Writer, report solve.Report) {
	fmt.Fprintln(out)
	kind := "INDEX DIGEST (what docker pull shows)"
	if !manifest.IsIndex(report.Target.MediaType) {
		kind = "IMAGE DIGEST (what docker pull shows)"
	}
	t := cli.NewTable(out, "TAG", kind)
	for _, tag := range report.Tags {
		t.Row(tag.Ref, tag.Digest.String()+StateNote(tag))
	}
	for _, repo := range report.ByDigest {
		t.Row(reference.FamiliarName(repo)+" (no tag)", report.Target.Digest)
	}
	_ = t.Flush()
}

// StateNote returns the state of a tag that is not as requested.
func StateNote(tag manifest.TagResult) string {
	switch tag.State {
	case manifest.Already:
		return "   (unchanged)"
	case manifest.Overwritten:
		return fmt.Sprintf("   (pushed, but another client has pushed %s since)", tag.Found)
	case manifest.Untouched:
		return "   (NOT pushed)"
	case manifest.Failed:
		return "   (FAILED)"
	case manifest.Unconfirmed:
		return "   (NOT confirmed)"
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

// Published says which of a repository's tags have the digest now.
func Published(tags []manifest.TagResult, repository string, d digest.Digest) string {
	var refs []string
	for _, t := range tags {
		if strings.HasPrefix(t.Ref, repository+":") {
			refs = append(refs, t.Ref)
		}
	}
	if len(refs) == 0 {
		refs = []string{repository}
	}
	return "published " + strings.Join(refs, ", ") + "@" + d.String()
}
