package gate

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

const (
	// maxLibraries bounds the libraries that are followed for one program, and maxLibraryFindings the findings about them.
	maxLibraries, maxLibraryFindings = 256, 4
	maxFolders                       = 64 // in one list of a program or of the environment
)

// libraries judges the libraries that the loader of a program maps before the program's first instruction: those that it needs,
// and those that they need. It adds only certain findings, since a loader has more search paths than are known here. A library is
// missing if no folder of the image has one of its name. It is for another machine if no library of that name is for the
// program's machine.
func (x *examination) libraries(ctx context.Context, of program, f exe.File, loader rootfs.Place) {
	kind := loaderKind(f.Interpreter)
	if kind == "" || envOf(x.img.Config.Config.Env, "LD_PRELOAD") != "" || of.Body == nil {
		return
	}
	l := linking{
		x: x, view: x.all(), of: of, file: f, musl: kind == muslLoader || x.hasMusl(ctx, f), seen: map[string]bool{}, folders: map[string]rootfs.Place{},
		common: systemFolders(f, loader, x.img.Config.Config.Env, of.command.dir),
	}
	l.follow(ctx, object{Place: of.Place, path: "/" + of.Path})
}

// An object is a program or a library, and the path that it is opened by.
type object struct {
	rootfs.Place
	path string
	by   string // what needs it; "" for the program
}

// linking is the state of following a program's libraries.
type linking struct {
	x       *examination
	view    rootfs.View
	of      program
	file    exe.File
	musl    bool
	common  []string                // folders that are searched for every library
	seen    map[string]bool         // names
	folders map[string]rootfs.Place // folders by name; the zero place is a missing one
	found   int                     // the number of findings
}

// follow visits the objects in order of discovery.
func (l *linking) follow(ctx context.Context, first object) {
	todo := []object{first}
	for n := 0; len(todo) > 0 && n < maxLibraries && l.found < maxLibraryFindings; n++ {
		from := todo[0]
		todo = todo[1:]
		if from.Body == nil || from.Body.Dynamic == nil {
			continue
		}
		d := from.Body.Dynamic
		l.common = append(l.common, l.runPaths(from, d)...) // a program's paths also apply to its libraries, and a library's nearly so
		for _, name := range d.Needed {
			if l.seen[name] || l.musl && builtIntoMusl(name) || broughtByDriver(name) {
				continue
			}
			l.seen[name] = true
			if lib, ok := l.find(ctx, from, name); ok {
				l.level(lib)
				todo = append(todo, lib)
			}
		}
	}
}

// find searches for a library and adds a finding if something is wrong with it. ok is false if there is nothing to follow.
func (l *linking) find(ctx context.Context, from object, name string) (lib object, ok bool) {
	var wrong []rootfs.Place
	paths, known := l.candidates(ctx, name)
	for _, at := range paths {
		switch {
		case at.Type != listing.File || at.Exe == nil || l.fits(*at.Exe):
			return object{Place: at.Place, path: at.path, by: name}, at.Type == listing.File
		}
		wrong = append(wrong, at.Place)
	}
	if !known || l.elsewhere(ctx, name, &wrong) {
		return object{}, false
	}
	if len(wrong) == 0 {
		l.missingLibrary(from, name)
	} else if at := wrong[0]; !l.x.allow.allows(at.Path) {
		l.wrongLibrary(name, at)
	}
	return object{}, false
}

// fits reports whether a library is for the program's own machine.
func (l *linking) fits(f exe.File) bool {
	return f.Format != exe.ELF || f.Machine == l.file.Machine && f.Bits == l.file.Bits && f.BigEndian == l.file.BigEndian
}

// candidates returns the files that a name may refer to, in any order: a loader skips those for another machine. known is false
// if there may be more.
func (l *linking) candidates(ctx context.Context, name string) (paths []object, known bool) {
	known = true
	add := func(p string, at rootfs.Place, o rootfs.Outcome) {
		switch o {
		case rootfs.Found:
			paths = append(paths, object{Place: at, path: p})
		case rootfs.Unknown:
			known = false
		case rootfs.Absent:
		}
	}
	if strings.Contains(name, "/") {
		if strings.Contains(name, "$") {
			return nil, false
		}
		p := absolute(l.of.command.dir, name)
		at, o := l.view.Resolve(ctx, p)
		add(p, at, o)
		return paths, known
	}
	for _, dir := range l.common {
		if strings.Contains(dir, "$") {
			known = false
			continue
		}
		at, o := l.folder(ctx, dir)
		if o == rootfs.Found {
			at, o = l.view.Below(ctx, at, name)
		}
		add(dir+"/"+name, at, o)
	}
	return paths, known
}

