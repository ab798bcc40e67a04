package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// modeText describes how a platform is built: "emulated (qemu 7.2.22)", "cross (go)", or both.
func modeText(mode plan.Mode, emulator string, recipes []string) string {
	how := string(mode)
	if emulator != "" {
		how = fmt.Sprintf("%s (%s)", mode, emulator)
	}
	if len(recipes) == 0 {
		return how
	}
	relocated := "cross (" + strings.Join(recipes, ", ") + ")"
	if mode == plan.Cross {
		return relocated
	}
	return how + ", " + relocated
}

// PlannedMode returns modeText of a plan's job.
func PlannedMode(plan plan.Plan, i int) string {
	var recipes []string
	if i < len(plan.Relocated) {
		for _, s := range plan.Relocated[i].Steps {
			recipes = append(recipes, s.Recipe)
		}
	}
	return modeText(plan.Jobs[i].Mode, plan.Jobs[i].Emulator, once(recipes))
}

// once returns the words in their order, each once.
func once(words []string) (all []string) {
	for _, w := range words {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// StageText names a stage: "stage build", or its first line if it has no name.
func StageText(name, file string, line int) string {
	switch {
	case name != "":
		return "stage " + name
	case line > 0:
		return "the stage at " + diag.FileLine(file, line)
	}
	return "a stage"
}

// platformLines are lines about platforms. A line about several platforms comes once.
type platformLines struct {
	texts     []string
	platforms map[string][]platform.Platform
}

func (l *platformLines) add(p platform.Platform, text string) {
	if l.platforms == nil {
		l.platforms = map[string][]platform.Platform{}
	}
	if l.platforms[text] == nil {
		l.texts = append(l.texts, text)
	}
	if !platform.Contains(l.platforms[text], p) {
		l.platforms[text] = append(l.platforms[text], p)
	}
}

// all returns the lines, each after its platforms, in the order in which they were added.
func (l *platformLines) all() (all []string) {
	for _, text := range l.texts {
		all = append(all, strings.Join(platform.FormatAll(l.platforms[text]), ", ")+": "+printable.Line(text))
	}
	return all
}

// RelocatedLines describes the stages that will not run under an emulator, before they run, and those that would not if the build had no
// attestations.
func RelocatedLines(plan plan.Plan) []string {
	var lines platformLines
	for i, relocated := range plan.Relocated {
		for _, s := range relocated.Stages {
			if s.Why.Check == crosscompile.CheckAttested {
				lines.add(plan.Jobs[i].Platform, fmt.Sprintf("%s runs under an emulator, since %s; %s",
					StageText(s.Name, s.File, s.Line), s.Why.Message, CrossFix(s.Why)))
			}
			if s.Relocated {
				lines.add(plan.Jobs[i].Platform, fmt.Sprintf("%s runs on %s (%s), not under an emulator",
					StageText(s.Name, s.File, s.Line), nativeOf(plan, relocated), s.Recipe))
				if s.Trusted.Message != "" {
					lines.add(plan.Jobs[i].Platform, s.Trusted.Message+"; "+s.Trusted.Fix)
				}
			}
		}
	}
	return lines.all()
}

// nativeOf returns the platform that relocated steps run on.
func nativeOf(plan plan.Plan, relocated cross.Relocated) string {
	for _, s := range relocated.Steps {
		if p, ok := plan.Programs[s.Digest]; ok {
			return platform.Format(p.Platform)
		}
	}
	return "the builder's platform"
}

// Advice is given about platforms whose build took at least worthALine seconds, on at most mostAdvice lines.
const (
	worthALine = 10
	mostAdvice = 3
)

// CrossLines describes after a build the time saved by relocated steps, the platforms that fell back to emulation, and the changes
// that would save more.
func CrossLines(r solve.Report) (all []string) {
	avoided, known := 0.0, false
	var fallbacks platformLines
	for _, p := range r.Platforms {
		if p.Cross.Avoided > 0 {
			avoided, known = avoided+p.Cross.Avoided, true
		}
		if p.Cross.Fallback != "" {
			fallbacks.add(p.Platform, "built again under emulation: "+p.Cross.Fallback)
		}
	}
	if known {
		all = append(all, fmt.Sprintf("About %.0f s of emulation avoided.", avoided))
	}
	return slices.Concat(all, fallbacks.all(), CrossAdvice(r))
}

// CrossAdvice returns advice about stages that could run without an emulator after one change of the Dockerfile, or with the name of a
// recipe. It leaves out commands that a recipe does not know, since no change helps there.
func CrossAdvice(r solve.Report) []string {
	var advice platformLines
	for _, p := range r.Platforms {
		for _, s := range p.Cross.Stages {
			found, _ := recipe.Find(s.Recipe)
			changes := found.Auto && s.Why.Check != "command" || s.Why.Check == "no-recipe"
			if !s.Relocated && changes && p.Seconds >= worthALine && s.Why.Helps() {
				advice.add(p.Platform, fmt.Sprintf("%s ran under an emulator, since %s; %s", StageText(s.Name, s.File, s.Line), s.Why.Message, CrossFix(s.Why)))
			}
		}
	}
	all := advice.all()
	return all[:min(len(all), mostAdvice)]
}

// CrossFix says what lets a stage be relocated; "" if nothing does.
func CrossFix(why recipe.Refusal) string {
	name := why.Naming
	switch flag := "--cross=" + name.Choice; {
	case name.Choice == "":
		return why.Fix
	case name.Still.Fix != "":
		return fmt.Sprintf("%s would not relocate it either: %s (%s)", flag, name.Still.Message, name.Still.Fix)
	case name.Still.Found():
		return fmt.Sprintf("%s would not relocate it either: %s", flag, name.Still.Message)
	case name.If != "":
		return fmt.Sprintf("%s relocates it, if %s", flag, name.If)
	default:
		return flag + " relocates it anyway"
	}
}
