package emulation

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const helper = "moby/buildkit:helper"

type imageFunc = func(*fakeKernel, engine.RunSpec) engine.RunResult

func x86() *fakeKernel {
	return &fakeKernel{native: []string{"amd64", "386"}, images: map[string]imageFunc{}}
}

func options(k *fakeKernel, want ...string) InstallOptions {
	return InstallOptions{Shell: fakeShell{k}, Runner: k, Platforms: plat(want...), HelperImage: helper}
}

// sources maps each architecture to its source.
func sources(r Report) map[string]Source {
	got := map[string]Source{}
	for _, in := range r.Installed {
		got[in.Arch] = in.Source
	}
	return got
}

func missing(t *testing.T, err error) *MissingError {
	t.Helper()
	var m *MissingError
	if !errors.As(err, &m) {
		t.Fatalf("got %v, want a MissingError", err)
	}
	return m
}

func TestInstallTakesTheHostsQEMUBeforeALocalImage(t *testing.T) {
	k := x86()
	k.images[DefaultImage], k.images[helper] = binfmtImage, hostWith("arm64")
	rep, err := Install(t.Context(), options(k, "arm64"))
	if err != nil || rep.Installed[0].Source != Host || len(k.ran) != 1 || k.ran[0].Image != helper {
		t.Errorf("error %v, report %+v, ran %v", err, rep, k.ran)
	}
}

func TestInstallRunsNoImageThatIsNotVouchedFor(t *testing.T) {
	for name, c := range map[string]struct {
		registry map[string]imageFunc
		ran      int
	}{
		"a pull brings the right one":                  {map[string]imageFunc{DefaultImage: binfmtImage}, 1},
		"and where nothing can be pulled nothing runs": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := x86()
			k.images[DefaultImage], k.unproven = lazyImage, []string{DefaultImage}
			k.registry = c.registry
			opt := options(k, "arm64")
			opt.HelperImage = ""
			opt.Report = func(string) {}
			planned, err := Preview(t.Context(), opt)
			if err != nil || planned[0].Source != Registry {
				t.Errorf("planned %+v, error %v", planned, err)
			}
			_, err = Install(t.Context(), opt)
			if len(k.ran) != c.ran || (err == nil) != (c.ran == 1) || len(k.pulled) != 1 {
				t.Errorf("error %v, pulled %v, ran %v", err, k.pulled, k.ran)
			}
			if err != nil && !strings.Contains(err.Error(), "nothing shows that "+DefaultImage+" was pulled") {
				t.Errorf("the error does not say why: %v", err)
			}
		})
	}
}

func TestInstallTakesALocalImageBeforeARegistry(t *testing.T) {
	k := x86()
	k.images[DefaultImage] = binfmtImage
	opt := options(k, "amd64", "386", "arm64", "arm/v7", "arm/v6")
	opt.HelperImage = ""
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]Source{"arm64": LocalImage, "arm": LocalImage}, sources(rep)); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if len(k.ran) != 1 || len(k.pulled) != 0 {
		t.Fatalf("ran %v, pulled %v", k.ran, k.pulled)
	}
	if got := k.ran[0]; got.Image != idPrefix+DefaultImage || !got.Privileged || !cmp.Equal(got.Cmd, []string{"--install", "arm64,arm"}) {
		t.Errorf("ran %+v", got)
	}
	for _, p := range plat("arm64", "arm/v6") {
		if m := rep.Status.Mode(p); m != Emulated {
			t.Errorf("%s is %s", platform.Format(p), m)
		}
	}
	if rep.Installed[0].Handler.Name != "qemu-aarch64" {
		t.Errorf("handler %v", rep.Installed[0].Handler)
	}
}

func TestInstallTriesTheNextSourceForMissingEmulators(t *testing.T) {
	k := x86()
	k.images[helper] = hostWith("arm64")
	k.registry = map[string]imageFunc{DefaultImage: binfmtImage}
	var lines []string
	opt := options(k, "arm64", "s390x")
	opt.Report = func(l string) { lines = append(lines, l) }
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]Source{"arm64": Host, "s390x": Registry}, sources(rep)); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if got := k.ran[1].Cmd; !cmp.Equal(got, []string{"--install", "s390x"}) {
		t.Errorf("the image was asked for %v", got)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "pulling") || !strings.Contains(text, "linux/s390x now runs through qemu-s390x") {
		t.Errorf("reported:\n%s", text)
	}
}

func TestInstallDoesNothingWhenNothingIsMissing(t *testing.T) {
	k := x86()
	k.builder = []string{"arm64"}
	k.register("s390x", "/usr/bin/qemu-s390x-static", "OCF")
	opt := options(k, "amd64", "386", "arm64", "s390x")
	opt.Engine.Rootless = true // not even a refusal
	rep, err := Install(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.ran)+len(k.pulled)+len(rep.Installed) != 0 || k.probes != 1 {
		t.Errorf("ran %v, pulled %v, %d probes", k.ran, k.pulled, k.probes)
	}
}

