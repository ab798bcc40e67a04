// Package starter knows the programs that commonly start others: shells, and wrappers such as tini or env. It is small, since the program
// that lists layers on a node has it (package nodehelper).
package starter

import (
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// IsShell reports whether a program of that name runs scripts of sh.
func IsShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"}, name)
}

// ShellOf returns the shell that runs a script, also behind env, or "" if another program runs it.
func ShellOf(f exe.File) string {
	if f.Format != exe.Script {
		return ""
	}
	line := append([]string{f.Interpreter}, f.Args...)
	if next, ok := Wrapped(line); ok && len(next) > 0 {
		line = next
	}
	if name := path.Base(line[0]); IsShell(name) {
		return name
	}
	return ""
}

// A wrapper is a program that starts another one, named by its own command line.
type wrapper struct {
	values   string // the one-letter options that take a value
	operands int    // the number of operands before the program
}

// wrapperOf returns the wrapper of a name. It knows the programs that images commonly put before another one.
func wrapperOf(name string) (wrapper, bool) {
	switch name {
	case "tini", "tini-static", "docker-init":
		return wrapper{values: "pe"}, true
	case "dumb-init":
		return wrapper{values: "r"}, true
	case "catatonit", "nohup", "setsid":
		return wrapper{}, true
	case "env":
		return wrapper{values: "uC"}, true
	case "nice":
		return wrapper{values: "n"}, true
	case "stdbuf":
		return wrapper{values: "ioe"}, true
	case "timeout":
		return wrapper{values: "sk", operands: 1}, true
	case "gosu", "su-exec":
		return wrapper{operands: 1}, true
	}
	return wrapper{}, false
}

// Wrapped returns the command that a wrapper starts. ok is false if the command is not a known wrapper. next is empty if it is one and its
// command cannot be determined.
func Wrapped(argv []string) (next []string, ok bool) {
	name := path.Base(argv[0])
	w, ok := wrapperOf(name)
	if !ok {
		return nil, false
	}
	rest := w.options(argv[1:])
	if name == "env" {
		rest = skipAssignments(splitString(rest))
	}
	if len(rest) <= w.operands {
		return nil, true
	}
	return rest[w.operands:], true
}

// options skips a wrapper's own options. It keeps env's -S, since the command follows it.
func (w wrapper) options(args []string) []string {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		switch arg := args[0]; {
		case arg == "--":
			return args[1:]
		case strings.HasPrefix(arg, "-S"), strings.HasPrefix(arg, "-vS"), strings.HasPrefix(arg, "--split-string"):
			return args
		case len(arg) == 2 && strings.Contains(w.values, arg[1:]) && len(args) > 1:
			args = args[2:]
		default:
			args = args[1:]
		}
	}
	return args
}

// splitString splits like env -S, for strings without quotes.
func splitString(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	for _, option := range []string{"-vS", "-S", "--split-string="} {
		if text, ok := strings.CutPrefix(args[0], option); ok {
			words := strings.Fields(text)
			if len(words) == 0 && len(args) > 1 {
				return slices.Concat(strings.Fields(args[1]), args[2:])
			}
			return slices.Concat(wrapper{values: "uC"}.options(words), args[1:])
		}
	}
	return args
}

func skipAssignments(args []string) []string {
	for len(args) > 0 && isAssignment(args[0]) {
		args = args[1:]
	}
	return args
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	if !ok || name == "" || '0' <= name[0] && name[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}
