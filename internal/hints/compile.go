package hints

import (
	"fmt"
	"regexp"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// compiler is a command that compiles, and the way to run it on the builder's own processor.
type compiler struct {
	command func() *regexp.Regexp
	what    string
	fix     string
}

// at matches the beginning of a command: the start of a shell line or the text after an operator, with variables set before it.
const at = `(?m)(?:^|&&|\|\||;|\||\(|\bthen\b|\bdo\b|RUN)\s*(?:\w+=\S*\s+|sudo\s+|time\s+|env\s+)*(?:\S*/)?`

func compilerOf(command, what, fix string) compiler { return compiler{matching(command), what, fix} }

// matching returns the expression for a command.
func matching(command string) func() *regexp.Regexp {
	return lazyregexp.New(at + `(?:` + command + `)`)
}

var compilers = []compiler{
	compilerOf(`go\s+(?:build|install|test|generate)\b`, "go",
		"FROM --platform=$BUILDPLATFORM golang AS build; ARG TARGETOS TARGETARCH; RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build …"),
	compilerOf(`cargo\s+(?:build|install|test|rustc)\b|rustc\s`, "cargo",
		"FROM --platform=$BUILDPLATFORM rust AS build; ARG TARGETARCH; rustup target add, and cargo build --target of TARGETARCH with a cross linker"),
	compilerOf(`(?:npm\s+(?:ci|install|i|rebuild|run\s+build)|yarn(?:\s+(?:install|build)|\s*$|\s*&&)|pnpm\s+(?:i|install|build)|bun\s+install)\b`, "npm",
		"without native modules (a bundle): FROM --platform=$BUILDPLATFORM node AS build, and COPY --from=build; "+
			"with prebuilt native modules: npm ci --cpu=$TARGETARCH"),
	compilerOf(`(?:pip3?|python3?\s+-m\s+pip|uv\s+pip)\s+(?:install|wheel)\b|poetry\s+install\b|uv\s+sync\b|python3?\s+setup\.py\b`, "pip",
		"use wheels instead of compiling: pip install --only-binary=:all:, or in a stage FROM --platform=$BUILDPLATFORM "+
			"pip download --platform for TARGETARCH --only-binary=:all:, and install them from there"),
	compilerOf(`(?:make|gmake|ninja|cmake\s+--build|meson\s+(?:compile|install))\b`, "make",
		"FROM --platform=$BUILDPLATFORM … AS build, with a cross compiler: CC=$(triplet of TARGETARCH)-gcc make (tonistiigi/xx has wrappers)"),
	compilerOf(`(?:cmake|\./configure|configure)\b`, "configure",
		"FROM --platform=$BUILDPLATFORM … AS build; ./configure --host=TRIPLET, or cmake -DCMAKE_TOOLCHAIN_FILE, for TARGETARCH"),
	compilerOf(`(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+)\s`, "gcc",
		"FROM --platform=$BUILDPLATFORM … AS build, with the cross compiler of TARGETARCH (gcc-aarch64-linux-gnu, or clang --target)"),
	compilerOf(`(?:\./)?(?:mvnw?|gradlew?)\b`, "maven",
		"bytecode is the same on all platforms: FROM --platform=$BUILDPLATFORM maven AS build, and COPY --from=build into the image for the platform"),
	compilerOf(`dotnet\s+(?:publish|build|restore|test)\b`, "dotnet",
		"FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk AS build; ARG TARGETARCH; RUN dotnet publish -a $TARGETARCH …"),
	compilerOf(`bundle\s+install\b|gem\s+install\b`, "bundle",
		"use precompiled gems (bundle config set force_ruby_platform false; bundle lock --add-platform), or install in a native stage"),
	compilerOf(`zig\s+build\b`, "zig", "FROM --platform=$BUILDPLATFORM … AS build; zig build -Dtarget of TARGETARCH"),
	compilerOf(`stack\s+(?:build|install)\b|cabal\s+(?:build|install)\b|mix\s+(?:compile|release)\b|composer\s+install\b`, "the build",
		"build in a stage FROM --platform=$BUILDPLATFORM, and COPY --from it the files that do not depend on the CPU"),
}

// emulated reports compilers that would run under an emulator.
func emulated(d *file) []diag.Diagnostic {
	type place struct {
		line int
		what string
	}
	var order []place
	found := map[place]*diag.Diagnostic{}
	for _, p := range d.builds {
		for _, s := range p.Graph.Steps {
			if s.Kind != graph.Exec || s.File != d.name || !p.Emulated[s.Digest] {
				continue
			}
			c, ok := compilerIn(s)
			if !ok {
				continue
			}
			at := place{s.Line, c.what}
			if found[at] == nil {
				h := d.hint(diag.Note, "emulated-compile", s.Line, nil, fmt.Sprintf("%s would run under an emulator, many times slower than natively", c.what), c.fix)
				found[at], order = &h, append(order, at)
			}
			found[at].Platforms = append(found[at].Platforms, platform.Format(p.Platform))
		}
	}
	var all []diag.Diagnostic
	for _, at := range order {
		all = append(all, *found[at])
	}
	return all
}

func compilerIn(s graph.Step) (compiler, bool) {
	text := commandOf(s)
	for _, c := range compilers {
		if c.command().MatchString(text) {
			return c, true
		}
	}
	return compiler{}, false
}

// commandOf returns the argument of a step's shell, or the step's words.
func commandOf(s graph.Step) string {
	if len(s.Args) > 0 {
		if len(s.Args) == 3 && s.Args[1] == "-c" {
			return s.Args[2]
		}
		text := ""
		for i, a := range s.Args {
			if i > 0 {
				text += " "
			}
			text += a
		}
		return text
	}
	return s.Name
}
