package builders

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// driverName is the only driver so far.
const driverName = container.DriverName

// createOptions are the flags as the user wrote them.
type createOptions struct {
	name, driver, node, flags string
	config                    string
	platforms, driverOpts     []string
	trust                     []string
	append, leave             bool
	use, bootstrap            bool
	timeout                   time.Duration
}

func newBuilderCreateCommand(w *cli.Env) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] [CONTEXT|ENDPOINT]",
		Short: "Create a new builder instance",
		Long: "Create a builder on the engine of the current context, with settings that later builds keep. This command is optional: a build\n" +
			"creates the builder that it names. --bootstrap starts the new builder; without it, the first build does.\n\n" +
			"To change a builder, name its node: --name NAME --node NAME0. Settings that you leave out stay as they are.",
		Example: "  docker multiarch builder create --name big --driver-opt memory=8g --use",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.UsageError(cmd, "%q takes one context or endpoint at most, not %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runCreate(ctx, w, o, args) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	addCreateFlags(cmd.Flags(), &o)
	addTimeoutFlag(cmd, &o.timeout)
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	for name, complete := range map[string]cli.Completer{
		"driver": cli.OneOf(driverName), "driver-opt": cli.CompleteDriverOptions, "platform": cli.CompletePlatforms, "buildkitd-config": files,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete)
	}
	return cmd
}

func addCreateFlags(f *pflag.FlagSet, o *createOptions) {
	f.StringVar(&o.name, "name", "", "Builder instance name")
	f.StringVar(&o.driver, "driver", "", `Driver to use (available: "`+driverName+`")`)
	f.StringVar(&o.node, "node", "", "Modify the node with given name (the node of builder NAME is NAME0)")
	f.StringArrayVar(&o.platforms, "platform", nil, "Fixed platforms for current node")
	f.StringArrayVar(&o.driverOpts, "driver-opt", nil, `Options for the driver (e.g. "network=host", "memory=8g", "env.KEY=VALUE")`)
	cli.AddTrustFlag(f, &o.trust)
	f.Lookup(cli.TrustFlag).Usage += " (later commands trust it as well)"
	f.StringVar(&o.flags, "buildkitd-flags", "", "BuildKit daemon flags")
	f.StringVar(&o.config, "buildkitd-config", "", "BuildKit daemon config file")
	f.StringVar(&o.config, "config", "", "BuildKit daemon config file")
	_ = f.MarkHidden("config")
	f.BoolVar(&o.bootstrap, "bootstrap", false, "Boot builder after creation")
	f.BoolVar(&o.append, "append", false, "Append a node to builder instead of changing it (not supported)")
	f.BoolVar(&o.leave, "leave", false, "Remove a node from builder instead of changing it (not supported)")
	f.BoolVar(&o.use, "use", false, "Set the current builder instance")
}

func runCreate(ctx context.Context, w *cli.Env, o createOptions, args []string) error {
	if err := checkCreate(w, o, args); err != nil {
		return err
	}
	if o.name == "" {
		o.name = newName()
	}
	spec, err := createSpec(w, o)
	if err != nil {
		return err
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	err = container.Create(ctx, eng, spec, container.CreateOptions{Change: o.node != "", Start: o.bootstrap}, w.Say)
	if errors.Is(err, container.ErrExists) {
		return &cli.Hinted{Err: err, Hint: fmt.Sprintf("docker multiarch builder create --name %s --node %s0 … changes it;\n"+
			"      docker multiarch builder rm %s removes it", o.name, o.name, o.name)}
	}
	if err == nil {
		err = w.KeepTrusted(ctx, o.trust)
	}
	if err != nil {
		return err
	}
	if o.use {
		if err := w.Choose(ctx, o.name, false); err != nil {
			return err
		}
	}
	w.Result(o.name, "created builder "+o.name)
	return nil
}

// checkCreate refuses unsupported options before any work.
func checkCreate(w *cli.Env, o createOptions, args []string) error {
	if o.name != "" {
		if err := builder.CheckName(o.name); err != nil {
			return &cli.Usage{Err: err}
		}
	}
	if o.append || o.leave {
		return &cli.Usage{
			Err:  errors.New("--append and --leave are not supported: a builder has one node, on the engine of the current context"),
			Hint: "create another builder with docker multiarch builder create --name NAME, and build on it with --builder NAME",
		}
	}
	if o.driver != "" && o.driver != driverName {
		return &cli.Usage{
			Err:  fmt.Errorf("--driver %q is not supported: the only driver is %s", o.driver, driverName),
			Hint: "leave out --driver",
		}
	}
	if o.node != "" && (o.name == "" || o.node != o.name+"0") {
		return &cli.Usage{
			Err:  fmt.Errorf("--node %q: the name of a builder's node is the builder's name followed by 0", o.node),
			Hint: "docker multiarch builder create --name NAME --node NAME0 changes builder NAME",
		}
	}
	return checkEndpoint(w, args)
}

// checkEndpoint accepts only the current context, by its name or its address. The Docker CLI selects the engine.
func checkEndpoint(w *cli.Env, args []string) error {
	if len(args) == 0 {
		return nil
	}
	context, host := w.Endpoint()
	if args[0] == context || args[0] == host {
		return nil
	}
	return &cli.Usage{
		Err: fmt.Errorf("%q is not the current context: the builder would be created on the engine of %s, at %s", args[0], context, host),
		Hint: fmt.Sprintf("docker --context %s multiarch builder create …, or docker --host %s multiarch builder create …",
			args[0], args[0]),
	}
}

// createSpec returns the builder's specification, from the flags and the Docker config.
func createSpec(w *cli.Env, o createOptions) (spec container.Spec, err error) {
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return spec, err
	}
	words := cli.BuilderOptions{Name: o.name, Config: o.config, DriverOpts: o.driverOpts, Trusted: trusted}
	b, common, err := w.Spec(cli.ConnectOptions{Builder: words, Note: w.Note})
	if err != nil {
		return spec, err
	}
	spec.Endpoint, spec.Spec = b.Nodes[0], common
	if spec.Daemon.Flags, err = buildkitd.ParseFlags(o.flags); err != nil {
		wrong := &cli.Usage{Err: fmt.Errorf("--buildkitd-flags: %w", err)}
		if errors.Is(err, buildkitd.ErrConfigFlag) {
			wrong.Hint = "give the file with --buildkitd-config"
		}
		return spec, wrong
	}
	var notes []string
	if spec.Platforms, notes, err = platform.Parse(o.platforms...); err != nil {
		return spec, &cli.Usage{Err: fmt.Errorf("--platform: %w", err)}
	}
	for _, n := range notes {
		w.Say(n)
	}
	return spec, nil
}

// newName returns a name for a builder that the user did not name.
func newName() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return "builder-" + hex.EncodeToString(b[:])
}
