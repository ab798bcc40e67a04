package progress

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	solvererrdefs "github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// failureLines is how many of the last lines of a failed step are shown again.
const failureLines = 40

// Failure is a platform's error, as its solve gave it.
type Failure struct {
	Platform platform.Platform
	Err      error
	Step     digest.Digest // the failed step; "" if it is in Err, or unknown
}

// explained is the text about failures that are alike.
type explained struct {
	names   []string // of the platforms
	step    string   // "" if it is not known
	took    time.Duration
	output  []string
	excerpt []string
}

// Failures writes for each failed platform the failed step, the last lines of its output, and the lines of the Dockerfile that
// caused it. Platforms that failed alike are written once. Every line begins with the platform. A failure with neither output nor
// a position (that of a push, for example) is left to its error. If Failures writes anything, it begins with an empty line.
func (d *Display) Failures(out io.Writer, failures []Failure) {
	var all []explained
	for _, f := range failures {
		e := d.explain(f)
		if len(e.output)+len(e.excerpt) == 0 {
			continue
		}
		if i := slices.IndexFunc(all, e.alike); i >= 0 {
			all[i].names = append(all[i].names, e.names...)
			continue
		}
		all = append(all, e)
	}
	width := 0
	for _, e := range all {
		width = max(width, len(e.who()))
	}
	for _, e := range all {
		fmt.Fprintln(out)
		to := &laneWriter{to: &stream{out: out}, prefix: fmt.Sprintf("%-*s | ", width, e.who())}
		fmt.Fprintln(to, e.head())
		for _, line := range slices.Concat(e.output, e.excerpt) {
			fmt.Fprintln(to, line)
		}
	}
}

func (e explained) alike(f explained) bool {
	return e.step == f.step && slices.Equal(e.output, f.output) && slices.Equal(e.excerpt, f.excerpt)
}

func (e explained) who() string {
	if len(e.names) == 1 {
		return e.names[0]
	}
	return fmt.Sprintf("%d platforms", len(e.names))
}

func (e explained) head() string {
	words := "failed"
	if e.step != "" {
		words = fmt.Sprintf("failed after %.1fs: %s", e.took.Seconds(), e.step)
	}
	if len(e.names) > 1 {
		words += " (" + strings.Join(e.names, ", ") + ")"
	}
	return words
}

func (d *Display) explain(f Failure) explained {
	name := platform.Format(f.Platform)
	e := explained{names: []string{name}, excerpt: excerpt(f.Err)}
	if s := d.blamed(name, f); s != nil {
		e.step, e.took, e.output = s.name, s.took(d.now()), s.tail.last(failureLines)
	}
	return e
}

// blamed returns the step that the error is about: BuildKit's error has its digest. For an error without one, it is the failed
// step in the platform's lane.
func (d *Display) blamed(lane string, f Failure) *step {
	d.mu.Lock()
	defer d.mu.Unlock()
	blamed := f.Step
	if vertex, ok := errors.AsType[*solvererrdefs.VertexError](f.Err); ok {
		blamed = digest.Digest(vertex.Digest)
	}
	for _, name := range []string{lane, Shared} {
		t := d.record.lanes[name]
		if t == nil {
			continue
		}
		if blamed != "" {
			if s := t.steps[blamed]; s != nil {
				return s
			}
			continue
		}
		if i := slices.IndexFunc(t.order, (*step).failed); i >= 0 && name == lane {
			return t.order[i]
		}
	}
	return nil
}

// excerpt returns the lines of the Dockerfile in BuildKit's error, each position once.
func excerpt(err error) []string {
	var lines []string
	seen := map[string]bool{}
	for _, s := range solvererrdefs.Sources(err) {
		var b strings.Builder
		if s.Print(&b) == nil && !seen[b.String()] {
			seen[b.String()] = true
			lines = append(lines, slices.Collect(strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n"))...)
		}
	}
	return lines
}
