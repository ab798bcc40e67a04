package solve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var amd64Only = platform.Platform{OS: "linux", Architecture: "amd64"}

// only makes an image name stand for a single-platform image, whatever platform is asked for.
func only(single string, config platform.Platform) func(string, platform.Platform) (platform.Platform, error) {
	return func(name string, p platform.Platform) (platform.Platform, error) {
		if strings.Contains(name, single) {
			return config, nil
		}
		return p, nil
	}
}

// basesHave makes every image an index of these platforms, and returns its digest. The frontend fails for a missing platform.
func (w *harness) basesHave(ps ...platform.Platform) digest.Digest {
	index := w.Index(ps...)
	w.Digest = func(string, platform.Platform) digest.Digest { return index }
	w.Image = func(_ string, p platform.Platform) (platform.Platform, error) {
		if !platform.Contains(ps, p) {
			return p, buildkittest.ErrNoMatch
		}
		return p, nil
	}
	return index
}

// findings runs the build, which must be refused, and returns the findings.
func (w *harness) findings() []diag.Diagnostic {
	w.t.Helper()
	_, err := w.run()
	refused, ok := errors.AsType[*preflight.Error](err)
	if !ok {
		w.t.Fatalf("%v is no PreflightError", err)
	}
	w.untouched()
	if len(w.installed) > 0 {
		w.t.Errorf("installed %q", w.installed)
	}
	return refused.Findings
}

func (w *harness) texts(found []diag.Diagnostic) (texts []string) {
	for _, f := range found {
		texts = append(texts, strings.ReplaceAll(f.String(), w.host, "HOST"))
	}
	return texts
}

func TestABaseImageOfAnotherPlatformRefusesTheBuild(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		want       []string // none: not refused
		hint       string
	}{
		"under the result": {
			"FROM single\nCOPY hello /\n",
			[]string{`Dockerfile:1: base image "single:latest": the index says linux/arm/v7, linux/arm64, the image's config says linux/amd64`},
			"",
		},
		"through a stage": {
			"FROM single AS a\nCOPY hello /\nFROM a\nCOPY hello /b\n",
			[]string{`Dockerfile:1: base image "single:latest": the index says linux/arm/v7, linux/arm64, the image's config says linux/amd64`},
			"",
		},
		"under a program for the platform": {
			"FROM single AS a\nRUN make\nFROM scratch\nCOPY --from=a /x /\n",
			[]string{`Dockerfile:1: base image "single:latest": the index says linux/arm/v7, linux/arm64, the image's config says linux/amd64`},
			"",
		},
		"only copied from":  {"FROM alpine\nCOPY --from=single /x /\n", nil, `base image "single:latest"`},
		"for the builder":   {"FROM --platform=$BUILDPLATFORM single AS a\nRUN make\nFROM scratch\nCOPY --from=a /x /\n", nil, ""},
		"in no stage's way": {"FROM single AS unused\nRUN make\nFROM alpine\nRUN make\n", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, tt.dockerfile)
			w.Image = only("single", amd64Only)
			if tt.want == nil {
				w.mustRun()
			} else if diff := cmp.Diff(tt.want, w.texts(w.findings())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if notes := strings.Join(w.progress.notes, "\n"); tt.hint != "" != strings.Contains(notes, "single:latest") {
				t.Errorf("notes: %s", notes)
			}
		})
	}
}

