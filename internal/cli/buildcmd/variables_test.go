package buildcmd

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

func TestAProjectsFileGetsOnlyVariablesThatAreNoSecrets(t *testing.T) {
	for name, tt := range map[string]struct {
		image string
		args  []string
		allow string // variables in the environment
		want  string // the pushed tag; "" if it is refused
		says  []string
	}{
		"a version":                     {"HOST/app:${VERSION}", nil, "", "1.2", nil},
		"a commit":                      {"HOST/app:${CI_COMMIT_SHORT_SHA}-${GITHUB_RUN_NUMBER}", nil, "", "abc-7", nil},
		"a secret":                      {"HOST/app:${MY_TOKEN}", nil, "", "", []string{`${MY_TOKEN}": the environment's MY_TOKEN may be a secret`, "Hint: to allow it, use --allow-env MY_TOKEN, or set DOCKER_MULTIARCH_ALLOW_ENV"}},
		"one that is not set":           {"HOST/app:${UNSET}", nil, "", "", []string{"--allow-env UNSET"}},
		"two of them":                   {"[HOST/a, 'HOST/b:${MY_TOKEN}-${HOME}', 'HOST/c:${OTHER}']", nil, "", "", []string{"MY_TOKEN, HOME, OTHER may be"}},
		"one that the user allows":      {"HOST/app:${MY_TOKEN}", []string{"--allow-env", "MY_TOKEN"}, "", "ghs-123", nil},
		"one that the user's shell has": {"HOST/app:${MY_TOKEN}", nil, "A, MY_TOKEN", "ghs-123", nil},
		"one that the flag has not":     {"HOST/app:${MY_TOKEN}", []string{"--allow-env", "MY_TOKENS"}, "", "", []string{"--allow-env MY_TOKEN,"}},
		"an allowed one without value":  {"HOST/app:${UNSET}", []string{"--allow-env", "UNSET"}, "", "", []string{"the environment variable UNSET is not set"}},
		"an allowed one that fits not":  {"HOST/app:${MY_KEY}", []string{"--allow-env", "MY_KEY"}, "", "", []string{`app:${MY_KEY}": it is not a valid name after its variables are replaced`}},
		"a flag that is no name":        {"HOST/app", []string{"--allow-env", "A=B"}, "", "", []string{`--allow-env "A=B" is not the name of`}},
		"a reference that is no name":   {"HOST/app:${A B}", nil, "", "", []string{"not the name of an environment variable"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			s.Vars = map[string]string{"VERSION": "1.2", "CI_COMMIT_SHORT_SHA": "abc", "GITHUB_RUN_NUMBER": "7", "MY_TOKEN": "ghs-123", "MY_KEY": "wJal/XU+tn=", "HOME": "/h", "DOCKER_MULTIARCH_ALLOW_ENV": tt.allow}
			s.Write(project.Name, "image: "+tt.image+"\n")
			status := s.Command(append([]string{"build", "--push", "-q", "."}, tt.args...)...)
			if tt.want != "" {
				if status != 0 || s.Tagged("app:"+tt.want) == "" {
					t.Errorf("status %d:\n%s", status, s.Err.String())
				}
				return
			}
			if status != cli.ExitUsage || s.Connects != 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), tt.says...)
			for _, secret := range []string{"ghs-123", "wJal"} {
				if strings.Contains(s.Err.String(), secret) {
					t.Errorf("a value is shown:\n%s", s.Err.String())
				}
			}
		})
	}
}

func TestTheUsersOwnNamesMayHaveAnyVariable(t *testing.T) {
	s := newHarness(t)
	s.Vars = map[string]string{"MINE": "v1", "BAD": "wJal/XU+tn="}
	if status := s.Command("build", "--push", "-q", "-t", "HOST/app:${MINE}", "."); status != 0 || s.Tagged("app:v1") == "" {
		t.Errorf("status %d:\n%s", status, s.Err.String())
	}
	if status := s.Command("build", "--push", "-q", "-t", "HOST/app:${BAD}", "."); status != cli.ExitUsage || strings.Contains(s.Err.String(), "wJal") {
		t.Errorf("status %d:\n%s", status, s.Err.String())
	}
}

// screen is a stream that is a terminal.
type screen struct {
	io.Reader
	io.Writer
}

func (screen) IsTerminal() bool { return true }

