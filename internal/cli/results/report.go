package results

import (
	"errors"
	"fmt"
	"os"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// stepSummary is the variable with the file that GitHub shows as a job's summary.
const stepSummary = "GITHUB_STEP_SUMMARY"

// summaryLimit is the largest size of that file in bytes. Each step has one, and GitHub drops all of a larger one
// (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
const summaryLimit = 1 << 20

// WriteReports writes the reports for people: the file of --report, and a job's summary if the variable names one. A summary that
// cannot be written does not fail the build. WriteReports returns the build's error.
func WriteReports(w *cli.Env, file string, out Outcome) error {
	summary, _ := w.LookupEnv(stepSummary)
	if file == "" && summary == "" {
		return out.Err
	}
	text := []byte(out.markdown())
	if summary != "" {
		if err := appendSummary(summary, text); err != nil {
			w.Note(diag.Warningf("the summary could not be written to the file that %s names: %v", stepSummary, err))
		}
	}
	var err error
	switch file {
	case "":
	case "-":
		_, err = w.Out.Write(text)
	default:
		err = cli.ReplaceFile(file, text)
	}
	switch {
	case err == nil:
		return out.Err
	case out.Err == nil:
		return fmt.Errorf("everything was built and delivered, but --report could not be written: %w", err)
	}
	w.Note(diag.Warningf("--report could not be written: %v", err))
	return out.Err
}

// appendSummary appends to a file in one write, since other commands of the same step may write to it.
func appendSummary(name string, text []byte) (err error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size()+int64(len(text)) > summaryLimit {
		return fmt.Errorf("it has %d bytes, and GitHub takes %d", info.Size(), summaryLimit)
	}
	_, err = f.Write(append(text, '\n'))
	return err
}
