package progress

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// An emulated step is worth reporting from this time on: as a rule of thumb it takes a tenth natively, and shorter savings are
// not worth changing a Dockerfile. More than three lines would be read as a table.
const (
	slowFrom  = 10 * time.Second
	slowSteps = 3
)

// Program is the position of a step that runs a program, its platform, and whether an emulator runs it.
type Program struct {
	Platform platform.Platform
	Emulated bool
	File     string
	Line     int // 0 if it is not known
}

// ran is a program that has run.
type ran struct {
	Program
	command string
	took    time.Duration
}

// slow is the entry for a line of the Dockerfile.
type slow struct {
	where, command string
	platforms      []string // "linux/arm64 187.2s"
}

// Slowest writes which emulated steps took longest, each line of the Dockerfile once, and how to avoid that unless the user has
// been told (advised). It writes nothing if none of them took long. It is to be called after Close.
func (d *Display) Slowest(out io.Writer, advised bool) {
	steps := d.slowest()
	if len(steps) == 0 {
		return
	}
	width := 0
	for _, s := range steps {
		width = max(width, len(s.where))
	}
	fmt.Fprintln(out, "\nSlowest emulated steps:")
	for _, s := range steps {
		fmt.Fprintf(out, "  %-*s  %s  (%s)\n", width, s.where, runewidth.Truncate(s.command, 60, "..."), strings.Join(s.platforms, ", "))
	}
	if advised {
		return
	}
	fmt.Fprint(out, "Hint: an emulator is many times slower than the processor. Compile in a stage FROM --platform=$BUILDPLATFORM for\n"+
		"      $TARGETOS and $TARGETARCH, and COPY --from it. Steps that must run for their platform (installing packages): put them\n"+
		"      before the COPY of what changes often, so that they stay cached.\n")
}

func (d *Display) slowest() []slow {
	all := d.ran()
	slices.SortFunc(all, func(a, b ran) int {
		return cmp.Or(cmp.Compare(b.took, a.took), platform.Compare(a.Platform, b.Platform), cmp.Compare(a.command, b.command))
	})
	native := map[string]time.Duration{} // the longest of each line
	for _, r := range all {
		if !r.Emulated {
			native[r.line()] = max(native[r.line()], r.took)
		}
	}
	lines := map[string]*slow{}
	var steps []*slow
	for _, r := range all {
		// A step that takes half its time natively as well is not slow because of the emulator.
		if !r.Emulated || r.took < slowFrom || native[r.line()] > r.took/2 {
			continue
		}
		s := lines[r.line()]
		if s == nil {
			s = &slow{where: r.where(), command: r.command}
			lines[r.line()] = s
			steps = append(steps, s)
		}
		s.platforms = append(s.platforms, platform.Format(r.Platform)+" "+seconds(r.took))
	}
	var out []slow
	for _, s := range steps[:min(len(steps), slowSteps)] {
		if d, ok := native[cmp.Or(s.where, s.command)]; ok {
			s.platforms = append(s.platforms, "natively "+seconds(d))
		}
		out = append(out, *s)
	}
	return out
}

// ran returns the programs that have run in this build, each once.
func (d *Display) ran() (all []ran) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dgst, p := range d.programs {
		for _, t := range d.record.lanes {
			if s := t.steps[dgst]; s != nil && s.done() && !s.cached && s.err == "" {
				all = append(all, ran{Program: p, command: command(s.name), took: s.took(d.now())})
				break
			}
		}
	}
	return all
}

func (p Program) where() string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// line identifies a line of the Dockerfile.
func (r ran) line() string { return cmp.Or(r.where(), r.command) }

// command returns a step's name without the brackets that the Dockerfile frontend puts before it: "[build 2/4] RUN make".
func command(name string) string { return oneLine(buildkitmsg.TrimStep(name)) }
