package clitest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// Hostile is a name by which an attacker tries to imitate the program's output, move the cursor, or reverse the direction of text.
const Hostile = "evil\n::warning::x\r\nFORGED: y\tz\x1b[3A\x1b]0;t\x07\x7f\u009b2J\x9b\u202e\u2066\u200f\u061c\u200b\u2028##vso[task]##[error]"

// Filled returns a value of T in which all texts are hostile.
func Filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}

// fill stops at a depth, since some types contain themselves.
func fill(v reflect.Value, depth int) {
	if !v.CanSet() || depth > 7 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(Hostile)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), depth+1)
		fill(v.Index(1), depth+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Interface:
		if err := reflect.ValueOf(errors.New(Hostile)); err.Type().Implements(v.Type()) && v.NumMethod() > 0 {
			v.Set(err)
		}
	default: // holds no text
	}
}

// With returns v after change.
func With[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return written(e.X)
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// sources returns the files of the tested package, without tests.
func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// CheckPrinters calls the printers of a package with hostile values, and checks that none is printed raw. The package's tests run in
// its folder. printers must have all functions of the package with a writer, except others: parts of a printer, streams, and functions
// that print text with lines of its own (answers of frontends, excerpts, ends of outputs), which are tested where that text is made.
// CheckPrinters also checks that fmt prints to a stream only constants and encoded documents.
func CheckPrinters(t *testing.T, printers map[string]func(io.Writer), others ...string) {
	t.Helper()
	for name, printer := range printers {
		t.Run(name, func(t *testing.T) { checkPrinter(t, printer) })
	}
	known := slices.Concat(slices.Collect(maps.Keys(printers)), others)
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if !isNamed(known, f) && writes(f) {
				t.Errorf("%s prints and is not tried with hostile text", f.Name.Name)
			}
			if !isNamed(ownPrinters, f) && printsPast(f) {
				t.Errorf("%s prints with fmt what may be another's text: use putf", f.Name.Name)
			}
		}
	}
}

// ownPrinters may print with fmt.
var ownPrinters = []string{"putf", "row", "result", "startOrUnknown", "printTrace", "run", "endOnSignal", "render", "renderLint", "newVersionCommand"}

// isNamed reports whether a function has one of the names, exported or not.
func isNamed(names []string, f *ast.FuncDecl) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, f.Name.Name) })
}

func checkPrinter(t *testing.T, printer func(io.Writer)) {
	t.Helper()
	var out Buffer
	printer(cli.NewStream(&out))
	text := out.String()
	if text == "" {
		t.Error("it prints nothing")
	}
	forbidden := []string{
		"\x1b", "\x07", "\x7f", "\r", "\u009b", "\x9b2J", "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\u2028", "##vso[", "##[error]",
	}
	for _, part := range forbidden {
		if strings.Contains(text, part) {
			t.Errorf("%q is shown: %q", part, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.HasPrefix(line, "FORGED") {
			t.Errorf("a line is forged: %q", text)
		}
	}
}

// writes reports whether a function has a writer among its parameters.
func writes(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(param *ast.Field) bool {
		text := written(param.Type)
		return text == "io.Writer" || text == "cli.Table"
	})
}

// printsPast reports whether a function prints text with fmt that is neither a constant nor an encoded document.
func printsPast(f *ast.FuncDecl) (past bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok || !strings.HasPrefix(written(c.Fun), "fmt.Fprint") && written(c.Fun) != "io.WriteString" {
			return true
		}
		if _, text := c.Args[0].(*ast.UnaryExpr); text { // the function fills a text
			return true
		}
		for _, arg := range c.Args[1:] {
			made, _ := arg.(*ast.CallExpr)
			_, literal := arg.(*ast.BasicLit)
			documents := []string{"printable.JSON", "asDocument", "cli.AsDocument"}
			if !literal && (made == nil || !slices.ContainsFunc(documents, func(d string) bool { return strings.EqualFold(d, written(made.Fun)) })) {
				past = true
			}
		}
		return true
	})
	return past
}
