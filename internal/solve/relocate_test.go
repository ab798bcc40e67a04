package solve

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const compiling = `FROM golang AS build
WORKDIR /src
COPY hello .
RUN go mod download
RUN CGO_ENABLED=0 go build -o /out/app .

FROM alpine
COPY --from=build /out/app /app
`

// golangFiles are the files of an image with a Go toolchain.
var golangFiles = fstest.MapFS{
	"usr/local/go/VERSION": {Data: []byte("go1.26.8\n")},
	"usr/local/go/bin/go":  {Data: []byte("go"), Mode: 0o755},
	"usr/local/go/go.env":  {Data: []byte("GOTOOLCHAIN=local\n")},
	"usr/local/go/src/internal/buildcfg/zbootstrap.go": {Data: []byte("package buildcfg\n\nconst DefaultGO386 = `sse2`\nconst DefaultGOAMD64 = `v1`\n" +
		"const DefaultGOARM = `7`\nconst DefaultGOARM64 = `v8.0`\n")},
}

// newGoHarness returns a harness whose golang image has a Go toolchain, and whose compiler compiles for the requested platform.
func newGoHarness(t *testing.T, dockerfile string) *harness {
	w := newHarness(t, dockerfile)
	w.req.Cross = cross.Choice{Auto: true}
	w.Contents = func(name string, _ platform.Platform) (ocispecs.ImageConfig, fs.FS) {
		if !strings.Contains(name, "golang") {
			return ocispecs.ImageConfig{}, fstest.MapFS{}
		}
		return ocispecs.ImageConfig{Env: []string{"PATH=/usr/local/go/bin:/usr/bin:/bin", "GOPATH=/go", "GOTOOLCHAIN=local"}}, golangFiles
	}
	w.Made = compiled(func(s graph.Step) string {
		for _, e := range s.Env {
			if arch, ok := strings.CutPrefix(e, "GOARCH="); ok {
				return arch
			}
		}
		return s.Platform.Architecture
	})
	return w
}

// compiled returns the files of a step that compiles for an architecture.
func compiled(arch func(graph.Step) string) func(graph.Step) fs.FS {
	return func(s graph.Step) fs.FS {
		if s.Kind != graph.Exec {
			return nil
		}
		return fstest.MapFS{"out/app": {Data: exetest.Program(arch(s), ""), Mode: 0o755}}
	}
}

// ran returns the names of the steps that ran in a platform's solves, without those that ran in another solve.
func (w *harness) ran(arch string) (names []string) {
	for _, s := range w.Solves() {
		if s.Platform.Architecture == arch {
			names = append(names, s.Ran...)
		}
	}
	return names
}

func (w *harness) noted(words string) (n int) {
	for _, note := range w.progress.notes {
		if strings.Contains(note, words) {
			n++
		}
	}
	return n
}

func modes(rep Report) (all []plan.Mode) {
	for _, p := range rep.Platforms {
		all = append(all, p.Mode)
	}
	return all
}

func TestWhatCompilesIsNotEmulated(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.kernel = nil // the node emulates nothing, and nothing can be installed
	rep := w.mustRun()
	if diff := cmp.Diff([]plan.Mode{plan.Native, plan.Cross, plan.Cross}, modes(rep)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.Ran("RUN go mod download"); n != 1 {
		t.Errorf("what is the same for all platforms ran %d times", n)
	}
	if ran := w.ran("arm64"); !slices.ContainsFunc(ran, func(n string) bool { return strings.HasPrefix(n, "[linux/amd64->arm64 build ") }) {
		t.Errorf("%q", ran)
	}
	for _, p := range rep.Platforms[1:] {
		if len(p.Cross.Steps) != 2 || p.Cross.Steps[1].Recipe != "go" || p.Cross.Steps[1].Stage != "build" || p.Cross.Steps[1].Line != 5 || p.Cross.Fallback != "" {
			t.Errorf("%+v", p.Cross)
		}
	}
	if len(w.installed) > 0 {
		t.Errorf("installed %v", w.installed)
	}
}

func TestTurnedOffNothingIsMoved(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.req.Cross = cross.Choice{}
	if diff := cmp.Diff([]plan.Mode{plan.Native, plan.Emulated, plan.Emulated}, modes(w.mustRun())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if asked := w.Looked(); len(asked) > 0 {
		t.Errorf("looked at %v", asked)
	}
}

func TestWhatGoesWrongWhenMovedIsEmulated(t *testing.T) {
	wrong := func(w *harness) {
		w.Made = compiled(func(graph.Step) string { return "amd64" })
	}
	failing := func(what string) func(*harness) {
		return func(w *harness) {
			w.Step = func(_ platform.Platform, name string) error {
				if strings.HasPrefix(name, what) {
					return errors.New("did not complete successfully: exit code: 1")
				}
				return nil
			}
		}
	}
	for name, tt := range map[string]struct {
		breaks func(*harness)
		back   string
	}{
		"a moved step fails":                    {failing("[linux/amd64->arm64 build 5/5]"), "RUN CGO_ENABLED=0 go build"},
		"what leaves is for the wrong platform": {wrong, "amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, cached := range []bool{false, true} {
				w := newGoHarness(t, compiling)
				w.platforms("linux/amd64,linux/arm64")
				w.kernel, w.after = nil, foreign // the emulator is needed only now
				if cached {
					w.req.Cache.To = []buildcache.Entry{{Type: "registry", Attrs: map[string]string{"ref": w.host + "/cache"}}}
				}
				tt.breaks(w)
				rep := w.mustRun()
				p := rep.Platforms[1]
				if p.Mode != plan.Emulated || len(p.Cross.Steps) > 0 || !strings.Contains(p.Cross.Fallback, tt.back) {
					t.Errorf("%s %+v", p.Mode, p.Cross)
				}
				if n := w.noted("built again under emulation"); n != 1 {
					t.Errorf("said %d times in %q", n, w.progress.notes)
				}
				if ran := w.ran("arm64"); !slices.Contains(ran, "[build 5/5] RUN CGO_ENABLED=0 go build -o /out/app .") {
					t.Errorf("%q", ran)
				}
				if w.tagged("app:v1") == "" || !slices.Equal(w.installed, []string{"linux/arm64"}) {
					t.Errorf("installed %v", w.installed)
				}
			}
		})
	}
}

