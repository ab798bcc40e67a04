// Package runcmd has the command that runs an image for several platforms.
package runcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// runOptions are the flags as the user wrote them.
type runOptions struct {
	image     string
	platforms []string
	pull      string
	programFlags
	all       bool                // parsed: --platform all
	requested []platform.Platform // parsed; none: the engine's own
	program   smoke.Test          // parsed
}

// programFlags are the flags about the program.
type programFlags struct {
	command         []string
	entrypoint      string
	hasEntrypoint   bool
	env             []string
	user, workdir   string
	network, memory string
	timeout         string
	remove          bool
}

// These are the values of --pull, as in docker run.
const (
	pullAlways  = "always"
	pullMissing = "missing"
	pullNever   = "never"
)

// New returns the command that runs an image for several platforms.
func New(w *cli.Env) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Run an image on the engine for several platforms at once",
		Long: "Run an image on the engine for one platform, several, or all that it has, natively or emulated. IMAGE is an image in a registry or\n" +
			"in the engine, or an OCI archive or layout on disk. Each platform's container is created from that platform's manifest, even if the\n" +
			"engine's store has one platform per name. The command removes the containers, and the images that the engine did not have before.\n\n" +
			"The output of a single platform is unchanged, as with docker run. With several platforms, each line begins with its platform, and a\n" +
			"table with the exit statuses follows.\n\n" +
			"Exit status: that of the program; with several platforms, the highest. The other statuses are those of docker run, and 124:\n\n" +
			"    124  the program was killed after --timeout\n" +
			"    125  wrong flags or arguments, no such image, or the engine refused to run it\n" +
			"    126  the program cannot be run\n" +
			"    127  the program does not exist\n" +
			"    130  interrupted",
		Example: "  docker multiarch run --platform all registry.example/app:1.0 app --version",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError(cmd, "%q needs the name of an image", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.image, o.command, o.hasEntrypoint = args[0], args[1:], cmd.Flags().Changed("entrypoint")
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runRun(ctx, w, o) })
		},
		ValidArgsFunction: images.CompleteArchive,
	}
	addRunFlags(cmd.Flags(), &o)
	_ = cmd.RegisterFlagCompletionFunc("platform", func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		values, how := cli.CompletePlatforms(c, args, typed)
		return append(values, "all"), how
	})
	_ = cmd.RegisterFlagCompletionFunc("pull", cli.OneOf(pullAlways, pullMissing, pullNever))
	_ = cmd.RegisterFlagCompletionFunc("network", cli.OneOf("default", "bridge", "host", "none"))
	return cmd
}

func addRunFlags(f *pflag.FlagSet, o *runOptions) {
	f.SetInterspersed(false) // the words after the image are its command
	f.StringVar(&o.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	f.StringArrayVarP(&o.env, "env", "e", nil, "Set environment variables")
	f.StringVarP(&o.memory, "memory", "m", "", "Memory limit")
	f.StringVar(&o.network, "network", "default", "Connect the containers to a network")
	f.StringArrayVar(&o.platforms, "platform", nil, `Platforms to run ("all" for all that the image has; default: the engine's)`)
	f.StringVar(&o.pull, "pull", pullMissing, `Pull image before running ("always", "missing", "never")`)
	f.BoolVar(&o.remove, "rm", true, "Containers are always removed")
	f.StringVar(&o.timeout, "timeout", "", `Kill programs that run longer than this (e.g. "90s", "2m")`)
	f.StringVarP(&o.user, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	f.StringVarP(&o.workdir, "workdir", "w", "", "Working directory inside the container")
	f.Lookup("rm").Hidden = true
}

// parse parses the flags, without the engine or a registry.
func (o *runOptions) parse(w *cli.Env) error {
	if !slices.Contains([]string{pullAlways, pullMissing, pullNever}, o.pull) {
		return fmt.Errorf("--pull %q is not one of always, missing, never", o.pull)
	}
	if !o.remove {
		return errors.New("--rm=false is not supported: docker run can keep a container")
	}
	o.all = slices.Contains(o.platforms, "all")
	if o.all && len(o.platforms) > 1 {
		return errors.New("--platform all cannot be combined with other platforms")
	}
	var err error
	if !o.all && len(o.platforms) > 0 {
		var notes []string
		if o.requested, notes, err = platform.Parse(cli.LocalPlatform(o.platforms)...); err != nil {
			return fmt.Errorf("--platform: %w", err)
		}
		for _, note := range notes {
			w.Say(note)
		}
	}
	t := smoke.Test{Command: o.command, User: o.user, Workdir: o.workdir, Network: o.network}
	if o.hasEntrypoint {
		t.Entrypoint = []string{}
		if o.entrypoint != "" {
			t.Entrypoint = []string{o.entrypoint}
		}
	}
	if t.Env, err = parseEnv(o.env, w.LookupEnv); err != nil {
		return err
	}
	if o.timeout != "" {
		if t.Timeout, err = smoke.ParseTimeout(o.timeout); err != nil {
			return fmt.Errorf("--timeout: %w", err)
		}
	}
	if o.memory != "" {
		if t.Memory, err = smoke.ParseMemory(o.memory); err != nil {
			return fmt.Errorf("--memory: %w", err)
		}
	}
	o.program = t
	return nil
}

// parseEnv parses variables. As in docker run, one without a value is taken from the environment, or left out if it is not set there.
func parseEnv(words []string, lookup func(string) (string, bool)) (env []string, err error) {
	for _, word := range words {
		name, _, ok := strings.Cut(word, "=")
		if name == "" {
			return nil, fmt.Errorf("--env %q has no name", word)
		}
		if !ok {
			value, set := lookup(name)
			if !set {
				continue
			}
			word += "=" + value
		}
		env = append(env, word)
	}
	return env, nil
}

func runRun(ctx context.Context, w *cli.Env, o runOptions) error {
	if err := o.parse(w); err != nil {
		return &cli.Usage{Err: err}
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return runRefused(err)
	}
	found, err := (&imageFinder{w: w, eng: eng, o: o}).find(ctx)
	if err != nil {
		return runRefused(err)
	}
	runner, err := smoke.Open(ctx, eng, w.Note)
	if err != nil {
		return runRefused(err)
	}
	defer func() {
		if err := runner.Close(ctx); err != nil {
			w.Note(diag.Warningf("images are left on the engine: %v", err))
		}
	}()
	show := newRunShow(w, found)
	ends := make([]runResult, len(found))
	var all sync.WaitGroup
	for i, r := range found {
		all.Go(func() { ends[i] = show.run(ctx, runner, r, o.program) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return show.finish(ends)
}

// runRefused returns the error for a run that did not start, with the status that docker run has for it.
func runRefused(err error) error {
	if _, ok := errors.AsType[*cli.Usage](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return &cli.StatusError{Err: err, Status: ranNot}
}
