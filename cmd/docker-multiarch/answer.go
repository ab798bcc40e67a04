package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
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
		results.Delivered(w.Err, report)
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
	switch files := j.request.Outputs.Written(); {
	case len(moved)+len(report.Written) == 0 && !files:
		return "No tag was moved."
	case len(moved)+len(report.Written) == 0:
		return "No tag was moved, no file was written."
	case len(moved) > 0:
		return "Tags that were moved before: " + strings.Join(moved, ", ")
	}
	return ""
}
