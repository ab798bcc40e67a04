package solve

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// readings returns how often the Dockerfile was read for each platform, in canonical order.
func (w *harness) readings() (n []int) {
	for _, solves := range w.byPlatform() {
		n = append(n, len(w.Readings(solves[0].Platform)))
	}
	return n
}

// sources returns the sources that each platform's steps fetched, in canonical order of the platforms.
func (w *harness) sources() (all [][]string) {
	for _, solves := range w.byPlatform() {
		var sources []string
		for _, s := range solves {
			sources = append(sources, s.Sources...)
		}
		slices.Sort(sources)
		all = append(all, sources)
	}
	return all
}

// byPlatform returns the solves of each platform, in canonical order of the platforms.
func (w *harness) byPlatform() (all [][]*buildkittest.Solve) {
	for i, s := range w.Solves() {
		if i == 0 || !platform.Equal(s.Platform, w.Solves()[i-1].Platform) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], s)
	}
	return all
}

func TestABaseTagThatMovesWhileThePlatformsAreReadDoesNotSplitThem(t *testing.T) {
	w := newHarness(t, "FROM alpine:3 AS base\nRUN echo hello\nFROM base\nCOPY --from=busybox /bin/sh /\n")
	before, after := digest.FromString("before"), digest.FromString("after")
	w.Digest = func(name string, p platform.Platform) digest.Digest {
		if name == "docker.io/library/alpine:3" && platform.Format(p) == "linux/arm/v7" {
			return after
		}
		return before
	}
	w.mustRun()
	want := []string{"docker-image://docker.io/library/alpine:3@" + before.String(), "docker-image://docker.io/library/busybox:latest@" + before.String()}
	for i, got := range w.sources() {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("platform %d (-want +got):\n%s", i, diff)
		}
	}
	// Only the platform that saw another digest is read again, and a note says why.
	if diff := cmp.Diff([]int{1, 2, 1}, w.readings()); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	rules := w.byPlatform()[1][1].Opt.SourcePolicy.GetRules()
	if len(rules) != 1 || rules[0].Selector.Identifier != "docker-image://docker.io/library/alpine:3" || rules[0].Updates.Identifier != want[0] {
		t.Errorf("rules %v", rules)
	}
}

func TestBasesThatAgreeAreReadOnceAndWithoutPolicies(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.mustRun()
	if diff := cmp.Diff([]int{1, 1, 1}, w.readings()); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	for _, s := range w.Solves() {
		if s.Opt.SourcePolicy != nil {
			t.Errorf("policy %v", s.Opt.SourcePolicy)
		}
	}
}

func TestGitAndHTTPSourcesAreResolvedOnceAndPinnedForAllPlatforms(t *testing.T) {
	const git, file = "git://example.com/lib.git#main:src", "https://example.com/data.bin"
	w := newHarness(t, "FROM scratch\nADD https://example.com/lib.git#main:src /lib\nADD https://example.com/data.bin /\n")
	w.mustRun()
	want := []string{"git://example.com/lib.git#" + buildkittest.Commit(git) + ":src", file + " " + buildkittest.Checksum(file).String()}
	for i, got := range w.sources() {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("platform %d (-want +got):\n%s", i, diff)
		}
	}
	if n, m := w.Resolved(git), w.Resolved(file); n != 1 || m != 1 {
		t.Errorf("resolved the repository %d times and the file %d times, want once each", n, m)
	}
}

func TestSourcesThatAreDecidedAlreadyAreLeftAlone(t *testing.T) {
	commit := buildkittest.Commit("x")
	sum := digest.FromString("data")
	w := newHarness(t, "FROM alpine@"+sum.String()+"\nADD https://example.com/lib.git#"+commit+" /lib\n"+
		"ADD --checksum="+sum.String()+" https://example.com/data.bin /\n")
	w.mustRun()
	want := []string{
		"docker-image://docker.io/library/alpine@" + sum.String(), "git://example.com/lib.git#" + commit, "https://example.com/data.bin " + sum.String(),
	}
	if diff := cmp.Diff([][]string{want, want, want}, w.sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 1, 1}, w.readings()); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	if n := w.Resolved("git://example.com/lib.git#"+commit) + w.Resolved("https://example.com/data.bin"); n != 0 {
		t.Errorf("%d questions, want none", n)
	}
}

func TestAGitContextIsBuiltFromOneCommit(t *testing.T) {
	w := newHarness(t, "")
	const git = "git://example.com/app.git#main"
	w.source(source.Options{Context: "https://example.com/app.git#main"})
	w.Files[git] = "FROM scratch\nCOPY . /\n"
	w.mustRun()
	want := []string{"git://example.com/app.git#" + buildkittest.Commit(git)}
	if diff := cmp.Diff([][]string{want, want, want}, w.sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2, 2, 2}, w.readings()); diff != "" { // the Dockerfile too must be from that commit
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

func TestWhatTheBuilderCannotResolveIsBuiltAsItIsWithAWarning(t *testing.T) {
	w := newHarness(t, "FROM scratch\nADD https://example.com/data.bin /\n")
	w.NoMetadata = true
	w.mustRun()
	if diff := cmp.Diff([]int{1, 1, 1}, w.readings()); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	contains(t, strings.Join(w.progress.notes, "\n"), "warning: https://example.com/data.bin cannot be pinned to one state for all platforms", "unknown method")
}
