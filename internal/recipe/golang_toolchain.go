package recipe

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// goroots are the locations of Go in images: golang, Alpine and Debian, Fedora.
var goroots = []string{"/usr/local/go", "/usr/lib/go", "/usr/lib/golang"}

// userEnv is the file that go env -w writes for root. HOME or XDG_CONFIG_HOME of the image may choose another one.
const userEnv = "/root/.config/go/env"

// toolchain has the facts about the Go in a base image. It is zero before the inspection.
type toolchain struct {
	root    string
	minor   int    // of its version: 26 for go1.26.8
	known   bool   // variant is known
	variant string // the target's own default for archVar; "" if its Go version has no such variable
	loader  bool   // programs of -buildmode=pie get a dynamic loader that depends on the CPU of the build
}

// golangFiles returns the files of a base image that the Go recipe must know.
func golangFiles(config ocispecs.ImageConfig) (read, exists []string) {
	roots := rootsOf(config)
	for _, root := range roots {
		read = append(read, path.Join(root, "VERSION"), path.Join(root, "go.env"), path.Join(root, "src/internal/buildcfg/zbootstrap.go"))
		exists = append(exists, path.Join(root, "bin/go"))
	}
	read = append(read, userEnvs(config)...)
	for _, dir := range binDirs(imagePath(config.Env)) {
		for _, name := range compilers {
			exists = append(exists, path.Join(dir, name))
		}
	}
	for _, dir := range strings.Split(imagePath(config.Env), ":") {
		if path.IsAbs(dir) && !strings.HasSuffix(dir, "sbin") {
			exists = append(exists, path.Join(dir, "go"))
		}
	}
	return read, append(exists, musl)
}

// musl is musl's dynamic loader. The linker looks for it to choose the loader of programs of -buildmode=pie.
const musl = "/lib/ld-musl-*"

// rootsOf returns the possible directories of Go.
func rootsOf(config ocispecs.ImageConfig) []string {
	var roots []string
	if r := variablesOf(config.Env)["GOROOT"]; path.IsAbs(r) {
		return []string{path.Clean(r)}
	}
	for _, dir := range strings.Split(imagePath(config.Env), ":") {
		if path.IsAbs(dir) && path.Base(dir) == "bin" && strings.Contains(path.Base(path.Dir(dir)), "go") && path.Dir(dir) != "/go" {
			roots = append(roots, path.Dir(dir))
		}
	}
	for _, r := range goroots {
		if !slices.Contains(roots, r) {
			roots = append(roots, r)
		}
	}
	return roots
}

// userEnvs returns the files that go env -w may have written.
func userEnvs(config ocispecs.ImageConfig) []string {
	vars := variablesOf(config.Env)
	files := []string{userEnv}
	if user, _, _ := strings.Cut(config.User, ":"); user != "" && user != "root" && strings.Trim(user, "0123456789") != "" {
		files = append(files, path.Join("/home", user, ".config/go/env"))
	}
	if v := vars["HOME"]; path.IsAbs(v) {
		files = append(files, path.Join(v, ".config/go/env"))
	}
	if v := vars["XDG_CONFIG_HOME"]; path.IsAbs(v) {
		files = append(files, path.Join(v, "go/env"))
	}
	if v := vars["GOENV"]; path.IsAbs(v) {
		files = append(files, path.Clean(v))
	}
	return files
}

