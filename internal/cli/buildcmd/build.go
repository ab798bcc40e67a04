// Package buildcmd has the commands build and plan. It turns flags into a request, connects to the builder and the registries, and
// prints the answer.
package buildcmd

import (
	"cmp"
	"context"
	"os"

	"github.com/docker/cli/cli/debug"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// New returns the command that builds.
func New(w *cli.Env) *cobra.Command { return newBuildCommand(w, runBuild) }

// NewPlan returns the command that shows what a build would do.
func NewPlan(w *cli.Env) *cobra.Command { return newPlanCommand(w, runBuild) }

func newBuildCommand(w *cli.Env, run func(context.Context, *cli.Env, buildOptions) error) *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:     "build [OPTIONS] PATH | URL | -",
		Aliases: []string{"b"},
		Short:   "Build an image for one or more platforms",
		Long: "Build an image for one or more platforms, and make one index of the results. Each platform has a solve of its own, and all\n" +
			"solves run at the same time. The result goes to registries (--push), to the engine (--load) or to files (--output).\n\n" +
			"The image's name, platforms and media types come from the flags, else from DOCKER_MULTIARCH_IMAGE and\n" +
			"DOCKER_DEFAULT_PLATFORM, else from " + project.Name + " in the build context. PATH may be left out in a directory with\n" +
			"that file. Tags, archives and folders get their names last, when every platform is built.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    the build failed; no tag was moved\n" +
			"    3    published without some platforms of --allow-partial\n" +
			"    4    built, but a push failed\n" +
			"    125  wrong flags or arguments; nothing was done\n" +
			"    130  interrupted (143 by SIGTERM)",
		Example: "  docker multiarch build --platform linux/amd64,linux/arm64 --push -t registry.example/app:1.0 .",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := destination.StrayLoadValue(cmd, args); err != nil {
				return err
			}
			return oneContext(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.contextPath = append(args, ".")[0]
			o.builder.Name = cmp.Or(o.builder.Name, w.Early.Builder)
			o.debug = o.debug || w.Early.Debug
			return explain.Debugging(w, o.debug, func() error {
				return cli.Interruptible(cmd, w, func(ctx context.Context) error { return run(ctx, w, o) })
			})
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	addBuildFlags(cmd.Flags(), &o)
	destination.AddFlags(cmd.Flags(), &o.output)
	cli.AddBuilderFlags(cmd.Flags(), &o.builder)
	buildflags.AddCacheFlags(cmd.Flags(), &o.cache)
	buildflags.AddPartialFlags(cmd.Flags(), &o.partial)
	cli.AddPushRetryFlag(cmd.Flags(), &o.pushRetry)
	cli.AddGateFlags(cmd, &o.gate)
	buildflags.AddTestFlags(cmd.Flags(), &o.tests)
	buildflags.AddCrossFlag(cmd, &o.cross)
	completeBuildFlags(cmd, w)
	return cmd
}

// oneContext requires the build context, except in the root of a project with a project file.
func oneContext(cmd *cobra.Command, args []string) error {
	if _, err := os.Lstat(project.Name); err == nil && len(args) == 0 {
		return nil
	}
	return cli.Exactly(1, "one argument, the build context: a directory, a git or http URL, or -")(cmd, args)
}

// addBuildFlags adds the flags of build. A flag that docker buildx build has as well has the same name and meaning here.
func addBuildFlags(f *pflag.FlagSet, o *buildOptions) {
	f.StringSliceVar(&o.addHosts, "add-host", nil, `Add a custom host-to-IP mapping (format: "host:ip")`)
	f.StringArrayVar(&o.buildArgs, "build-arg", nil, `Set build-time variables ("KEY=VALUE"; for one platform: "linux/arm64:KEY=VALUE")`)
	f.StringArrayVar(&o.buildContexts, "build-context", nil, `Additional build contexts (e.g., "name=path")`)
	f.StringArrayVarP(&o.dockerfiles, "file", "f", nil,
		`Name or URL of the Dockerfile, or "-" (default: "PATH/Dockerfile"; for one platform: "linux/arm/v7:Dockerfile.arm")`)
	f.StringVar(&o.iidFile, "iidfile", "", "Write the image digest to a file")
	f.StringArrayVar(&o.labels, "label", nil, "Set metadata for an image")
	f.StringVar(&o.metadataFile, "metadata-file", "", "Write build result metadata to a file")
	f.StringVar(&o.network, "network", "default", `Set the networking mode for the "RUN" instructions during build ("default", "none", "host")`)
	f.BoolVar(&o.noCache, "no-cache", false, "Do not use cache when building the image")
	f.StringArrayVar(&o.platforms, "platform", nil, "Set target platforms for build (comma-separated)")
	display.AddFlags(f, &o.progress)
	f.BoolVar(&o.pull, "pull", false, "Always attempt to pull all referenced images")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Suppress the build output and print the digests on success")
	f.StringArrayVar(&o.secrets, "secret", nil, `Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")`)
	f.StringArrayVar(&o.ssh, "ssh", nil, `SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")`)
	f.StringArrayVarP(&o.tags, "tag", "t", nil, `Image identifier (format: "[registry/]repository[:tag]")`)
	f.StringArrayVar(&o.targets, "target", nil, `Set the target build stage to build (for one platform: "linux/arm64:stage")`)
	buildflags.AddStepFlags(f, &o.steps)
	buildflags.AddAcceptedFlags(f, &o.accepted)
	question.AddFlags(f, &o.call)
	f.StringVar(&o.report, "report", "", `Write a Markdown report of the build to a file, also if the build fails ("-": standard output)`)
	f.StringArrayVar(&o.localBases, "local-base", nil, "Take a base image from the engine's image store instead of a registry")
	f.BoolVarP(&o.debug, "debug", "D", false, "Show debug logs and stack traces")

	f.StringArrayVar(&o.allowEnv, "allow-env", nil, "Environment variable that "+project.Name+" may use in image names")
	f.StringArrayVar(&o.allowMismatch, "allow-platform-mismatch", nil,
		"Base image, named as in FROM, that may be for another platform than the requested one")
	f.BoolVar(&o.dryRun, "dry-run", false, `Show what the build would do, as "docker multiarch plan" does, and do not build`)
	f.StringVar(&o.emulators, "emulators", "auto", `Install missing emulators on the engine's host ("auto", "never")`)
	f.StringVar(&o.fallback, "fallback", "", `Let other nodes build the platforms of a node that cannot be used ("never", "emulate")`)
	f.BoolVar(&o.index, "index", false, "Create an index even for a single platform")
	f.IntVar(&o.jobs, "jobs", 0, "Number of platforms to build at the same time on a node (0: all native ones, and one emulated one per CPU)")
	f.StringVar(&o.mediaTypes, "media-types", "", `Media types of the result: "oci" (default) or "docker"`)
}

// runBuild runs the command build: it parses the flags, which changes nothing, prepares the builder and the registries at the same time,
// builds, and prints the answer.
func runBuild(ctx context.Context, w *cli.Env, o buildOptions) error {
	j, err := parseBuild(ctx, w, o)
	if err != nil {
		return err
	}
	defer j.release()
	if j.call != nil {
		return runCall(ctx, w, o, j)
	}
	if err := checkReport(o, j); err != nil {
		return err
	}
	if o.dryRun {
		return runPlan(ctx, w, o, j)
	}
	progress, err := openDisplay(ctx, w, o, j)
	if err != nil {
		return err
	}
	report, err := perform(ctx, w, j, o.files(), progress)
	if cerr := progress.Close(); err == nil && cerr != nil {
		err = cerr
	}
	progress.ExplainWarnings(w.Err, o.debug || debug.IsEnabled())
	progress.ExplainFailures(w.Err, report)
	out := results.Outcome{Named: j.names, Request: j.request, Origin: j.origin, Report: report, Err: err, Failures: progress.FailuresText(report)}
	out.Err = answer(w, o, out)
	err = results.WriteReports(w, o.report, out)
	if err == nil && !o.quiet {
		progress.Slowest(w.Err, len(results.CrossAdvice(report)) > 0)
	}
	return err
}

// openDisplay opens the display of a build, once the files that flags name can be written.
func openDisplay(ctx context.Context, w *cli.Env, o buildOptions, j job) (*display.Display, error) {
	if err := checkPaths(o, j); err != nil {
		return nil, &cli.Usage{Err: err}
	}
	if err := cli.CheckOutputs(o.files()); err != nil {
		return nil, err
	}
	return display.New(ctx, w, j.shown(o))
}

// perform builds once everything that the build needs is ready. It removes earlier files (reports, metadata) only then.
func perform(ctx context.Context, w *cli.Env, j job, files []cli.FlagFile, progress *display.Display) (solve.Report, error) {
	if err := checkLoad(ctx, w, j.request); err != nil {
		return solve.Report{}, err
	}
	r, err := prepare(ctx, w, &j, progress, pushed.Memory{Dir: w.Cached("pushes"), Login: w.Logins().Name})
	defer r.close()
	if err != nil {
		return solve.Report{}, err
	}
	if err := cli.RemoveOutputs(files); err != nil {
		return solve.Report{}, err
	}
	report, err := solve.Run(ctx, j.request, r.env, r.preflight)
	return report, r.explained(ctx, w, err)
}
