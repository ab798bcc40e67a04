package buildcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/gitinfo"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// parseBuild parses the flags. It reports every error that needs no builder, no engine and no registry.
func parseBuild(ctx context.Context, w *cli.Env, o buildOptions) (j job, err error) {
	j = job{builder: o.builder, pushRetry: o.pushRetry, release: func() {}, notes: o.accepted.Warnings}
	defer func() {
		if err != nil {
			j.release()
			err = wrongWords(err)
		}
	}()
	if err := j.settings(w, o); err != nil {
		return j, err
	}
	file, err := project.Read(o.contextPath)
	if err != nil {
		return j, err
	}
	names, platforms, media := project.Resolve(w, file, project.Flags{Names: o.tags, Platforms: o.platforms, MediaTypes: o.mediaTypes})
	j.project.line = file.Image.Line
	if err := j.platforms(ctx, w, platforms); err != nil {
		return j, err
	}
	if err := cmp.Or(j.cross(o, file), j.fallback(o, file)); err != nil {
		return j, err
	}
	if err := j.values(w, o); err != nil {
		return j, err
	}
	if err := o.tests.Into(&j.request); err != nil {
		return j, err
	}
	notes, err := o.partial.Into(&j.request)
	if err != nil {
		return j, err
	}
	j.say(notes)
	if j.call, err = o.call.Parse(); err != nil {
		return j, err
	}
	if j.call == nil { // a question needs no name and no output
		if err := j.destination(ctx, w, o, names, media); err != nil {
			return j, err
		}
	}
	// The source comes last, since opening it reads and spools standard input.
	if j.request.Source, j.release, err = j.openSource(ctx, w, o); err == nil {
		gitinfo.Add(ctx, w, &j.request)
		if o.metadataFile != "" && len(j.request.ByDigest) > 0 {
			j.origin = gitinfo.Provenance(ctx, w, j.request.Source.ContextDir)
		}
	}
	return j, err
}

// wrongWords returns an error of parsing as one about the user's words, unless it is another one.
func wrongWords(err error) error {
	_, usage := errors.AsType[*cli.Usage](err)
	if _, cluster := errors.AsType[*clusterError](err); usage || cluster {
		return err
	}
	return &cli.Usage{Err: err}
}

// say adds lines of information to the job's notes.
func (j *job) say(lines []string) {
	for _, line := range lines {
		j.notes = append(j.notes, diag.Notef("%s", line))
	}
}

// settings parses the builder, the images that it may run with privileges, and the kind of the progress display.
func (j *job) settings(w *cli.Env, o buildOptions) (err error) {
	if j.builder.Name, err = w.BuilderFor(o.builder.Name); err != nil {
		return err
	}
	if j.builder.Trusted, err = w.Trusted(o.builder.Trust); err != nil {
		return err
	}
	j.display, err = display.Mode(w, o.progress, o.quiet)
	return err
}

// platforms parses the requested platforms. It runs first, since other values may be for one platform.
func (j *job) platforms(ctx context.Context, w *cli.Env, chosen project.Choice) (err error) {
	words, err := clusterPlatforms(ctx, w, j.builder.Name, cli.LocalPlatform(chosen.Values))
	if err != nil {
		return fmt.Errorf("%s: %w", chosen.From, err)
	}
	var notes []string
	if j.request.Platforms, notes, err = platform.Parse(words...); err != nil {
		return fmt.Errorf("%s: %w", chosen.From, err)
	}
	j.say(notes)
	return nil
}

func (j *job) openSource(ctx context.Context, w *cli.Env, o buildOptions) (source.Source, func(), error) {
	none := func() {}
	contexts, err := buildflags.Pairs("--build-context", "name=path", o.buildContexts)
	if err != nil {
		return source.Source{}, none, err
	}
	opt := source.Options{Context: o.contextPath, Named: map[string]string{}, Stdin: w.In, Fetch: fetcher(w.Version)}
	for name, value := range contexts {
		if name, err = buildflags.ContextName(name); err != nil {
			return source.Source{}, none, err
		}
		opt.Named[name] = value
	}
	if opt.Dockerfile, opt.Own, err = buildflags.LastByPlatform("--file", o.dockerfiles, j.request.Platforms); err != nil {
		return source.Source{}, none, err
	}
	opt.OwnOnly = len(opt.Own) > 0 && len(opt.Own) == len(j.request.Platforms)
	src, release, err := source.Open(ctx, opt)
	if named, ok := errors.AsType[*source.NamedContextError](err); ok {
		err = fmt.Errorf("--build-context %s=%s: %w", named.Name, named.Value, named.Err)
	}
	return src, release, err
}

