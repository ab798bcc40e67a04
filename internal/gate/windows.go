package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// windowsRoot is the folder of a Windows layer that becomes C:\. Beside it are parts of the registry.
const windowsRoot = "files/"

// startWindows judges the program that an image for Windows starts, if it is in the added layers. Base layers of Windows are
// large, and few registries have them. The findings are warnings: Windows emulates other machines, and each program parses its
// own command line.
func (x *examination) startWindows() {
	config := x.img.Config.Config
	argv := slices.Concat(config.Entrypoint, config.Cmd)
	if len(argv) == 0 {
		return
	}
	index := x.foldedIndex()
	for _, word := range windowsWords(argv) {
		at, ok := findWindows(index, word, config.WorkingDir, windowsPath(config.Env))
		if !ok || at.Exe == nil || x.allow.allows(at.Path) {
			continue
		}
		if fit, _ := at.Exe.Fit(x.platform.OS, x.platform.Architecture); fit == exe.Wrong {
			x.accused[at.Path] = true
			x.add(at.Layer, diag.Diagnostic{
				Severity: diag.Warning, Check: CheckEntrypoint, Content: diag.Content{Path: "/" + at.Path, Machine: x.found(*at.Exe), Wanted: x.expectedMachine()},
				Message: fmt.Sprintf("the entrypoint %q is for %s, the image for %s%s", word, x.found(*at.Exe), x.expectedMachine(), x.origin(at.Layer)),
			})
		}
	}
}

// windowsWords returns the programs that a command line starts: its first word, and the word behind cmd /S /C.
func windowsWords(argv []string) []string {
	first := firstWindowsWord(argv[0])
	words := []string{first}
	name := strings.TrimSuffix(path.Base(strings.ToLower(strings.ReplaceAll(first, `\`, "/"))), ".exe")
	if name != "cmd" {
		return words
	}
	line := strings.Join(argv, " ")
	i := strings.Index(strings.ToLower(line), "/c ")
	if i < 0 {
		return words
	}
	if word := firstWindowsWord(line[i+3:]); word != "" && !strings.ContainsAny(word, "%&|<>^") {
		words = append(words, word)
	}
	return words
}

func firstWindowsWord(line string) string {
	line = strings.TrimSpace(line)
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		word, _, _ := strings.Cut(quoted, `"`)
		return word
	}
	word, _, _ := strings.Cut(line, " ")
	return word
}

func windowsPath(env []string) []string {
	dirs := []string{`C:\Windows\System32`, `C:\Windows`}
	for _, e := range env {
		if name, value, _ := strings.Cut(e, "="); strings.EqualFold(name, "path") {
			dirs = append(dirs, strings.Split(value, ";")...)
		}
	}
	return dirs
}

// foldedIndex maps the lower-case paths of all listed layers. Upper layers win.
func (x *examination) foldedIndex() map[string]rootfs.Place {
	index := map[string]rootfs.Place{}
	for i := range x.img.Layers {
		l := x.root.Listing(i)
		if l == nil {
			continue
		}
		for _, e := range l.Entries {
			index[strings.ToLower(e.Path)] = rootfs.Place{Entry: e, Layer: i}
		}
	}
	return index
}

func findWindows(index map[string]rootfs.Place, word, dir string, dirs []string) (rootfs.Place, bool) {
	if strings.ContainsAny(word, `/\:`) {
		dirs = []string{dir}
	} else {
		dirs = append([]string{dir}, dirs...)
	}
	for _, dir := range dirs {
		for _, extension := range []string{"", ".exe", ".com", ".cmd", ".bat"} {
			if at, ok := index[windowsRoot+foldPath(dir, word+extension)]; ok && at.Type == listing.File {
				return at, true
			}
		}
	}
	return rootfs.Place{}, false
}

// foldPath turns C:\Dir and Name, which may be absolute, into dir/name.
func foldPath(dir, name string) string {
	fold := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, `\`, "/")) }
	dir, name = fold(dir), fold(name)
	if len(name) > 1 && name[1] == ':' {
		dir, name = "", name[2:]
	} else if strings.HasPrefix(name, "/") {
		dir = ""
	}
	if len(dir) > 1 && dir[1] == ':' {
		dir = dir[2:]
	}
	return listing.Clean(dir + "/" + name)
}