func TestInstallUsesTheStatusItIsGiven(t *testing.T) {
	k := x86()
	st, err := Probe(t.Context(), fakeShell{k}, plat("amd64")...)
	if err != nil {
		t.Fatal(err)
	}
	opt := options(k, "amd64")
	opt.Status = &st
	if _, err := Install(t.Context(), opt); err != nil || k.probes != 1 {
		t.Errorf("error %v, %d probes", err, k.probes)
	}
	opt = options(k, "amd64", "386")
	opt.Status = &st
	if _, err := Install(t.Context(), opt); err != nil || k.probes != 2 {
		t.Errorf("a status that lacks a platform: error %v, %d probes", err, k.probes)
	}
}

func TestInstallForTheKernelIsNotContentWithTheBuildersEmulator(t *testing.T) {
	k := x86()
	k.builder = []string{"arm64"}
	k.images[DefaultImage] = binfmtImage
	opt := options(k, "arm64")
	opt.Kernel = true
	rep, err := Install(t.Context(), opt)
	if err != nil || rep.Status.Mode(plat("arm64")[0]) != Emulated {
		t.Errorf("error %v, status %+v", err, rep.Status.Archs)
	}
}

func TestInstallFailsWhenTheInstallerExitsZeroAndDoesNothing(t *testing.T) {
	k := x86()
	k.images[DefaultImage], k.images[helper] = lazyImage, hostWith()
	rep, err := Install(t.Context(), options(k, "amd64", "arm64", "s390x"))
	m := missing(t, err)
	if diff := cmp.Diff(plat("arm64", "s390x"), m.Platforms); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		"linux/arm64: no emulator is installed", `local image "` + DefaultImage + `": it printed "cannot mount binfmt_misc`,
		"no qemu-s390x on the engine's host",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if diff := cmp.Diff(plat("arm64", "s390x"), m.Installable()); diff != "" {
		t.Errorf("installable (-want +got):\n%s", diff)
	}
	if len(rep.Attempts) != 2 || len(rep.Installed) != 0 {
		t.Errorf("report %+v", rep)
	}
}

func TestInstallFailsIfTheInstalledEmulatorDoesNotRun(t *testing.T) {
	k := x86()
	k.broken = map[string]string{"arm64": "qemu: uncaught target signal 11 (Segmentation fault)"}
	k.images[helper] = hostWith("arm64", "arm")
	k.registry = map[string]imageFunc{DefaultImage: binfmtImage}
	rep, err := Install(t.Context(), options(k, "arm64", "arm"))
	m := missing(t, err)
	if diff := cmp.Diff(plat("arm64"), m.Platforms); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "status 139") || !strings.Contains(err.Error(), "signal 11") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(map[string]Source{"arm": Host}, sources(rep)); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if len(k.ran) != 1 {
		t.Errorf("a handler was in the way, yet the next source was tried: %v", k.ran)
	}
}

func TestInstallTriesOnlyTheSourcesItIsGiven(t *testing.T) {
	k := x86()
	k.images["mirror/binfmt:1"], k.images[helper] = binfmtImage, hostWith()
	opt := options(k, "arm64")
	opt.Image, opt.Sources = "mirror/binfmt:1", []Source{Host}
	if _, err := Install(t.Context(), opt); len(missing(t, err).Attempts) != 1 || len(k.ran) != 1 || k.ran[0].Image != helper {
		t.Errorf("ran %v", k.ran)
	}
	opt.Sources = []Source{LocalImage}
	if _, err := Install(t.Context(), opt); err != nil || k.ran[1].Image != idPrefix+"mirror/binfmt:1" {
		t.Errorf("error %v, ran %v", err, k.ran)
	}
}

func TestInstallReportsProblemsThatNoInstallCanFix(t *testing.T) {
	k := x86()
	k.native = []string{"arm64"}
	k.images[DefaultImage] = binfmtImage
	opt := options(k, "amd64", "amd64/v3", "windows/amd64", "ppc64")
	opt.HelperImage = ""
	_, err := Install(t.Context(), opt)
	m := missing(t, err)
	if diff := cmp.Diff(plat("amd64/v3", "windows/amd64", "ppc64"), m.Platforms); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	for _, want := range []string{"emulation ends at amd64/v2", "only programs for linux", `no emulator for "ppc64"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if got := m.Installable(); len(got) != 0 {
		t.Errorf("installable: %v", got)
	}
	if len(k.ran) != 1 {
		t.Errorf("ran %v: amd64 itself can be installed", k.ran)
	}
}

func TestInstallStopsWhenCancelled(t *testing.T) {
	k := x86()
	ctx, cancel := context.WithCancel(t.Context())
	k.images[DefaultImage] = func(*fakeKernel, engine.RunSpec) engine.RunResult {
		cancel()
		return engine.RunResult{}
	}
	k.images[helper] = hostWith()
	if _, err := Install(ctx, options(k, "arm64")); !errors.Is(err, context.Canceled) || len(k.ran) != 2 {
		t.Errorf("got %v, ran %v", err, k.ran)
	}
}

func TestTwoInstallersAtOnceBothSucceed(t *testing.T) {
	k := x86()
	k.images[DefaultImage] = binfmtImage
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := Install(t.Context(), options(k, "arm64", "s390x"))
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if len(k.handlers) != 2 {
		t.Errorf("handlers %v", k.handlers)
	}
}
