package launch

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// notKnown stands for a word that is known only at run time. It is not the name of a program.
const notKnown = "$"

// maxCalls bounds the depth of calls among a script's functions.
const maxCalls = 4

// Script returns the commands that a script certainly starts when it is run with these arguments: the command that replaces it or
// runs last, and those that it leaves running. It leaves out commands in a branch, and those that are known only at run time.
// self is the script's own name.
func Script(text, self string, args []string) []Command {
	file, err := shell.Parse(text)
	if err != nil {
		return nil
	}
	r := &scriptRun{self: self, args: args, functions: map[string]*syntax.Stmt{}}
	r.stmts(file.Stmts, true)
	return r.starts
}

// A scriptRun is the state of reading a script.
type scriptRun struct {
	self        string
	args        []string
	argsUnknown bool // the arguments are no longer known
	dirUnknown  bool // the folder is no longer known
	pathUnknown bool // PATH is no longer known
	dir         string
	functions   map[string]*syntax.Stmt
	calls       int
	ended       bool // the script has ended
	returned    bool // the function has returned
	starts      []Command
}

// stmts reads statements in order. last means that nothing follows the last of them.
func (r *scriptRun) stmts(list []*syntax.Stmt, last bool) {
	for i, s := range list {
		if r.ended || r.returned {
			return
		}
		r.stmt(s, last && i == len(list)-1)
	}
}

func (r *scriptRun) stmt(s *syntax.Stmt, last bool) {
	if s.Negated || s.Coprocess {
		r.branch(s)
		return
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(cmd, last || s.Background)
	case *syntax.DeclClause:
		r.declare(cmd.Args)
	case *syntax.FuncDecl:
		r.functions[cmd.Name.Value] = cmd.Body
	case *syntax.Block:
		if !s.Background {
			r.stmts(cmd.Stmts, last)
		}
	case *syntax.BinaryCmd:
		r.joined(cmd, last)
	case nil:
	default:
		r.branch(s)
	}
}

// joined reads a && b, a || b, a | b.
func (r *scriptRun) joined(cmd *syntax.BinaryCmd, last bool) {
	switch {
	case cmd.Op == syntax.AndStmt && surelySucceeds(cmd.X):
		r.stmt(cmd.X, false)
		r.stmt(cmd.Y, last)
	case cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll:
		r.stmt(cmd.X, last)
	default:
		r.branch(cmd)
	}
}

// surelySucceeds reports whether a command only sets something, so that the command after && runs.
func surelySucceeds(s *syntax.Stmt) bool {
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		return len(cmd.Args) == 0 || setsOnly(cmd.Args[0].Lit()) || cmd.Args[0].Lit() == "cd"
	case *syntax.BinaryCmd:
		return cmd.Op == syntax.AndStmt && surelySucceeds(cmd.X) && surelySucceeds(cmd.Y)
	case *syntax.DeclClause:
		return true
	}
	return false
}

// branch reads code that may or may not run: everything that it may change is unknown from here on.
func (r *scriptRun) branch(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Subshell, *syntax.FuncDecl, *syntax.CmdSubst:
			return false
		case *syntax.DeclClause:
			r.declare(n.Args)
		case *syntax.CallExpr:
			r.assign(n.Assigns, len(n.Args) == 0)
			if len(n.Args) > 0 {
				r.mayChange(n)
			}
		}
		return true
	})
}

func (r *scriptRun) mayChange(c *syntax.CallExpr) {
	switch c.Args[0].Lit() {
	case "set":
		_, positional := r.positional(c.Args[1:])
		r.argsUnknown = r.argsUnknown || positional
	case "shift", "eval":
		r.argsUnknown = true
	case "cd", "pushd", "popd":
		r.dirUnknown = true
	case ".", "source":
		r.dirUnknown, r.pathUnknown = true, true
	}
}

// declare reads export, local and the like.
func (r *scriptRun) declare(assigns []*syntax.Assign) { r.assign(assigns, true) }

func (r *scriptRun) assign(assigns []*syntax.Assign, stays bool) {
	for _, a := range assigns {
		if a.Name != nil && a.Name.Value == "PATH" && stays && (a.Value != nil || a.Array != nil) {
			r.pathUnknown = true
		}
	}
}

// call reads a simple command. isStarted means that the script ends with it, or leaves it running.
func (r *scriptRun) call(c *syntax.CallExpr, isStarted bool) {
	r.assign(c.Assigns, len(c.Args) == 0)
	words := r.words(c.Args)
	if len(words) == 0 {
		return
	}
	switch name := words[0]; name {
	case "exec":
		if argv := execArgs(words[1:]); len(argv) > 0 { // otherwise it only redirects
			r.start(argv, len(c.Assigns) > 0)
			r.ended = true
		}
	case "exit":
		r.ended = true
	case "return":
		r.returned = true
	case "cd":
		r.change(words[1:])
	case "set":
		if args, positional := r.positional(c.Args[1:]); positional {
			r.args, r.argsUnknown = args, r.argsUnknown || slices.Contains(args, notKnown)
		}
	case "shift":
		r.shift(words[1:])
	case "eval", ".", "source", "pushd", "popd":
		r.mayChange(c)
	default:
		if body := r.functions[name]; body != nil {
			r.function(body, words[1:], isStarted)
		} else if isStarted && !ownWord(name) && !setsOnly(name) {
			r.start(words, len(c.Assigns) > 0)
		}
	}
}

