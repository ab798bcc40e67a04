package display

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// warnings collects the warnings of a build's frontends. The zero value is ready.
type warnings struct {
	mu        sync.Mutex
	list      []warning // each once, in order of arrival
	platforms map[string]bool
}

// warning is a warning with the platforms that have it.
type warning struct {
	diag.Diagnostic
	origin *client.VertexWarning
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
		d := buildkitmsg.Warning(v)
		i := slices.IndexFunc(w.list, func(known warning) bool {
			return known.String() == d.String() && known.Check == d.Check && known.File == d.File && known.URL == d.URL
		})
		if i < 0 {
			i, w.list = len(w.list), append(w.list, warning{d, v})
		}
		if !slices.Contains(w.list[i].Platforms, name) {
			w.list[i].Platforms = append(w.list[i].Platforms, name)
		}
	}
}

// print prints the warnings. With detail it adds their descriptions and the lines of the Dockerfile.
func (w *warnings) print(out io.Writer, detail bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) == 0 {
		return
	}
	heading := results.Count(len(w.list), "warning") + " found"
	if !detail {
		heading += " (use --debug to expand)"
	}
	cli.Putf(out, "\n%s:\n", heading)
	for _, v := range w.list {
		slices.Sort(v.Platforms)
		if len(v.Platforms) == len(w.platforms) {
			v.Platforms = nil // all
		}
		findings.Lines(out, []diag.Diagnostic{v.Diagnostic})
		if detail {
			v.printOrigin(out)
		}
	}
}

// printOrigin prints what BuildKit adds to the warning.
func (w warning) printOrigin(out io.Writer) {
	for _, d := range w.origin.Detail {
		cli.Putf(out, "%s\n", d)
	}
	if w.URL != "" {
		cli.Putf(out, "More info: %s\n", w.URL)
	}
	if w.origin.SourceInfo != nil && w.origin.Range != nil {
		_ = (&errdefs.Source{Info: w.origin.SourceInfo, Ranges: w.origin.Range}).Print(out) // a broken standard error cannot be reported
	}
	fmt.Fprintln(out)
}
