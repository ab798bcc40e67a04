package solve

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
)

// clock knows how long the steps of a platform's solves took, and which failed, from their messages. Its zero value knows nothing.
type clock struct {
	failed map[digest.Digest]stepFailure
	said   map[digest.Digest][]byte                      // the end of what a step that has not ended, or has failed, has written
	runs   map[digest.Digest]map[time.Time]time.Duration // by when each began: a step may begin again after its end
}

// stepFailure is how a step failed, and how long it took for that.
type stepFailure struct {
	err  string
	took time.Duration
}

// stopped is the error of a step that was ended because of another one.
func stopped(err string) bool { return strings.HasSuffix(err, context.Canceled.Error()) }

// see takes in a message. What came from a cache, or has failed, took no time that says something.
func (c *clock) see(msg *client.SolveStatus) {
	c.listen(msg.Logs)
	for _, v := range msg.Vertexes {
		c.fail(v)
		if v.Started == nil || v.Completed == nil || v.Cached || v.Error != "" {
			continue
		}
		if c.runs == nil {
			c.runs = map[digest.Digest]map[time.Time]time.Duration{}
		}
		if c.runs[v.Digest] == nil {
			c.runs[v.Digest] = map[time.Time]time.Duration{}
		}
		c.runs[v.Digest][v.Started.UTC()] = v.Completed.Sub(*v.Started)
	}
}

func (c *clock) fail(v *client.Vertex) {
	if v.Error == "" || stopped(v.Error) {
		delete(c.failed, v.Digest)
		if v.Completed != nil {
			delete(c.said, v.Digest)
		}
		return
	}
	if c.failed == nil {
		c.failed = map[digest.Digest]stepFailure{}
	}
	f := stepFailure{err: v.Error}
	if v.Started != nil && v.Completed != nil {
		f.took = v.Completed.Sub(*v.Started)
	}
	c.failed[v.Digest] = f
}

// maxSaid is how much of a step's last words is kept, in bytes.
const maxSaid = 16 << 10

func (c *clock) listen(logs []*client.VertexLog) {
	for _, l := range logs {
		if c.said == nil {
			c.said = map[digest.Digest][]byte{}
		}
		said := append(c.said[l.Vertex], l.Data...)
		if len(said) > 2*maxSaid {
			said = append([]byte(nil), said[len(said)-maxSaid:]...)
		}
		c.said[l.Vertex] = said
	}
}

// diagnosis is a line of the Go compiler's, or of vet's, about a source.
var diagnosis = regexp.MustCompile(`(?m)^(?:vet: )?[^\s:]+\.go:\d+:\d+: `)

// diagnosed tells whether a step has ended with the compiler's words about a source.
func (c *clock) diagnosed(d digest.Digest) bool {
	return diagnosis.Match(c.said[d]) || diagnosis.Match(c.said[uncached(d)])
}

// uncached is the digest of a step that must not be taken from the cache, where two builds have it (solver/jobs.go of BuildKit).
func uncached(d digest.Digest) digest.Digest { return digest.FromString(d.String() + "-ignorecache") }

func (c *clock) hasFailed(d digest.Digest) bool { return c.failure(d).err != "" }

// failure is the zero value for a step that has not failed.
func (c *clock) failure(d digest.Digest) stepFailure {
	return cmp.Or(c.failed[d], c.failed[uncached(d)])
}

// seconds that a step took; 0 if it did not run, or was in a cache.
func (c *clock) seconds(d digest.Digest) float64 {
	var took time.Duration
	for _, digest := range []digest.Digest{d, uncached(d)} {
		for _, t := range c.runs[digest] {
			took += t
		}
	}
	return took.Seconds()
}

// worthKeeping is from how many seconds on it is remembered how long an emulated step took: who saves less does not notice.
const worthKeeping = 1

// remember keeps how long emulated steps took, for a build in which they are not emulated. It is a convenience, so nobody is told if it fails.
func (w task) remember(results []solved, plan plan.Plan) {
	if w.env.Times == "" {
		return
	}
	times := timing.Times{}
	for _, r := range results {
		for _, s := range r.graph.Steps {
			if took := r.clock.seconds(s.Digest); s.Kind == graph.Exec && took >= worthKeeping && w.env.Node.Emulates(s, plan) {
				times[timing.KeyOf(w.req.Source.Project(w.env.Client), s)] = took
			}
		}
	}
	if len(times) > 0 {
		f := w.env.times()
		f.Put(timesName, timing.Decode(f.Get(timesName)).With(times).Encode())
	}
}

// timesName is what the times are kept under; several programs that write at the same time may lose what one had to add.
const timesName = "emulated"

func (e Env) times() kept.Folder {
	const most = 1 << 20
	return kept.Folder{Dir: e.Times, Suffix: ".json", Max: most, Each: most}
}

// avoided is how many seconds longer the steps took that were moved, when they last ran under an emulator. Those that did not run now, or of
// which nothing is known, count for nothing.
func (j job) avoided(r relocation, c *clock) (seconds float64) {
	if j.env.Times == "" || len(r.moved.Steps) == 0 {
		return 0
	}
	stays := map[digest.Digest]graph.Step{}
	for _, step := range r.stays.Steps {
		stays[step.Digest] = step
	}
	times := timing.Decode(j.env.times().Get(timesName)).Times()
	for _, m := range r.moved.Steps {
		now := c.seconds(m.Digest)
		if then, known := times[timing.KeyOf(j.req.Source.Project(j.env.Client), stays[m.Was])]; known && now > 0 {
			seconds += then - now
		}
	}
	return max(0, seconds)
}
