package crosscompile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/stepfiles"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	maxEntries  = 50_000   // entries of a stage that are listed
	maxPrograms = 2000     // files of a stage that are read
	headOfFile  = 4096     // bytes that are read first: nearly always enough
	maxPiece    = 64 << 10 // bytes of each read after that
	maxHead     = 1 << 20
)

// checkOutput checks the outputs of a relocated stage. It reads the beginnings of files that may be programs. An error is a *WrongOutputError,
// unless ctx is done.
func checkOutput(ctx context.Context, gw gateway.Client, output cross.Output, target platform.Platform) error {
	first := slices.IndexFunc(output.Copied, func(l recipe.CopiedPath) bool { return !l.Relocated })
	if first < 0 {
		return nil
	}
	err := checkFiles(ctx, gw, output, target)
	if _, ok := errors.AsType[*WrongOutputError](err); err != nil && !ok && ctx.Err() == nil {
		err = &WrongOutputError{Recipe: output.Recipe.Name, Path: output.Copied[first].Path, Err: err}
	}
	return named(err, output)
}

func checkFiles(ctx context.Context, gw gateway.Client, output cross.Output, target platform.Platform) error {
	files, ok, err := stepfiles.Solve(ctx, gw, output.Definition)
	if err != nil || !ok {
		return err
	}
	return outputCheck{files: files, recipe: output.Recipe, target: target}.check(ctx, output.Copied)
}

// outputCheck is a recipe's promise about the programs among a step's files.
type outputCheck struct {
	files  stepfiles.Files
	recipe recipe.Recipe
	target platform.Platform
}

func (p outputCheck) check(ctx context.Context, copied []recipe.CopiedPath) error {
	if err := p.files.Open(ctx); err != nil {
		return err
	}
	programs, err := p.programs(ctx, copied)
	if err != nil {
		return err
	}
	errs := make([]error, len(programs))
	var reading errgroup.Group
	reading.SetLimit(stepfiles.AtOnce)
	for i, name := range programs {
		reading.Go(func() error { errs[i] = p.judge(ctx, name); return nil })
	}
	_ = reading.Wait() // the first error in the order of the names is reported
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// programs returns the files that are taken by name, and those below folders that may be programs; each once.
func (p outputCheck) programs(ctx context.Context, copied []recipe.CopiedPath) ([]string, error) {
	var names []string
	seen, walked := map[string]bool{}, 0
	add := func(e stepfiles.Entry, candidate bool) bool {
		walked++
		if candidate && e.Mode.IsRegular() && e.Size > 0 && !seen[e.Path] {
			seen[e.Path] = true
			names = append(names, e.Path)
		}
		return walked <= maxEntries && len(names) <= maxPrograms
	}
	for _, taken := range copied {
		if taken.Relocated {
			continue // its copy is checked as another output
		}
		found, more, err := p.files.Match(ctx, taken.Path, maxEntries)
		for _, e := range found {
			if add(e, true) && err == nil && e.Mode.IsDir() {
				err = p.files.Walk(ctx, e.Path, 0, func(e stepfiles.Entry) bool { return add(e, mayBeProgram(e)) })
			}
		}
		switch {
		case err != nil:
			return nil, err
		case more || walked > maxEntries:
			return nil, p.tooMany(taken.Path, maxEntries, "files")
		case len(names) > maxPrograms:
			return nil, p.tooMany(taken.Path, maxPrograms, "programs")
		}
	}
	return names, nil
}

// mayBeProgram reports whether a file is executable or has the name of a library. Other files are not run.
func mayBeProgram(e stepfiles.Entry) bool {
	name := path.Base(e.Path)
	switch path.Ext(name) {
	case ".so", ".node", ".dylib", ".dll", ".exe":
		return true
	}
	return e.Mode&0o111 != 0 || strings.Contains(name, ".so.")
}

// judge reads a file, and compares it with the recipe's promise.
func (p outputCheck) judge(ctx context.Context, name string) error {
	head, err := p.files.Part(ctx, name, 0, headOfFile)
	if err != nil {
		return err
	}
	part := func(at, most int) ([]byte, error) { return p.files.Part(ctx, name, at, most) }
	rest := bufio.NewReaderSize(&ranges{part: part, at: len(head)}, maxPiece)
	file, ok, err := exe.Read(head, io.LimitReader(rest, maxHead))
	if err != nil || !ok || file.Format == exe.Script || file.Machine == exe.AnyMachine {
		return err
	}
	if p.recipe.Output != recipe.OutputTarget {
		return p.wrong(name, "is a program for "+file.String())
	}
	if file.Kind != exe.Executable && file.Kind != exe.Shared {
		return nil // no kernel runs it
	}
	target := platform.Normalize(p.target)
	if fit, _ := file.Fit(target.OS, target.Architecture); fit != exe.Runs {
		return p.wrong(name, "is for "+file.String())
	}
	return p.checkLoader(ctx, name, file.Interpreter)
}

// checkLoader checks the dynamic loader that a program names. Go's linker names musl's loader if it is present and glibc's is not
// (cmd/link/internal/ld/elf.go). On another CPU it cannot find the target's loader.
func (p outputCheck) checkLoader(ctx context.Context, name, loader string) error {
	if loader == "" || strings.Contains(loader, "musl") {
		return nil
	}
	found, _, err := p.files.Match(ctx, "/lib/ld-musl-*", maxEntries)
	if err != nil || len(found) == 0 {
		return err
	}
	e := p.wrong(name, "has the loader "+loader)
	e.Wanted = "needs the base image's musl loader"
	return e
}

func (p outputCheck) wrong(name, found string) *WrongOutputError {
	e := &WrongOutputError{Recipe: p.recipe.Name, Path: name, Found: found, Wanted: "makes programs for " + platform.Format(p.target)}
	if p.recipe.Output != recipe.OutputTarget {
		e.Wanted = "makes no programs"
	}
	return e
}

func (p outputCheck) tooMany(name string, bound int, of string) *WrongOutputError {
	return &WrongOutputError{Recipe: p.recipe.Name, Path: name, Found: fmt.Sprintf("has more than %d %s, too many to check", bound, of)}
}

// ranges reads a file from an offset, in pieces.
type ranges struct {
	part func(at, most int) ([]byte, error)
	at   int
}

func (r *ranges) Read(b []byte) (int, error) {
	data, err := r.part(r.at, len(b))
	if err == nil && len(data) == 0 {
		err = io.EOF
	}
	r.at += len(data)
	return copy(b, data), err
}
