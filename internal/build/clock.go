package build

import (
	"cmp"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// clock knows how long the steps of a platform's solves took, and which failed, from their messages. Its zero value knows nothing.
type clock struct {
	failed map[digest.Digest]bool
	runs   map[digest.Digest]map[time.Time]time.Duration // by when each began: a step may begin again after its end
}

// see takes in a message. What came from a cache, or has failed, took no time that says something.
func (c *clock) see(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		if c.failed == nil {
			c.failed = map[digest.Digest]bool{}
		}
		c.failed[v.Digest] = v.Error != ""
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

// uncached is the digest of a step that must not be taken from the cache, where two builds have it (solver/jobs.go of BuildKit).
func uncached(d digest.Digest) digest.Digest { return digest.FromString(d.String() + "-ignorecache") }

func (c *clock) hasFailed(d digest.Digest) bool { return c.failed[d] || c.failed[uncached(d)] }

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
func (w task) remember(results []solved, plan Plan) {
	if w.env.Times == "" {
		return
	}
	times := timing.Times{}
	for _, r := range results {
		for _, s := range r.graph.Steps {
			if took := r.clock.seconds(s.Digest); s.Kind == graph.Exec && took >= worthKeeping && w.env.Node.emulates(s, plan) {
				times[timing.KeyOf(w.req.Source.project(w.env), s)] = took
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

// emulates tells whether an emulator ran a step. The plan does not know those that were read again.
func (n Node) emulates(s graph.Step, plan Plan) bool {
	if program, ok := plan.Programs[s.Digest]; ok {
		return program.Emulated
	}
	return n.foreign([]platform.Platform{s.Platform})
}

// avoided is how many seconds longer the steps took that were moved, when they last ran under an emulator. Those that did not run now, or of
// which nothing is known, count for nothing.
func (s *solve) avoided() (seconds float64) {
	if s.env.Times == "" || len(s.moved.Steps) == 0 {
		return 0
	}
	stays := map[digest.Digest]graph.Step{}
	for _, step := range s.stays.Steps {
		stays[step.Digest] = step
	}
	times := timing.Decode(s.env.times().Get(timesName)).Times()
	for _, m := range s.moved.Steps {
		now := s.clock.seconds(m.Digest)
		if then, known := times[timing.KeyOf(s.req.Source.project(s.env), stays[m.Was])]; known && now > 0 {
			seconds += then - now
		}
	}
	return max(0, seconds)
}

// project names what is built, to tell commands apart that are the same in many Dockerfiles.
func (s Source) project(env Env) string { return cmp.Or(s.Attrs["context"], sharedKey(s, env.Client)) }
