package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// committed makes the working directory's parent a repository with one commit, and gives its hash.
func committed(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	var out []byte
	for _, words := range []string{
		"init -q", "remote add origin https://me:secret@example.com/app.git", "add .",
		"-c user.name=me -c user.email=me@example.com commit -q -m first", "rev-parse HEAD",
	} {
		var err error
		if out, err = exec.Command("git", strings.Fields(words)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", words, err, out)
		}
	}
	return strings.TrimSpace(string(out))
}

func TestWhereALocalContextComesFrom(t *testing.T) {
	s := newStage(t)
	s.write("app/Dockerfile", "FROM alpine\n")
	commit := committed(t)
	const url = "https://xxxxx:xxxxx@example.com/app.git"
	facts := map[string]string{"vcs:revision": commit, "vcs:source": url, "vcs:localdir:context": "app", "vcs:localdir:dockerfile": "app"}
	for name, tt := range map[string]struct {
		env    map[string]string
		args   []string
		facts  map[string]string
		labels map[string]string
	}{
		"nothing is asked for":   {nil, nil, nil, nil},
		"provenance":             {nil, []string{"--provenance=true"}, facts, nil},
		"provenance without git": {map[string]string{"BUILDX_GIT_INFO": "0"}, []string{"--provenance=true"}, nil, nil},
		"labels": {
			map[string]string{"BUILDX_GIT_LABELS": "1"},
			nil, nil,
			map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.source": url, dockerfileLabel: "app/Dockerfile"},
		},
		"labels that the user has, too, and changes": {
			map[string]string{"BUILDX_GIT_LABELS": "full", "BUILDX_GIT_CHECK_DIRTY": "1"},
			[]string{"--label", "org.opencontainers.image.source=mine"},
			nil,
			map[string]string{"org.opencontainers.image.revision": commit + "-dirty", "org.opencontainers.image.source": "mine", dockerfileLabel: "app/Dockerfile"},
		},
	} {
		if strings.Contains(name, "changes") {
			s.write("app/new", "")
		} else {
			_ = os.Remove(filepath.Join("app", "new"))
		}
		s.env = tt.env
		j, err := parseBuild(t.Context(), s.w, parsed(t, append(tt.args, "--push", "-t", s.host+"/app", "app")...))
		if err != nil {
			t.Fatal(err)
		}
		j.release()
		got := map[string]string{}
		for k, v := range j.request.Source.Attrs {
			if strings.HasPrefix(k, "vcs:") {
				got[k] = v
			}
		}
		if diff := cmp.Diff(len(tt.facts), len(got)); diff != "" || tt.facts != nil && cmp.Diff(tt.facts, got) != "" {
			t.Errorf("%s: facts (-want +got):\n%s", name, cmp.Diff(tt.facts, got))
		}
		if len(tt.labels) != len(j.request.Labels) || tt.labels != nil && cmp.Diff(tt.labels, j.request.Labels) != "" {
			t.Errorf("%s: labels (-want +got):\n%s", name, cmp.Diff(tt.labels, j.request.Labels))
		}
	}
}

func TestAContextInNoRepositoryHasNothingToTell(t *testing.T) {
	s := newStage(t)
	s.env["BUILDX_GIT_LABELS"] = "1"
	j, err := parseBuild(t.Context(), s.w, parsed(t, "--push", "-t", s.host+"/app", "."))
	if err != nil || len(j.request.Labels) != 0 {
		t.Errorf("%v, %v", j.request.Labels, err)
	}
}
