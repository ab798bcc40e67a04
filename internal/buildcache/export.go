package buildcache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ExportError says that everything was built, and that a cache could not be exported. No tag was moved.
type ExportError struct {
	To  Entry
	Err error
}

func (e *ExportError) Error() string {
	return fmt.Sprintf("the build cache could not be exported to %s: %v", e.To, e.Err)
}
func (e *ExportError) Unwrap() error { return e.Err }

// Failed returns the error of an export as an [ExportError]. It is nil if there was none, or if the build goes on without this export, which
// is noted then.
func (e Entry) Failed(ctx context.Context, err error, note diag.Notes) error {
	if err == nil {
		return nil
	}
	err = &ExportError{e, err}
	if e.IgnoreError() && ctx.Err() == nil {
		note(diag.Diagnostic{Severity: diag.Warning, Cause: err})
		return nil
	}
	return err
}

// Made is the result of one platform's solve.
type Made struct {
	Platform   platform.Platform
	Definition *llb.Definition // the definition that was solved; nil if there was nothing to do
}

// Export exports the caches of the results, when all platforms are built. If several solves exported to one destination, a platform each,
// they would overwrite one another. So each destination gets one solve over all platforms. It requests the results of the platforms' solves
// again, by the same definitions, and exports only their cache. A [Holder] still holds all of the steps: nothing is run, read or resolved
// again.
//
// All destinations are exported to at once. Those to which all platforms are exported together get the digests of the exported manifests, in
// the order of to: "" if nothing was exported. An error is an [ExportError], or several, or the cause of ctx.
func Export(ctx context.Context, n Node, under *spb.Policy, to []Entry, made []Made) ([]digest.Digest, error) {
	exported := make([]digest.Digest, len(to))
	var mu sync.Mutex
	var failed []error
	var exports sync.WaitGroup
	one := func(i int, e Entry, made ...Made) {
		exports.Go(func() {
			dgst, err := export(ctx, n, under, e, made)
			mu.Lock()
			defer mu.Unlock()
			if err = e.Failed(ctx, err, n.Note); err != nil {
				failed = append(failed, err)
			} else {
				exported[i] = dgst
			}
		})
	}
	for i, e := range to {
		switch {
		case e.Type == "inline", e.Type == "": // each image has its own; none
		case e.Marked():
			for _, m := range made {
				one(i, e.of(m.Platform), m)
			}
		default:
			one(i, e, made...)
		}
	}
	exports.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return exported, errors.Join(failed...)
}

// export exports to one destination, and returns the digest of the manifest, "" if there was nothing to export.
func export(ctx context.Context, n Node, under *spb.Policy, to Entry, made []Made) (digest.Digest, error) {
	opt, err := n.Options(under)
	if err != nil {
		return "", err
	}
	names := make([]string, len(made))
	for i, m := range made {
		names[i] = platform.Format(m.Platform)
	}
	opt.FrontendAttrs["platform"] = strings.Join(names, ",")
	opt.CacheExports = []client.CacheOptionsEntry{to.option()}
	delete(opt.CacheExports[0].Attrs, "ignore-error") // with it BuildKit would not return the error
	exporting := newExcerpt(n.Show, to.IgnoreError(), func(v *client.Vertex) string {
		if buildkitmsg.IsExport(v.Name) {
			return "exporting the build cache to " + to.String()
		}
		return ""
	})
	resp, err := n.Solve(ctx, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		return joined(ctx, gw, made)
	}, exporting.add)
	if err != nil {
		return "", err
	}
	var desc ocispecs.Descriptor
	if text := resp.ExporterResponse[manifestKey]; text != "" {
		err = json.Unmarshal([]byte(text), &desc)
	}
	return desc.Digest, err
}

// manifestKey is the key of the exported manifest's descriptor (BuildKit's cache/remotecache/export.go).
const manifestKey = "cache.manifest"

// joined returns one result of several platforms, as the frontend makes it for a request with several. The export evaluates it.
func joined(ctx context.Context, gw gateway.Client, made []Made) (*gateway.Result, error) {
	made = slices.DeleteFunc(slices.Clone(made), func(m Made) bool { return m.Definition == nil }) // FROM scratch without steps
	refs := make([]gateway.Reference, len(made))
	requests, asking := errgroup.WithContext(ctx)
	for i, m := range made {
		requests.Go(func() error {
			part, err := gw.Solve(asking, gateway.SolveRequest{Definition: m.Definition.ToPB()})
			if err == nil {
				refs[i], err = part.SingleRef()
			}
			return err
		})
	}
	if err := requests.Wait(); err != nil {
		return nil, err
	}
	res := gateway.NewResult()
	var all exptypes.Platforms
	for i, m := range made {
		id := platform.Format(m.Platform)
		res.AddRef(id, refs[i])
		all.Platforms = append(all.Platforms, exptypes.Platform{ID: id, Platform: m.Platform})
	}
	if len(all.Platforms) == 0 {
		return res, nil
	}
	meta, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	res.AddMeta(exptypes.ExporterPlatformsKey, meta)
	return res, nil
}
