package shell

import (
	"io"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// words expands words as arguments of a command. Patterns for file names stay as they are written.
func (r *reader) words(st *state, in []*syntax.Word) []Word {
	var out []Word
	for _, w := range in {
		x := expansion{r: r, st: st, into: intoOf(w), outputs: map[*syntax.CmdSubst]string{}}
		fields := x.fields(w)
		for _, f := range fields {
			out = append(out, Word{Text: f})
		}
		if cs, ok := w.Parts[0].(*syntax.CmdSubst); ok && len(w.Parts) == 1 && len(fields) == 1 && len(cs.Stmts) == 1 {
			out[len(out)-1].Lone = r.source(cs.Stmts[0])
		}
	}
	return out
}

// fields returns the words that one word expands to. Braces may make many.
func (x *expansion) fields(w *syntax.Word) (all []string) {
	parts := x.parts(w.Parts) // commands in a word are read in any case
	if !x.r.withinBudget("") {
		return []string{Unknown}
	}
	for f, err := range expand.FieldsSeq(x.config(), &syntax.Word{Parts: parts}) {
		if err != nil || !x.r.withinBudget(f) {
			return []string{Unknown}
		}
		all = append(all, f)
	}
	return all
}

// withinBudget counts the expanded bytes, and returns false beyond the bound.
func (r *reader) withinBudget(text string) bool {
	r.made += len(text) + 1
	return r.made <= maxMade
}

// text expands a word to one text, as in an assignment.
func (r *reader) text(st *state, w *syntax.Word, into string) string {
	if w == nil {
		return ""
	}
	x := expansion{r: r, st: st, into: into, outputs: map[*syntax.CmdSubst]string{}}
	parts := x.parts(w.Parts)
	if !r.withinBudget("") {
		return Unknown
	}
	s, err := expand.Literal(x.config(), &syntax.Word{Parts: parts})
	if err != nil || !r.withinBudget(s) {
		return Unknown
	}
	return s
}

// document expands a heredoc. It expands nothing if any part of the ending word is quoted.
func (r *reader) document(st *state, rd *syntax.Redirect) string {
	w := rd.Hdoc
	if end := rd.Word.Lit(); end == "" || strings.Contains(end, `\`) {
		return w.Lit()
	}
	x := expansion{r: r, st: st, outputs: map[*syntax.CmdSubst]string{}}
	parts := x.parts(w.Parts)
	if !r.withinBudget("") {
		return Unknown
	}
	s, err := expand.Document(x.config(), &syntax.Word{Parts: parts})
	if err != nil || !r.withinBudget(s) {
		return Unknown
	}
	return s
}

// intoOf returns NAME of a word NAME=… .
func intoOf(w *syntax.Word) string {
	if lit, ok := w.Parts[0].(*syntax.Lit); ok {
		if name, _, ok := strings.Cut(lit.Value, "="); ok && syntax.ValidName(name) {
			return name
		}
	}
	return ""
}

// expansion is the expansion of one word.
type expansion struct {
	r       *reader
	st      *state
	into    string
	outputs map[*syntax.CmdSubst]string
}

func (x *expansion) config() *expand.Config {
	return &expand.Config{
		Env: environ(func(name string) (string, bool) {
			text, ok := x.r.lookup(x.st, name)
			if !x.r.withinBudget(text) {
				return Unknown, true
			}
			return text, ok
		}),
		CmdSubst: func(w io.Writer, cs *syntax.CmdSubst) error {
			_, err := io.WriteString(w, x.outputs[cs])
			return err
		},
	}
}

// parts returns the parts of a word, with Unknown in place of those that cannot be known, and reads the commands in them.
func (x *expansion) parts(in []syntax.WordPart) []syntax.WordPart {
	out := make([]syntax.WordPart, 0, len(in))
	for i, part := range in {
		switch p := part.(type) {
		case *syntax.DblQuoted:
			part = &syntax.DblQuoted{Dollar: p.Dollar, Parts: x.parts(p.Parts)}
		case *syntax.SglQuoted:
		case *syntax.Lit:
			// expand would ask this machine for other users' home directories
			if i == 0 && strings.HasPrefix(p.Value, "~") && p.Value != "~" && !strings.HasPrefix(p.Value, "~/") {
				part = &syntax.Lit{Value: Unknown}
			}
		default:
			if !x.inspect(p) {
				part = &syntax.Lit{Value: Unknown}
			}
		}
		out = append(out, part)
	}
	return out
}

// inspect records the variables that a node reads, reads its commands, and reports whether its value can be computed. The node may
// be more than a word's part, for example a test.
func (x *expansion) inspect(node syntax.Node) bool {
	plain := true
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			x.outputs[n] = x.r.substitution(x.st, n)
			return false
		case *syntax.ProcSubst:
			plain = false
			x.r.stmts(n.Stmts, x.st.clone(), Taken)
			return false
		case *syntax.ParamExp:
			plain = x.param(n) && plain
		case *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause, *syntax.ExtGlob, *syntax.BraceExp:
			plain = false
		case *syntax.Lit:
			plain = plain && !strings.HasPrefix(n.Value, "~")
		}
		return true
	})
	return plain
}

// param records that a parameter is read, and reports whether its value can be computed.
func (x *expansion) param(p *syntax.ParamExp) bool {
	if p.Param == nil || !syntax.ValidName(p.Param.Value) {
		return false // $1, $@, $?
	}
	name := p.Param.Value
	x.r.Uses = append(x.r.Uses, Use{Var: name, Into: x.into, Own: x.st.vars[name].own, Text: x.r.now})
	if p.Exp != nil && (p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull) {
		x.st.set(name, Unknown)
		return false
	}
	if p.Excl || p.Names != 0 || p.Index != nil || p.Width || p.IsSet || p.Flags != nil || len(p.Modifiers) > 0 || p.NestedParam != nil {
		return false
	}
	text, _ := x.r.lookup(x.st, name)
	plain := !p.Length && p.Slice == nil && p.Repl == nil && p.Exp == nil
	return plain || Known(text)
}

// substitution reads the commands of $(…) and returns the output.
func (r *reader) substitution(st *state, cs *syntax.CmdSubst) string {
	before, problems, now := len(r.Commands), len(r.Problems), r.now
	r.stmts(cs.Stmts, st.clone(), Taken)
	r.now = now
	if len(r.Commands) != before+1 || len(r.Problems) != problems {
		return Unknown
	}
	c := r.Commands[before]
	if c.Output != Taken {
		return Unknown
	}
	if c.Name() == "pwd" && len(c.Args) == 1 && c.Cwd != "" {
		return c.Cwd
	}
	if r.known != nil {
		if text, ok := r.known(c); ok {
			return text
		}
	}
	return Unknown
}
