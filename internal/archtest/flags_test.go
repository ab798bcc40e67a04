package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// commandLine are the folders of the packages that know our flags and commands. Stories run the commands.
var commandLine = []string{"cmd/", "internal/cli", "e2e/"}

// namedYet are the packages whose fixes still name flags. They leave the list when their fixes become the command line's.
var namedYet = []string{"internal/hints", "internal/preflight"}

// othersFlags are flags of ours whose names others have, too, so that a library may write them.
var othersFlags = map[string][]string{
	"Dockerfile":        {"platform", "from"},
	"buildkitd":         {"config"},
	"the binfmt image":  {"install"},
	"programs that run": {"version", "target"}, // app --version, cargo --target
}

var (
	flagRow = regexp.MustCompile("(?m)^\\| (?:`-[A-Za-z]`, )?`--([a-z-]+)`")
	aFlag   = regexp.MustCompile(`--([a-z][a-z-]+)`)
)

// ourFlags returns the names of the flags that docs/commands.md has and only our commands have.
func ourFlags(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range flagRow.FindAllStringSubmatch(string(text), -1) {
		names = append(names, row[1])
	}
	for _, others := range othersFlags {
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(others, name) })
	}
	if len(names) < 50 {
		t.Fatalf("docs/commands.md has %d flags only", len(names))
	}
	return names
}

// literals calls fn with each string literal of a Go file.
func literals(t *testing.T, file string, fn func(line int, text string)) {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				fn(fset.Position(lit.Pos()).Line, text)
			}
		}
		return true
	})
}

func TestNoLibraryNamesAFlagOrACommandOfOurs(t *testing.T) {
	ours, _ := packages(t)
	flags := ourFlags(t)
	for _, p := range ours {
		name := strings.TrimPrefix(p.ImportPath, modulePath)
		if slices.ContainsFunc(commandLine, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) || slices.Contains(namedYet, name) {
			continue
		}
		for _, file := range p.GoFiles {
			literals(t, filepath.Join(p.Dir, file), func(line int, text string) {
				for _, flag := range aFlag.FindAllStringSubmatch(text, -1) {
					if slices.Contains(flags, flag[1]) {
						t.Errorf("%s/%s:%d names the flag %s: %q", name, file, line, flag[0], text)
					}
				}
				for _, command := range []string{"build", "plan", "builder ", "emulators ", "manifest ", "load ", "push ", "inspect ", "verify ", "run ", "doctor"} {
					if strings.Contains(text, "docker multiarch "+command) {
						t.Errorf("%s/%s:%d names a command: %q", name, file, line, text)
					}
				}
			})
		}
	}
}
