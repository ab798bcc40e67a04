package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// answer tells the user what a build made, writes the files that were asked for, and gives back the build's error. Standard output
// gets the answer only: with -q the digests, else nothing that a script would have to skip.
func answer(w *cli.Env, o buildOptions, j job, report solve.Report, err error) error {
	if _, refused := errors.AsType[*preflight.Error](err); !o.quiet && !refused { // then no platform has got anywhere
		table(w.Err, report)
		for _, line := range crossLines(report) {
			cli.Putf(w.Err, "%s\n", line)
		}
		findings.List(w.Err, findings.FindingsOf(report))
		delivered(w.Err, report)
	}
	if err != nil {
		sayUntouched(w.Err, j, report)
		return refusedMetadata(w, o, j, report, err)
	}
	if o.quiet {
		printDigests(w, j, report)
	}
	if id := imageID(report); o.iidFile != "" && id != "" {
		if err := cli.ReplaceFile(o.iidFile, []byte(id)); err != nil {
			return fmt.Errorf("everything was built and delivered, but --iidfile could not be written: %w", err)
		}
	}
	if o.metadataFile != "" {
		if err := cli.WriteMetadata(o.metadataFile, newMetadata(j, report)); err != nil {
			return fmt.Errorf("everything was built and delivered, but --metadata-file could not be written: %w", err)
		}
	}
	missing := explain.WithoutSome(report)
	if missing != nil && !o.quiet {
		fmt.Fprintln(w.Err)
	}
	return missing
}

// printDigests is -q: repo@digest for what was pushed, else what the engine or an archive knows the result by.
func printDigests(w *cli.Env, j job, report solve.Report) {
	for _, repo := range j.request.Repositories() {
		name := reference.FamiliarName(repo) + "@" + report.Target.Digest.String()
		w.Result(name, "published "+name)
	}
	if id := imageID(report); len(j.request.Repositories()) == 0 && id != "" {
		w.Result(id, "built and delivered "+id)
	}
}

// imageID is what the result is known by: the digest that was pushed; else the engine's ID, which is that of the image's configuration
// where the store keeps single images; else the digest that archives hold. "" if no image was made.
func imageID(report solve.Report) string {
	if len(report.Tags)+len(report.ByDigest) == 0 && len(report.Loaded) > 0 {
		return report.Loaded[0].ID.String()
	}
	return report.Target.Digest.String()
}

// delivered tells where the result is now.
func delivered(out io.Writer, report solve.Report) {
	if len(report.Tags)+len(report.ByDigest) > 0 {
		tags(out, report)
	}
	if len(report.Loaded) > 0 {
		loaded(out, report)
	}
	if len(report.Written) > 0 {
		cli.Putf(out, "\nWritten: %s\n", strings.Join(report.Written, ", "))
	}
	if len(report.Written) > 0 && report.Target.Digest != "" && len(report.Tags)+len(report.ByDigest)+len(report.Loaded) == 0 {
		cli.Putf(out, "Digest: %s\n", report.Target.Digest)
	}
}

// loaded has a line for each name that the engine knows now.
func loaded(out io.Writer, report solve.Report) {
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "LOADED\tPLATFORM\tIMAGE ID")
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

// tags has a line for each tag; the digest on it is the one that docker pull shows.
func tags(out io.Writer, report solve.Report) {
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	kind := "INDEX DIGEST (what docker pull shows)"
	if !manifest.IsIndex(report.Target.MediaType) {
		kind = "IMAGE DIGEST (what docker pull shows)"
	}
	cli.Putf(t, "TAG\t%s\n", kind)
	for _, tag := range report.Tags {
		cli.Putf(t, "%s\t%s%s\n", tag.Ref, tag.Digest, stateNote(tag))
	}
	for _, repo := range report.ByDigest {
		cli.Putf(t, "%s (no tag)\t%s\n", reference.FamiliarName(repo), report.Target.Digest)
	}
	_ = t.Flush()
}

func stateNote(tag manifest.TagResult) string {
	switch tag.State {
	case manifest.Already:
		return "   (unchanged)"
	case manifest.Overwritten:
		return fmt.Sprintf("   (pushed, but somebody else has written %s since)", tag.Found)
	case manifest.Untouched:
		return "   (NOT pushed)"
	case manifest.Failed:
		return "   (FAILED)"
	}
	return ""
}

// sayUntouched tells where an error left the tags.
func sayUntouched(out io.Writer, j job, report solve.Report) {
	if words := untouched(j, report); begun(report) {
		fmt.Fprintln(out)
		if words != "" {
			cli.Putf(out, "%s\n", words)
		}
	}
}

// untouched is where an error left the tags, in a sentence; "" if files were written only.
func untouched(j job, report solve.Report) string {
	var moved []string
	for _, t := range report.Tags {
		if t.State == manifest.Moved || t.State == manifest.Overwritten {
			moved = append(moved, t.Ref)
		}
	}
	for _, l := range report.Loaded {
		moved = append(moved, l.Name+" (in the engine)")
	}
	switch files := len(j.request.Outputs.Archives)+len(j.request.Outputs.Files) > 0; {
	case len(moved)+len(report.Written) == 0 && !files:
		return "No tag was moved."
	case len(moved)+len(report.Written) == 0:
		return "No tag was moved, no file was written."
	case len(moved) > 0:
		return "Tags that were moved before: " + strings.Join(moved, ", ")
	}
	return ""
}
