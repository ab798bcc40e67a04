package buildcmd

import (
	"errors"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

// answer shows the user the result of a build, writes the requested files, and returns the build's error. Standard output gets the
// digests with -q and nothing otherwise, so scripts need not skip anything.
func answer(w *cli.Env, o buildOptions, out results.Outcome) error {
	report, err := out.Report, out.Err
	if _, refused := errors.AsType[*preflight.Error](err); !o.quiet && !refused { // then no platform was started
		results.Table(w.Err, report)
		for _, line := range results.CrossLines(report) {
			cli.Putf(w.Err, "%s\n", line)
		}
		findings.Print(w.Err, findings.OfReport(report))
		results.Delivered(w.Err, report)
	}
	if err != nil {
		results.SayUntouched(w.Err, out)
		return results.RefusedMetadata(w, o.metadataFile, out)
	}
	if o.quiet {
		results.PrintDigests(w, out)
	}
	if id := results.ImageID(report); o.iidFile != "" && id != "" {
		if err := cli.ReplaceFile(o.iidFile, []byte(id)); err != nil {
			return fmt.Errorf("the build succeeded, but --iidfile could not be written: %w", err)
		}
	}
	if o.metadataFile != "" {
		if err := cli.WriteMetadata(o.metadataFile, results.NewMetadata(out)); err != nil {
			return fmt.Errorf("the build succeeded, but --metadata-file could not be written: %w", err)
		}
	}
	missing := explain.WithoutSome(report)
	if missing != nil && !o.quiet {
		fmt.Fprintln(w.Err)
	}
	return missing
}

// checkReport refuses to write a report to standard output if something else is written there.
func checkReport(o buildOptions, j job) error {
	if o.report != "-" {
		return nil
	}
	switch {
	case o.quiet:
		return &cli.Usage{Err: errors.New("-q and --report - would both write to standard output"), Hint: "use --report FILE.md"}
	case j.request.Outputs.Stdout():
		return &cli.Usage{Err: errors.New("--output and --report - would both write to standard output"), Hint: "use --report FILE.md"}
	}
	return nil
}