func TestOnATerminalAProjectsVariablesAreAskedForOnce(t *testing.T) {
	for reply, want := range map[string]int{"y\n": 0, "n\n": cli.ExitUsage, "": cli.ExitUsage} {
		s := newHarness(t)
		s.Vars["MY_TOKEN"], s.Vars["TEAM"] = "ghs-123", "core"
		s.Env.In = screen{Reader: strings.NewReader(reply)}
		s.Env.Err = screen{Writer: &s.Err}
		s.Write(project.Name, "image: ['HOST/app:${MY_TOKEN}', 'HOST/${TEAM}:${MY_TOKEN}']\n")
		if status := s.Command("build", "--push", "-q", "--progress", "quiet", "."); status != want {
			t.Errorf("%q: status %d:\n%s", reply, status, s.Err.String())
		}
		if n := strings.Count(s.Err.String(), "Allow it? [y/N]"); n != 1 {
			t.Errorf("%q: asked %d times:\n%s", reply, n, s.Err.String())
		}
		clitest.Contains(t, s.Err.String(), "MY_TOKEN, TEAM", "/app:${MY_TOKEN}")
		if s.Out.String() != "" != (want == 0) {
			t.Errorf("%q: standard output %q", reply, s.Out.String())
		}
	}
}

func TestVariablesOfTheUsersOwnNamesNeedNoConfirmation(t *testing.T) {
	s := newHarness(t)
	s.Write(project.Name, "image: HOST/app:${MY_TOKEN}\n")
	for _, args := range [][]string{{"build", "-q", "--push", "-t", "HOST/mine", "."}, {"build", "--check", "."}} {
		if status := s.Command(args...); status != 0 {
			t.Errorf("%v: status %d:\n%s", args, status, s.Err.String())
		}
	}
}

func TestALoadUnderTheProjectsNameIsSaidBeforeTheBuild(t *testing.T) {
	s := newHarness(t)
	s.Write(project.Name, "image: HOST/app\n")
	j, err := parseBuild(t.Context(), s.Env, parsed(t, "--load", "."))
	if err != nil {
		t.Fatal(err)
	}
	if want := "loading as " + s.Host + "/app:latest (" + project.Name + ")"; !slices.Contains(linesOf(j.notes), want) {
		t.Errorf("%q is not among %q", want, j.notes)
	}
}

func TestAProjectsFileIsAFileOfTheProject(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(secret, []byte("root:*:20228:0:99999:7::\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		make func() error
		says []string
	}{
		"a link to a secret":       {func() error { return os.Symlink(secret, project.Name) }, []string{"is a link to", "leads out of the build context"}},
		"a link to a device":       {func() error { return os.Symlink("/dev/zero", project.Name) }, []string{"leads out of the build context"}},
		"a folder":                 {func() error { return os.Mkdir(project.Name, 0o755) }, []string{"is a directory, not a file"}},
		"more than a person wrote": {func() error { return os.WriteFile(project.Name, bytes.Repeat([]byte("# \n"), 30_000), 0o600) }, []string{"is larger than 64KiB"}},
		"another kind of text":     {func() error { return os.WriteFile(project.Name, []byte("root:*:20228:0:99999:7::\n"), 0o600) }, []string{`line 1: unknown key "root"`}},
		"a key without an end": {
			func() error { return os.WriteFile(project.Name, []byte(strings.Repeat("a", 100)+": 1\n"), 0o600) },
			[]string{`unknown key "` + strings.Repeat("a", 40) + `"`},
		},
		"a key that is there twice": {
			func() error { return os.WriteFile(project.Name, []byte("image: a\nimage: b\n"), 0o600) }, []string{`duplicate key "image"`},
		},
		"no YAML": {func() error { return os.WriteFile(project.Name, []byte("image: &20228 a\nplatforms: *99999\n"), 0o600) }, []string{"invalid YAML"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			if err := tt.make(); err != nil {
				t.Fatal(err)
			}
			if status := s.Command("build", "--push"); status != cli.ExitUsage || s.Connects != 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), append(tt.says, "ERROR: "+project.Name)...)
			if strings.Contains(s.Err.String(), "20228") || strings.Contains(s.Err.String(), "99999") {
				t.Errorf("what the file holds is shown:\n%s", s.Err.String())
			}
		})
	}
}