func TestWhatFailsAfterAMoveIsTriedAgainOnlyWhereTheMoveMayBeTheReason(t *testing.T) {
	const after = "FROM alpine\nCOPY --from=build /out/app /app\nRUN broken\n"
	for name, tt := range map[string]struct {
		dockerfile, failing string
		choice              cross.Choice
		again               int
	}{
		"a step of a stage of its own":     {compiling + "FROM alpine\nRUN broken\nCOPY --from=build /out/app /app\n", "RUN broken", cross.Choice{Auto: true}, 0},
		"a step that has the same program": {compiling + after, "RUN broken", cross.Choice{Auto: true}, 0},
		"the same, where it was named":     {compiling + after, "RUN broken", cross.Choice{Named: []cross.Named{{Recipe: "go"}}}, 1},
		"the copy of what is not there":    {compiling + after, "COPY --from=build /out/app /app", cross.Choice{Auto: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGoHarness(t, tt.dockerfile)
			w.platforms("linux/arm64")
			w.req.Cross = tt.choice
			w.Step = func(_ platform.Platform, name string) error {
				if strings.HasSuffix(name, tt.failing) {
					return errors.New("did not complete successfully: exit code: 1")
				}
				return nil
			}
			if _, err := w.run(); err == nil || w.noted("built again") != tt.again {
				t.Errorf("%v, said %q", err, w.progress.notes)
			}
		})
	}
}

func TestWhatCannotBeEmulatedEitherSaysBoth(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.kernel, w.req.KeepEmulators = nil, true
	w.Made = compiled(func(graph.Step) string { return "s390x" })
	rep, err := w.run()
	cannot, ok := errors.AsType[*preflight.CannotRunError](err)
	if premise, wrong := errors.AsType[*crosscompile.WrongOutputError](err); !ok || !wrong {
		t.Fatalf("%v: %v %v", err, cannot, premise)
	}
	said := func(p PlatformReport) bool { return strings.Contains(p.Cross.Fallback, "s390x") }
	if !slices.ContainsFunc(rep.Platforms, said) {
		t.Errorf("the report says nothing of it: %+v", rep.Platforms)
	}
	if w.tagged("app:v1") != "" {
		t.Error("the tag was moved")
	}
}

// attested returns how many stages stay emulated because of attestations.
func attested(rep Report) (n int) {
	for _, p := range rep.Platforms {
		for _, s := range p.Cross.Stages {
			if s.Why.Check == crosscompile.CheckAttested {
				n++
			}
		}
	}
	return n
}

func TestAttestedBuildsAreMovedOnlyByName(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.req.Attests = map[string]string{"provenance": "type=provenance,mode=min"}
	rep := w.mustRun()
	if diff := cmp.Diff([]plan.Mode{plan.Native, plan.Emulated, plan.Emulated}, modes(rep)); diff != "" || attested(rep) != 2 {
		t.Errorf("(-want +got):\n%s %+v", diff, rep.Platforms)
	}
	w = newGoHarness(t, compiling)
	w.req.Attests = map[string]string{"provenance": "type=provenance,mode=min"}
	w.req.Cross = cross.Choice{Auto: true, Named: []cross.Named{{Recipe: "go"}}}
	rep = w.mustRun()
	if diff := cmp.Diff([]plan.Mode{plan.Native, plan.Cross, plan.Cross}, modes(rep)); diff != "" || attested(rep) != 0 {
		t.Errorf("(-want +got):\n%s %+v", diff, rep.Platforms)
	}
	if slices.ContainsFunc(w.ran("arm64"), func(name string) bool { return strings.HasPrefix(name, "[build ") }) {
		t.Errorf("to be pushed it was built under emulation: %q", w.ran("arm64"))
	}
}

