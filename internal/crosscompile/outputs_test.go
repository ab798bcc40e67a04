package crosscompile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}

// outputOf returns a step that runs in the stage build, and its outputs.
func outputOf(t *testing.T, command, promised string, paths ...string) cross.Output {
	t.Helper()
	state := llb.Image("golang").Run(llb.Args([]string{"sh", "-c", command}), llb.WithCustomName("[linux/amd64->arm64 build 2/2] RUN "+command)).Root()
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	output := cross.Output{Definition: def, Recipe: recipe.Recipe{Name: "go", Output: promised}}
	for _, p := range paths {
		output.Copied = append(output.Copied, recipe.CopiedPath{Path: p})
	}
	return output
}

func programFor(arch string) *fstest.MapFile {
	return &fstest.MapFile{Data: exetest.Program(arch, ""), Mode: 0o755}
}

// checked checks the outputs of a step that has made the files.
func checked(t *testing.T, b *buildkittest.Builder, made fs.FS, outputs ...cross.Output) (err error) {
	t.Helper()
	b.Made = func(graph.Step) fs.FS { return made }
	buildkittest.Call(t, b, func(ctx context.Context, gw gateway.Client) {
		for _, output := range outputs {
			err = cmp.Or(err, checkOutput(ctx, gw, output, arm64))
		}
	})
	return err
}

func TestOutputsOfARelocatedStageAreForTheTarget(t *testing.T) {
	library := &fstest.MapFile{Data: exetest.Program("amd64", ""), Mode: 0o644}
	script := &fstest.MapFile{Data: []byte("#!/bin/sh\n"), Mode: 0o755}
	object := exetest.ForArch("amd64")
	object.Type = 1
	made := fstest.MapFS{
		"out/app": programFor("arm64"), "out/run.sh": script, "out/data": {Data: []byte("\x7fELF no program"), Mode: 0o644},
		"wrong/app": programFor("amd64"), "wrong/link": {Data: []byte("app"), Mode: fs.ModeSymlink}, "wrong/lib/x.so.1": library,
		"link": {Data: []byte("wrong/app"), Mode: fs.ModeSymlink}, "narrow": programFor("arm"), "empty": {Mode: 0o755},
		"objects/x.o":      {Data: object.Bytes(), Mode: 0o755},
		"plain/unnoticed":  library,
		"bin/windows.exe":  {Data: exetest.PE(0x8664, 3, false)},
		"tools/assembly":   {Data: exetest.PE(0x14c, 3, true), Mode: 0o755},
		"site/index.html":  {Data: []byte("<html>"), Mode: 0o644},
		"site/Main.class":  {Data: exetest.JavaClass(), Mode: 0o755},
		"site/native.node": library,
	}
	const programs, none = ", and recipe go makes programs for linux/arm64", ", and recipe go makes no programs"
	for name, test := range map[string]struct {
		output string
		copied []string
		want   string
	}{
		"programs for the target, scripts and data":    {recipe.OutputTarget, []string{"/out"}, ""},
		"a program by its name":                        {recipe.OutputTarget, []string{"/wrong/app"}, "/wrong/app of stage build is for amd64" + programs},
		"a program by a link":                          {recipe.OutputTarget, []string{"/link"}, "/link of stage build is for amd64" + programs},
		"a library, by its name":                       {recipe.OutputTarget, []string{"/wrong/lib"}, "/wrong/lib/x.so.1 of stage build is for amd64" + programs},
		"wildcards":                                    {recipe.OutputTarget, []string{"/out/*", "/w*g/ap?"}, "/wrong/app of stage build is for amd64" + programs},
		"wildcards that match nothing, and no file":    {recipe.OutputTarget, []string{"/out/*.so", "/nothing/*", "/nothing"}, ""},
		"a program that only many CPUs run":            {recipe.OutputTarget, []string{"/narrow"}, "/narrow of stage build is for arm (hard float)" + programs},
		"another system":                               {recipe.OutputTarget, []string{"/bin"}, "/bin/windows.exe of stage build is for Windows amd64 (PE)" + programs},
		"what every CPU runs, and what no kernel runs": {recipe.OutputTarget, []string{"/tools", "/objects", "/empty"}, ""},
		"a program without the mode of one, by name":   {recipe.OutputTarget, []string{"/plain/unnoticed"}, "/plain/unnoticed of stage build is for amd64" + programs},
		"what nothing runs":                            {recipe.OutputTarget, []string{"/plain"}, ""},
		"files that are the same for all":              {recipe.OutputNone, []string{"/site/index.html", "/site/Main.class", "/out/run.sh", "/tools"}, ""},
		"a program where there is to be none":          {recipe.OutputNone, []string{"/site"}, "/site/native.node of stage build is a program for amd64" + none},
		"one for the target where there is to be none": {recipe.OutputNone, []string{"/out"}, "/out/app of stage build is a program for arm64" + none},
	} {
		t.Run(name, func(t *testing.T) {
			err := checked(t, buildkittest.New(t), made, outputOf(t, "go build", test.output, test.copied...))
			switch broken, ok := errors.AsType[*WrongOutputError](err); {
			case test.want == "" && err != nil:
				t.Errorf("%v, want no error", err)
			case test.want != "" && !ok:
				t.Errorf("%v is no WrongOutputError", err)
			case test.want != "" && broken.Error() != test.want:
				t.Errorf("got  %q\nwant %q", broken, test.want)
			}
		})
	}
}