// values parses the values of the flags for the frontend and for the sessions.
func (j *job) values(w *cli.Env, o buildOptions) (err error) {
	r := &j.request
	r.Jobs, r.Index, r.NoCache, r.Pull = o.jobs, o.index, o.noCache, o.pull
	if err := o.accepted.RefusePolicy(); err != nil {
		return err
	}
	if err := j.ownValues(w, o); err != nil {
		return err
	}
	if r.Steps, err = o.steps.Steps(o.noCache); err != nil {
		return err
	}
	if r.Policy, err = buildflags.ReadPolicy(w.LookupEnv); err != nil {
		return err
	}
	if r.Labels, err = buildflags.ParseLabels(o.labels); err != nil {
		return err
	}
	if r.Annotations, err = cli.ParseAnnotations(o.output.Annotations); err != nil {
		return err
	}
	if r.Attests, err = buildflags.Attests(o.output.Attests, o.output.Provenance, o.output.Sbom); err != nil {
		return err
	}
	if r.ExtraHosts, err = buildflags.ParseHosts(o.addHosts); err != nil {
		return err
	}
	if r.Secrets, err = buildflags.ParseSecrets(o.secrets, w.LookupEnv); err != nil {
		return err
	}
	if r.SSH, err = buildflags.ParseSSH(o.ssh, o.contextPath); err != nil {
		return err
	}
	if r.Cache, err = buildflags.ParseCache(o.cache, w.LookupEnv); err != nil {
		return err
	}
	if r.Verify, err = o.gate.Parse("verify"); err != nil {
		return err
	}
	if j.localBases, err = parseLocalBases(o.localBases); err != nil {
		return err
	}
	if r.AllowMismatch, err = parseImages("--allow-platform-mismatch", o.allowMismatch); err != nil {
		return err
	}
	return j.modes(o)
}

// parseImages parses the image names of a flag.
func parseImages(flag string, names []string) (images []reference.Named, err error) {
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", flag, name, err)
		}
		images = append(images, named)
	}
	return images, nil
}

// modes parses the flags that have a few known values.
func (j *job) modes(o buildOptions) error {
	r := &j.request
	switch o.network {
	case "", "default":
	case "none", "host":
		r.Network = o.network
	default:
		return fmt.Errorf("--network %q is not one of default, none, host: RUN steps cannot join the engine's networks", o.network)
	}
	switch o.emulators {
	case "auto":
	case "never":
		r.KeepEmulators = true
	default:
		return fmt.Errorf("--emulators %q is not one of auto, never", o.emulators)
	}
	if o.builder.Name != "" {
		if err := cli.CheckBuilder(o.builder.Name, "--builder"); err != nil {
			return err
		}
	}
	if o.jobs < 0 {
		return fmt.Errorf("--jobs %d is negative: use a number of platforms, or 0 for the default", o.jobs)
	}
	return nil
}

// fallback parses whether other nodes may build what a node would build that cannot be used: by the flag, else the project's file.
func (j *job) fallback(o buildOptions, p project.File) error {
	chosen := project.First(
		project.Choice{Values: cli.NonEmpty(o.fallback), From: "--fallback"}, project.Choice{Values: cli.NonEmpty(p.Fallback), From: project.Name + ": fallback"},
	)
	switch chosen.One() {
	case "", "never":
	case "emulate":
		j.request.Fallback = true
	default:
		return fmt.Errorf("%s %q is not one of never, emulate", chosen.From, chosen.One())
	}
	return nil
}

// cross parses which stages may be relocated to the builder's own platform: by the flag, else the project's file, else auto.
func (j *job) cross(o buildOptions, p project.File) (err error) {
	chosen := project.First(
		project.Choice{Values: o.cross, From: "--cross"}, project.Choice{Values: p.Cross, From: project.Name + ": cross"},
		project.Choice{Values: []string{buildflags.CrossAuto}},
	)
	if j.request.Cross, err = cross.Parse(chosen.Values); err != nil {
		return fmt.Errorf("%s: %w", chosen.From, err)
	}
	return nil
}