func TestAnImageThatANamedContextPutsInABasesPlaceIsJudgedAsTheBaseIs(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		refused    bool
	}{
		"under the result":                 {"FROM lib AS x\nCOPY hello /\n", true},
		"under a program for the platform": {"FROM lib AS a\nRUN make\nFROM scratch\nCOPY --from=a /x /\n", true},
		"for the builder":                  {"FROM --platform=$BUILDPLATFORM lib AS a\nRUN make\nFROM scratch\nCOPY --from=a /x /\n", false},
		"only copied from":                 {"FROM alpine\nCOPY --from=lib /x /\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, tt.dockerfile)
			w.req.Source.Attrs["context:lib"] = "docker-image://single"
			w.Image = only("single", amd64Only)
			if !tt.refused {
				w.mustRun()
				return
			}
			want := []string{`base image "single:latest": the index says linux/arm/v7, linux/arm64, the image's config says linux/amd64`}
			if diff := cmp.Diff(want, w.texts(w.findings())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestABaseOfAnotherPlatformMayBeAllowedByItsName(t *testing.T) {
	w := newHarness(t, "FROM single\nCOPY hello /\n")
	w.Image = only("single", amd64Only)
	named, err := reference.ParseNormalizedNamed("single")
	if err != nil {
		t.Fatal(err)
	}
	w.req.AllowMismatch = []reference.Named{named}
	w.mustRun()
}

func TestA32BitBaseFor64BitsIsOnlyWarnedOf(t *testing.T) {
	w := newHarness(t, "FROM single\nCOPY hello /\n")
	w.platforms("linux/amd64")
	w.Image = only("single", platform.Platform{OS: "linux", Architecture: "386"})
	w.mustRun()
	contains(t, strings.Join(w.progress.notes, "\n"), "warning: Dockerfile:1: ", "config says linux/386")
}

func TestABaseThatIsPartialForOptionalPlatformsStopsOnlyThose(t *testing.T) {
	w := newHarness(t, "FROM single\nCOPY hello /\n")
	w.platforms("linux/amd64,linux/arm64")
	w.req.AllowPartial = []platform.Platform{arm64}
	w.Image = only("single", amd64Only)
	rep, _ := w.run()
	if rep.Platforms[0].Err != nil || rep.Platforms[1].Err == nil {
		t.Errorf("%v and %v", rep.Platforms[0].Err, rep.Platforms[1].Err)
	}
}

func TestBasesThatLackAPlatformAreAllNamedWithWhatTheyHave(t *testing.T) {
	w := newHarness(t, "FROM one AS a\nRUN make\nFROM two\nCOPY --from=a / /\n")
	w.platforms("linux/amd64,linux/arm64")
	w.basesHave(amd64Only, platform.Platform{OS: "linux", Architecture: "s390x"})
	found := w.findings()
	got := w.texts(found)
	slices.Sort(got)
	want := []string{
		`Dockerfile:1: base image "one:latest" is not available for linux/arm64, only for linux/amd64, linux/s390x`,
		`Dockerfile:3: base image "two:latest" is not available for linux/arm64, only for linux/amd64, linux/s390x`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABaseThatLacksAllPlatformsIsFoundByWhatItHas(t *testing.T) {
	w := newHarness(t, "FROM one\nCOPY hello /\n")
	w.platforms("linux/arm64")
	w.basesHave(amd64Only)
	if diff := cmp.Diff([]string{`Dockerfile:1: base image "one:latest" is not available for linux/arm64, only for linux/amd64`}, w.texts(w.findings())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABaseLacksWhatItsStageIsPinnedTo(t *testing.T) {
	w := newHarness(t, "FROM --platform=linux/arm64 one AS a\nFROM two\nCOPY --from=a / /\n")
	w.platforms("linux/amd64,linux/s390x")
	w.basesHave(amd64Only, platform.Platform{OS: "linux", Architecture: "s390x"})
	found := w.findings()
	if diff := cmp.Diff([]string{`Dockerfile:1: base image "one:latest" is not available for linux/arm64, only for linux/amd64, linux/s390x`}, w.texts(found)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if base, ok := errors.AsType[*preflight.BaseError](found[0].Cause); !ok || !base.Chosen {
		t.Errorf("%+v does not say that the FROM asks for the platform", found[0].Cause)
	}
}

func TestAnOptionalPlatformsMissingBaseIsSaidWithWhatItHas(t *testing.T) {
	w := newHarness(t, "FROM one\nCOPY hello /\n")
	w.platforms("linux/amd64,linux/arm64")
	w.req.AllowPartial = []platform.Platform{arm64}
	w.basesHave(amd64Only)
	rep := w.mustRun()
	if err, want := rep.Platforms[1].Err, `base image "one:latest" is not available for linux/arm64, only for linux/amd64`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAllThatIsInTheWayIsSaidAtOnce(t *testing.T) {
	w := newHarness(t, "FROM single\nRUN make\n")
	w.platforms("linux/amd64,linux/arm64,linux/s390x")
	w.Image = only("single", amd64Only)
	w.kernel, w.req.KeepEmulators = nil, true
	w.preflight = func(context.Context) error {
		return preflight.Together(errors.New("dead one"), nil, errors.New("dead two"))
	}
	w.Unreachable = func(ref string) error {
		if strings.HasPrefix(ref, w.host) {
			return errors.New("dial tcp: lookup there: no such host")
		}
		return nil
	}
	found := w.findings()
	want := []string{
		`Dockerfile:1: base image "single:latest": the index says linux/arm64, linux/s390x, the image's config says linux/amd64`,
		"dead one", "dead two",
		`the builder cannot reach registry "HOST", to which it would push: dial tcp: lookup there: no such host`,
		"node default cannot run programs for linux/arm64, linux/s390x, and steps of the Dockerfile need that",
	}
	if diff := cmp.Diff(want, w.texts(found)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var checks []string
	for _, f := range found {
		checks = append(checks, f.Check)
	}
	if diff := cmp.Diff([]string{"base-mismatch", "registry", "registry", "builder-registry", "node"}, checks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoEmulatorIsInstalledForABuildThatIsRefused(t *testing.T) {
	w := newHarness(t, "FROM single\nRUN make\n")
	w.Image = only("single", amd64Only)
	w.kernel, w.after = nil, foreign
	if found := w.findings(); len(found) != 1 || found[0].Check != "base-mismatch" {
		t.Errorf("%q", w.texts(found))
	}
}
