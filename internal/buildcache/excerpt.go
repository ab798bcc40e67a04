package buildcache

import (
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// excerpt shows some steps of a solve for all platforms. The platforms' own solves show its other steps.
type excerpt struct {
	show func(*client.SolveStatus)
	// name returns the shown name of such a step; "" leaves it out.
	name func(*client.Vertex) string
	// mayFail turns a failure into a warning, without failing the build.
	mayFail bool
	shown   map[digest.Digest]bool
}

func newExcerpt(show func(*client.SolveStatus), mayFail bool, name func(*client.Vertex) string) *excerpt {
	return &excerpt{show: show, mayFail: mayFail, name: name, shown: map[digest.Digest]bool{}}
}

func (e *excerpt) add(msg *client.SolveStatus) {
	var out client.SolveStatus
	for _, v := range msg.Vertexes {
		if name := e.name(v); name != "" {
			e.shown[v.Digest] = true
			w := *v
			w.Name = name
			if e.mayFail {
				w.Error = ""
			}
			out.Vertexes = append(out.Vertexes, &w)
		}
	}
	for _, s := range msg.Statuses {
		if e.shown[s.Vertex] {
			out.Statuses = append(out.Statuses, s)
		}
	}
	if len(out.Vertexes)+len(out.Statuses) > 0 {
		e.show(&out)
	}
}
