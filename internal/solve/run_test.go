package solve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	runsForTheTarget = "FROM alpine\nRUN echo hello\nCOPY hello /\n"
	copiesOnly       = "FROM scratch\nCOPY hello /\n"
	crossCompiles    = "FROM --platform=$BUILDPLATFORM golang AS build\nCOPY hello /\nRUN echo generate\n" +
		"ARG TARGETARCH\nRUN echo compile for $TARGETARCH\nFROM scratch\nCOPY --from=build /hello /\n"
)

// index returns the index or manifest that a tag points at, as a client of the registry reads it.
func (w *harness) index(name string) (ocispecs.Index, string) {
	w.t.Helper()
	repo, tag, _ := strings.Cut(name, ":")
	resp, err := http.Get("http://" + w.host + "/v2/" + repo + "/manifests/" + tag)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	return index, string(body)
}

func TestThePlatformsEndInOneIndexInCanonicalOrderHoweverTheyWereWritten(t *testing.T) {
	var first string
	for _, written := range []string{"linux/amd64,linux/arm64,linux/arm/v7", "armhf,x86_64,aarch64"} {
		w := newHarness(t, runsForTheTarget)
		w.platforms(written)
		rep := w.mustRun()
		index, body := w.index("app:v1")
		var order []string
		for i, m := range index.Manifests {
			order = append(order, platform.Format(*m.Platform))
			if m.Digest != rep.Platforms[i].Manifest.Digest || m.MediaType != ocispecs.MediaTypeImageManifest {
				t.Errorf("%s is %s %s in the index, and %s in the report", order[i], m.MediaType, m.Digest, rep.Platforms[i].Manifest.Digest)
			}
		}
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v7", "linux/arm64"}, order); diff != "" {
			t.Errorf("%s (-want +got):\n%s", written, diff)
		}
		if index.MediaType != ocispecs.MediaTypeImageIndex || rep.Target.Digest.String() != w.tagged("app:v1") {
			t.Errorf("the tag names %s %s, and the report %s", index.MediaType, w.tagged("app:v1"), rep.Target.Digest)
		}
		if first == "" {
			first = body
		}
		if diff := cmp.Diff(first, body); diff != "" {
			t.Errorf("the same build gave other bytes (-want +got):\n%s", diff)
		}
	}
}

func TestTheReportTellsAboutEachPlatform(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	rep := w.mustRun()
	want := "linux/amd64 on default: native\nlinux/arm/v7 on default: emulated\nlinux/arm64 on default: emulated\n"
	if diff := cmp.Diff([]string{want}, w.progress.plans); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	for _, p := range rep.Platforms {
		if p.Err != nil || p.Size == 0 || p.Config == "" || p.Seconds <= 0 || p.Node != "default" {
			t.Errorf("%+v", p)
		}
	}
	if w.progress.ends != 3 || len(w.progress.statuses) != 3 {
		t.Errorf("%d ends, statuses %v", w.progress.ends, w.progress.statuses)
	}
	if want := []manifest.TagResult{{Ref: w.host + "/app:v1", Digest: rep.Target.Digest, State: manifest.Moved}}; !cmp.Equal(want, rep.Tags) {
		t.Errorf("tags %+v", rep.Tags)
	}
}

func TestAFailedPlatformMovesNoTagAndTheOthersFinish(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.Run = failing("exec format error", "linux/arm64")
	rep, err := w.run()
	var failed *FailedError
	if !errors.As(err, &failed) || len(failed.Platforms) != 1 {
		t.Fatalf("got %v", err)
	}
	contains(t, err.Error(), "linux/arm64: ", "exec format error")
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v7"}, w.ranSteps()); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	for i, wantErr := range []bool{false, false, true} {
		if (rep.Platforms[i].Err != nil) != wantErr || (rep.Platforms[i].Manifest.Digest == "") != wantErr {
			t.Errorf("%+v", rep.Platforms[i])
		}
	}
	if w.tagged("app:v1") != "" || len(rep.Tags) != 0 {
		t.Errorf("app:v1 is %q, tags %v", w.tagged("app:v1"), rep.Tags)
	}
}

func TestAPlatformThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.Read = failing("no match for platform in manifest", "linux/arm64")
	_, err := w.run()
	if !errors.As(err, new(*FailedError)) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v7"}, w.ranSteps()); diff != "" || w.tagged("app:v1") != "" {
		t.Errorf("the tag is %q; ran (-want +got):\n%s", w.tagged("app:v1"), diff)
	}
}

func TestWhatFailsForAllPlatformsIsSaidOnce(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUNN echo\n")
	_, err := w.run()
	if err == nil || strings.Count(err.Error(), "unknown instruction: RUNN") != 1 {
		t.Fatalf("got %v", err)
	}
	contains(t, err.Error(), "(all 3 platforms)")
	w.untouched()
}

func TestAFailedPreflightComesBeforeAnyWork(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	refusal := errors.New("the registry says no")
	w.preflight = func(context.Context) error { return refusal }
	rep, err := w.run()
	if !errors.As(err, new(*preflight.Error)) || !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
	if len(rep.Tags) != 0 || len(w.progress.plans) != 0 {
		t.Errorf("tags %v, plans %v", rep.Tags, w.progress.plans)
	}
	w.untouched()
}

func TestOnePlatformIsAPlainManifestUnlessAnIndexIsAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name  string
		index bool
		list  string
		want  string
		n     int
	}{
		{"one platform", false, "linux/arm64", ocispecs.MediaTypeImageManifest, 0},
		{"one platform in an index", true, "linux/arm64", ocispecs.MediaTypeImageIndex, 1},
		{"no platform said: the node's own", false, "", ocispecs.MediaTypeImageManifest, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			w.req.Platforms, w.req.Index = nil, tt.index
			if tt.list != "" {
				w.platforms(tt.list)
			}
			rep := w.mustRun()
			index, _ := w.index("app:v1")
			if rep.Target.MediaType != tt.want || index.MediaType != tt.want || len(index.Manifests) != tt.n {
				t.Errorf("%s, and in the registry %s with %d children", rep.Target.MediaType, index.MediaType, len(index.Manifests))
			}
			if rep.Target.Digest.String() != w.tagged("app:v1") {
				t.Errorf("%s is tagged, reported %s", w.tagged("app:v1"), rep.Target.Digest)
			}
			if tt.list == "" && platform.Format(rep.Platforms[0].Platform) != "linux/amd64" {
				t.Errorf("built %s", platform.Format(rep.Platforms[0].Platform))
			}
		})
	}
}

func TestDockerMediaTypesAreOneFamilyThroughout(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.MediaTypes = manifest.Docker
	w.mustRun()
	index, body := w.index("app:v1")
	if index.MediaType != manifest.MediaTypeDockerList || strings.Contains(body, "vnd.oci") {
		t.Errorf("got %s", body)
	}
	for _, m := range index.Manifests {
		if m.MediaType != manifest.MediaTypeDockerManifest {
			t.Errorf("a child is %s", m.MediaType)
		}
	}
}

func TestSeveralTagsAndRepositoriesGetTheSameIndex(t *testing.T) {
	w := newHarness(t, copiesOnly)
	names := []string{"app:v1", "app:latest", "mirror/app:v1"}
	w.req.Tags = w.tags(names...)
	rep := w.mustRun()
	if len(rep.Tags) != 3 {
		t.Fatalf("tags %v", rep.Tags)
	}
	for i, name := range names {
		if w.tagged(name) != rep.Target.Digest.String() || rep.Tags[i].Ref != w.host+"/"+name {
			t.Errorf("%s is %q, reported as %s", name, w.tagged(name), rep.Tags[i].Ref)
		}
	}
	for _, s := range w.Solves() {
		if want := []string{w.host + "/app", w.host + "/mirror/app"}; !slices.Equal(s.Pushed, want) {
			t.Errorf("a solve pushes to %q, want %q: no tag", s.Pushed, want)
		}
	}
}
