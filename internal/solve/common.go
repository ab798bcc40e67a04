package solve

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// common is one reading of the Dockerfile for the jobs of a node that differ by nothing but their platform, in one run of the frontend. The
// first of them that comes to its gateway call makes it, and the others wait for it. Only values pass from one solve to another: each job's
// solve has its own reference, of its own definition. A job for which there are none reads alone.
type common struct {
	platforms []platform.Platform
	taken     atomic.Bool
	by        int                // the index of the job that reads
	made      chan struct{}      // closed when values is complete
	values    map[string]reading // by the platform's text; without results
}

// commons returns the common readings of a node's jobs. Attested builds have none: the provenance of an image is about the frontend's run in
// its solve.
func commons(jobs []job) (all []*common) {
	if len(jobs[0].req.Attests) > 0 {
		return nil
	}
	var groups []map[string]string // their attributes
	for _, j := range jobs {
		attrs := j.attrs()
		delete(attrs, "platform")
		i := slices.IndexFunc(groups, func(g map[string]string) bool { return maps.Equal(g, attrs) })
		if i < 0 {
			i, groups, all = len(groups), append(groups, attrs), append(all, &common{made: make(chan struct{})})
		}
		all[i].platforms = append(all[i].platforms, j.target)
	}
	return slices.DeleteFunc(all, func(c *common) bool { return len(c.platforms) == 1 })
}

// readInCommon returns the job's part of a common reading, without a result; ok is false if the job must read alone.
func (j job) readInCommon(ctx context.Context, gw gateway.Client) (got reading, ok bool) {
	i := slices.IndexFunc(j.commons, func(c *common) bool { return platform.Contains(c.platforms, j.target) })
	if i < 0 {
		return reading{}, false
	}
	c := j.commons[i]
	if !c.taken.Swap(true) {
		c.by, c.values = j.index, j.readAll(ctx, gw, c.platforms)
		close(c.made)
	}
	select {
	case <-c.made:
	case <-ctx.Done():
		return reading{}, false
	}
	got, ok = c.values[platform.Format(j.target)]
	return got, ok
}

// passWarnings gives the warnings of the job's solve to the platforms that it has read for.
func (j job) passWarnings(warnings []*client.VertexWarning) {
	for _, c := range j.commons {
		if len(warnings) == 0 || !c.readBy(j) {
			continue
		}
		for _, p := range c.platforms {
			if _, ok := c.values[platform.Format(p)]; ok && !platform.Equal(p, j.target) {
				j.env.Progress.Status(p, &client.SolveStatus{Warnings: warnings})
			}
		}
	}
}

// readBy reports whether the reading is complete, and is the job's.
func (c *common) readBy(j job) bool {
	select {
	case <-c.made:
		return c.by == j.index
	default:
		return false
	}
}

// readAll reads the Dockerfile for several platforms of the job's node. The result has those that need no reading of their own: it is nil if
// the reading has failed, as it does if any platform's fails, or if the frontend does not know several platforms.
func (j job) readAll(ctx context.Context, gw gateway.Client, platforms []platform.Platform) map[string]reading {
	attrs := j.attrs()
	attrs["platform"] = strings.Join(platform.FormatAll(platforms), ",")
	res, err := j.runFrontend(ctx, gw, attrs)
	if err != nil {
		return nil
	}
	var found exptypes.Platforms
	if json.Unmarshal(res.Metadata[exptypes.ExporterPlatformsKey], &found) != nil {
		return nil
	}
	values := map[string]reading{}
	for i := range found.Platforms {
		if v, ok := valueOf(ctx, res, found.Platforms, i, gw.BuildOpts().SessionID); ok {
			values[found.Platforms[i].ID] = v
		}
	}
	warned := values[platform.Format(platforms[0])].graph
	maps.DeleteFunc(values, func(_ string, v reading) bool { return !v.graph.Within(warned) })
	return values
}

// valueOf returns the part of a result that is about one of its platforms; ok is false if it is of no use in another solve than the one that
// has the session.
func valueOf(ctx context.Context, res *gateway.Result, platforms []exptypes.Platform, i int, session string) (v reading, ok bool) {
	ref, ok := res.Refs[platforms[i].ID]
	if !ok {
		return reading{}, false
	}
	metadata, err := metadataOf(res.Metadata, platforms, i)
	if err != nil {
		return reading{}, false
	}
	if v, err = described(metadata); err != nil || ref == nil {
		return v, err == nil
	}
	if v.def, err = definitionOf(ctx, ref); err != nil || bound(v.def, session) {
		return reading{}, false
	}
	trimPlatforms(v.def)
	v.graph, err = graph.Read(v.def)
	return v, err == nil
}

// metadataOf returns the metadata about one platform of a result, under the names that they have in a result for that platform alone
// (frontend/dockerui/build.go of BuildKit).
func metadataOf(all map[string][]byte, platforms []exptypes.Platform, i int) (map[string][]byte, error) {
	own := map[string][]byte{}
	for key, value := range all {
		name, about := key, i
		for k, p := range platforms {
			if short, ok := strings.CutSuffix(key, "/"+p.ID); ok {
				name, about = short, k
			}
		}
		if about == i {
			own[name] = value
		}
	}
	var err error
	own[exptypes.ExporterPlatformsKey], err = json.Marshal(exptypes.Platforms{Platforms: platforms[i : i+1]})
	return own, err
}

// bound reports whether a definition names a solve's own session, as that of an image from an OCI layout does.
func bound(def *llb.Definition, session string) bool {
	return slices.ContainsFunc(def.Def, func(op []byte) bool { return bytes.Contains(op, []byte(session)) })
}

// trimPlatforms gives the steps of a definition the names that they have in a reading for one platform.
func trimPlatforms(def *llb.Definition) {
	const nameKey = "llb.customname"
	for d, meta := range def.Metadata {
		if name, ok := meta.Description[nameKey]; ok {
			meta.Description = maps.Clone(meta.Description)
			meta.Description[nameKey], _ = buildkitmsg.TrimPlatform(name)
		}
		if meta.ProgressGroup != nil {
			meta.ProgressGroup = meta.ProgressGroup.CloneVT()
			meta.ProgressGroup.Name, _ = buildkitmsg.TrimPlatform(meta.ProgressGroup.Name)
		}
		def.Metadata[d] = meta
	}
}

// opening gives a common reading its result in a job's own solve, while the job waits for something else. wait returns the reading with it.
func (r reading) opening(ctx context.Context, gw gateway.Client) (wait func() (reading, error)) {
	if r.result != nil {
		return func() (reading, error) { return r, nil }
	}
	var opened reading
	failed := make(chan error, 1)
	go func() {
		var err error
		opened, err = r.in(ctx, gw)
		failed <- err
	}()
	return func() (reading, error) {
		select {
		case err := <-failed:
			return opened, err
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
}

// in returns the reading with a result in a solve.
func (r reading) in(ctx context.Context, gw gateway.Client) (reading, error) {
	res := gateway.NewResult()
	if r.def != nil {
		var err error
		if res, err = gw.Solve(ctx, gateway.SolveRequest{Definition: r.def.ToPB()}); err != nil {
			return reading{}, err
		}
	}
	res.Metadata = maps.Clone(r.metadata)
	r.result = res
	return r, nil
}
