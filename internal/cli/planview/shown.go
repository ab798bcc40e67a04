// Package planview shows what a build would do, to people and to programs.
package planview

import (
	"slices"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lookahead"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// planShown is a plan in --format json. A test pins its keys.
type planShown struct {
	// OK is true if the build can start.
	OK        bool            `json:"ok"`
	Platforms []platformShown `json:"platforms"`
	// Install are the platforms for which an emulator would be installed.
	Install []string `json:"install"`
	// Result describes where the result would go.
	Result   []string       `json:"result"`
	Findings []findingShown `json:"findings"`
	Steps    []stepShown    `json:"steps"`
	Stages   []stageShown   `json:"stages"`
	Bases    []baseShown    `json:"bases"`
	Hints    []hintShown    `json:"hints"`
	Lint     []lintShown    `json:"lint"`
}

type platformShown struct {
	Platform string `json:"platform"`
	Node     string `json:"node"`
	// Mode is native, cross, emulated, emulated (builder), impossible or unknown; How adds the emulator in words.
	Mode string `json:"mode"`
	How  string `json:"how"`
}

type findingShown struct {
	Severity  diag.Severity `json:"severity"`
	Check     string        `json:"check"`
	Platforms []string      `json:"platforms,omitempty"`
	File      string        `json:"file,omitempty"`
	Line      int           `json:"line,omitempty"`
	Message   string        `json:"message"`
	Fix       string        `json:"fix,omitempty"`
}

type stepShown struct {
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Stage     string   `json:"stage,omitempty"`
	Step      string   `json:"step"`
	Runs      string   `json:"runs,omitempty"`   // native, cross, emulated …; empty if no program runs
	Recipe    string   `json:"recipe,omitempty"` // by which it is relocated to On
	On        string   `json:"on,omitempty"`     // the platform that it runs on
	Platforms []string `json:"platforms"`
}

// stageShown is a stage whose programs would be emulated, with the decision about it.
type stageShown struct {
	File      string   `json:"file,omitempty"`
	Line      int      `json:"line,omitempty"`
	Stage     string   `json:"stage,omitempty"`
	Moved     bool     `json:"moved"`
	Recipe    string   `json:"recipe,omitempty"`
	Check     string   `json:"check,omitempty"` // why it was not relocated, by a check's name in docs/cross.md
	Message   string   `json:"message,omitempty"`
	Fix       string   `json:"fix,omitempty"`
	Reason    int      `json:"reasonLine,omitempty"` // of the line that Message is about
	Platforms []string `json:"platforms"`
}

type baseShown struct {
	Image     string         `json:"image"`
	Digest    string         `json:"digest,omitempty"`
	File      string         `json:"file,omitempty"`
	Line      int            `json:"line,omitempty"`
	Offers    []string       `json:"offers"`
	Single    bool           `json:"single,omitempty"`
	Platforms []verdictShown `json:"platforms"`
}

type verdictShown struct {
	Platform string `json:"platform"`
	Fetched  string `json:"fetched"`
	Verdict  string `json:"verdict"` // ok, missing or mismatch
	Config   string `json:"config,omitempty"`
}

type hintShown struct {
	Severity  diag.Severity `json:"severity"` // warning for a cause of a wrong image, note for a cause of a slow build
	Rule      string        `json:"rule"`
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Platforms []string      `json:"platforms,omitempty"` // none means all
	Message   string        `json:"message"`
	Fix       string        `json:"fix"`
}

type lintShown struct {
	Rule    string `json:"rule"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	URL     string `json:"url,omitempty"`
}

// Shown returns a plan in the form in which it is shown.
func Shown(r solve.Request, o lookahead.Outlook) planShown {
	s := planShown{
		OK: !o.Refused(r), Install: platform.FormatAll(o.Installs), Result: append([]string{}, destinations(r)...),
		Platforms: []platformShown{}, Findings: []findingShown{}, Steps: []stepShown{}, Stages: []stageShown{}, Bases: []baseShown{},
		Hints: []hintShown{}, Lint: []lintShown{},
	}
	for i, job := range o.Plan.Jobs {
		mode, how := planMode(o, i)
		s.Platforms = append(s.Platforms, platformShown{platform.Format(job.Platform), job.Node, mode, how})
	}
	for _, f := range o.Findings {
		s.Findings = append(s.Findings, findingShown{f.Severity, f.Check, f.Platforms, f.File, f.Line, f.Text(), explain.FixOf(f)})
	}
	for _, p := range o.Steps {
		step := stepShown{
			File: p.File, Line: p.Line, Stage: p.Stage, Step: p.Text, Runs: string(p.Runs), Recipe: p.Recipe, Platforms: platform.FormatAll(p.Platforms),
		}
		if p.On.Architecture != "" {
			step.On = platform.Format(p.On)
		}
		s.Steps = append(s.Steps, step)
	}
	for _, p := range o.Stages {
		s.Stages = append(s.Stages, stageShown{
			p.File, p.Line, p.Name, p.Relocated, p.Recipe, p.Why.Check, p.Why.Message, results.CrossFix(p.Why), p.Why.Line, platform.FormatAll(p.Platforms),
		})
	}
	for _, b := range o.Bases {
		base := baseShown{
			Image: b.Name, Digest: b.Digest.String(), File: b.File, Line: b.Line, Offers: platform.FormatAll(b.Offers), Single: b.Single, Platforms: []verdictShown{},
		}
		for _, v := range b.For {
			verdict := verdictShown{Platform: platform.Format(v.Platform), Fetched: platform.Format(v.Fetched), Verdict: v.Verdict}
			if v.Config.Architecture != "" {
				verdict.Config = platform.Format(v.Config)
			}
			base.Platforms = append(base.Platforms, verdict)
		}
		s.Bases = append(s.Bases, base)
	}
	for _, h := range o.Hints {
		s.Hints = append(s.Hints, hintShown{h.Severity, h.Check, h.File, h.Line, h.Platforms, h.Message, explain.FixOf(h)})
	}
	for _, l := range o.Lint {
		s.Lint = append(s.Lint, lintShown{l.Check, l.File, l.Line, l.Message, l.URL})
	}
	return s
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
