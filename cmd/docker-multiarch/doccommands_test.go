package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/google/shlex"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/connect"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/plugin"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// A docCommand is a command line of this program in the documentation.
type docCommand struct {
	at     string // file:line
	words  string // after "docker multiarch"
	inline bool   // in a sentence, where a command without arguments is only named
}

// documentation returns the texts of the files whose command lines are checked, by their paths from the repository's root. The
// changelog's commands were right when they were written.
func documentation(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*/*", "examples/*/.*"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[strings.TrimPrefix(file, repository+"/")] = string(text)
		}
	}
	delete(texts, "docs/CHANGELOG.md")
	return texts
}

const (
	repository = "../.."
	program    = "docker multiarch "
)

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	// form is the line that shows all words of a command: docs/commands.md has one for each.
	form = regexp.MustCompile(`\[OPTIONS\]|^(version|manifest rm MANIFEST_LIST.*)$`)
)

// docCommands returns the commands of a text: in blocks of code, joined with the lines that continue them, and in inline code. A line
// that begins with a flag continues the line before, as in YAML's folded text.
func docCommands(file, text string) (commands []docCommand) {
	fenced, markdown := false, filepath.Ext(file) == ".md"
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line, at := lines[i], fmt.Sprintf("%s:%d", file, i+1)
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if !fenced && markdown && !strings.HasPrefix(line, "    ") || !markdown {
			for _, match := range inlineCode.FindAllStringSubmatch(line, -1) {
				if words, ok := strings.CutPrefix(match[1], program); ok {
					commands = append(commands, docCommand{at, words, true})
				}
			}
			continue
		}
		_, words, ok := strings.Cut(line, program)
		if !ok || form.MatchString(words) {
			continue
		}
		for ; i+1 < len(lines); i++ {
			next := strings.TrimSpace(lines[i+1])
			if rest, continues := strings.CutSuffix(words, "\\"); continues {
				words = rest + next
			} else if strings.HasPrefix(next, "-") && !strings.HasPrefix(next, "- ") {
				words += " " + next
			} else {
				break
			}
		}
		commands = append(commands, docCommand{at, words, false})
	}
	return commands
}

// standIns are what the documentation's placeholders and the variables of CI systems stand for.
var standIns = strings.NewReplacer(
	"sha256:…", "sha256:"+strings.Repeat("0", 64),
	" REF", " registry.example/app:1.0", " NAME", " registry.example/app:1.0", " ARCHIVE", " app.tar",
	"${{ matrix.platform }}", "linux/arm64", "${{ matrix.name }}", "arm64",
	"${{ github.repository }}", "me/app", "${{ github.ref_name }}", "1.0", "${{ github.event.number }}", "7",
	"$PLATFORM", "linux/arm64", "$NAME", "arm64", "$CI_REGISTRY_IMAGE", "registry.example/app", "$CI_COMMIT_TAG", "1.0",
	"*.json", "amd64.json arm64.json",
)

// noRegistry carries no request: a command that ends with its error was read as a whole.
type noRegistry struct{}

func (noRegistry) RoundTrip(*http.Request) (*http.Response, error) { return nil, errReached }

var errReached = errors.New("no registry in this test")

// withoutServers returns the environment of the commands as the Docker CLI gives it, but without registries.
func withoutServers(t *testing.T) (*cli.Env, *dockercli.CLI) {
	t.Helper()
	docker := dockercli.New(io.Discard)
	w := connect.Env(docker, os.Stderr, "test")
	w.Streams = cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
	w.Drivers = drivers(w)
	w.LookupEnv = func(string) (string, bool) { return "", false }
	w.CacheDir, w.StateDir = t.TempDir, t.TempDir
	w.Registry = func(context.Context, func(string), ...string) *manifest.Client {
		return manifest.New(manifest.Options{Transport: noRegistry{}, Retry: manifest.Retry{MaxWait: -1}})
	}
	return w, docker
}

// runDocumented runs a command without an engine and without registries. It returns the error with which the command stops, unless the
// command was read as a whole: it lacks the engine, a registry, or a file or a manifest list that an earlier command makes.
func runDocumented(t *testing.T, c docCommand) error {
	t.Helper()
	args, err := shlex.Split(standIns.Replace(c.words))
	if err != nil {
		return err
	}
	w, docker := withoutServers(t)
	root := plugin.Alone(docker, newRoot(w, "docker-multiarch"))
	if _, rest, err := root.Find(args); err == nil && len(rest) == 0 && c.inline {
		return nil
	}
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs(append([]string{"--host", "unix://" + filepath.Join(t.TempDir(), "none.sock")}, args...))
	err = root.ExecuteContext(t.Context())
	for _, lacking := range []error{errReached, engine.ErrUnreachable, fs.ErrNotExist, draft.ErrNone, kubectl.ErrMissing} {
		if errors.Is(err, lacking) {
			return nil
		}
	}
	if _, ok := errors.AsType[*kubectl.Error](err); ok { // there is no cluster
		return nil
	}
	if args[0] == "doctor" && !isUsage(err) { // it reports the engine in its table
		return nil
	}
	return err
}

