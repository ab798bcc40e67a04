package findings

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// Row is a diagnostic about a Dockerfile or a build in JSON. Its keys are stable, as are those of the other rows.
type Row struct {
	Severity  diag.Severity `json:"severity"`
	Check     string        `json:"check"`
	Platforms []string      `json:"platforms,omitempty"`
	File      string        `json:"file,omitempty"`
	Line      int           `json:"line,omitempty"`
	Message   string        `json:"message"`
	Fix       string        `json:"fix,omitempty"`
}

// Rows returns the diagnostics as rows.
func Rows(all []diag.Diagnostic) []Row {
	return rows(all, func(d diag.Diagnostic) Row {
		return Row{d.Severity, d.Check, d.Platforms, d.File, d.Line, d.Text(), d.Fix}
	})
}

// HintRow is a hint in a plan.
type HintRow struct {
	Severity  diag.Severity `json:"severity"` // warning for a cause of a wrong image, note for a cause of a slow build
	Rule      string        `json:"rule"`
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Platforms []string      `json:"platforms,omitempty"` // none means all
	Message   string        `json:"message"`
	Fix       string        `json:"fix"`
}

// HintRows returns the diagnostics as rows.
func HintRows(all []diag.Diagnostic) []HintRow {
	return rows(all, func(d diag.Diagnostic) HintRow {
		return HintRow{d.Severity, d.Check, d.File, d.Line, d.Platforms, d.Text(), d.Fix}
	})
}

// LintRow is a finding of BuildKit's rules in a plan.
type LintRow struct {
	Rule    string `json:"rule"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	URL     string `json:"url,omitempty"`
}

// LintRows returns the diagnostics as rows.
func LintRows(all []diag.Diagnostic) []LintRow {
	return rows(all, func(d diag.Diagnostic) LintRow { return LintRow{d.Check, d.File, d.Line, d.Text(), d.URL} })
}

// MetadataRow is a diagnostic about an image in a metadata file.
type MetadataRow struct {
	Severity diag.Severity `json:"severity"`
	Check    string        `json:"check"`
	Platform string        `json:"platform,omitempty"`
	Path     string        `json:"path,omitempty"`
	Paths    []string      `json:"paths,omitempty"`
	Count    int           `json:"count,omitempty"`
	Layer    digest.Digest `json:"layer,omitempty"`
	Step     string        `json:"step,omitempty"`
	File     string        `json:"file,omitempty"`
	Line     int           `json:"line,omitempty"`
	Found    string        `json:"found,omitempty"`
	Wanted   string        `json:"wanted,omitempty"`
	Message  string        `json:"message"`
}

// MetadataRows returns the diagnostics as rows.
func MetadataRows(all []diag.Diagnostic) []MetadataRow {
	return rows(all, func(d diag.Diagnostic) MetadataRow {
		return MetadataRow{
			d.Severity, d.Check, d.Platform(), d.Path, d.Paths, d.Count, d.Digest, d.Step, d.File, d.Line, d.Machine, d.Wanted, d.Text(),
		}
	})
}

// VerifyRow is a diagnostic about an image in the answer of the command verify.
type VerifyRow struct {
	Check    string
	Severity diag.Severity
	Platform string        `json:",omitempty"`
	Digest   digest.Digest `json:",omitempty"`
	Path     string        `json:",omitempty"`
	Paths    []string      `json:",omitempty"`
	Count    int           `json:",omitempty"`
	Step     string        `json:",omitempty"`
	Found    string        `json:",omitempty"`
	Wanted   string        `json:",omitempty"`
	Message  string
}

// VerifyRows returns the diagnostics as rows.
func VerifyRows(all []diag.Diagnostic) []VerifyRow {
	return rows(all, func(d diag.Diagnostic) VerifyRow {
		return VerifyRow{d.Check, d.Severity, d.Platform(), d.Digest, d.Path, d.Paths, d.Count, d.Step, d.Machine, d.Wanted, d.Text()}
	})
}

// rows never returns nil, so that no diagnostics are an empty list in JSON.
func rows[R any](all []diag.Diagnostic, row func(diag.Diagnostic) R) []R {
	list := make([]R, len(all))
	for i, d := range all {
		list[i] = row(d)
	}
	return list
}
