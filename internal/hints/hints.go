// Package hints finds what makes multi-platform builds slow or wrong in a Dockerfile and in BuildKit's graph of it for each
// platform. It is pure: it turns text and graphs into findings with lines. A hint never stops a build. A rule that is unsure
// reports nothing.
//
// The rules, by their stable words:
//
//	emulated-compile    a compiler would run under an emulator
//	arg-default         ARG TARGETARCH=amd64: a default shadows the value of the platform
//	arg-unused          ARG TARGETARCH is declared, and nothing can see it; or $TARGETARCH is used and empty
//	arg-before-from     it is declared before the first FROM only, and used in a stage
//	final-stage-pinned  the result is made on an image for another platform than its own
//	platform-of-stage   FROM --platform of another stage, which has no effect
//	compiled-once       a program for the builder's platform is copied into the images of others
//	cache-mount-shared  platforms see one another's files in a cache mount
//	copy-link           a big COPY that platforms could share by --link
//	foreign-download    a download for one processor, in a stage for several
package hints

import (
	"cmp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Steps is a set of steps by digest.
type Steps map[digest.Digest]bool

// Platform is a build for one platform.
type Platform struct {
	Platform platform.Platform
	Graph    graph.Graph
	// Target is the stage that is built; "" is the last one.
	Target string
	// Emulated has the steps that would run under an emulator.
	Emulated Steps
}

// Build is the input of the rules.
type Build struct {
	Platforms []Platform // in canonical order
	// Args are the given build arguments, which win over defaults.
	Args map[string]string
	// Isolated means that each platform has its own cache mounts.
	Isolated bool
	// Size returns the number of bytes of the local context that a COPY of these paths takes, or 0 if it is unknown. Rules call
	// it rarely, and it may stop counting at [BigCopy]. nil knows no size.
	Size func(paths []string) int64
}

// BigCopy is the number of bytes from which sharing a COPY between platforms is worth a hint.
const BigCopy = 10 << 20

// file is one Dockerfile, with the platforms that are built from it.
type file struct {
	Build
	dockerfile.File
	name   string
	builds []Platform
}

// Of returns the hints by file and line. A file that cannot be parsed here, such as another frontend's, has only hints that need
// graphs alone.
func Of(b Build) []diag.Diagnostic {
	var all []diag.Diagnostic
	seen := map[string]int{}
	var files []*file
	for _, p := range b.Platforms {
		for name, text := range p.Graph.Texts {
			key := name + "\x00" + text + "\x00" + p.Target
			i, ok := seen[key]
			if !ok {
				i = len(files)
				seen[key], files = i, append(files, parse(b, name, text))
			}
			files[i].builds = append(files[i].builds, p)
		}
	}
	for _, d := range files {
		for _, rule := range []func(*file) []diag.Diagnostic{emulated, argDefaults, argUse, pinned, platformOfStage, compiledOnce, cacheMounts, copies, downloads} {
			all = append(all, rule(d)...)
		}
	}
	slices.SortStableFunc(all, func(a, b diag.Diagnostic) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.CompactFunc(all, func(a, b diag.Diagnostic) bool {
		return a.Check == b.Check && a.File == b.File && a.Line == b.Line && a.Message == b.Message
	})
}

func parse(b Build, name, text string) *file {
	read, _ := dockerfile.Parse(text) // a text that cannot be parsed has no stages
	return &file{Build: b, File: read, name: name}
}

// several reports whether the file is built for two or more platforms.
func (d *file) several() bool { return len(d.builds) > 1 }

func (d *file) hint(severity diag.Severity, check string, line int, platforms []string, message, fix string) diag.Diagnostic {
	return diag.Diagnostic{Check: check, Severity: severity, File: d.name, Line: line, Platforms: platforms, Message: message, Fix: fix}
}

// needed returns the stages that the file's target is made of, by index: those that it is FROM, and those that are copied from.
func (d *file) needed() map[int]bool {
	need := map[int]bool{}
	var add func(name string, before int)
	visit := func(i int) {
		if need[i] {
			return
		}
		need[i] = true
		add(d.Stages[i].BaseName, i)
		for _, c := range d.Stages[i].Commands {
			switch c := c.(type) {
			case *instructions.CopyCommand:
				add(c.From, i)
			case *instructions.RunCommand:
				for _, m := range instructions.GetMounts(c) {
					add(m.From, i)
				}
			}
		}
	}
	add = func(name string, before int) {
		if i, ok := instructions.HasStage(d.Stages[:before], name); ok && name != "" {
			visit(i)
		}
	}
	if i, ok := d.target(); ok {
		visit(i)
	}
	return need
}

// target returns the index of the stage that is built.
func (d *file) target() (int, bool) {
	if len(d.Stages) == 0 {
		return 0, false
	}
	if name := d.builds[0].Target; name != "" {
		return instructions.HasStage(d.Stages, name)
	}
	return len(d.Stages) - 1, true
}
