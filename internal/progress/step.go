package progress

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// step is a vertex, or a group of them that is shown as one.
type step struct {
	name     string
	vertices map[digest.Digest]*span
	group    bool
	strong   bool // a member that is not weak has begun
	cached   bool
	err      string
	tail     tail
	current  *client.VertexStatus // the last transfer that was reported, unless it has ended
}

// span is the time that a vertex has taken. A vertex may begin again after its end.
type span struct {
	before             time.Duration // of earlier runs
	began              *time.Time    // the first of them
	started, completed *time.Time
}

func (sp *span) run(v *client.Vertex) {
	if sp.ranBefore(v) {
		sp.before += sp.completed.Sub(*sp.started)
	}
	if sp.began == nil {
		sp.began = v.Started
	}
	sp.started, sp.completed = v.Started, v.Completed
}

// ranBefore reports whether the vertex has ended and begins again.
func (sp *span) ranBefore(v *client.Vertex) bool {
	return sp.completed != nil && v.Started != nil && !v.Started.Equal(*sp.started)
}

func (sp *span) running() bool { return sp.started != nil && sp.completed == nil }

func (s *step) begun() bool {
	for _, sp := range s.vertices {
		if sp.started != nil {
			return s.strong
		}
	}
	return false
}

func (s *step) running() bool {
	for _, sp := range s.vertices {
		if sp.running() {
			return s.strong
		}
	}
	return false
}

// hidden reports whether the step is a group of which only weak members are known.
func (s *step) hidden() bool { return s.group && !s.strong }

// transfer returns the running transfer: "sha256:… 1.2MB / 3MB".
func (s *step) transfer() []string {
	if s.current == nil {
		return nil
	}
	text := s.current.ID
	switch {
	case s.current.Total > 0:
		text += fmt.Sprintf(" %s / %s", units.HumanSize(float64(s.current.Current)), units.HumanSize(float64(s.current.Total)))
	case s.current.Current > 0:
		text += " " + units.HumanSize(float64(s.current.Current))
	}
	return []string{text}
}

func (s *step) done() bool { return s.begun() && !s.running() }

func (s *step) failed() bool { return s.err != "" && !s.cancelled() }

// cancelled reports whether the step was cancelled: BuildKit shows it only in the text of the error.
func (s *step) cancelled() bool { return buildkitmsg.IsCanceled(s.err) }

// state returns the state of a step that has ended.
func (s *step) state() string {
	if s.cancelled() {
		return stateStopped
	}
	return stateDone
}

// mark returns the mark before the name of a step that has ended.
func (s *step) mark() string {
	switch {
	case s.cancelled():
		return "CANCELED "
	case s.cached:
		return "CACHED "
	}
	return ""
}

// first returns when the step first began.
func (s *step) first() (first time.Time) {
	for _, sp := range s.vertices {
		if sp.began != nil && (first.IsZero() || sp.began.Before(first)) {
			first = *sp.began
		}
	}
	return first
}

// took is the time that the step has taken until now: for a group, from the first to the last.
func (s *step) took(now time.Time) time.Duration {
	var sum time.Duration
	var first, last time.Time
	for _, sp := range s.vertices {
		if sp.started == nil {
			continue
		}
		end := now
		if sp.completed != nil {
			end = *sp.completed
		}
		sum += sp.before + end.Sub(*sp.started)
		if first.IsZero() || sp.started.Before(first) {
			first = *sp.started
		}
		if end.After(last) {
			last = end
		}
	}
	if len(s.vertices) > 1 {
		return last.Sub(first)
	}
	return sum
}