func TestABaseThatMovesMeanwhileIsTheSameForAll(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.kernel = nil
	w.Digest = func(name string, p platform.Platform) digest.Digest {
		if strings.Contains(name, "golang") && p.Architecture == "arm64" {
			return digest.FromString("moved")
		}
		return digest.FromString(name)
	}
	if diff := cmp.Diff([]plan.Mode{plan.Native, plan.Cross, plan.Cross}, modes(w.mustRun())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMovedStepsHaveTheCacheMountsOfTheBuildersPlatform(t *testing.T) {
	w := newGoHarness(t, strings.Replace(compiling, "RUN CGO", "RUN --mount=type=cache,target=/root/.cache CGO", 1))
	w.mustRun()
	for _, s := range w.Solves() {
		for _, r := range s.Requests {
			if r.Definition == nil {
				continue
			}
			if text := r.Definition.String(); strings.Contains(text, "linux/"+s.Platform.Architecture+"/") && s.Platform.Architecture != "amd64" {
				t.Errorf("%v has its own mounts: %s", s.Platform, text)
			}
		}
	}
}

func TestARecipeForAStageThatIsNotThereIsRefused(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.req.Cross = cross.Choice{Named: []cross.Named{{Recipe: "go", Stage: "biuld"}}}
	_, err := w.run()
	if unknown, ok := errors.AsType[*crosscompile.UnknownStageError](err); !ok || !slices.Equal(unknown.Stages, []string{"biuld"}) || w.Ran("go mod download") > 0 {
		t.Errorf("%v", err)
	}
}

func TestAnImageThatTheGateRefusesIsBuiltAgainWithoutWhatWasMoved(t *testing.T) {
	w := newGoHarness(t, compiling+"ENTRYPOINT [\"/app\"]\n")
	w.platforms("linux/arm64")
	w.req.Verify = &gate.Options{Mode: gate.On}
	images := 0
	w.Layer = func(platform.Platform) []byte {
		if images++; images == 1 {
			return program(t, emAMD64)
		}
		return program(t, emARM64)
	}
	rep := w.mustRun()
	p := rep.Platforms[0]
	if p.Mode != plan.Emulated || p.Verify.Verdict != gate.OK || !strings.Contains(p.Cross.Fallback, "/app") || w.noted("built again") != 1 {
		t.Errorf("%s %s %+v, said %q", p.Mode, p.Verify.Verdict, p.Cross, w.progress.notes)
	}
}

func TestWhereTheGateLooksNothingElseIsLookedAt(t *testing.T) {
	const wrong = "/out/app of stage build is for amd64, and recipe go makes programs for linux/arm64"
	for name, tt := range map[string]struct {
		first   byte // the machine of the image's program, if it is not emulated
		change  func(*harness)
		inStage bool // the output was checked in the stage, before the export
		back    string
	}{
		"what is right":                 {emARM64, func(*harness) {}, false, ""},
		"what no process starts":        {emAMD64, func(*harness) {}, false, wrong},
		"a recipe that was named":       {emARM64, func(w *harness) { w.req.Cross = cross.Choice{Named: []cross.Named{{Recipe: "go"}}} }, true, ""},
		"what may be for any machine":   {emARM64, func(w *harness) { w.req.Verify.Allow = []string{"/opt/**"} }, true, ""},
		"an image that is not examined": {emARM64, func(w *harness) { w.req.Verify = nil }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGoHarness(t, compiling)
			w.platforms("linux/arm64")
			w.req.Verify = &gate.Options{Mode: gate.On}
			tt.change(w)
			images := 0
			w.Layer = func(platform.Platform) []byte {
				if images++; images == 1 {
					return program(t, tt.first)
				}
				return program(t, emARM64)
			}
			rep := w.mustRun()
			if p := rep.Platforms[0]; p.Cross.Fallback != tt.back || tt.back != "" && p.Mode != plan.Emulated {
				t.Errorf("%s %+v", p.Mode, p.Cross)
			}
			looked := slices.ContainsFunc(w.Looked(), func(step string) bool { return strings.HasPrefix(step, "[linux/amd64->arm64 build ") })
			if looked != tt.inStage {
				t.Errorf("looked at %q", w.Looked())
			}
		})
	}
}