// folder looks a folder up, once.
func (l *linking) folder(ctx context.Context, dir string) (rootfs.Place, rootfs.Outcome) {
	at, done := l.folders[dir]
	if !done {
		var o rootfs.Outcome
		if at, o = l.view.Resolve(ctx, dir); o == rootfs.Unknown {
			return rootfs.Place{}, rootfs.Unknown
		}
		if o == rootfs.Absent || at.Type != listing.Dir {
			at = rootfs.Place{}
		}
		l.folders[dir] = at
	}
	if at.Type != listing.Dir {
		return rootfs.Place{}, rootfs.Absent
	}
	return at, rootfs.Found
}

// elsewhere reports whether a library of the name, or of a version of it, may be in any other folder, where a loader's cache or a
// script may find it. It adds those for another machine to wrong.
func (l *linking) elsewhere(ctx context.Context, name string, wrong *[]rootfs.Place) bool {
	if l.mounted() {
		return true
	}
	base := path.Base(name)
	for i := range l.x.img.Layers {
		made, known := l.view.Listing(ctx, i)
		if !known || made == nil || made.Cut {
			return true
		}
		for _, e := range made.Entries {
			if file := path.Base(e.Path); file != base && !strings.HasPrefix(file, base+".") {
				continue
			}
			switch at, o := l.view.Resolve(ctx, "/"+e.Path); {
			case o == rootfs.Unknown, o == rootfs.Found && at.Type == listing.File && (at.Exe == nil || l.fits(*at.Exe)):
				return true
			case o == rootfs.Found && at.Type == listing.File:
				*wrong = append(*wrong, at)
			}
		}
	}
	return false
}

// mounted reports whether a volume of the image may contain a folder of libraries.
func (l *linking) mounted() bool {
	for dir := range l.x.img.Config.Config.Volumes {
		for _, common := range l.common {
			if common == dir || strings.HasPrefix(common, strings.TrimSuffix(dir, "/")+"/") {
				return true
			}
		}
	}
	return false
}

// missingLibrary adds the finding that a library is in no layer.
func (l *linking) missingLibrary(from object, name string) {
	l.found++
	needs := fmt.Sprintf("%q needs the library %q", "/"+l.of.Path, name)
	if from.by != "" {
		needs = fmt.Sprintf("%q needs the library %q, which needs %q", "/"+l.of.Path, from.by, name)
	}
	l.x.add(l.of.Layer, diag.Diagnostic{
		Severity: l.of.severity(), Check: CheckLibraryMissing, Content: diag.Content{Path: "/" + l.of.Path},
		Message: needs + ", which the image lacks" + l.x.origin(l.of.Layer),
	})
}

// wrongLibrary adds the finding that a library is for another machine.
func (l *linking) wrongLibrary(name string, at rootfs.Place) {
	l.found++
	l.x.accused[at.Path] = true
	word := fmt.Sprintf("%q", name)
	if "/"+at.Path != name {
		word += " (/" + at.Path + ")"
	}
	l.x.add(at.Layer, diag.Diagnostic{
		Severity: l.of.severity(), Check: CheckLibrary, Content: diag.Content{Path: "/" + at.Path, Machine: l.x.found(*at.Exe), Wanted: l.file.String()},
		Message: fmt.Sprintf("the library %s of %q is for %s, the program for %s%s", word, "/"+l.of.Path, l.x.found(*at.Exe), l.file, l.x.origin(at.Layer)),
	})
}

// level judges a library as level judges the program.
func (l *linking) level(lib object) {
	if lib.Exe != nil && !l.x.allow.allows(lib.Path) {
		l.x.level(lib.Place, *lib.Exe, fmt.Sprintf("the library %q of %q", "/"+lib.Path, "/"+l.of.Path))
	}
}
