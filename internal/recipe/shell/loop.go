package shell

import (
	"mvdan.cc/sh/v3/syntax"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

var patterns = lazyregexp.New(`\[[^\]]*\]|[*?]`)

func (r *reader) forClause(c *syntax.ForClause, st *state, out Output) {
	it, ok := c.Loop.(*syntax.WordIter)
	if !ok || c.Select {
		x := expansion{r: r, st: st, outputs: map[*syntax.CmdSubst]string{}}
		x.inspect(c.Loop)
		r.forget(c, st)
		r.stmts(c.Do, st, out)
		r.forget(c, st)
		return
	}
	items := r.words(st, it.Items)
	if !it.InPos.IsValid() { // for x: over "$@"
		items = []Word{{Text: Unknown}}
	}
	for i := range items {
		items[i].Text = patterns().ReplaceAllString(items[i].Text, Unknown)
	}
	if len(items) > maxLoop {
		items = []Word{{Text: Unknown}}
	}
	before := st.clone()
	uncertain := jumps(c.Do)
	for _, item := range items {
		if r.steps >= maxSteps {
			break
		}
		sure := !uncertain && item.Known()
		if !sure { // any number of times
			r.forget(c, st)
			r.unsure++
		}
		st.set(it.Name.Value, item.Text)
		r.stmts(c.Do, st, out)
		if !sure {
			r.unsure--
		}
	}
	if uncertain || len(items) == 0 || !items[0].Known() {
		r.forget(c, st)
		st.merge(before)
	}
}

// jumps reports whether a loop's body may skip the rest of it.
func jumps(body []*syntax.Stmt) bool {
	found := false
	for _, s := range body {
		syntax.Walk(s, func(n syntax.Node) bool {
			if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
				name := call.Args[0].Lit()
				found = found || name == "break" || name == "continue"
			}
			return !found
		})
	}
	return found
}

// forget forgets everything that a node may change when it runs any number of times.
func (r *reader) forget(node syntax.Node, st *state) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DeclClause:
			for _, a := range n.Args {
				if a.Name != nil && n.Variant.Value != "local" {
					st.vars[a.Name.Value] = variable{text: Unknown, exported: true}
				}
			}
			return false
		case *syntax.Assign:
			if n.Name != nil {
				st.set(n.Name.Value, Unknown)
			}
		case *syntax.WordIter:
			st.set(n.Name.Value, Unknown)
		case *syntax.CallExpr:
			r.havocCall(n, st)
		}
		return true
	})
}

func (r *reader) havocCall(c *syntax.CallExpr, st *state) {
	if len(c.Args) == 0 {
		return
	}
	switch c.Args[0].Lit() {
	case "cd", "pushd", "popd":
		st.cwd = ""
	case "read", "unset", "getopts", "mapfile", "readarray", "export", "readonly", "printf":
		for _, w := range c.Args[1:] {
			if name := w.Lit(); syntax.ValidName(name) {
				st.set(name, Unknown)
			}
		}
	}
}
