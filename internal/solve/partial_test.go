package solve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// partial makes platforms of a harness optional.
func (w *harness) partial(list string) {
	w.t.Helper()
	ps, _, err := platform.Parse(list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.req.AllowPartial = ps
}

// indexed returns the platforms in the index that a tag names, and the index's annotation of missing platforms.
func (w *harness) indexed(name string) (names []string, missing string) {
	w.t.Helper()
	index, _ := w.index(name)
	for _, m := range index.Manifests {
		if m.Platform.OS != "unknown" {
			names = append(names, platform.Format(*m.Platform))
		}
	}
	return names, index.Annotations[manifest.MissingPlatforms]
}

func TestAPlatformThatMayBeMissingIsLeftOutWhateverItsFailure(t *testing.T) {
	for name, breaks := range map[string]func(*harness){
		"its Dockerfile cannot be read": func(w *harness) { w.Read = failing("no match for platform in manifest", "linux/arm64") },
		"a step fails":                  func(w *harness) { w.Run = failing("exit code: 1", "linux/arm64") },
		"it fails at last":              func(w *harness) { w.Push = failing("it is not what it should be", "linux/arm64") },
		"nothing runs its programs":     func(w *harness) { w.kernel = map[string]emulation.Mode{"arm": emulation.Emulated} },
		"no emulator may be installed": func(w *harness) {
			w.kernel, w.req.KeepEmulators = map[string]emulation.Mode{"arm": emulation.Emulated}, true
		},
		"its emulator cannot be had": func(w *harness) {
			w.kernel = nil
			w.env.Nodes[0].Install = func(_ context.Context, now *emulation.Status, ps []platform.Platform) error {
				if both := len(ps) > 1; (now != nil) != both {
					t.Errorf("%q begin with %v", formatted(ps), now) // the first installation may have changed it
				}
				if slices.Contains(formatted(ps), "linux/arm64") {
					return errors.New("nobody has one")
				}
				w.kernel = map[string]emulation.Mode{"arm": emulation.Emulated}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			w.partial("linux/arm64")
			breaks(w)
			rep := w.mustRun()
			names, missing := w.indexed("app:v1")
			if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v7"}, names); diff != "" || missing != "linux/arm64" {
				t.Errorf("missing are %q (-want +got):\n%s", missing, diff)
			}
			if lacks := rep.Missing(); len(lacks) != 1 || platform.Format(lacks[0].Platform) != "linux/arm64" || len(rep.Platforms) != 3 {
				t.Errorf("the report lacks %v", lacks)
			}
			if len(rep.Tags) != 1 || rep.Tags[0].State != manifest.Moved {
				t.Errorf("tags %v", rep.Tags)
			}
		})
	}
}

func TestAPlatformThatCannotBeRunIsSaidOnceHoweverManyStepsItHas(t *testing.T) {
	w := newHarness(t, runsForTheTarget+"RUN echo again\n")
	w.partial("linux/arm64")
	w.kernel, w.req.KeepEmulators = map[string]emulation.Mode{"arm": emulation.Emulated}, true
	missing := w.mustRun().Missing()
	var cannot *preflight.CannotRunError
	if len(missing) != 1 || missing[0].Mode != plan.Impossible || !errors.As(missing[0].Err, &cannot) || !cmp.Equal([]string{"linux/arm64"}, formatted(cannot.Platforms)) {
		t.Errorf("missing are %+v", missing)
	}
}

func TestWhatMayNotBeMissingStillFailsTheBuild(t *testing.T) {
	for name, tt := range map[string]struct {
		optional string
		breaks   func(*harness)
		pushing  bool
	}{
		"another platform fails too":  {"linux/arm64", func(w *harness) { w.Run = failing("exit code: 1", "linux/arm64", "linux/amd64") }, false},
		"all fail":                    {"linux/arm64,linux/arm/v7,linux/amd64", func(w *harness) { w.Run = failing("exit code: 1", formatted(w.req.Platforms)...) }, false},
		"the registry refuses it":     {"linux/arm64", func(w *harness) { w.Push = failing("failed to push app: 403 Forbidden", "linux/arm64") }, true},
		"its neighbour cannot be run": {"linux/arm64", func(w *harness) { w.kernel = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			w.partial(tt.optional)
			tt.breaks(w)
			rep, err := w.run()
			if err == nil || errors.As(err, new(*index.PushError)) != tt.pushing || len(rep.Tags) != 0 || w.tagged("app:v1") != "" {
				t.Errorf("%v; the tag names %q", err, w.tagged("app:v1"))
			}
		})
	}
}

