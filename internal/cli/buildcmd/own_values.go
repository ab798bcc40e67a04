package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ownValues parses build arguments and targets, both those for all platforms and those for single platforms.
func (j *job) ownValues(w *cli.Env, o buildOptions) error {
	r := &j.request
	sorted, err := buildflags.ByPlatform("--build-arg", o.buildArgs, r.Platforms)
	if err != nil {
		return err
	}
	target, targets, err := buildflags.LastByPlatform("--target", o.targets, r.Platforms)
	if err != nil {
		return err
	}
	if r.BuildArgs, err = buildflags.ParseBuildArgs(sorted[""], w.LookupEnv); err != nil {
		return err
	}
	r.Target, r.Own = target, map[string]solve.Own{}
	for _, p := range platform.FormatAll(r.Platforms) {
		own := solve.Own{Target: targets[p]}
		if own.BuildArgs, err = buildflags.ParseBuildArgs(sorted[p], w.LookupEnv); err != nil {
			return err
		}
		if own.Target != "" || len(own.BuildArgs) > 0 {
			r.Own[p] = own
		}
	}
	if err := buildflags.AddEpoch(r.BuildArgs, w.LookupEnv); err != nil {
		return err
	}
	r.Hidden = buildflags.AddProxies(r.BuildArgs, w.Proxies())
	return buildflags.ClientArgs(r)
}
