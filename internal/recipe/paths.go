package recipe

import (
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// packageDirs are the directories of distributions' packages. A project's own files are rarely there.
var packageDirs = []string{
	"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/boot", "/run", "/dev", "/proc", "/sys",
	"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share", "/usr/include", "/usr/games",
	"/var/lib", "/var/cache", "/var/run", "/var/log", "/var/spool", "/var/db",
}

// systemDirs are packageDirs and the directories of other programs in images.
var systemDirs = append(slices.Clone(packageDirs),
	"/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/share", "/usr/local/include",
	"/usr/local/etc", "/usr/local/go", "/usr/local/libexec")

// machineDirs are two directories of the kernel's data about the machine, and directories of libraries, whose names may contain
// the CPU.
var machineDirs = []string{"/proc", "/sys", "/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64"}

// within reports whether name is a directory of dirs or in one.
func within(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return inside(name, dir) })
}

// inside reports whether name is dir or something in it.
func inside(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

// touches reports whether name is in a directory of dirs, or contains one.
func touches(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return inside(name, dir) || inside(dir, name) })
}

// fixed returns the part of a path before any wildcard or unknown part: a directory, or the whole path.
func fixed(name string) string {
	i := strings.IndexAny(name, `*?[\`)
	if j := strings.Index(name, shell.Unknown); j >= 0 && (i < 0 || j < i) {
		i = j
	}
	if i < 0 {
		return name
	}
	return path.Dir(name[:i] + "x")
}

// paths returns the paths that a command's arguments may be, made absolute. "" is an unknown one.
func paths(c shell.Command) []string {
	var found []string
	for _, word := range c.Words() {
		if strings.HasPrefix(word, "-") {
			i := strings.IndexByte(word, '/')
			if i < 0 {
				continue
			}
			word = word[i:]
		}
		if _, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(value, "/") {
			word = value // dd if=/etc/passwd
		}
		found = append(found, shell.Resolve(c.Cwd, word))
	}
	return found
}