func TestTheLoaderOfAProgramIsThatOfItsBase(t *testing.T) {
	const glibc = "/lib/ld-linux-aarch64.so.1"
	app := fstest.MapFS{"app": {Data: exetest.Program("arm64", glibc), Mode: 0o755}}
	if err := checked(t, buildkittest.New(t), app, outputOf(t, "go build", recipe.OutputTarget, "/app")); err != nil {
		t.Errorf("with glibc: %v", err)
	}
	app["lib/ld-musl-x86_64.so.1"] = programFor("amd64")
	err := checked(t, buildkittest.New(t), app, outputOf(t, "go build", recipe.OutputTarget, "/app"))
	want := "/app of stage build has the loader " + glibc + ", and recipe go needs the base image's musl loader"
	if err == nil || err.Error() != want {
		t.Errorf("with musl: %v, want %s", err, want)
	}
}

func TestEveryTipIsChecked(t *testing.T) {
	made := fstest.MapFS{"right": programFor("arm64"), "wrong": programFor("amd64")}
	first, second := outputOf(t, "make right", recipe.OutputTarget, "/right"), outputOf(t, "make wrong", recipe.OutputTarget, "/wrong")
	inner := outputOf(t, "make inner", recipe.OutputTarget, "/wrong")
	inner.Copied[0].Relocated = true
	b := buildkittest.New(t)
	if err := checked(t, b, made, first, inner); err != nil {
		t.Errorf("what only moved steps take is looked at: %v", err)
	}
	if b.Ran("make inner") > 0 {
		t.Error("a tip that nothing is taken from was run")
	}
	if err := checked(t, b, made, first, inner, second); err == nil {
		t.Error("the last tip's program is wrong, and nothing is said")
	}
}

func TestAFolderWithTooManyProgramsIsNotTaken(t *testing.T) {
	many := fstest.MapFS{}
	for i := range maxPrograms + 1 {
		many[fmt.Sprintf("out/%d", i)] = &fstest.MapFile{Data: []byte("x"), Mode: 0o755}
	}
	err := checked(t, buildkittest.New(t), many, outputOf(t, "go build", recipe.OutputTarget, "/out"))
	if _, ok := errors.AsType[*WrongOutputError](err); !ok || !strings.Contains(err.Error(), "/out of stage build has more than 2000 programs, too many to check") {
		t.Error(err)
	}
}

func TestAHeaderFarIntoAFileIsReadInPieces(t *testing.T) {
	e := exetest.ForArch("amd64")
	e.Interp, e.Headers = "/lib64/ld-linux-x86-64.so.2", 3*maxPiece
	made := fstest.MapFS{"app": {Data: e.Bytes(), Mode: 0o755}}
	err := checked(t, buildkittest.New(t), made, outputOf(t, "go build", recipe.OutputTarget, "/app"))
	if _, ok := errors.AsType[*WrongOutputError](err); !ok {
		t.Error(err)
	}
}

func TestFilesThatCannotBeReadAreNotAccepted(t *testing.T) {
	b := buildkittest.New(t)
	b.Run = func(context.Context, platform.Platform) error { return errors.New("no space left") }
	err := checked(t, b, fstest.MapFS{}, outputOf(t, "go build", recipe.OutputTarget, "/app"))
	if broken, ok := errors.AsType[*WrongOutputError](err); !ok || broken.Error() != "/app of stage build cannot be checked: no space left" {
		t.Error(err)
	}
}