// recognize finds the toolchain in the base image, and its defaults on the target.
func (g *golang) recognize() (recognised bool, why diag.Diagnostic) {
	refuse := func(check, format string, args ...any) (bool, diag.Diagnostic) {
		return false, reason(check, fmt.Sprintf(format, args...))
	}
	config := g.e.Base.Target.Config
	inBin := func(root string) bool {
		native, target, ok := g.e.file(path.Join(root, "bin/go"))
		return ok && native.Exists && target.Exists
	}
	i := slices.IndexFunc(rootsOf(config), inBin)
	if i < 0 {
		return refuse("no-recipe", "its base image has no Go toolchain")
	}
	root := rootsOf(config)[i]
	native, target, ok := g.e.file(path.Join(root, "VERSION"))
	if !ok || len(native.Data) == 0 || len(target.Data) == 0 {
		return refuse("base", "the version of Go in %s of its base image is unknown", root)
	}
	n, _, _ := strings.Cut(string(native.Data), "\n")
	t, _, _ := strings.Cut(string(target.Data), "\n")
	if string(native.Data) != string(target.Data) {
		return refuse("base", "its base image has different versions of Go for %s: %s and %s", g.e.both(), n, t)
	}
	m := release().FindStringSubmatch(t)
	if m == nil { // other variants' compilers put hashes of themselves into their output (cmd/go/internal/work.toolID)
		return refuse("base", "the Go of its base image is not a release: %s", t)
	}
	if i := slices.IndexFunc(g.e.ForeignPaths, func(p string) bool { return touches(p, []string{root}) }); i >= 0 {
		return refuse("base", "files of another stage or image are at %s, and may change its Go toolchain in %s", g.e.ForeignPaths[i], root)
	}
	g.root = root
	if native, target, ok := g.e.file(musl); !ok || native.Exists || target.Exists {
		g.loader = true
	}
	g.minor, _ = strconv.Atoi(m[1])
	return true, g.defaults(root)
}

var release = lazyregexp.New(`^go1\.(\d{1,4})\b`)

// defaults reads the toolchain's built-in defaults, go.env, and the settings of go env -w. Each overrides the one before
// (cmd/go/internal/cfg and internal/buildcfg).
func (g *golang) defaults(root string) diag.Diagnostic {
	g.constants(path.Join(root, "src/internal/buildcfg/zbootstrap.go"))
	for _, name := range append([]string{path.Join(root, "go.env")}, userEnvs(g.e.Base.Target.Config)...) {
		native, target, ok := g.e.file(name)
		if !ok || native.Exists && len(native.Data) == 0 || target.Exists && len(target.Data) == 0 {
			return reason("base", fmt.Sprintf("its base image's %s could not be read", name))
		}
		n, t := envFile(native.Data), envFile(target.Data)
		if v := t[g.archVar]; g.archVar != "" && v != "" {
			g.variant, g.known = v, true
		}
		for _, v := range portVariables[2:] {
			delete(n, v)
			delete(t, v)
		}
		if v := differing(n, t); v != "" {
			return reason("base", fmt.Sprintf("its base image differs in %s of %s between %s", v, name, g.e.both()))
		}
		for k, v := range t {
			g.goenv[k] = v
		}
	}
	return diag.Diagnostic{}
}

// constant matches a line of zbootstrap.go, which cmd/dist writes: const DefaultGOARM = `7`.
var constant = lazyregexp.New("(?m)^const ([dD]efault)?(\\w+) = (?:`([^`]*)`|\"([^\"]*)\"|(\\S+))")

// constants reads what the target's toolchain was made with.
func (g *golang) constants(name string) {
	native, target, ok := g.e.file(name)
	if !ok || len(target.Data) == 0 || len(native.Data) == 0 {
		return
	}
	n, t := constantsOf(native.Data), constantsOf(target.Data)
	g.loader = g.loader || n["GO_LDSO"] != "" || t["GO_LDSO"] != ""
	if n["GOEXPERIMENT"] != t["GOEXPERIMENT"] || len(t) == 0 {
		return // not the same compiler: nothing is known
	}
	g.variant, g.known = t[g.archVar], true
}

func constantsOf(data []byte) map[string]string {
	found := map[string]string{}
	for _, m := range constant().FindAllSubmatch(data, -1) {
		found[string(m[2])] = string(m[3]) + string(m[4])
	}
	return found
}

// envFile reads KEY=value lines, as cmd/go does (internal/cfg.readEnvFile).
func envFile(data []byte) map[string]string {
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if ok && name != "" && name[0] >= 'A' && name[0] <= 'Z' {
			vars[name] = value
		}
	}
	return vars
}