// function reads a call of one of the script's functions, with its own arguments.
func (r *scriptRun) function(body *syntax.Stmt, args []string, last bool) {
	if r.calls == maxCalls {
		r.branch(body)
		return
	}
	outer, argsUnknown := r.args, r.argsUnknown
	r.args, r.argsUnknown = args, slices.Contains(args, notKnown)
	r.calls++
	r.stmt(body, last)
	r.calls--
	r.args, r.argsUnknown, r.returned = outer, argsUnknown, false
}

// start records a command that certainly starts, if it is known.
func (r *scriptRun) start(argv []string, assigned bool) {
	name := argv[0]
	if name == "" || !IsLiteral(name) || ownWord(name) {
		return
	}
	relative := strings.Contains(name, "/") && !path.IsAbs(name)
	if relative && r.dirUnknown || !strings.Contains(name, "/") && (r.pathUnknown || assigned) {
		return
	}
	r.starts = append(r.starts, Command{Args: argv, Dir: r.dir, Shell: true})
}

func (r *scriptRun) change(words []string) {
	switch {
	case len(words) != 1 || !IsLiteral(words[0]) || words[0] == "-" || words[0] == "":
		r.dirUnknown = true
	case path.IsAbs(words[0]):
		r.dir, r.dirUnknown = words[0], false
	default:
		r.dir = path.Join(r.dir, words[0])
	}
}

func (r *scriptRun) shift(words []string) {
	n := 1
	if len(words) > 0 {
		var err error
		if n, err = strconv.Atoi(words[0]); err != nil {
			n = -1
		}
	}
	if n < 0 || n > len(r.args) {
		r.argsUnknown = true
		return
	}
	r.args = r.args[n:]
}

// positional returns the arguments that set gives the script. ok is false if it sets options only.
func (r *scriptRun) positional(words []*syntax.Word) (args []string, ok bool) {
	for i := 0; i < len(words); i++ {
		switch option := words[i].Lit(); {
		case option == "--":
			return r.words(words[i+1:]), true
		case len(option) > 1 && (option[0] == '-' || option[0] == '+'):
			if strings.HasSuffix(option, "o") {
				i++ // the option's name
			}
		default:
			return r.words(words[i:]), true
		}
	}
	return nil, false
}

// execArgs skips exec's own options.
func execArgs(words []string) []string {
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		switch {
		case words[0] == "--":
			return words[1:]
		case strings.HasSuffix(words[0], "a") && len(words) > 1:
			words = words[1:]
		}
		words = words[1:]
	}
	return words
}

// words expands words as far as they are known.
func (r *scriptRun) words(list []*syntax.Word) (texts []string) {
	for _, w := range list {
		switch param := lone(w); {
		case param == "@" && r.argsUnknown:
			return append(texts, notKnown)
		case param == "@":
			texts = append(texts, r.args...)
		default:
			texts = append(texts, r.word(w.Parts))
		}
	}
	return texts
}

// lone returns the parameter that a word consists of: "$@" or $@.
func lone(w *syntax.Word) string {
	parts := w.Parts
	if len(parts) == 1 {
		if q, ok := parts[0].(*syntax.DblQuoted); ok {
			parts = q.Parts
		}
	}
	if len(parts) != 1 {
		return ""
	}
	return plainParam(parts[0])
}

// plainParam returns the name in $name or ${name}, and "" for anything else.
func plainParam(part syntax.WordPart) string {
	p, ok := part.(*syntax.ParamExp)
	if !ok || p.Param == nil || p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 || p.Exp != nil {
		return ""
	}
	return p.Param.Value
}

func (r *scriptRun) word(parts []syntax.WordPart) string {
	var text strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			text.WriteString(part.Value)
		case *syntax.SglQuoted:
			text.WriteString(part.Value)
		case *syntax.DblQuoted:
			text.WriteString(r.word(part.Parts))
		default:
			text.WriteString(r.param(plainParam(part)))
		}
	}
	if strings.Contains(text.String(), notKnown) {
		return notKnown
	}
	return text.String()
}

// param returns the value of $0, $1 and so on.
func (r *scriptRun) param(name string) string {
	n, err := strconv.Atoi(name)
	switch {
	case err != nil || n < 0 || r.argsUnknown && n > 0:
		return notKnown
	case n == 0:
		return r.self
	case n <= len(r.args):
		return r.args[n-1]
	}
	return ""
}
