package progress

import (
	"slices"
	"time"

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

// again is told before a platform's message: what failed in a solve of it that has ended is forgotten if it is solved once more.
func (r *record) again(lane string) {
	t := r.track(lane)
	if !t.ended {
		return
	}
	for _, s := range t.order {
		s.err = ""
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
	if sp.ranBefore(v) {
		if v.Cached && s.err == "" {
			return // it was made in this build, and is in the cache for that
		}
		s.err = ""
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

// begun are the steps that have begun, in that order: BuildKit tells of them from the last to the first.
func (t *track) begun() []*step {
	var steps []*step
	for _, s := range t.order {
		if s.begun() {
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b *step) int { return a.first().Compare(b.first()) })
	return steps
}