func TestOneImageThatIsLeftOfSeveralIsStillAnIndex(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.partial("linux/arm64,linux/arm/v7")
	w.Run = failing("exit code: 1", "linux/arm64", "linux/arm/v7")
	rep := w.mustRun()
	names, missing := w.indexed("app:v1")
	if !cmp.Equal(names, []string{"linux/amd64"}) || missing != "linux/arm/v7,linux/arm64" || !manifest.IsIndex(rep.Target.MediaType) {
		t.Errorf("%s of %q, missing are %q", rep.Target.MediaType, names, missing)
	}
}

func TestAManifestListThatLacksAPlatformHasNoPlaceToSaySo(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.partial("linux/arm64")
	w.Run = failing("exit code: 1", "linux/arm64")
	w.req.MediaTypes = manifest.Docker
	w.mustRun()
	names, missing := w.indexed("app:v1")
	if !cmp.Equal(names, []string{"linux/amd64", "linux/arm/v7"}) || missing != "" || len(w.progress.notes) != 1 {
		t.Fatalf("%q, missing are %q, notes %q", names, missing, w.progress.notes)
	}
	contains(t, w.progress.notes[0], "linux/arm64")
}

func TestNoOutputHasAnythingOfAPlatformThatIsMissing(t *testing.T) {
	for name, breaks := range map[string]func(*harness){
		"a step failed":                 func(w *harness) { w.Run = failing("exit code: 1", "linux/arm/v7") },
		"it had sent its files already": func(w *harness) { w.Push = failing("it is not what it should be", "linux/arm/v7") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.partial("linux/arm/v7")
			dir := t.TempDir()
			stdout := w.everyOutput(dir)
			together := false
			w.req.Outputs.List = append(w.req.Outputs.List, sink.Files{Dest: filepath.Join(dir, "together"), Split: &together})
			breaks(w)
			rep := w.mustRun()
			for _, name := range []string{"image.tar", "layout"} {
				a, err := layout.Open(t.Context(), filepath.Join(dir, name))
				if err != nil || a.Images[0].Root.Digest != rep.Target.Digest {
					t.Errorf("%s: %v, %v", name, a, err)
				}
			}
			got := testkit.Tree(t, filepath.Join(dir, "files"))
			if diff := cmp.Diff(map[string]string{"linux_amd64/hello": "linux/amd64", "linux_arm64/hello": "linux/arm64", "mine": "mine"}, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			archive, err := os.ReadFile(filepath.Join(dir, "files.tar"))
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"linux_amd64/=", "linux_amd64/hello=linux/amd64", "linux_arm64/=", "linux_arm64/hello=linux/arm64"}
			for name, r := range map[string]io.Reader{"files.tar": bytes.NewReader(archive), "stdout": stdout} {
				if diff := cmp.Diff(want, unpacked(t, r)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if hello := testkit.Tree(t, filepath.Join(dir, "together"))["hello"]; hello == "" || hello == "linux/arm/v7" {
				t.Errorf("the common folder has %q", hello)
			}
		})
	}
}

func TestAPlatformThatMayBeMissingAndIsNotIsInEveryOutput(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.partial("linux/amd64")
	dir := t.TempDir()
	stdout := w.everyOutput(dir)
	w.mustRun()
	want := []string{
		"linux_arm_v7/=", "linux_arm_v7/hello=linux/arm/v7", "linux_arm64/=", "linux_arm64/hello=linux/arm64", "linux_amd64/=", "linux_amd64/hello=linux/amd64",
	}
	if diff := cmp.Diff(want, unpacked(t, stdout)); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
	if got := testkit.Tree(t, filepath.Join(dir, "files")); got["linux_amd64/hello"] != "linux/amd64" || len(got) != 4 {
		t.Errorf("files %v", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, sink.StagePrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

func TestACacheIsExportedOfThePlatformsThatWereMade(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.partial("linux/arm64")
	w.Push = failing("it is not what it should be", "linux/arm64")
	w.req.Cache.To = []buildcache.Entry{entry("type=local", "dest=d"), entry("type=registry", "ref=x-{{platform}}")}
	w.mustRun()
	want := []string{
		"local map[dest:d] [linux/amd64 linux/arm/v7]", "registry map[ref:x-linux-amd64] [linux/amd64]", "registry map[ref:x-linux-arm-v7] [linux/arm/v7]",
	}
	if diff := cmp.Diff(want, w.exports()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
