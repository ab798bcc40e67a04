package display

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// warnings collects the warnings of a build's frontends. The zero value is ready.
type warnings struct {
	mu        sync.Mutex
	list      []warning // each once, in order of arrival
	platforms map[string]bool
}

type warning struct {
	*client.VertexWarning
	platforms []string // that have the warning
}

func (w *warnings) add(p platform.Platform, msg *client.SolveStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.platforms == nil {
		w.platforms = map[string]bool{}
	}
	name := platform.Format(p)
	w.platforms[name] = true
	if msg == nil {
		return
	}
	for _, v := range msg.Warnings {
		i := slices.IndexFunc(w.list, func(have warning) bool { return sameWarning(have.VertexWarning, v) })
		if i < 0 {
			i, w.list = len(w.list), append(w.list, warning{VertexWarning: v})
		}
		if !slices.Contains(w.list[i].platforms, name) {
			w.list[i].platforms = append(w.list[i].platforms, name)
		}
	}
}

// sameWarning reports whether two platforms with one Dockerfile have the same warning.
func sameWarning(a, b *client.VertexWarning) bool {
	line := func(v *client.VertexWarning) string {
		if len(v.Range) == 0 {
			return ""
		}
		return fmt.Sprint(v.Range[0].GetStart().GetLine())
	}
	return string(a.Short) == string(b.Short) && a.URL == b.URL && a.SourceInfo.GetFilename() == b.SourceInfo.GetFilename() && line(a) == line(b)
}

// print prints the warnings, as docker buildx does. With detail it adds their location and description.
func (w *warnings) print(out io.Writer, detail bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 {
		return
	}
	found := "1 warning found"
	if len(w.list) > 1 {
		found = fmt.Sprintf("%d warnings found", len(w.list))
	}
	if !detail {
		found += " (use --debug to expand)"
	}
	cli.Putf(out, "\n%s:\n", found)
	for _, v := range w.list {
		where := ""
		if len(v.platforms) < len(w.platforms) {
			slices.Sort(v.platforms)
			where = " [" + strings.Join(v.platforms, ", ") + "]"
		}
		cli.Putf(out, " - %s%s\n", v.Short, where)
		if !detail {
			continue
		}
		for _, d := range v.Detail {
			cli.Putf(out, "%s\n", d)
		}
		if v.URL != "" {
			cli.Putf(out, "More info: %s\n", v.URL)
		}
		if v.SourceInfo != nil && v.Range != nil {
			_ = (&errdefs.Source{Info: v.SourceInfo, Ranges: v.Range}).Print(out) // a broken standard error cannot be reported
		}
		fmt.Fprintln(out)
	}
}
