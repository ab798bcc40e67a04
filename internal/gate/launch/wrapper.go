// Package launch finds the commands that a command line starts: the arguments of a wrapper such as tini or env, the first command
// of the script of sh -c, and the commands that a shell's script certainly starts. It runs nothing. Commands that are known only
// at run time are left out.
package launch

import (
	"path"
	"slices"
	"strings"
)

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

// A Command is a command that a wrapper, a shell or a script starts.
type Command struct {
	Args  []string
	Dir   string // the folder it is started in; "" is that of its parent
	Shell bool   // it comes from a shell's script: the word may not be a program
}

// Follow returns the command that a command starts. ok is false if it is not a known wrapper or shell. Args is empty if it is one
// and its command cannot be determined.
func Follow(argv []string) (next Command, ok bool) {
	name := path.Base(argv[0])
	if IsShell(name) {
		if script := shellScript(argv[1:]); script != "" {
			return firstOf(script), true
		}
		return Command{}, true
	}
	w, ok := wrapperOf(name)
	if !ok {
		return Command{}, false
	}
	rest := w.options(argv[1:])
	if name == "env" {
		rest = skipAssignments(splitString(rest))
	}
	if len(rest) <= w.operands {
		return Command{}, true
	}
	return Command{Args: rest[w.operands:]}, true
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
