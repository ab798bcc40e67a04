package results

import (
	"math"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
)

// crossMetadata describes a platform's stages whose programs would have run under an emulator.
type crossMetadata struct {
	Steps   []crossStepMetadata `json:"steps"`             // that ran on the builder's own platform, in order
	Stages  []StageRow          `json:"stages"`            // with the decision about each
	Avoided float64             `json:"avoided,omitempty"` // about how many seconds of emulation were saved, if known
	Back    string              `json:"back,omitempty"`    // why the platform fell back to emulation
}

type crossStepMetadata struct {
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Stage   string  `json:"stage,omitempty"`
	Step    string  `json:"step"`
	Recipe  string  `json:"recipe"`
	Seconds float64 `json:"seconds"` // 0: its result was in the cache
}

// StageRow is the decision about a stage in a metadata file and in a plan.
type StageRow struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Stage   string `json:"stage,omitempty"`
	Moved   bool   `json:"moved"` // relocated, without a fallback
	Recipe  string `json:"recipe,omitempty"`
	Check   string `json:"check,omitempty"` // why it was not relocated, by a check's name in docs/cross.md
	Message string `json:"message,omitempty"`
	Fix     string `json:"fix,omitempty"`
}

// NewStageRow returns the decision about a stage as a row.
func NewStageRow(s cross.Stage) StageRow {
	return StageRow{s.File, s.Line, s.Name, s.Relocated, s.Recipe, s.Why.Check, s.Why.Message, CrossFix(s.Why)}
}

// isResult is the word for stages that end as the image's own file system. They are never candidates.
const isResult = "result"

// newCrossMetadata returns nil if nothing was decided. Stages that end as the image's own file system are left out.
func newCrossMetadata(c crosscompile.Report) *crossMetadata {
	m := &crossMetadata{Steps: []crossStepMetadata{}, Stages: []StageRow{}, Avoided: math.Round(c.Avoided), Back: c.Fallback}
	for _, s := range c.Steps {
		m.Steps = append(m.Steps, crossStepMetadata{s.File, s.Line, s.Stage, s.Text, s.Recipe, math.Trunc(s.Seconds*1000) / 1000})
	}
	for _, s := range c.Stages {
		if s.Why.Check != isResult {
			row := NewStageRow(s)
			row.Moved = row.Moved && c.Fallback == ""
			m.Stages = append(m.Stages, row)
		}
	}
	if len(m.Steps)+len(m.Stages) == 0 && m.Back == "" {
		return nil
	}
	return m
}
