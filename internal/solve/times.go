package solve

import (
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
)

// worthKeeping is from how many seconds on it is remembered how long an emulated step took: who saves less does not notice.
const worthKeeping = 1

// remember keeps how long emulated steps took, for a build in which they are not emulated. It is a convenience, so nobody is told if it fails.
func (w task) remember(jobs []job, results []solved, plan plan.Plan) {
	if w.env.Times == "" {
		return
	}
	times := timing.Times{}
	for i, r := range results {
		for _, s := range r.graph.Steps {
			if took := r.log.Seconds(s.Digest); s.Kind == graph.Exec && took >= worthKeeping && jobs[i].node.Emulates(s, plan) {
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
