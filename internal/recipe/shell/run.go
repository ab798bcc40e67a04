package shell

import (
	"slices"
	"strings"
)

// run reads a command whose arguments are known as far as possible: either a wrapper's inner command, or the command itself.
func (r *reader) run(st *state, c call) {
	if r.depth >= maxDepth {
		r.problem(c.text, "is nested too deep in a script")
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	if !c.args[0].Known() {
		r.problem(c.text, "is a command that is unknown before it runs")
		return
	}
	switch name := program(c.args[0]); name {
	case "sh", "bash", "ash", "dash":
		r.shell(st, c)
	case "env":
		r.env(st, c)
	case "command", "exec", "nice", "nohup", "builtin", "sudo", "time", "timeout", "xargs", "ionice", "chronic":
		r.wrapper(st, name, c)
	case "busybox":
		if len(c.args) > 1 {
			c.args = c.args[1:]
			r.run(st, c)
			return
		}
		r.add(st, c)
	case "find":
		r.find(st, c)
	default:
		r.add(st, c)
	}
}

// shell reads sh -c SCRIPT, with options before it.
func (r *reader) shell(st *state, c call) {
	isScript := false
	for i := 1; i < len(c.args); i++ {
		arg := c.args[i]
		switch {
		case !arg.Known() && !isScript:
			r.problem(c.text, "is a shell with an unknown script")
			return
		case arg.Text == "--login" || arg.Text == "--rcfile" || arg.Text == "--init-file":
			r.problem(c.text, "is a shell that reads files first")
			return
		case strings.HasPrefix(arg.Text, "--") && len(arg.Text) > 2 && !isScript:
		case len(arg.Text) > 1 && (arg.Text[0] == '-' || arg.Text[0] == '+') && arg.Text != "--":
			if strings.ContainsAny(arg.Text, "lia") {
				r.problem(c.text, "is a shell that reads files first, or exports all")
				return
			}
			isScript = isScript || strings.Contains(arg.Text, "c")
			if strings.HasSuffix(arg.Text, "o") || strings.HasSuffix(arg.Text, "O") {
				i++ // the option's name
			}
		case arg.Text == "--":
		case isScript:
			r.inner(st, arg.Text, c)
			return
		default:
			r.problem(c.text, "runs a script with unknown content")
			return
		}
	}
	if c.stdin != "" && !isScript {
		r.inner(st, c.stdin, c)
		return
	}
	r.problem(c.text, "is a shell that reads its script from elsewhere")
}

// inner reads the script of a nested shell.
func (r *reader) inner(st *state, script string, c call) {
	if len(c.files) > 0 {
		r.add(st, call{args: []Word{{Text: ":"}}, files: c.files, text: c.text})
	}
	r.script(st.inherited(), script, c.out)
}

// env reads env X=1 COMMAND.
func (r *reader) env(st *state, c call) {
	next := st.inherited()
	args := c.args[1:]
	for len(args) > 0 {
		word := args[0].Text
		name, value, assigns := strings.Cut(word, "=")
		switch {
		case word == "-i" || word == "-" || word == "--ignore-environment":
			next.vars = map[string]variable{}
		case word == "-u" && len(args) > 1:
			delete(next.vars, args[1].Text)
			args = args[1:]
		case strings.HasPrefix(word, "--unset="):
			delete(next.vars, value)
		case word == "--":
		case strings.HasPrefix(word, "-") || strings.HasPrefix(word, Unknown):
			r.problem(c.text, "is env with options that are not supported")
			return
		case assigns:
			next.vars[name] = variable{value, true, true}
			c.set = append(c.set, name)
		default:
			c.args = args
			r.run(next, c)
			return
		}
		args = args[1:]
	}
	c.args = c.args[:1] // it prints the environment
	r.add(st, c)
}

// valued are options of wrappers that are followed by a value.
var valued = map[string]string{"nice": "n", "sudo": "ugC", "timeout": "sk", "xargs": "nIPLdsaE", "ionice": "cnp", "exec": "a"}

// changers are builtins that change the state of a shell.
var changers = []string{"cd", "export", "unset", "set", "read", "eval", ".", "source", "printf"}

// wrapper reads a program whose arguments are another command.
func (r *reader) wrapper(st *state, name string, c call) {
	args := c.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0].Text, "-") {
		opt := args[0].Text
		if name == "command" && (opt == "-v" || opt == "-V") {
			r.add(st, c)
			return
		}
		args = args[1:]
		if len(opt) == 2 && strings.Contains(valued[name], opt[1:]) && len(args) > 0 {
			args = args[1:]
		}
	}
	if name == "timeout" && len(args) > 0 {
		args = args[1:] // the duration
	}
	switch {
	case len(args) == 0:
		if name == "exec" && c.out != Shown {
			r.problem(c.text, "redirects the output of all commands after it")
		}
		args = []Word{{Text: ":"}}
	case name == "sudo" && strings.Contains(args[0].Text, "="):
		r.problem(c.text, "is sudo with variables")
		return
	case (name == "command" || name == "builtin") && slices.Contains(changers, args[0].Text):
		r.problem(c.text, "calls a builtin of the shell in an unusual way")
		return
	case name == "xargs":
		args = xargs(c.args[1:len(c.args)-len(args)], args)
	}
	c.args = args
	r.run(st, c)
}

// xargs returns a command as xargs runs it: with the input at the end, or at the places of -I. The input itself is left out.
func xargs(options, args []Word) []Word {
	args = append(slices.Clone(args), Word{Text: Unknown})
	if slices.ContainsFunc(options, func(o Word) bool {
		return strings.HasPrefix(o.Text, "-I") || strings.HasPrefix(o.Text, "-i") || strings.HasPrefix(o.Text, "--replace")
	}) {
		for i := range args[1:] {
			args[i+1].Text = Unknown
		}
	}
	return args
}

// find reads the commands that find runs.
func (r *reader) find(st *state, c call) {
	for i, w := range c.args {
		switch w.Text {
		case "-exec", "-execdir", "-ok", "-okdir":
			inner := c
			inner.files, inner.args = nil, nil
			for _, a := range c.args[i+1:] {
				if a.Text == ";" || a.Text == "+" {
					break
				}
				a.Text = strings.ReplaceAll(a.Text, "{}", Unknown)
				inner.args = append(inner.args, a)
			}
			if len(inner.args) > 0 {
				r.run(st, inner)
			}
		}
	}
	r.add(st, c)
}
