package buildcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// destination resolves the outputs, the names and the media types. Platforms, annotations and attestations must be parsed before.
func (j *job) destination(ctx context.Context, w *cli.Env, o buildOptions, names, media project.Choice) error {
	outs, err := destination.ParseOutputs(o.output)
	if err != nil {
		return err
	}
	given := destination.Naming{Choice: names, Lookup: w.LookupEnv}
	if names.From == project.Name {
		given.Projects = sync.OnceValues(func() (project.Lookup, error) { return project.Allowed(ctx, w, o.allowEnv, names.Values) })
	}
	dest, err := destination.Resolve(outs, o.output.Load, given)
	if err != nil {
		return err
	}
	if err := checkDestinations(w, o, dest); err != nil {
		return err
	}
	for i := range dest.Pushes {
		dest.Pushes[i].ByDigest = dest.Pushes[i].ByDigest || o.output.DigestOnly
	}
	dest.ApplyArtifactSetting(w)
	if j.names = dest.Names; len(outs) == 0 {
		if j.names, err = given.Common(); err != nil {
			return err
		}
	}
	if err := j.checkResult(outs, dest); err != nil && (!o.dryRun || len(outs) > 0) { // a plan needs no output
		return err
	}
	if dest.Family != "" {
		media = project.Choice{Values: []string{dest.Family}, From: "--output"}
	}
	if j.request.MediaTypes, err = cli.ParseFamily(media.One()); err != nil {
		return fmt.Errorf("%s: %w", media.From, err)
	}
	if err := dest.Apply(&j.request); err != nil {
		return err
	}
	if err := j.checkNames(names.From); err != nil {
		return err
	}
	j.notes = append(j.notes, destination.IgnoredAnnotations(j.request)...)
	if err := j.testable(outs); err != nil {
		return err
	}
	j.storeDestination(names.From, dest)
	return nil
}

// storeDestination stores the facts about the outputs that later parts of the build need, and tells the user where the result goes.
func (j *job) storeDestination(from string, dest destination.Destinations) {
	if dest.Insecure {
		for _, repo := range j.request.Repositories() {
			j.insecure = append(j.insecure, reference.Domain(repo))
		}
	}
	j.noteDestination(from, dest)
	for _, p := range dest.Pushes {
		if from == project.Name && !p.OnCommandLine {
			j.project.names = append(j.project.names, p.Names...)
		}
	}
}

// checkDestinations refuses outputs that conflict with other flags.
func checkDestinations(w *cli.Env, o buildOptions, d destination.Destinations) error {
	if o.output.DigestOnly && len(d.Pushes) == 0 {
		return errors.New("--digest-only needs --push")
	}
	if d.Family != "" && o.mediaTypes != "" && d.Family != o.mediaTypes {
		return fmt.Errorf("--media-types %s contradicts oci-mediatypes of --output", o.mediaTypes)
	}
	if err := checkStdout(w, o, d.Stdout); err != nil {
		return err
	}
	return destination.CheckDelete(d.Outputs.Files(), o.steps.Allow)
}

// noteDestination tells the user where the result goes if its names are not on the command line.
func (j *job) noteDestination(from string, dest destination.Destinations) {
	for _, to := range []struct {
		verb    string
		outputs []destination.Pushed
	}{{"pushing to", dest.Pushes}, {"loading as", dest.Loads}} {
		if names := destination.NotOnCommandLine(to.outputs); len(names) > 0 {
			j.notes = append(j.notes, diag.Diagnostic{
				Check: display.Destination, Severity: diag.Note, Message: fmt.Sprintf("%s %s (%s)", to.verb, strings.Join(names, ", "), from),
			})
		}
	}
}

// checkResult refuses a build whose result would be lost, or would be pushed without a name.
func (j *job) checkResult(outs []destination.Output, dest destination.Destinations) error {
	switch {
	case len(outs) == 0 && j.request.Cache.Exports():
		return nil
	case len(outs) == 0 && len(j.request.Tests) > 0:
		return nil // the result is whether the tests pass
	case dest.PushesWithoutName() || len(j.names) == 0 && len(outs) == 0:
		return &cli.Usage{
			Err: errors.New("no image name was given"),
			Hint: "use -t NAME[:TAG], set DOCKER_MULTIARCH_IMAGE, or write the name into " + project.Name +
				":\n      image: registry.example/app",
		}
	case len(outs) == 0:
		return &cli.Usage{
			Err:  fmt.Errorf("no output was given for %q, so the result would be lost", reference.FamiliarString(j.names[0])),
			Hint: "add --push for its registry, --load for the engine, -o for files, or --cache-to for the build cache",
		}
	}
	return nil
}

// checkStdout refuses to write an archive to a terminal, or together with digests. output is the output that uses standard output; ""
// for none.
func checkStdout(w *cli.Env, o buildOptions, output string) error {
	if output == "" {
		return nil
	}
	if t, ok := w.Out.(interface{ IsTerminal() bool }); ok && t.IsTerminal() {
		return fmt.Errorf("--output %q would write to the terminal: use dest=FILE, or redirect standard output", output)
	}
	if o.quiet || o.metadataFile == "/dev/stdout" || o.iidFile == "/dev/stdout" {
		return fmt.Errorf("--output %q and the digest would both be written to standard output: write one of them to a file", output)
	}
	return nil
}

// checkLoad asks the engine whether its image store can hold the image to be loaded, if that is in doubt. With no requested platforms
// the builder's own platform is the engine's.
func checkLoad(ctx context.Context, w *cli.Env, r solve.Request) error {
	foreign := slices.ContainsFunc(r.Platforms, func(p platform.Platform) bool { return p.OS != "linux" })
	if l := r.Outputs.Load(); l == nil || len(r.Platforms) == 0 || !foreign && !l.Selection.Native && len(l.Selection.Platforms) == 0 {
		return nil
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	if err := load.Check(ctx, eng, r.Platforms, r.Outputs.Load().Selection); err != nil {
		return &cli.Usage{Err: err}
	}
	return nil
}

// testable makes sure that there is an image to test: without any output, the image stays in the builder.
func (j *job) testable(outs []destination.Output) error {
	if len(j.request.Tests) == 0 || j.request.MakesImages() {
		return nil
	}
	if len(outs) == 0 {
		j.request.Outputs.Image = true
		return nil
	}
	return &cli.Usage{
		Err:  errors.New("--test needs an image, but the outputs are only files"),
		Hint: "add --push, --load, -o type=oci,dest=FILE, or -o type=image to keep the image in the builder",
	}
}
