package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// copiers are the commands that make files from files. The other file commands write to their output.
var copiers = []string{"cp", "mv", "ln", "install", "tar", "zip", "rsync", "dd", "gzip", "xz", "bzip2", "zstd"}

// handles judges a command that handles files. Files of the base image must stay where they are.
func (e *judgement) handles(s step, c shell.Command) diag.Diagnostic {
	words := c.Words()
	has := func(is func(string) bool) bool { return slices.ContainsFunc(words, is) }
	all, copies := paths(c), slices.Contains(copiers, c.Name())
	switch {
	case copies && e.language.mayReplaceTools(c, all):
		return e.notKnown(s, c)
	case c.Name() == "tar" && (len(words) > 0 && !strings.HasPrefix(words[0], "--") && strings.Contains(words[0], "x") || has(extracts)):
		return e.unpacks(s, c, all)
	case (c.Name() == "awk" || c.Name() == "gawk") && has(runsOthers):
		return e.notKnown(s, c)
	case c.Name() == "sed" && has(inPlace):
		return diag.Diagnostic{}
	case !copies && c.Output == shell.Shown && !has(func(w string) bool { return writes(c.Name(), w) }):
		return diag.Diagnostic{}
	}
	sources, dest := destination(c, all)
	for _, src := range sources {
		if why := e.source(s, c, src, dest, copies); why.Found() {
			return why
		}
	}
	return diag.Diagnostic{}
}

// unpacks judges a command that unpacks an archive.
func (e *judgement) unpacks(s step, c shell.Command, into []string) diag.Diagnostic {
	if e.language.overlaps(into) {
		return e.notKnown(s, c)
	}
	e.installs = e.installs || slices.ContainsFunc(into, func(p string) bool { return p == "/" || within(p, packageDirs) })
	return diag.Diagnostic{}
}

// runsOthers reports whether a word of awk may run another command.
func runsOthers(w string) bool {
	return strings.Contains(w, "system(") || strings.Contains(w, "getline")
}

// inPlace reports whether an option of sed changes the input file.
func inPlace(w string) bool { return strings.HasPrefix(w, "-i") || strings.HasPrefix(w, "--in-place") }

// writes reports whether a word makes a command write a file, such as the text of awk or the option of sort.
func writes(name, w string) bool {
	return strings.Contains(w, ">") || name == "sort" && strings.HasPrefix(w, "-o")
}

// destination splits a command's paths into sources and destination. dest is "" for a command without a destination.
func destination(c shell.Command, all []string) (sources []string, dest string) {
	words := c.Words()
	switch c.Name() {
	case "cp", "mv", "ln", "install":
		for i, w := range words {
			if (w == "-t" || w == "--target-directory") && i+1 < len(words) {
				return all, shell.Resolve(c.Cwd, words[i+1])
			}
			if strings.HasPrefix(w, "-t") || strings.HasPrefix(w, "--target-directory=") {
				return all, ""
			}
		}
		if len(all) > 1 {
			return all[:len(all)-1], all[len(all)-1]
		}
	}
	return all, ""
}

// source judges a file that a command reads.
func (e *judgement) source(s step, c shell.Command, src, dest string, copies bool) diag.Diagnostic {
	switch {
	case src == "":
		if copies && e.inspected {
			return e.fromBase(s, c, "a file with an unknown name")
		}
	case e.isOutput(src) || !touches(fixed(src), systemDirs) && !e.language.contains(src):
	case dest != "" && within(dest, packageDirs):
		e.installs = true // it stays in the system's directories
	case !copies && src == "/" && c.Name() != "find" && c.Name() != "ls": // more likely a separator
	default:
		return e.fromBase(s, c, src)
	}
	return diag.Diagnostic{}
}

// extracts reports whether a word makes tar unpack an archive.
func extracts(w string) bool {
	return w == "--extract" || len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, "x")
}

func (e *judgement) fromBase(s step, c shell.Command, file string) diag.Diagnostic {
	return s.reason("leaves-base", fmt.Sprintf("RUN %s uses %s, which may come from the base image", c.Text, file),
		"use it in another stage, or take it from the final stage's own base image")
}

// isOutput reports whether a path is the named output of an earlier command.
func (e *judgement) isOutput(name string) bool {
	return slices.ContainsFunc(e.outputs, func(m string) bool { return inside(name, m) })
}

// redirect judges a file that a command is redirected from or to.
func (e *judgement) redirect(s step, c shell.Command, d effect, f shell.Redirect) diag.Diagnostic {
	if f.Write && e.language.settings(f.Path) {
		return e.notKnown(s, c)
	}
	keeps := c.Output != shell.Shown || d == compiles || c.Name() == "read" || c.Name() == ":"
	if keeps && !f.Write && d != shows && within(f.Path, systemDirs) && !e.isOutput(f.Path) {
		return e.fromBase(s, c, f.Path)
	}
	return diag.Diagnostic{}
}

// packages judges a command of a package manager.
func (e *judgement) packages(s step, c shell.Command) diag.Diagnostic {
	names, ok := installed(c)
	if !ok || slices.ContainsFunc(names, func(n string) bool { return strings.ContainsAny(n, ":/") }) {
		return e.notKnown(s, c)
	}
	if len(names) > 0 || slices.ContainsFunc(c.Words(), func(w string) bool { return strings.Contains(w, "upgrade") }) {
		e.installs = true
	}
	e.installed = append(e.installed, names...)
	return diag.Diagnostic{}
}
