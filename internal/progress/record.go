package progress

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// record is what is known of a build's steps, by lane.
type record struct {
	lanes    map[string]*track
	names    []string          // of the platforms, in the order in which they are shown
	how      map[string]string // each platform is built
	width    int               // of the longest name
	howWidth int
	// skew is by how much the clock here is ahead of the builder's, at most: a step is heard of when it has begun.
	skew   time.Duration
	skewed bool
}

// track is what is known of one lane.
type track struct {
	steps  map[digest.Digest]*step // the members of a group have the same one
	order  []*step                 // as they were heard of
	groups map[string]*step
	ended  bool // the platform's solve has ended
	// first and last are when the lane was heard of, by the clock here.
	first, last time.Time
}

// step is a vertex, or a group of them that is shown as one.
type step struct {
	name     string
	vertices map[digest.Digest]*span
	group    bool
	strong   bool // a member that is not weak has begun
	cached   bool
	err      string
	tail     tail
	current  *client.VertexStatus // the last transfer that was told of, unless it has ended
}

// span is the time that a vertex has taken. A vertex may begin again after its end.
type span struct {
	before             time.Duration // of earlier runs
	started, completed *time.Time
}

func newRecord(names []string) *record {
	r := &record{lanes: map[string]*track{}}
	for _, name := range names {
		r.add(name)
	}
	return r
}

func (r *record) add(name string) {
	if name != Shared && !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
	r.width = max(r.width, len(name))
}

// lanesInOrder are the names of the lanes as they are shown: what is shared comes first.
func (r *record) lanesInOrder() []string {
	if r.lanes[Shared] != nil {
		return append([]string{Shared}, r.names...)
	}
	return r.names
}

func (r *record) track(lane string) *track {
	t := r.lanes[lane]
	if t == nil {
		t = &track{steps: map[digest.Digest]*step{}, groups: map[string]*step{}}
		r.lanes[lane] = t
		r.add(lane)
	}
	return t
}

func (r *record) plan(how map[string]string) {
	r.how = how
	for _, words := range how {
		r.howWidth = max(r.howWidth, len(words))
	}
}

// end is that of a platform's solve.
func (r *record) end(lane string, now time.Time) {
	t := r.track(lane)
	if t.ended, t.last = true, now; t.first.IsZero() {
		t.first = now
	}
}

// see takes a message in that came at now.
func (r *record) see(m message, now time.Time) {
	t := r.track(m.lane)
	t.ended = false // a platform may be solved again
	if t.last = now; t.first.IsZero() {
		t.first = now
	}
	for _, v := range m.status.Vertexes {
		if v.Started != nil && !v.Cached && (!r.skewed || now.Sub(*v.Started) < r.skew) {
			r.skew, r.skewed = now.Sub(*v.Started), true
		}
		t.vertex(v)
	}
	for _, s := range m.status.Statuses {
		if st := t.steps[s.Vertex]; st != nil {
			st.current = s
			if s.Completed != nil {
				st.current = nil
			}
		}
	}
	for _, l := range m.status.Logs {
		if st := t.steps[l.Vertex]; st != nil {
			st.tail.write(l.Data)
		}
	}
}

func (t *track) vertex(v *client.Vertex) {
	s := t.step(v)
	sp := s.vertices[v.Digest]
	if sp == nil {
		sp = &span{}
		s.vertices[v.Digest] = sp
	}
	if v.Started != nil {
		sp.run(v)
		s.strong = s.strong || v.ProgressGroup == nil || !v.ProgressGroup.Weak
	}
	s.cached = v.Cached && (s.cached || len(s.vertices) == 1)
	if v.Error != "" && s.err == "" {
		s.err = v.Error
	}
	if !s.running() && s.err == "" {
		s.tail, s.current = tail{}, nil
	}
}

// step is the one that the vertex belongs to.
func (t *track) step(v *client.Vertex) *step {
	s := t.steps[v.Digest]
	if g := v.ProgressGroup; s == nil && g != nil {
		s = t.groups[g.Id]
	}
	if s == nil {
		s = &step{name: v.Name, vertices: map[digest.Digest]*span{}}
		t.order = append(t.order, s)
		if g := v.ProgressGroup; g != nil {
			s.name, s.group = g.Name, true
			t.groups[g.Id] = s
		}
	}
	t.steps[v.Digest] = s
	return s
}

func (sp *span) run(v *client.Vertex) {
	if sp.started != nil && sp.completed != nil && !sp.started.Equal(*v.Started) {
		sp.before += sp.completed.Sub(*sp.started)
	}
	sp.started, sp.completed = v.Started, v.Completed
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

// hidden: a group of which only weak members are known.
func (s *step) hidden() bool { return s.group && !s.strong }

// transfer is the transfer that runs: "sha256:… 1.2MB / 3MB".
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

// count is of the steps that are shown.
func (t *track) count() (done, total int) {
	for _, s := range t.order {
		if s.hidden() {
			continue
		}
		total++
		if s.done() {
			done++
		}
	}
	return done, total
}

// took is the time since the lane was first heard of, until its end.
func (t *track) took(now time.Time) time.Duration {
	if t.ended {
		now = t.last
	}
	return now.Sub(t.first)
}

func (s *step) done() bool { return s.begun() && !s.running() }

func (s *step) failed() bool { return s.err != "" && !s.cancelled() }

// cancelled: BuildKit has no other sign of it (progressui looks at the same words).
func (s *step) cancelled() bool { return strings.HasSuffix(s.err, context.Canceled.Error()) }

// took is the time that the step has taken until now: of a group, from the first to the last.
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
