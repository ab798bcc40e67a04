package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/system"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// compilers are the names that Go looks up in PATH when it decides about cgo.
var compilers = []string{"cc", "gcc", "clang"}

// noCompiler are packages of Alpine, Debian and Fedora that install no C compiler, and whose dependencies install none.
var noCompiler = strings.Fields(`git git-lfs git-core openssh openssh-client openssh-clients ca-certificates ca-certificates-bundle tzdata
		make curl wget bash zsh upx jq tree file unzip zip tar gzip bzip2 xz xz-utils zstd brotli libcap libcap-utils libcap2-bin libcap-setcap shadow
		gnupg openssl su-exec gosu dumb-init tini mailcap coreutils findutils grep sed gawk diffutils patch rsync vim nano less procps iproute2
		iputils iputils-ping net-tools bind-tools dnsutils mercurial subversion gettext gettext-base apt-transport-https lsb-release protobuf
		protobuf-compiler protoc sqlite sqlite3 busybox alpine-baselayout apk-tools musl-utils libc-utils netcat-openbsd sudo util-linux`)

// cgo refuses a command that may use cgo. Without cgo a command gives the same on another CPU.
func (g *golang) cgo(s step, c shell.Command) diag.Diagnostic {
	why := func(format string, args ...any) diag.Diagnostic {
		text := c.Text
		if len(text) == 0 {
			text = s.Name
		}
		return s.reason("cgo", "RUN "+text+" "+fmt.Sprintf(format, args...), "if the program needs no C, write ENV CGO_ENABLED=0 in the stage")
	}
	v := g.goenv["CGO_ENABLED"]
	if e := envOf(s, c)["CGO_ENABLED"]; e != "" {
		v = e
	}
	if x := envOf(s, c)["GO_EXTLINK_ENABLED"]; x != "" && x != "0" {
		return why("links with the C linker (GO_EXTLINK_ENABLED)")
	}
	switch v {
	case "0":
		return diag.Diagnostic{}
	case "":
	case "1":
		return why("uses cgo (CGO_ENABLED=1)")
	default:
		return why("may use cgo: the value of CGO_ENABLED is unknown before it runs")
	}
	for _, p := range g.e.installed {
		if !slices.Contains(noCompiler, packageName(p)) {
			return why("may use cgo: package %s may install a C compiler", p)
		}
	}
	for _, p := range g.e.ForeignPaths {
		if touches(p, binDirs(imagePath(s.Env))) {
			return why("may use cgo: files of another stage or image are at %s, and may include a C compiler", p)
		}
	}
	if envOf(s, c)["CC"] != "" || g.goenv["CC"] != "" {
		return why("may use cgo: CC is set")
	}
	if t := g.value(c, "GOTOOLCHAIN"); strings.HasPrefix(t, "go") {
		return why("may use cgo: Go before 1.20 uses it even without a C compiler (GOTOOLCHAIN=%s)", t)
	}
	if !g.e.inspected {
		g.cgoOpen = true
		return diag.Diagnostic{}
	}
	if g.minor < 20 {
		return why("may use cgo: before Go 1.20 it is on even without a C compiler")
	}
	if at := g.compilerIn(envOf(s, c)["PATH"]); at != "" {
		return why("may use cgo: the files put into %s may include a C compiler", at)
	}
	if found := g.compiler(envOf(s, c)["PATH"]); found != "" {
		return why("may use cgo: %s", found)
	}
	return diag.Diagnostic{}
}

// compilerIn returns a path in a directory of PATH at which the steps may have put a C compiler, or "".
func (g *golang) compilerIn(pathVar string) string {
	for _, at := range g.filled {
		for _, dir := range strings.Split(imagePath([]string{"PATH=" + pathVar}), ":") {
			if inside(dir, at) || path.Dir(at) == dir && slices.Contains(compilers, path.Base(at)) {
				return at
			}
		}
	}
	return ""
}

// unsure returns the condition that the base image decides.
func (g *golang) unsure() string {
	if !g.cgoOpen {
		return ""
	}
	return "its base image has no C compiler, or the stage has ENV CGO_ENABLED=0"
}

// observe records where a command may have put a C compiler.
func (g *golang) observe(c shell.Command) { g.filled = append(g.filled, unpacked(c)...) }

// unpacked returns the paths that a command may fill with programs: the directories that it unpacks archives into, and files that
// are named like C compilers.
func unpacked(c shell.Command) (into []string) {
	switch c.Name() {
	case "tar", "unzip":
		into = paths(c)
		if !slices.ContainsFunc(c.Words(), func(w string) bool {
			return strings.HasPrefix(w, "-C") || strings.HasPrefix(w, "--directory") || w == "-d"
		}) {
			into = append(into, c.Cwd)
		}
		return slices.DeleteFunc(into, func(p string) bool { return p == "" })
	case "cp", "mv", "ln", "install", "wget", "curl":
		for _, p := range paths(c) {
			if slices.Contains(compilers, path.Base(p)) {
				into = append(into, p)
			}
		}
	}
	return into
}

// envOf returns a command's environment. A script that could not be parsed into commands has the step's.
func envOf(s step, c shell.Command) map[string]string {
	if c.Env != nil {
		return c.Env
	}
	return variablesOf(s.env)
}

// compiler returns why there may be a C compiler in a PATH, or "".
func (g *golang) compiler(pathVar string) string {
	known := binDirs(imagePath(g.e.Base.Target.Config.Env))
	if pathVar == "" {
		pathVar = system.DefaultPathEnvUnix
	}
	for _, dir := range binDirs(pathVar) {
		if !slices.Contains(known, dir) {
			return "PATH has " + dir + ", which may have a C compiler"
		}
		for _, name := range compilers {
			native, target, ok := g.e.file(path.Join(dir, name))
			if !ok || native.Exists || target.Exists {
				return "its base image has a C compiler (" + path.Join(dir, name) + ")"
			}
		}
	}
	return ""
}

// imagePath returns the PATH of an image's configuration.
func imagePath(env []string) string {
	if p := variablesOf(env)["PATH"]; p != "" {
		return p
	}
	return system.DefaultPathEnvUnix
}

// binDirs returns the directories of a PATH that may have a compiler. It leaves out those for administration and Go's own.
func binDirs(pathVar string) []string {
	return slices.DeleteFunc(strings.Split(pathVar, ":"), func(dir string) bool {
		return strings.HasSuffix(dir, "sbin") || strings.Contains(dir, "/go") || dir == ""
	})
}
