package buildcmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// committed makes the working directory's parent a repository with one commit, and returns the commit's hash.
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
	s := newHarness(t)
	s.Write("app/Dockerfile", "FROM alpine\n")
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
			map[string]string{"org.opencontainers.image.revision": commit, "org.opencontainers.image.source": url, "com.docker.image.source.entrypoint": "app/Dockerfile"},
		},
		"labels that the user has, too, and changes": {
			map[string]string{"BUILDX_GIT_LABELS": "full", "BUILDX_GIT_CHECK_DIRTY": "1"},
			[]string{"--label", "org.opencontainers.image.source=mine"},
			nil,
			map[string]string{"org.opencontainers.image.revision": commit + "-dirty", "org.opencontainers.image.source": "mine", "com.docker.image.source.entrypoint": "app/Dockerfile"},
		},
	} {
		if strings.Contains(name, "changes") {
			s.Write("app/new", "")
		} else {
			_ = os.Remove(filepath.Join("app", "new"))
		}
		s.Vars = tt.env
		j, err := parseBuild(t.Context(), s.Env, parsed(t, append(tt.args, "--push", "-t", s.Host+"/app", "app")...))
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
	s := newHarness(t)
	s.Vars["BUILDX_GIT_LABELS"] = "1"
	j, err := parseBuild(t.Context(), s.Env, parsed(t, "--push", "-t", s.Host+"/app", "."))
	if err != nil || len(j.request.Labels) != 0 {
		t.Errorf("%v, %v", j.request.Labels, err)
	}
}

// hostileRepository makes a repository whose configuration runs a program whenever git reads it, and returns the file that such a
// program writes.
func hostileRepository(t *testing.T, s *harness) string {
	t.Helper()
	ran := filepath.Join(t.TempDir(), "ran")
	s.Write(".gitattributes", "*.txt filter=evil\n*.bin filter=odd=name\n")
	s.Write("a.txt", "one")
	s.Write(".git-extra", "[filter \"evil\"]\n\tclean = touch "+ran+"; cat\n")
	committed(t)
	s.Write(".git/hooks/post-index-change", "#!/bin/sh\ntouch "+ran+"\n")
	if err := os.Chmod(".git/hooks/post-index-change", 0o700); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"core.fsmonitor": "touch " + ran + "; false", "core.pager": "touch " + ran, "diff.external": "touch " + ran, "include.path": "../.git-extra",
		"core.hooksPath": ".git/hooks", "filter.evil.process": "touch " + ran,
	} {
		if out, err := exec.Command("git", "config", key, value).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", err, out)
		}
	}
	s.Write("a.txt", "two") // same size, so that git has to read it
	return ran
}

func TestNoProgramOfTheContextsRepositoryRuns(t *testing.T) {
	for name, more := range map[string]func(*testing.T, *harness, string) string{ // returns the context
		"its own settings": func(*testing.T, *harness, string) string { return "." },
		"a filter that -c cannot name": func(t *testing.T, _ *harness, ran string) string {
			t.Helper()
			if out, err := exec.Command("git", "config", "filter.odd=name.clean", "touch "+ran).CombinedOutput(); err != nil {
				t.Fatalf("%s: %s", err, out)
			}
			return "."
		},
		"objects of another repository": func(t *testing.T, _ *harness, ran string) string {
			t.Helper()
			for _, words := range [][]string{
				{"core.repositoryformatversion", "1"},
				{"extensions.partialClone", "origin"},
				{"remote.origin.promisor", "true"},
				{"remote.origin.url", "."},
				{"remote.origin.uploadpack", "touch " + ran + "; false"},
			} {
				if out, err := exec.Command("git", append([]string{"config"}, words...)...).CombinedOutput(); err != nil {
					t.Fatalf("%s: %s", err, out)
				}
			}
			tree, err := exec.Command("git", "-c", "core.fsmonitor=false", "rev-parse", "HEAD^{tree}").Output()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(".git/objects", string(tree[:2]), strings.TrimSpace(string(tree[2:])))); err != nil {
				t.Fatal(err)
			}
			return "."
		},
		"a bare repository among the files": func(t *testing.T, s *harness, ran string) string {
			t.Helper()
			s.Write("sub/HEAD", "ref: refs/heads/main\n")
			s.Write("sub/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = \"touch "+ran+"; false\"\n")
			commit, err := exec.Command("git", "-c", "core.fsmonitor=false", "rev-parse", "HEAD").Output()
			if err != nil {
				t.Fatal(err)
			}
			s.Write("sub/objects/info/alternates", "../../.git/objects\n")
			s.Write("sub/refs/heads/main", string(commit))
			s.Write("sub/Dockerfile", "FROM alpine\n")
			return "sub"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			ran := hostileRepository(t, s)
			context := more(t, s, ran)
			_ = os.Remove(ran)
			s.Vars = map[string]string{"BUILDX_GIT_LABELS": "1", "BUILDX_GIT_CHECK_DIRTY": "1"}
			j, err := parseBuild(t.Context(), s.Env, parsed(t, "--push", "-t", s.Host+"/app", context))
			if err != nil {
				t.Fatal(err)
			}
			j.release()
			if _, err := os.Stat(ran); err == nil {
				t.Error("a program of the repository has run")
			}
			if got := j.request.Labels["org.opencontainers.image.revision"]; context == "." && !strings.HasSuffix(got, "-dirty") {
				t.Errorf("the revision is %q", got)
			}
		})
	}
}
