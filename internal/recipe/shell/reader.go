package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// These bound the reading. Anything longer or deeper is a problem.
const (
	maxText  = 16 << 10 // bytes of a variable's value
	maxSteps = 4000     // statements, counted each time in loops
	maxDepth = 40
	maxLoop  = 50      // words of a for
	maxMade  = 4 << 20 // bytes of expanded words: {1..9999} alone makes many
)

// reader reads one program's arguments.
type reader struct {
	Script
	open  bool
	known func(Command) (string, bool)

	src    string // the current script
	now    string // the current statement
	depth  int
	steps  int
	read   int // bytes of scripts
	made   int // bytes of expanded words
	unsure int // the number of enclosing branches that may not be taken
}

func (r *reader) problem(text, why string) {
	r.Problems = append(r.Problems, Problem{Text: oneLine(text), Why: why})
}

// source returns a node as it is written.
func (r *reader) source(n syntax.Node) string {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	if from < 0 || to > len(r.src) || from > to {
		return ""
	}
	return strings.TrimRight(r.src[from:to], " ;&\n")
}

// script reads a shell's script.
func (r *reader) script(st *state, text string, out Output) {
	if !Known(text) {
		r.problem(text, "is an unknown script")
		return
	}
	if why := r.beyond(text); why != "" {
		r.problem(text, why)
		return
	}
	file, err := parse(text)
	if err != nil {
		r.problem(text, "cannot be read as a shell script")
		return
	}
	src, now := r.src, r.now
	r.src = text
	r.stmts(file.Stmts, st, out)
	r.src, r.now = src, now
}

// enter counts the depth, and returns false beyond the bound.
func (r *reader) enter(n syntax.Node) bool {
	r.steps++
	if r.depth >= maxDepth || r.steps >= maxSteps {
		if r.steps <= maxSteps { // once
			r.problem(r.source(n), "is nested too deep in a script, or too far from its beginning")
		}
		return false
	}
	r.depth++
	return true
}

func (r *reader) stmts(list []*syntax.Stmt, st *state, out Output) {
	for _, s := range list {
		if maybe := r.stmt(s, st, out); maybe != nil {
			st.merge(maybe)
		}
	}
}

// stmt reads a statement. It returns another state, if not nil, that the script may be in afterwards: where a && b ends because a
// failed.
func (r *reader) stmt(s *syntax.Stmt, st *state, out Output) (maybe *state) {
	if !r.enter(s) {
		return nil
	}
	defer func() { r.depth-- }()
	if s.Background || s.Coprocess || s.Disown {
		st = st.clone()
	}
	if _, compound := s.Cmd.(*syntax.BinaryCmd); !compound {
		r.now = oneLine(r.source(s))
	}
	files, stdin, out := r.redirects(st, s.Redirs, out)
	if expr, ok := s.Cmd.(*syntax.CallExpr); ok {
		r.callExpr(st, expr, call{files: files, stdin: stdin, out: out})
		return nil
	}
	if s.Cmd == nil { // redirections alone create files
		r.add(st, call{args: []Word{{Text: ":"}}, files: files, out: out, text: r.now})
		return nil
	}
	if len(files) > 0 {
		r.add(st, call{args: []Word{{Text: ":"}}, files: files, text: r.now})
	}
	return r.compound(s.Cmd, st, out)
}

// redirects reads the files of a statement, its heredoc's text, and the resulting destination of its output.
func (r *reader) redirects(st *state, redirs []*syntax.Redirect, out Output) (files []Redirect, stdin string, to Output) {
	for _, rd := range redirs {
		if rd.Hdoc != nil {
			stdin = r.document(st, rd)
		}
		name := r.text(st, rd.Word, "")
		switch rd.Op {
		case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
			continue
		case syntax.RdrIn:
			files = append(files, Redirect{Resolve(st.cwd, name), false})
			continue
		default: // a file that is written
		}
		to := target(rd, name)
		if ofOutput(rd) && to != Taken {
			out = to
		}
		if to == Filed {
			files = append(files, Redirect{Resolve(st.cwd, name), true})
		}
	}
	return files, stdin, out
}

// target returns the destination of a redirection. Taken means the output's current destination.
func target(rd *syntax.Redirect, name string) Output {
	copies := rd.Op == syntax.DplOut || rd.Op == syntax.DplIn
	switch {
	case name == "/dev/stdout" || copies && name == "1":
		return Taken
	case copies && strings.Trim(name, "0123456789-") == "":
		return Shown
	case name == "/dev/null" || name == "/dev/stderr" || name == "/dev/tty":
		return Shown
	}
	return Filed // with bash, >& takes a file as well
}

// ofOutput reports whether a redirection is of the standard output, alone or with the error output.
func ofOutput(rd *syntax.Redirect) bool {
	switch rd.Op {
	case syntax.RdrAll, syntax.RdrAllClob, syntax.AppAll, syntax.AppAllClob:
		return true
	default:
		return rd.N == nil || rd.N.Value == "1"
	}
}
