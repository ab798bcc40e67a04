package progress

import (
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// record has the known facts about a build's steps, by lane.
type record struct {
	lanes    map[string]*track
	names    []string          // of the platforms, in the order in which they are shown
	how      map[string]string // how each platform is built
	width    int               // of the longest name
	howWidth int
	// skew is by how much the clock here is ahead of the builder's, at most: a step's first message arrives after it has begun.
	skew   time.Duration
	skewed bool
}

// track has the known facts about one lane.
type track struct {
	steps  map[digest.Digest]*step // the members of a group have the same one
	order  []*step                 // in the order of their first messages
	groups map[string]*step
	ended  bool // the platform's solve has ended
	// first and last are the times of the lane's messages, by the clock here.
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

// lanesInOrder returns the names of the lanes as they are shown: the shared lane comes first.
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

// end records the end of a platform's solve.
func (r *record) end(lane string, now time.Time) {
	t := r.track(lane)
	if t.ended, t.last = true, now; t.first.IsZero() {
		t.first = now
	}
}

// again is called before a platform's message: if a platform is solved once more, the failures of its ended solve are dropped.
func (r *record) again(lane string) {
	t := r.track(lane)
	if !t.ended {
		return
	}
	for _, s := range t.order {
		s.err = ""
	}
}

// observe adds a message that arrived at now.
func (r *record) observe(m message, now time.Time) {
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
			return // it ran in this build, which is why it is in the cache
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

// step returns the step that the vertex belongs to.
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

// count counts the steps that are shown.
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

// took is the time from the lane's first message until its end.
func (t *track) took(now time.Time) time.Duration {
	if t.ended {
		now = t.last
	}
	return now.Sub(t.first)
}

// begun returns the steps that have begun, in that order: BuildKit reports them from the last to the first.
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
