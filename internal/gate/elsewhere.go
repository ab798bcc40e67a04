package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// firstPaths is the number of paths in a finding about several files.
const firstPaths = 10

// elsewhere examines every added file. Files of one layer for one machine are one finding.
func (x *examination) elsewhere() {
	for i, layer := range x.img.Layers {
		l := x.root.Listing(i)
		if l == nil || layer.Base {
			continue
		}
		var groups []diag.Diagnostic
		for _, e := range l.Entries {
			if e.Exe == nil {
				continue
			}
			if e.Exe.Format != exe.Script {
				x.result.Files++
			}
			allowed := x.allow.allows(e.Path) // called for every file, to record which globs match
			if severity, ok := x.alarming(*e.Exe); ok && !allowed && !isData(e.Path) && !x.accused[e.Path] && !x.root.Covers(i, e.Path) {
				groups = group(groups, severity, x.found(*e.Exe), e)
			}
		}
		for _, f := range groups {
			x.add(i, x.describe(i, f))
		}
	}
}

// alarming judges a file that nothing is known to start.
func (x *examination) alarming(f exe.File) (diag.Severity, bool) {
	if f.Kind == exe.Object || f.Kind == exe.Core || f.Kind == exe.Firmware || !isPlatformMachine(f.Machine) {
		return "", false
	}
	fit, _ := f.Fit(x.platform.OS, x.platform.Architecture)
	switch {
	case fit != exe.Wrong:
		return "", false
	case f.Format != x.native():
		return diag.Note, true
	case x.opt.Mode == Strict:
		return diag.Error, true
	}
	return diag.Warning, true
}

// isData reports whether the file at a path is usually data for programs: firmware, symbols, and test data.
func isData(path string) bool {
	for _, dir := range []string{"lib/firmware/", "usr/lib/firmware/", "usr/lib/debug/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return strings.Contains("/"+path, "/testdata/")
}

// native returns the format of the platform's programs.
func (x *examination) native() exe.Format {
	switch x.platform.OS {
	case "windows":
		return exe.PE
	case "darwin":
		return exe.MachO
	}
	return exe.ELF
}

// isPlatformMachine reports whether a machine is one that images are made for. Files for other machines are data: firmware,
// programs for graphics cards.
func isPlatformMachine(machine string) bool {
	switch machine {
	case "386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "amd64+arm64", "arm64+amd64":
		return true
	}
	return false
}

// group adds a file to the finding about similar files.
func group(groups []diag.Diagnostic, severity diag.Severity, machine string, e listing.Entry) []diag.Diagnostic {
	i := slices.IndexFunc(groups, func(f diag.Diagnostic) bool { return f.Severity == severity && f.Machine == machine })
	if i < 0 {
		i, groups = len(groups), append(groups, diag.Diagnostic{Severity: severity, Check: CheckMachine, Content: diag.Content{Machine: machine}})
	}
	f := &groups[i]
	if f.Count++; f.Count <= firstPaths {
		f.Paths = append(f.Paths, "/"+e.Path)
	}
	return groups
}

// describe fills in the texts of a finding.
func (x *examination) describe(i int, f diag.Diagnostic) diag.Diagnostic {
	f.Path, f.Wanted = f.Paths[0], x.expectedMachine()
	if f.Count == 1 {
		f.Paths, f.Count = nil, 0
		f.Message = fmt.Sprintf("%q is for %s, the image for %s%s", f.Path, f.Machine, f.Wanted, x.origin(i))
	} else {
		f.Message = fmt.Sprintf("%d files are for %s, the image for %s: %q and others%s", f.Count, f.Machine, f.Wanted, f.Path, x.origin(i))
	}
	return f
}
