package shell

import "mvdan.cc/sh/v3/syntax"

// compound reads a command that contains other statements. It returns the same as stmt.
func (r *reader) compound(cmd syntax.Command, st *state, out Output) (maybe *state) {
	switch c := cmd.(type) {
	case *syntax.BinaryCmd:
		return r.binary(c, st, out)
	case *syntax.Block:
		r.stmts(c.Stmts, st, out)
	case *syntax.Subshell:
		r.stmts(c.Stmts, st.clone(), out)
	case *syntax.IfClause:
		r.unsure++
		r.ifClause(c, st, out)
		r.unsure--
	case *syntax.ForClause:
		r.forClause(c, st, out)
	case *syntax.WhileClause:
		r.forget(c, st)
		r.unsure++
		r.stmts(c.Cond, st, out)
		r.stmts(c.Do, st, out)
		r.unsure--
		r.forget(c, st)
	case *syntax.CaseClause:
		r.unsure++
		r.caseClause(c, st, out)
		r.unsure--
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return r.stmt(c.Stmt, st, out)
		}
	case *syntax.DeclClause:
		r.declare(c, st)
	case *syntax.TestClause:
		x := expansion{r: r, st: st, outputs: map[*syntax.CmdSubst]string{}}
		x.inspect(c.X)
		r.add(st, call{args: []Word{{Text: "[["}}, out: out, text: r.now})
	case *syntax.FuncDecl:
		r.problem(r.source(c), "is a shell function")
	default: // arithmetic as a command, let, coproc
		r.forget(c, st)
		r.problem(r.source(c), "is a shell construct that is not supported")
	}
	return nil
}

func (r *reader) binary(c *syntax.BinaryCmd, st *state, out Output) (maybe *state) {
	switch c.Op {
	case syntax.AndStmt:
		maybe = r.stmt(c.X, st, out)
		if maybe == nil && fallible(c.X) {
			maybe = st.clone()
		}
		if conditional(c.X) {
			r.unsure++
			defer func() { r.unsure-- }()
		}
		if second := r.stmt(c.Y, st, out); second != nil {
			if maybe == nil {
				return second
			}
			maybe.merge(second)
		}
		return maybe
	case syntax.OrStmt:
		if failed := r.stmt(c.X, st, out); failed != nil {
			st.merge(failed)
		}
		other := st.clone()
		r.unsure++
		if failed := r.stmt(c.Y, other, out); failed != nil {
			other.merge(failed)
		}
		r.unsure--
		st.merge(other)
	default: // pipes: each side runs in a shell of its own
		r.stmt(c.X, st.clone(), Taken)
		r.stmt(c.Y, st.clone(), out)
	}
	return nil
}

// conditional reports whether a statement ends in a condition that may be false.
func conditional(s *syntax.Stmt) bool {
	switch c := s.Cmd.(type) {
	case *syntax.TestClause:
		return true
	case *syntax.BinaryCmd:
		return c.Op == syntax.AndStmt && conditional(c.Y)
	case *syntax.CallExpr:
		if len(c.Args) > 0 {
			switch c.Args[0].Lit() {
			case "[", "test", "grep", "command", "which", "type", "false", "cmp", "diff":
				return true
			}
		}
	}
	return s.Negated
}

// fallible reports whether a statement may fail in a normal run.
func fallible(s *syntax.Stmt) bool {
	switch c := s.Cmd.(type) {
	case *syntax.DeclClause:
		return false
	case *syntax.BinaryCmd:
		return c.Op != syntax.AndStmt || fallible(c.X) || fallible(c.Y)
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			return false
		}
		switch c.Args[0].Lit() {
		case "cd", "set", "echo", "true", ":", "umask", "mkdir", "unset":
			return false
		}
	}
	return true
}

func (r *reader) ifClause(c *syntax.IfClause, st *state, out Output) {
	if !r.enter(c) {
		return
	}
	defer func() { r.depth-- }()
	r.stmts(c.Cond, st, out)
	then := st.clone()
	r.stmts(c.Then, then, out)
	if c.Else != nil {
		if len(c.Else.Cond) > 0 {
			r.ifClause(c.Else, st, out)
		} else {
			r.stmts(c.Else.Then, st, out)
		}
	}
	st.merge(then)
}

func (r *reader) caseClause(c *syntax.CaseClause, st *state, out Output) {
	r.text(st, c.Word, "")
	before := st.clone()
	for _, item := range c.Items {
		for _, p := range item.Patterns {
			r.text(before, p, "")
		}
		branch := before.clone()
		if item.Op != syntax.Break { // ;& goes on with the next
			branch.merge(st)
		}
		r.stmts(item.Stmts, branch, out)
		st.merge(branch)
	}
}