func isUsage(err error) bool {
	_, ok := errors.AsType[*cli.Usage](err)
	return ok
}

// makeProject makes a working directory with the Dockerfiles that the documentation's commands name, and the examples.
func makeProject(t *testing.T) {
	t.Helper()
	examples := os.DirFS(filepath.Join(repository, "examples"))
	config.SetDir(t.TempDir())
	dir := t.TempDir()
	err := os.CopyFS(filepath.Join(dir, "examples"), examples)
	for _, name := range []string{"Dockerfile", "Dockerfile.arm", "Dockerfile-amd64", "Dockerfile-arm"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte("FROM alpine\n"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// withProjectFile is the command that a project's file makes complete.
const withProjectFile = "build --push"

func TestEveryCommandInTheDocumentationIsAccepted(t *testing.T) {
	var commands []docCommand
	for file, text := range documentation(t) {
		commands = append(commands, docCommands(file, text)...)
	}
	if len(commands) < 100 {
		t.Errorf("only %d commands were found", len(commands))
	}
	makeProject(t)
	t.Setenv("KUBECONFIG", "none") // nor is that of this machine asked
	const projectFile = ".docker-multiarch.yaml"
	for _, c := range commands {
		if c.words == withProjectFile {
			if err := os.WriteFile(projectFile, []byte("image: registry.example/team/app\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := runDocumented(t, c); err != nil {
			t.Errorf("%s: docker multiarch %s\n%v", c.at, c.words, err)
		}
		_ = os.Remove(projectFile)
	}
}

// foreignFlags are flags of others that the documentation names without their command.
var foreignFlags = []string{
	"link",                       // of COPY
	"allow-insecure-entitlement", // of buildkitd
}

var flagName = regexp.MustCompile(`(?:^| )--([a-z][a-z0-9-]*)`)

func TestEveryFlagInTheDocumentationExists(t *testing.T) {
	docker := dockercli.New(io.Discard)
	root := plugin.Alone(docker, newRoot(&cli.Env{}, "docker-multiarch"))
	for file, text := range documentation(t) {
		for i, line := range strings.Split(text, "\n") {
			for _, code := range inlineCode.FindAllStringSubmatch(line, -1) {
				for _, flag := range flagName.FindAllStringSubmatch(code[1], -1) {
					if !hasFlag(root, code[1], flag[1]) {
						t.Errorf("%s:%d: `%s`: no such flag", file, i+1, code[1])
					}
				}
			}
		}
	}
}

// advised matches a command in a message or a help text of the program.
var advised = regexp.MustCompile(program + `([a-z][^"\x60;,)\n]*)`)

func TestEveryFlagInAdviceExists(t *testing.T) {
	root, found := newRoot(&cli.Env{}, "docker-multiarch"), 0
	err := filepath.WalkDir(filepath.Join(repository, "internal"), func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, command := range advised.FindAllStringSubmatch(string(text), -1) {
			for _, flag := range flagName.FindAllStringSubmatch(command[1], -1) {
				found++
				if !hasFlag(root, command[1], flag[1]) {
					t.Errorf("%s: \"%s%s\": no flag --%s", file, program, command[1], flag[1])
				}
			}
		}
		return nil
	})
	if err != nil || found < 10 {
		t.Errorf("%d flags, %v", found, err)
	}
}

// hasFlag reports whether the command that inline code begins with has a flag. Code that begins with a flag may be about any command,
// and flags of other programs are not looked at, nor are the arguments of run, which are another program's.
func hasFlag(root *cobra.Command, code, flag string) bool {
	if strings.HasPrefix(code, "-") {
		return slices.Contains(foreignFlags, flag) || anyHas(root, flag)
	}
	cmd, _, err := root.Find(strings.Fields(strings.TrimPrefix(code, program)))
	return err != nil || cmd == root || cmd.Name() == "run" || flag == "help" || cmd.Flag(flag) != nil
}

func anyHas(cmd *cobra.Command, flag string) bool {
	return flag == "help" || cmd.Flag(flag) != nil ||
		slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return anyHas(sub, flag) })
}

func TestAWrongCommandInTheDocumentationIsFound(t *testing.T) {
	text := strings.Join([]string{
		"    docker multiarch biuld .", "    $ docker multiarch build --pussh .", "`docker multiarch inspect a b`",
		"    docker multiarch build --platform linux/arm65 --load -t app .", "    docker multiarch build -o type=nothing .",
		"    docker multiarch build --cache-to type=registry --load -t app \\", "      .", "`docker multiarch manifest merg`",
		"    docker multiarch build --load \\", "      -t App .",
	}, "\n")
	commands := docCommands("x.md", text)
	if len(commands) != 8 || commands[7].at != "x.md:9" {
		t.Fatalf("%d commands were found: %v", len(commands), commands)
	}
	makeProject(t)
	for _, c := range commands {
		if runDocumented(t, c) == nil {
			t.Errorf("%s: %s: no error", c.at, c.words)
		}
	}
}
