package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFiles  = 30 // files of a package, tests not counted
	maxCircle = 12 // files of a package each of which depends on all others, directly or through others
)

// listed is the output of `go list -json` for a package.
type listed struct {
	ImportPath, Dir, Export string
	Standard                bool
	GoFiles, Imports        []string
	Module                  *struct{ Main bool }
}

// packages returns those of this module, and the paths of the compiled packages that they import.
func packages(t *testing.T) (ours []listed, exports map[string]string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,Standard,GoFiles,Imports,Module", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports = map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return ours, exports
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main {
			ours = append(ours, p)
		}
	}
}

// ties maps each file of a package to the files that it depends on: those that declare a package-level object, a field or a
// method that it uses.
func ties(t *testing.T, p listed, exports map[string]string) map[string]map[string]bool {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	pkg, err := config.Check(p.ImportPath, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	return fileTies(fset, pkg, info)
}

func fileTies(fset *token.FileSet, pkg *types.Package, info *types.Info) map[string]map[string]bool {
	file := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	found := map[string]map[string]bool{}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg || !shared(object, pkg) {
			continue
		}
		from, to := file(ident.Pos()), file(object.Pos())
		if from == to {
			continue
		}
		if found[from] == nil {
			found[from] = map[string]bool{}
		}
		found[from][to] = true
	}
	return found
}

// shared reports whether other files of the package can use an object: a package-level one, a field or a method.
func shared(object types.Object, pkg *types.Package) bool {
	switch o := object.(type) {
	case *types.Var:
		return o.IsField() || o.Parent() == pkg.Scope()
	case *types.Func:
		return o.Signature().Recv() != nil || o.Parent() == pkg.Scope()
	default:
		return o.Parent() == pkg.Scope()
	}
}

// largestCircle returns the largest set of files that all depend on one another (Tarjan's strongly connected components), sorted.
func largestCircle(ties map[string]map[string]bool) []string {
	var largest, stack []string
	index, low, onStack := map[string]int{}, map[string]int{}, map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		index[file] = len(index) + 1
		low[file] = index[file]
		stack, onStack[file] = append(stack, file), true
		for next := range ties[file] {
			if index[next] == 0 {
				visit(next)
				low[file] = min(low[file], low[next])
			} else if onStack[next] {
				low[file] = min(low[file], index[next])
			}
		}
		if low[file] != index[file] {
			return
		}
		at := slices.Index(stack, file)
		circle := slices.Sorted(slices.Values(stack[at:]))
		stack = stack[:at]
		for _, member := range circle {
			delete(onStack, member)
		}
		if len(circle) > len(largest) {
			largest = circle
		}
	}
	for _, file := range slices.Sorted(maps.Keys(ties)) {
		if index[file] == 0 {
			visit(file)
		}
	}
	return largest
}

// inside lists the ties of a circle's files to one another, a line a file.
func inside(circle []string, ties map[string]map[string]bool) string {
	var text strings.Builder
	for _, file := range circle {
		to := slices.DeleteFunc(slices.Sorted(maps.Keys(ties[file])), func(name string) bool { return !slices.Contains(circle, name) })
		fmt.Fprintf(&text, "\t%s -> %s\n", file, strings.Join(to, " "))
	}
	return text.String()
}

func TestNoPackageIsTooLargeOrATangle(t *testing.T) {
	ours, exports := packages(t)
	if len(ours) < 20 {
		t.Fatalf("go list found %d packages only", len(ours))
	}
	for _, p := range ours {
		ties := ties(t, p, exports)
		circle := largestCircle(ties)
		t.Logf("%-80s %3d files, circle of %d", p.ImportPath, len(p.GoFiles), len(circle))
		if len(p.GoFiles) > maxFiles {
			t.Errorf("%s has %d files; at most %d are allowed", p.ImportPath, len(p.GoFiles), maxFiles)
		}
		if len(circle) > maxCircle {
			t.Errorf("%s: %d files depend on one another in a circle; at most %d may:\n%s", p.ImportPath, len(circle), maxCircle, inside(circle, ties))
		}
	}
}

func TestLargestCircle(t *testing.T) {
	to := func(files ...string) map[string]bool {
		set := map[string]bool{}
		for _, file := range files {
			set[file] = true
		}
		return set
	}
	ties := map[string]map[string]bool{"a": to("b", "d"), "b": to("c"), "c": to("a"), "d": to("e"), "e": to("d"), "f": to("a")}
	if got := strings.Join(largestCircle(ties), " "); got != "a b c" {
		t.Errorf("the largest circle is %q", got)
	}
	if got := inside([]string{"d", "e"}, ties); got != "\td -> e\n\te -> d\n" {
		t.Errorf("its ties are %q", got)
	}
}
