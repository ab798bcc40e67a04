package main

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
	"text/tabwriter"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// hostile is a name as somebody may give it who wants to be taken for the program, to move the cursor, or to turn a reader's eyes.
const hostile = "evil\n::warning::x\r\nFORGED: y\tz\x1b[3A\x1b]0;t\x07\x7f\u009b2J\x9b\u202e\u2066\u200f\u061c\u200b\u2028##vso[task]##[error]"

// filled gives values whose texts are all hostile.
func filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), 0)
	return v
}

// fill goes as deep as what is printed; some types contain themselves.
func fill(v reflect.Value, depth int) {
	if !v.CanSet() || depth > 7 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
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
		if err := reflect.ValueOf(errors.New(hostile)); err.Type().Implements(v.Type()) && v.NumMethod() > 0 {
			v.Set(err)
		}
	}
}

// with changes a value.
func with[T any](v T, change func(*T)) T {
	change(&v)
	return v
}

// printers are all functions of this package that print what another may have chosen, with hostile values.
func printers() map[string]func(io.Writer) {
	report := with(filled[solve.Report](), func(r *solve.Report) { r.ByDigest = nil }) // names that were parsed
	for i := range report.Platforms {
		report.Platforms[i].Verify.Findings[0].Severity = gate.Error
	}
	findings := report.Platforms[0].Verify.Findings
	refused := &preflight.Error{Findings: filled[[]preflight.Finding]()}
	asked := job{request: solve.Request{}}
	plan := with(filled[planShown](), func(p *planShown) { p.Findings[0].Severity, p.Findings[1].Severity = "warning", "error" })
	difference := filled[diffRow]()
	warned := warnings{}
	warned.see(platform.Platform{OS: hostile}, &bkclient.SolveStatus{Warnings: []*bkclient.VertexWarning{with(filled[*bkclient.VertexWarning](), func(w **bkclient.VertexWarning) {
		(*w).SourceInfo.Data = []byte(hostile)
	})}})
	image := with(filled[imageRow](), func(r *imageRow) { r.Kind = "index" })
	inTable := func(print func(*tabwriter.Writer, planShown)) func(io.Writer) {
		return func(out io.Writer) {
			t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
			print(t, plan)
			_ = t.Flush()
		}
	}
	answers := []solve.Answer{{Values: map[string][]byte{"result.txt": []byte(hostile), "version": []byte("9")}}}
	inspected := with(filled[builderRow](), func(r *builderRow) {
		details := filled[nodeDetails]()
		r.Nodes[0].nodeDetails = &details
	})
	records := filled[[]*bkclient.UsageInfo]()
	return map[string]func(io.Writer){
		"delivered":    func(out io.Writer) { delivered(out, report) },
		"loaded":       func(out io.Writer) { loaded(out, report) },
		"tags":         func(out io.Writer) { tags(out, report) },
		"sayUntouched": func(out io.Writer) { sayUntouched(out, asked, report) },
		"table":        func(out io.Writer) { table(out, report) },
		"describe":     func(out io.Writer) { archivedImage{}.describe(out, hostile) },
		"writeJSON":    func(out io.Writer) { _ = writeJSON(out, filled[emulatorsStatus]()) },
		"writeTotals":  func(out io.Writer) { _ = writeTotals(out, records) },
		"doctorPage":   func(out io.Writer) { _ = doctorPage(out, filled[diagnosis]()) },
		"printPlanned": func(out io.Writer) { _ = printPlanned(out, filled[[]emulation.Planned]()) },
		"printInstalled": func(out io.Writer) {
			_ = printInstalled(out, "table", filled[[]platform.Platform](), filled[emulation.Report]())
		},
		"emulatorsQuiet":  func(out io.Writer) { _ = emulatorsQuiet(out, filled[emulatorsStatus]()) },
		"emulatorsTable":  func(out io.Writer) { _ = emulatorsTable(out, filled[emulatorsStatus]()) },
		"explain":         func(out io.Writer) { explain(out, errors.New(hostile)) },
		"printHint":       func(out io.Writer) { printHint(out, &hinted{errors.New(hostile), hostile}) },
		"explainFindings": func(out io.Writer) { explainFindings(out, refused) },
		"list":            func(out io.Writer) { list(out, findings) },
		"writeRows": func(out io.Writer) {
			_ = writeRows(out, "table", builderColumns(), []*builderContext{{builderRow: inspected}})
			for _, format := range []string{"table {{.Description}}\t{{.Type}}", recordPretty, "json"} {
				_ = writeRows(out, format, recordColumns(), recordRows(records, false, records[0].CreatedAt))
			}
		},
		"writeOne": func(out io.Writer) {
			_ = writeOne(out, "json", image)
			_ = writeOne(out, "{{json .Name}}", image)
		},
		"inspectTable": func(out io.Writer) { _ = inspectTable(out, image, true) },
		"inspectText":  func(out io.Writer) { _ = inspectText(out, inspected) },
		"diffTable":    func(out io.Writer) { _ = diffTable(out, difference) },
		"diffLines": func(out io.Writer) {
			for _, state := range []tree.State{tree.Removed, tree.Added, tree.Same, tree.Changed} {
				diffLines(out, with(difference.Platforms[0], func(p *diffPlatform) { p.State = state }))
			}
		},
		"mergedTable":   func(out io.Writer) { mergedTable(out, filled[merge.Result]()) },
		"printPlan":     func(out io.Writer) { printPlan(out, plan) },
		"printSteps":    inTable(printSteps),
		"printStages":   func(out io.Writer) { printStages(out, plan) },
		"printBases":    inTable(printBases),
		"printHints":    func(out io.Writer) { printHints(out, plan) },
		"printFindings": func(out io.Writer) { printFindings(out, plan) },
		"runTable": func(out io.Writer) {
			runTable(out, []runEnd{{platform: platform.Platform{OS: hostile}, words: hostile}})
		},
		"verifyTable": func(out io.Writer) { _ = verifyTable(out, filled[verifyRow]()) },
		"print":       func(out io.Writer) { warned.print(out, true) },
		"printByPlatform": func(out io.Writer) {
			_ = printByPlatform(out, []answerGroup{{platforms: []string{hostile}, text: `"x"`}}, call{})
		},
		"printAnswers": func(out io.Writer) {
			_ = printAnswers(out, call{question: "outline"}, answers[:0], func(solve.Answer) string { return hostile })
		},
	}
}

