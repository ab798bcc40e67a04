package crosscompile

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// copied returns a build whose image has copied the paths of a stage, by the recipe of that name, and the line of the COPY.
func copied(t *testing.T, choice cross.Choice, name string, paths ...string) (m cross.Relocated, line int) {
	t.Helper()
	m, _, takes, _ := taking(t)
	m.From = cross.Build{Graph: m.Graph, Target: arm64, Choice: choice}
	output := &m.Outputs[0]
	output.Recipe, _ = recipe.Find(name)
	output.Copied = nil
	for _, p := range paths {
		output.Copied = append(output.Copied, recipe.CopiedPath{Path: p, Step: takes})
	}
	for i := range m.Graph.Steps {
		if step := &m.Graph.Steps[i]; step.Digest == takes {
			step.File, step.Line, step.InputPaths = "Dockerfile", 7, nil
			for _, p := range paths {
				step.InputPaths = append(step.InputPaths, graph.InputPath{Input: output.Digest, Path: p, Dest: "/usr/bin"})
			}
		}
	}
	return m, 7
}

func TestTheGateExaminesFilesCopiedIntoTheImage(t *testing.T) {
	auto := cross.Choice{Auto: true}
	m, _ := copied(t, auto, "go", "/out/app")
	named, _ := copied(t, cross.Choice{Named: []cross.Named{{Recipe: "go"}}}, "go", "/out/app")
	assets, _ := copied(t, cross.Choice{Named: []cross.Named{{Recipe: "node"}}}, "node", "/app/dist")
	mounted, _ := copied(t, auto, "go", "/out/app")
	mounted.Outputs[0].Copied[0].Step = mounted.Graph.Steps[len(mounted.Graph.Steps)-1].Digest // RUN --mount=from=build
	elsewhere, _ := copied(t, auto, "go", "/out/app")
	elsewhere.Outputs[0].Copied[0].Step = "a step of another stage"
	linked, _ := copied(t, auto, "go", "/out/app")
	last := &linked.Graph.Steps[len(linked.Graph.Steps)-1]
	last.Kind = graph.Merge
	for name, tt := range map[string]struct {
		m    cross.Relocated
		want bool
	}{
		"a program that is copied":        {m, true},
		"by a recipe that was named":      {named, false},
		"what is to have no programs":     {assets, false},
		"what a step of the image mounts": {mounted, false},
		"what another stage copies":       {elsewhere, false},
		"what is copied by a link":        {linked, false},
	} {
		if got := InImage(tt.m); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAFindingOfTheGateNamesTheStage(t *testing.T) {
	const wrong = " of stage build is for amd64, and recipe go makes programs for linux/arm64"
	for name, tt := range map[string]struct {
		paths   []string
		finding diag.Diagnostic
		want    string
	}{
		"a program":               {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckEntrypoint, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, "/out/app" + wrong},
		"that is only warned of":  {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, "/out/app" + wrong},
		"under another name":      {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin"}, Line: 7}, "/out/app" + wrong},
		"of a folder":             {[]string{"/out"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, "/out/app" + wrong},
		"one of several":          {[]string{"/out/other", "/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, "/out/app" + wrong},
		"of those that match":     {[]string{"/out/*"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, "/out/app" + wrong},
		"in a layer of no line":   {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}}, "/out/app" + wrong},
		"another in such a layer": {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/prebuilt"}}, ""},
		"of another line":         {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckMachine, Content: diag.Content{Path: "/usr/bin/app"}, Line: 8}, ""},
		"that is not there":       {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckEntrypointMissing, Content: diag.Content{Path: "/usr/bin/app"}, Line: 7}, ""},
		"that was not seen": {
			[]string{"/out/app"},
			diag.Diagnostic{Check: gate.CheckLayerNotExamined, Message: "the layer is too large", Line: 7},
			"/out/app of stage build cannot be checked: the layer is too large",
		},
		"not seen in another layer": {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckLayerNotExamined, Line: 8}, ""},
		"not seen in the base":      {[]string{"/out/app"}, diag.Diagnostic{Check: gate.CheckLayerNotExamined}, ""},
	} {
		m, _ := copied(t, cross.Choice{Auto: true}, "go", tt.paths...)
		m.Outputs[0].Definition = outputOf(t, "go build", recipe.OutputTarget).Definition
		if tt.finding.Line > 0 {
			tt.finding.File = "Dockerfile"
		}
		tt.finding.Machine = "amd64"
		folder := t.TempDir()
		err := CheckImage(m, []diag.Diagnostic{{Check: gate.CheckSameLayers}, tt.finding}, folder)
		if broken := brokenIn(folder).has(m.Outputs[0]); broken != strings.HasSuffix(tt.want, wrong) {
			t.Errorf("%s: remembered %v", name, broken)
		}
		if tt.want == "" && err == nil {
			continue
		}
		if found, ok := errors.AsType[*WrongOutputError](err); !ok || found.Error() != tt.want {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
