package gate

import (
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"}, name)
}

// shellOf is the shell that a script is for, also behind env; "" if it is for something else.
func shellOf(f exe.File) string {
	if f.Format != exe.Script {
		return ""
	}
	line := append([]string{f.Interpreter}, f.Args...)
	if next, ok := follow(line); ok && !isShell(path.Base(f.Interpreter)) && len(next.argv) > 0 {
		line = next.argv
	}
	if name := path.Base(line[0]); isShell(name) {
		return name
	}
	return ""
}

// shellScript finds what -c has, among a shell's arguments; "" if there is none.
func shellScript(args []string) string {
	if command, rest := shellOptions(args); command && len(rest) > 0 {
		return rest[0]
	}
	return ""
}

// scriptFile finds the script among a shell's arguments, and what it is given; nothing if there is none.
func scriptFile(args []string) []string {
	if command, rest := shellOptions(args); !command {
		return rest
	}
	return nil
}

// shellOptions skips a shell's options. command says that -c is among them.
func shellOptions(args []string) (command bool, rest []string) {
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		option := args[0]
		args = args[1:]
		switch {
		case option == "--":
			return command, args
		case strings.HasPrefix(option, "--"): // bash's long ones
		default:
			command = command || option[0] == '-' && strings.Contains(option, "c")
			if strings.ContainsAny(option, "oO") && len(args) > 0 {
				args = args[1:]
			}
		}
	}
	return command, args
}

// special are the letters with which a word is more than it looks.
const special = "\"'`$\\(){}[]*?~<>#!="

// firstCommand finds the first program that a script runs, if that is plain to see: behind assignments, exec, cd, and what only sets
// something. It takes no script apart that has more in it; then there is no argv.
func firstCommand(script string) started {
	const most = 32 // commands that are skipped
	dir := ""
	for range most {
		script = strings.TrimLeft(script, " \t\r\n;")
		end := len(script)
		if i := strings.IndexAny(script, ";&|\n"); i >= 0 {
			end = i
		}
		command, rest := script[:end], script[end:]
		words := skipAssignments(strings.Fields(command))
		if next, ok := starts(words, rest, dir); ok {
			return next
		}
		if len(words) == 2 && words[0] == "cd" && plain(words[1:]) != nil && words[1] != "-" {
			dir = path.Join(dir, words[1])
			if path.IsAbs(words[1]) {
				dir = words[1]
			}
		} else if len(words) > 0 && words[0] == "cd" {
			return started{shell: true}
		}
		var ok bool
		if script, ok = after(rest); !ok || strings.ContainsAny(command, "\"'`\\(") {
			return started{shell: true}
		}
	}
	return started{shell: true}
}

// starts is what a simple command starts; ok is false for one that only sets something.
func starts(words []string, rest, dir string) (next started, ok bool) {
	next = started{dir: dir, shell: true}
	switch {
	case len(words) == 0, setsOnly(words[0]), words[0] == "cd":
		return next, false
	case words[0] == "exec":
		next.argv = plain(words[1:])
	case !mayFail(rest):
		next.argv = plain(words)
	}
	return next, true
}

// mayFail reports whether the script goes on otherwise if a command fails, which may be how it finds out where it runs.
func mayFail(rest string) bool {
	line, _, _ := strings.Cut(rest, "\n")
	line, _, _ = strings.Cut(line, ";")
	return strings.Contains(line, "||")
}

// after goes behind a separator after which the shell goes on in any case that matters.
func after(rest string) (string, bool) {
	switch {
	case strings.HasPrefix(rest, "&&"):
		return rest[2:], true
	case strings.HasPrefix(rest, ";"), strings.HasPrefix(rest, "\n"):
		return rest[1:], true
	}
	return "", false
}

// setsOnly are a shell's own commands that leave what runs next as it is.
func setsOnly(word string) bool {
	return slices.Contains([]string{"set", "export", "unset", "umask", "ulimit", "echo", "printf", "true", ":", "sleep", "mkdir", "readonly"}, word)
}

// plain returns words whose first is certainly a program's name.
func plain(words []string) []string {
	if len(words) == 0 || strings.ContainsAny(words[0], special) || strings.HasPrefix(words[0], "-") || ownWord(words[0]) {
		return nil
	}
	return words
}

// ownWord reports whether a shell takes a word for itself.
func ownWord(word string) bool {
	return slices.Contains([]string{
		"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "select", "function", "time", "coproc",
		".", "source", "eval", "command", "builtin", "test", "trap", "wait", "read", "alias", "unalias", "shift", "return", "exit", "break",
		"continue", "local", "declare", "typeset", "let", "type", "hash", "getopts", "times", "jobs", "bg", "fg", "kill", "false", "pwd",
		"pushd", "popd", "dirs", "shopt", "enable", "disown", "logout", "mapfile", "readarray", "caller", "compgen", "complete", "bind",
		"suspend", "help", "history", "fc", "emulate", "autoload", "zmodload", "setopt", "unsetopt", "print", "whence", "nocorrect", "noglob",
	}, word)
}