// What has an io.Writer and is no printer of names: parts of a printer above, streams, and what shows text that has lines of its own
// (answers of frontends, excerpts, the ends of outputs), which is tested where it is made.
var others = []string{
	"printerOf", "renderLint", "printTrace", "writeConfig", "nodeText", "writeRule", "explainWarnings", "explainFailures", "explainUnread", "stream", "newStream", "write",
	"exact", "bare", "writeError", "putf", "putRow",
}

func TestNoPrinterShowsHostileTextAsItIs(t *testing.T) {
	for name, print := range printers() {
		t.Run(name, func(t *testing.T) {
			var out buffer
			print(newStream(&out))
			text := out.String()
			if text == "" && name != "printAnswers" {
				t.Error("it prints nothing")
			}
			for _, part := range []string{"\x1b", "\x07", "\x7f", "\r", "\u009b", "\x9b2J", "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\u2028", "##vso[", "##[error]"} {
				if strings.Contains(text, part) {
					t.Errorf("%q is shown: %q", part, text)
				}
			}
			for line := range strings.Lines(text) {
				if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.HasPrefix(line, "FORGED") {
					t.Errorf("a line is forged: %q", text)
				}
			}
		})
	}
}

func TestEveryPrinterIsTriedWithHostileText(t *testing.T) {
	known := slices.Concat(slices.Collect(maps.Keys(printers())), others)
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || slices.Contains(known, f.Name.Name) {
				continue
			}
			for _, param := range f.Type.Params.List {
				if text := written(param.Type); text == "io.Writer" || text == "tabwriter.Writer" {
					t.Errorf("%s prints and is not tried with hostile text", f.Name.Name)
				}
			}
		}
	}
}

// TestNoTextIsPrintedPastTheFunctionsForIt: fmt prints to a stream only what stands in the source, and what was made a document.
func TestNoTextIsPrintedPastTheFunctionsForIt(t *testing.T) {
	exempt := []string{"putf", "putRow", "result", "startOrUnknown", "printTrace", "run", "endOnSignal", "render", "renderLint", "newVersionCommand"}
	for _, file := range sources(t) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || slices.Contains(exempt, f.Name.Name) {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				if !ok || !strings.HasPrefix(written(c.Fun), "fmt.Fprint") && written(c.Fun) != "io.WriteString" {
					return true
				}
				if _, text := c.Args[0].(*ast.UnaryExpr); text { // a text is made
					return true
				}
				for _, arg := range c.Args[1:] {
					made, _ := arg.(*ast.CallExpr)
					_, literal := arg.(*ast.BasicLit)
					if !literal && (made == nil || written(made.Fun) != "printable.JSON" && written(made.Fun) != "asDocument") {
						t.Errorf("%s prints with fmt what may be another's text: use putf", f.Name.Name)
					}
				}
				return true
			})
		}
	}
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

// sources are the files of this package, without tests.
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
