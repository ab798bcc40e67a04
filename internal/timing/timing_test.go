package timing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAddedEntriesReplaceOlderOnes(t *testing.T) {
	first := timing.Record{}.With(timing.Times{"a": 128, "b": 2})
	second := timing.Decode(first.Encode()).With(timing.Times{"b": 3})
	if diff := cmp.Diff(timing.Times{"a": 128, "b": 3}, timing.Decode(second.Encode()).Times()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(timing.Times{"a": 128, "b": 2}, first.Times()); diff != "" {
		t.Errorf("the record was written to (-want +got):\n%s", diff)
	}
}

func TestTheOldestIsLetGo(t *testing.T) {
	var r timing.Record
	for i := range 3 {
		times := timing.Times{}
		for k := range 400 {
			times[timing.Key(fmt.Sprint(i, "-", k))] = 1
		}
		r = r.With(times)
	}
	kept := 0
	for k := range r.Times() {
		if strings.HasPrefix(string(k), "0-") {
			kept++
		}
	}
	if len(r.Times()) != 1000 || kept != 200 {
		t.Errorf("%d are kept, %d of the oldest", len(r.Times()), kept)
	}
}

func TestAnInvalidRecordCountsAsEmpty(t *testing.T) {
	for _, content := range []string{"", "{", "[]", `{"version":2,"steps":[{"key":"a","seconds":1}]}`} {
		if got := timing.Decode([]byte(content)).Times(); len(got) != 0 {
			t.Errorf("%q: %v", content, got)
		}
	}
}

func TestACommandDoesNotDependOnTheFilesBesideIt(t *testing.T) {
	arm64 := platform.Platform{OS: "linux", Architecture: "arm64"}
	step := graph.Step{Digest: "sha256:1", Args: []string{"/bin/sh", "-c", "make"}, Env: []string{"A=b"}, Cwd: "/src", Platform: arm64, Line: 3}
	key := timing.KeyOf("project", step)
	same := step
	same.Digest, same.Line = "sha256:2", 4
	if timing.KeyOf("project", same) != key {
		t.Error("another key for other files")
	}
	for name, change := range map[string]func(*graph.Step){
		"words":     func(s *graph.Step) { s.Args = []string{"/bin/sh", "-c", "make all"} },
		"variables": func(s *graph.Step) { s.Env = []string{"A=c"} },
		"directory": func(s *graph.Step) { s.Cwd = "/" },
		"platform":  func(s *graph.Step) { s.Platform.Architecture = "s390x" },
		"a split":   func(s *graph.Step) { s.Args, s.Env = []string{"/bin/sh", "-c", "make", "A=b"}, nil },
	} {
		other := step
		change(&other)
		if timing.KeyOf("project", other) == key {
			t.Errorf("the same key with other %s", name)
		}
	}
	if timing.KeyOf("another", step) == key {
		t.Error("the same key in another project")
	}
}
