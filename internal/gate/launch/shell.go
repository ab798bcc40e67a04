// Package launch finds the commands that a command line starts: the arguments of a wrapper such as tini or env, the first command
// of the script of sh -c, and the commands that a shell's script certainly starts. It runs nothing. Commands that are known only
// at run time are left out.
package launch

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/starter"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// A Command is a command that a wrapper, a shell or a script starts.
type Command struct {
	Args  []string
	Dir   string // the folder it is started in; "" is that of its parent
	Shell bool   // it comes from a shell's script: the word may not be a program
}

// Follow returns the command that a command starts. ok is false if it is not a known wrapper or shell. Args is empty if it is one
// and its command cannot be determined.
func Follow(argv []string) (next Command, ok bool) {
	if !starter.IsShell(path.Base(argv[0])) {
		next.Args, ok = starter.Wrapped(argv)
		return next, ok
	}
	if script := shellScript(argv[1:]); script != "" {
		return firstOf(script), true
	}
	return Command{}, true
}

// shellScript returns the script of -c among a shell's arguments, or "" if there is none.
func shellScript(args []string) string {
	if command, rest := shellOptions(args); command && len(rest) > 0 {
		return rest[0]
	}
	return ""
}

// ScriptFile returns the script file among a shell's arguments, and the script's arguments, or nothing if there is none.
func ScriptFile(args []string) []string {
	if command, rest := shellOptions(args); !command {
		return rest
	}
	return nil
}

// shellOptions skips a shell's options. command means that -c is among them.
func shellOptions(args []string) (command bool, rest []string) {
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		option := args[0]
		args = args[1:]
		switch {
		case option == "--":
			return command, args
		case strings.HasPrefix(option, "--"): // bash's long options
		default:
			command = command || option[0] == '-' && strings.Contains(option, "c")
			if strings.ContainsAny(option, "oO") && len(args) > 0 {
				args = args[1:]
			}
		}
	}
	return command, args
}

// firstOf returns the first program that the script of sh -c starts, if it can be determined: behind assignments, exec, cd, and
// commands that only set something. There are no Args if the script begins with anything else.
func firstOf(script string) Command {
	p := prelude{script: script, next: Command{Shell: true}}
	if strings.HasPrefix(strings.TrimSpace(script), "#") {
		return p.next
	}
	file, err := shell.Parse(script)
	if err != nil {
		return p.next
	}
	for _, s := range file.Stmts {
		if p.ends(s) {
			break
		}
	}
	if len(p.next.Args) == 0 {
		p.next.Dir = ""
	}
	return p.next
}

// A prelude is the part of a script before it starts a program.
type prelude struct {
	script string
	next   Command
	exec   bool // it replaces the shell
}

// ends reports whether the prelude ends with a statement: it starts a program, or its effect is unknown.
func (p *prelude) ends(s *syntax.Stmt) bool {
	if s.Cmd == nil || s.Pos() != s.Cmd.Pos() { // behind a redirection, or !
		return true
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		return p.starts(cmd) || s.Background || p.quotes(cmd)
	case *syntax.DeclClause: // export
		return !setsOnly(cmd.Variant.Value) || s.Background || p.quotes(cmd)
	case *syntax.BinaryCmd:
		if cmd.Op == syntax.AndStmt {
			return p.ends(cmd.X) || p.ends(cmd.Y) || s.Background
		}
		p.ends(cmd.X)
		if cmd.Op == syntax.OrStmt && !p.exec { // the failing command may be a test of where the script runs
			p.next.Args = nil
		}
	}
	return true
}

// starts reports whether a simple command is the first that does more than set something.
func (p *prelude) starts(c *syntax.CallExpr) bool {
	words := c.Args
	if len(words) == 0 {
		return false
	}
	switch name := words[0].Lit(); {
	case setsOnly(name):
		return false
	case name == "cd":
		if len(words) != 2 || !isPlain(words[1].Lit()) {
			return true
		}
		p.next.Dir = path.Join(p.next.Dir, words[1].Lit())
		if path.IsAbs(words[1].Lit()) {
			p.next.Dir = words[1].Lit()
		}
		return false
	case name == "exec":
		p.exec, words = true, words[1:]
	}
	if len(words) > 0 && isPlain(words[0].Lit()) {
		p.next.Args = (&scriptRun{argsUnknown: true}).words(words)
	}
	return true
}

// quotes reports whether a command has words with more than letters and variables.
func (p *prelude) quotes(c syntax.Command) bool {
	return strings.ContainsAny(p.script[c.Pos().Offset():c.End().Offset()], "\"'`\\(")
}

// special are the letters with which a word is more than it looks.
const special = "\"'`$\\(){}[]*?~<>#!="

// IsLiteral reports whether a shell takes a word literally.
func IsLiteral(word string) bool { return !strings.ContainsAny(word, special) }

// isPlain reports whether a word, or a word's text, is certainly a program's name.
func isPlain(word string) bool {
	return word != "" && IsLiteral(word) && !strings.HasPrefix(word, "-") && !ownWord(word)
}

// setsOnly reports whether a word is a shell's own command that does not affect which program runs next.
func setsOnly(word string) bool {
	return slices.Contains([]string{"set", "export", "unset", "umask", "ulimit", "echo", "printf", "true", ":", "sleep", "mkdir", "readonly"}, word)
}

// ownWord reports whether a word is a shell's builtin or keyword.
func ownWord(word string) bool {
	return slices.Contains([]string{
		"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "select", "function", "time", "coproc",
		".", "source", "eval", "command", "builtin", "test", "trap", "wait", "read", "alias", "unalias", "shift", "return", "exit", "break",
		"continue", "local", "declare", "typeset", "let", "type", "hash", "getopts", "times", "jobs", "bg", "fg", "kill", "false", "pwd",
		"pushd", "popd", "dirs", "shopt", "enable", "disown", "logout", "mapfile", "readarray", "caller", "compgen", "complete", "bind",
		"suspend", "help", "history", "fc", "emulate", "autoload", "zmodload", "setopt", "unsetopt", "print", "whence", "nocorrect", "noglob",
	}, word)
}
