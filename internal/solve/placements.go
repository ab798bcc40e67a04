package solve

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// placements has, by platform, the node that was the last to build it from one context. A later build finds its cache there.
type placements map[string]string

func (e Env) placements() cachedir.Folder {
	return cachedir.Folder{Dir: e.Placements, Suffix: ".json", Max: 256 << 10, MaxFile: 8 << 10}
}

// placementsName is the name of the file about the build's context.
func (t task) placementsName() string {
	return digest.FromString(t.req.Source.Project(t.env.Client)).Encoded()
}

func (t task) lastPlacements() placements {
	var last placements
	if json.Unmarshal(t.env.placements().Get(t.placementsName()), &last) != nil || last == nil {
		return placements{} // nothing is remembered, or the file is damaged
	}
	return last
}

// placementKey identifies a node among all nodes that may have built a context.
func placementKey(c plan.Candidate) string { return c.Name + "\n" + c.Address }

// remembered sets what each candidate was the last to build.
func (t task) remembered(all []plan.Candidate) {
	last := t.lastPlacements()
	for k, c := range all {
		for _, target := range t.targets {
			if last[platform.Format(target)] == placementKey(c) {
				all[k].Built = append(all[k].Built, target)
			}
		}
	}
}

// rememberPlaces records the nodes that have built the platforms, if there was a choice.
func (t task) rememberPlaces(jobs []job, results []solved) {
	if t.env.Placements == "" || len(t.env.Nodes) == 1 {
		return
	}
	last, changed := t.lastPlacements(), false
	for i, r := range results {
		name, key := platform.Format(t.targets[i]), placementKey(plan.Candidate{Node: jobs[i].node.Node, Address: jobs[i].node.Address})
		if r.err == nil && last[name] != key {
			last[name], changed = key, true
		}
	}
	if !changed {
		return
	}
	if data, err := json.Marshal(last); err == nil {
		t.env.placements().Put(t.placementsName(), data)
	}
}
