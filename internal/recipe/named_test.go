package recipe_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

func TestToNameTheRecipeIsAdvisedWhereItHelps(t *testing.T) {
	const helps = "go"
	gcc := map[string]string{"/usr/bin/gcc": "x"}
	for name, tt := range map[string]struct {
		st             stage
		screen, judged string
	}{
		"nothing is known of cgo": {
			stage{runs: []string{"make app"}, files: gcc},
			helps + ", if its base image has no C compiler, or the stage has ENV CGO_ENABLED=0",
			helps + ", if the stage has ENV CGO_ENABLED=0 and the program needs no C",
		},
		"a base without a compiler": {
			stage{runs: []string{"make app"}}, helps + ", if its base image has no C compiler, or the stage has ENV CGO_ENABLED=0", helps,
		},
		"cgo is off":    {stage{runs: []string{"make app"}, files: gcc, env: cgoOff}, helps, helps},
		"no go command": {stage{runs: []string{"./gen > x", build}, files: gcc, env: cgoOff}, helps, helps},
		"cgo is on": {
			stage{runs: []string{"CGO_ENABLED=1 make app"}},
			helps + ", if the stage has ENV CGO_ENABLED=0 and the program needs no C",
			helps + ", if the stage has ENV CGO_ENABLED=0 and the program needs no C",
		},
		"named it stays too":       {stage{runs: []string{"go build -what -o /app"}, env: cgoOff}, "not go: RUN go build -what", "not go: RUN go build -what"},
		"it is named, and stays":   {stage{runs: []string{"go build -what -o /app"}, env: cgoOff, named: true}, "", ""},
		"the base leaves it":       {stage{runs: []string{"make app"}, env: cgoOff, leaves: []string{"/"}}, "not go: / is copied", "not go: / is copied"},
		"another recipe's command": {stage{runs: []string{"npm ci"}, env: cgoOff}, helps, helps},
	} {
		st, golang := tt.st.build(t), find(t, "go")
		if ok, why := golang.Precheck(st); ok || !fits(why, tt.screen) {
			t.Errorf("%s: screened %v: %s %+v, want %q", name, ok, why.Check, why.Naming, tt.screen)
		}
		if _, why := golang.Judge(st); !fits(why, tt.judged) {
			t.Errorf("%s: judged %s %+v, want %q", name, why.Check, why.Naming, tt.judged)
		}
	}
}

// fits reports whether a refusal has this advice: "go", "go, if …", or the beginning of "not go: why".
func fits(why recipe.Refusal, want string) bool {
	n := why.Naming
	switch {
	case n.Still.Found():
		return want != "" && strings.HasPrefix(fmt.Sprintf("not %s: %s", n.Choice, n.Still.Message), want)
	case n.If != "":
		return n.Choice+", if "+n.If == want
	}
	return n.Choice == want && why.Fix == ""
}

func TestStepsThatARecipeAcceptsIfNamed(t *testing.T) {
	for _, tt := range []struct {
		recipe, run, leave string
		want               bool
	}{
		{"node", "npm ci && npm run build", "/app/build", true},
		{"node", "apt-get update && apt-get install -y git && npm ci", "/app/build", true},
		{"node", "npm ci && cargo build", "/app/build", false},
		{"node", "cargo build # node", "/app/build", false},
		{"node", "npm ci", "/", false},
		{"node", "go build -o /app", "/app", false},
		{"java", "./mvnw -q package", "/app/target", true},
		{"java", "npm ci", "/app/target", false},
		{"hugo", "hugo --minify", "/site/public", true},
	} {
		st := stage{runs: []string{tt.run}, leaves: []string{tt.leave}}.build(t)
		if got := find(t, tt.recipe).AcceptsIfNamed(st); got != tt.want {
			t.Errorf("%s: %s: %v", tt.recipe, tt.run, got)
		}
	}
}

func TestCompilersForAnyMachineAreTrusted(t *testing.T) {
	for run, want := range map[string]string{
		"make app":                 "RUN make app is trusted to compile for the GOARCH that it is given (arm64)",
		"go mod download; ./x":     "RUN ./x is trusted",
		build:                      "",
		"unknown-tool && " + build: "",
	} {
		why := find(t, "go").Trusts(stage{runs: []string{run}, env: cgoOff}.build(t))
		if !strings.HasPrefix(why.Message, want) || (!why.Found()) != (want == "") || why.Found() && why.Line != 10 {
			t.Errorf("%s: %+v", run, why)
		}
	}
}
