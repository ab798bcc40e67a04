package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// call is a command that is about to be read.
type call struct {
	args  []Word
	set   []string // variables set for it alone
	files []Redirect
	stdin string // the text of a heredoc, "" without one
	out   Output
	text  string
}

func (r *reader) callExpr(st *state, c *syntax.CallExpr, with call) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			r.assign(st, a, false)
		}
		if len(with.files) > 0 {
			r.add(st, call{args: []Word{{Text: ":"}}, files: with.files, text: r.now})
		}
		return
	}
	with.text = r.now
	with.args = r.words(st, c.Args)
	env := st
	if len(c.Assigns) > 0 {
		env = st.clone()
		for _, a := range c.Assigns {
			r.assign(env, a, true)
			with.set = append(with.set, a.Name.Value)
		}
	}
	if len(with.args) == 0 { // $EMPTY
		return
	}
	if r.builtin(st, with.args, with.text) && len(with.files) == 0 {
		return
	}
	r.run(env, with)
}

func (r *reader) assign(st *state, a *syntax.Assign, export bool) {
	name := a.Name.Value
	value := Unknown
	if a.Index == nil && a.Array == nil {
		value = r.text(st, a.Value, name)
		if a.Append {
			before, _ := r.lookup(st, name)
			value = before + value
		}
	} else {
		x := expansion{r: r, st: st, into: name, outputs: map[*syntax.CmdSubst]string{}}
		x.inspect(a)
	}
	if name == "IFS" || name == "BASH_ENV" || name == "ENV" {
		r.problem(r.now, "sets "+name)
	}
	st.set(name, value)
	if export {
		st.export(name)
	}
}

// declare handles export, readonly, local and declare.
func (r *reader) declare(c *syntax.DeclClause, st *state) {
	export := c.Variant.Value == "export"
	for _, a := range c.Args {
		switch {
		case a.Name == nil: // a flag, or a word that expands to names
			word := r.text(st, a.Value, intoOf(a.Value))
			export = export || strings.HasPrefix(word, "-") && strings.Contains(word, "x")
			if !strings.HasPrefix(word, "-") || word == "-n" {
				r.export(st, word)
			}
		case a.Naked:
			if export {
				st.export(a.Name.Value)
			}
		default:
			r.assign(st, a, export)
		}
	}
}

// export handles export NAME and export NAME=value of a word that is not a plain assignment.
func (r *reader) export(st *state, word string) {
	name, value, has := strings.Cut(word, "=")
	if !syntax.ValidName(name) {
		r.problem(r.now, "exports a variable that is unknown before it runs")
		return
	}
	if has {
		st.set(name, value)
	}
	st.export(name)
}

// builtin applies a builtin's effect to the state, and reports whether the command has no other effect.
func (r *reader) builtin(st *state, args []Word, text string) bool {
	name, rest := args[0].Text, args[1:]
	switch name {
	case "cd":
		r.cd(st, rest)
	case "pushd", "popd":
		st.cwd = ""
	case "unset":
		for _, w := range rest {
			delete(st.vars, w.Text)
		}
	case "read", "getopts", "mapfile", "readarray":
		for _, w := range rest {
			if syntax.ValidName(w.Text) {
				st.set(w.Text, Unknown)
			}
		}
	case "export":
		for _, w := range rest {
			r.export(st, w.Text)
		}
	case "printf":
		if len(rest) > 1 && rest[0].Text == "-v" {
			st.set(rest[1].Text, Unknown)
		}
		return false
	case "set":
		if slices.ContainsFunc(rest, exportsAll) {
			r.problem(text, "exports a variable that is set after it")
		}
	case "eval", "source", ".", "trap", "alias", "enable":
		r.problem(text, "is a builtin that the recipe does not know")
	default:
		return false
	}
	return true
}

// exportsAll reports whether a word of set may be -a or -o allexport.
func exportsAll(w Word) bool {
	short := strings.HasPrefix(w.Text, "-") && !strings.HasPrefix(w.Text, "--")
	return !w.Known() || w.Text == "allexport" || short && strings.Contains(w.Text, "a")
}

func (r *reader) cd(st *state, args []Word) {
	for len(args) > 0 && (args[0].Text == "-P" || args[0].Text == "-L" || args[0].Text == "--") {
		args = args[1:]
	}
	dir, _ := r.lookup(st, "HOME")
	if len(args) > 0 {
		dir = args[0].Text
	}
	st.cwd = Resolve(st.cwd, dir)
	if dir == "-" || !Known(dir) {
		st.cwd = ""
	}
}

// add records a command.
func (r *reader) add(st *state, c call) {
	r.Commands = append(r.Commands, Command{
		Args: c.args, Env: st.environment(), Set: c.set, Cwd: st.cwd, Output: c.out, Files: c.files, Sure: r.unsure == 0, Text: c.text,
	})
}
