package timing_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestWhatIsAddedIsThereAndReplacesWhatWas(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "times.json")
	for _, times := range []timing.Times{{"a": 128, "b": 2}, {"b": 3}, {}} {
		if err := timing.Add(file, times); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(timing.Times{"a": 128, "b": 3}, timing.Load(file)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	left, _ := os.ReadDir(filepath.Dir(file))
	if len(left) != 1 {
		t.Errorf("%v", left)
	}
}

func TestTheOldestIsLetGo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "times.json")
	for i := range 3 {
		times := timing.Times{}
		for k := range 400 {
			times[timing.Key(fmt.Sprint(i, "-", k))] = 1
		}
		if err := timing.Add(file, times); err != nil {
			t.Fatal(err)
		}
	}
	got := timing.Load(file)
	kept := 0
	for k := range got {
		if strings.HasPrefix(string(k), "0-") {
			kept++
		}
	}
	if len(got) != 1000 || kept != 200 {
		t.Errorf("%d are kept, %d of the oldest", len(got), kept)
	}
}

func TestAFileThatIsNoneOfOursCountsAsEmptyAndIsReplaced(t *testing.T) {
	for _, content := range []string{"", "{", `{"version":2,"steps":[{"key":"a","seconds":1}]}`, `{"version":1,"steps":[{"key":"a","seconds":-1}]}`, strings.Repeat(" ", 2<<20)} {
		file := filepath.Join(t.TempDir(), "times.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := timing.Load(file); len(got) != 0 {
			t.Errorf("%.40q: %v", content, got)
		}
		if err := timing.Add(file, timing.Times{"b": 1}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(timing.Times{"b": 1}, timing.Load(file)); diff != "" {
			t.Errorf("%.40q (-want +got):\n%s", content, diff)
		}
	}
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := timing.Add(filepath.Join(file, "times.json"), timing.Times{"a": 1}); err == nil {
		t.Error("no error")
	}
}

func TestACommandIsTheSameWhateverFilesItFinds(t *testing.T) {
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
