// Package planview shows what a build would do, to people and to programs.
package planview

import (
	"cmp"
	"slices"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Plan is a plan as --format json and Go templates have it. A test pins its keys.
type Plan struct {
	// OK is true if the build can start.
	OK        bool          `json:"ok"`
	Platforms []platformRow `json:"platforms"`
	// Install are the platforms for which an emulator would be installed.
	Install []string `json:"install"`
	// Result describes where the result would go.
	Result   []string           `json:"result"`
	Findings []findings.Row     `json:"findings"`
	Steps    []stepRow          `json:"steps"`
	Stages   []stageRow         `json:"stages"`
	Bases    []baseRow          `json:"bases"`
	Hints    []findings.HintRow `json:"hints"`
	Lint     []findings.LintRow `json:"lint"`

	sections []section // of the text
}

// section is a part of the text: a heading and diagnostics.
type section struct {
	heading string
	all     []diag.Diagnostic
}

type platformRow struct {
	Platform string `json:"platform"`
	Node     string `json:"node"`
	// Instead says which node would build the platform, and why it does not.
	Instead string `json:"instead,omitempty"`
	// Mode is native, cross, emulated, emulated (builder), impossible or unknown; How adds the emulator in words.
	Mode string `json:"mode"`
	How  string `json:"how"`
}

type stepRow struct {
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Stage     string   `json:"stage,omitempty"`
	Step      string   `json:"step"`
	Runs      string   `json:"runs,omitempty"`   // native, cross, emulated …; empty if no program runs
	Recipe    string   `json:"recipe,omitempty"` // by which it is relocated to On
	On        string   `json:"on,omitempty"`     // the platform that it runs on
	Platforms []string `json:"platforms"`
}

// stageRow is a stage whose programs would be emulated, with the decision about it.
type stageRow struct {
	results.StageRow
	Reason    int      `json:"reasonLine,omitempty"` // of the line that Message is about
	Platforms []string `json:"platforms"`
}

type baseRow struct {
	Image     string       `json:"image"`
	Digest    string       `json:"digest,omitempty"`
	File      string       `json:"file,omitempty"`
	Line      int          `json:"line,omitempty"`
	Offers    []string     `json:"offers"`
	Single    bool         `json:"single,omitempty"`
	Platforms []verdictRow `json:"platforms"`
}

type verdictRow struct {
	Platform string `json:"platform"`
	Fetched  string `json:"fetched"`
	Verdict  string `json:"verdict"` // ok, missing or mismatch
	Config   string `json:"config,omitempty"`
}

// Of returns the plan of a build.
func Of(r solve.Request, o lookahead.Outlook) Plan {
	found, hints := explain.WithFixes(o.Findings), explain.WithFixes(o.Hints)
	s := Plan{
		OK: !o.Refused(r), Install: platform.FormatAll(o.Installs), Result: append([]string{}, destinations(r)...),
		Platforms: []platformRow{}, Findings: findings.Rows(found), Steps: []stepRow{}, Stages: []stageRow{}, Bases: []baseRow{},
		Hints: findings.HintRows(hints), Lint: findings.LintRows(o.Lint),
		sections: []section{
			{"EMULATED STAGES", emulatedStages(o.Stages)},
			{"HINTS", slices.Concat(hints, o.Lint)},
			{"WARNINGS", ofSeverity(found, diag.Warning)},
			{"BLOCKERS", ofSeverity(found, diag.Error)},
		},
	}
	for i, job := range o.Plan.Jobs {
		mode, how := planMode(o, i)
		s.Platforms = append(s.Platforms, platformRow{platform.Format(job.Platform), job.Node, job.Instead, mode, how})
	}
	for _, p := range o.Steps {
		step := stepRow{
			File: p.File, Line: p.Line, Stage: p.Stage, Step: p.Text, Runs: string(p.Runs), Recipe: p.Recipe, Platforms: platform.FormatAll(p.Platforms),
		}
		if p.On.Architecture != "" {
			step.On = platform.Format(p.On)
		}
		s.Steps = append(s.Steps, step)
	}
	for _, p := range o.Stages {
		s.Stages = append(s.Stages, stageRow{results.NewStageRow(p.Stage), p.Why.Line, platform.FormatAll(p.Platforms)})
	}
	for _, b := range o.Bases {
		base := baseRow{
			Image: b.Name, Digest: b.Digest.String(), File: b.File, Line: b.Line, Offers: platform.FormatAll(b.Available), Single: b.Single, Platforms: []verdictRow{},
		}
		for _, v := range b.For {
			verdict := verdictRow{Platform: platform.Format(v.Platform), Fetched: platform.Format(v.Fetched), Verdict: v.Verdict}
			if v.Config.Architecture != "" {
				verdict.Config = platform.Format(v.Config)
			}
			base.Platforms = append(base.Platforms, verdict)
		}
		s.Bases = append(s.Bases, base)
	}
	return s
}

// emulatedStages returns why stages would be emulated.
func emulatedStages(stages []lookahead.Stage) (all []diag.Diagnostic) {
	for _, s := range stages {
		if s.Relocated || s.Why.Message == "" {
			continue
		}
		d := diag.Diagnostic{
			Check: s.Why.Check, Platforms: platform.FormatAll(s.Platforms), File: s.File, Line: cmp.Or(s.Why.Line, s.Line),
			Message: s.Why.Message, Fix: results.CrossFix(s.Why),
		}
		if s.Name != "" || d.Line != s.Line { // otherwise the diagnostic's place names the stage
			d.Message = results.StageText(s.Name, s.File, s.Line) + ": " + d.Message
		}
		all = append(all, d)
	}
	return all
}

func ofSeverity(all []diag.Diagnostic, severity diag.Severity) []diag.Diagnostic {
	return slices.DeleteFunc(slices.Clone(all), func(d diag.Diagnostic) bool { return d.Severity != severity })
}

// destinations describes where the result of a build would go.
func destinations(r solve.Request) []string {
	var places []string
	for _, t := range r.Tags {
		places = append(places, "registry "+reference.FamiliarString(t))
	}
	for _, repo := range r.ByDigest {
		places = append(places, "registry "+reference.FamiliarName(repo)+" (by digest)")
	}
	for _, output := range r.Outputs.List {
		places = append(places, output.Place())
	}
	for _, c := range r.Cache.To {
		places = append(places, "cache type="+c.Type)
	}
	return places
}

// planMode describes how a platform would be built.
func planMode(o lookahead.Outlook, i int) (mode, how string) {
	j := o.Plan.Jobs[i]
	switch {
	case platform.Contains(o.Unread, j.Platform):
		return "unknown", "unknown: its Dockerfile could not be read"
	case j.Mode == plan.Impossible && len(j.Missing) > 0 && containsAll(o.Installs, j.Missing):
		return string(plan.Emulated), "emulated (to be installed)"
	}
	return string(j.Mode), results.PlannedMode(o.Plan, i)
}

// containsAll reports whether all contains each of some.
func containsAll(all, some []platform.Platform) bool {
	return !slices.ContainsFunc(some, func(p platform.Platform) bool { return !platform.Contains(all, p) })
}
