package builders

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

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
		Long: "Create a builder, with settings that later builds keep, or change its nodes. Without an endpoint, the node is a container on the\n" +
			"engine of the current context. A build creates such a builder by itself. --bootstrap starts the node; without it, the first build does.\n\n" +
			"A builder may have several nodes, each with a driver and an endpoint of its own: --append adds one, --leave removes one, and --node\n" +
			"names the one to change. Settings that you leave out stay as they are.",
		Example: "  docker multiarch builder create --name big --driver-opt memory=8g --use\n" +
			"  docker multiarch builder create --name farm --append --node arm --platform linux/arm64 ssh://user@arm-server",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.UsageError(cmd, "%q takes one context or endpoint at most, not %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runCreate(ctx, w, o, append(args, "")[0]) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	addCreateFlags(cmd.Flags(), &o)
	addTimeoutFlag(cmd, &o.timeout)
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	}
	drivers := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return driverNames(w), cobra.ShellCompDirectiveNoFileComp
	}
	options := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		if d, ok := w.Drivers[cmp.Or(o.driver, driverName)].(builder.Checker); ok {
			return cli.CompleteOptions(d.OptionNames())
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for name, complete := range map[string]cli.Completer{
		"driver": drivers, "driver-opt": options, "platform": cli.CompletePlatforms, "buildkitd-config": files,
		"name": cli.CompleteBuilders(w),
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete)
	}
	return cmd
}

func addCreateFlags(f *pflag.FlagSet, o *createOptions) {
	f.StringVar(&o.name, "name", "", "Builder instance name")
	f.StringVar(&o.driver, "driver", "", `Driver to use (available: "docker-container", "kubernetes", "remote", "docker")`)
	f.StringVar(&o.node, "node", "", "Create or modify the node with given name (NAME0, NAME1, … if none is given)")
	f.StringArrayVar(&o.platforms, "platform", nil, "Fixed platforms for current node")
	f.StringArrayVar(&o.driverOpts, "driver-opt", nil, `Options for the driver (e.g. "network=host", "memory=8g", "env.KEY=VALUE")`)
	cli.AddTrustFlag(f, &o.trust)
	f.Lookup(cli.TrustFlag).Usage += " (later commands trust it as well)"
	f.StringVar(&o.flags, "buildkitd-flags", "", "BuildKit daemon flags")
	f.StringVar(&o.config, "buildkitd-config", "", "BuildKit daemon config file")
	f.StringVar(&o.config, "config", "", "BuildKit daemon config file")
	_ = f.MarkHidden("config")
	f.BoolVar(&o.bootstrap, "bootstrap", false, "Boot builder after creation")
	f.BoolVar(&o.append, "append", false, "Append a node to builder instead of changing it")
	f.BoolVar(&o.leave, "leave", false, "Remove a node from builder instead of changing it")
	f.BoolVar(&o.use, "use", false, "Set the current builder instance")
}

func runCreate(ctx context.Context, w *cli.Env, o createOptions, endpoint string) error {
	if err := checkCreate(o, endpoint); err != nil {
		return err
	}
	if o.leave {
		return runLeave(ctx, w, o)
	}
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return err
	}
	if o.name == "" {
		o.name = newName()
	}
	b, err := w.Builder(ctx, o.name)
	if err != nil {
		return err
	}
	if b.KeptBy != "" {
		return &cli.Hinted{
			Err: fmt.Errorf("builder %q is kept by %s, in %s", b.Name, b.KeptBy, b.DefinedBy), Hint: b.KeptBy + " create changes it; or choose another --name",
		}
	}
	c := creation{w: w, o: o, trusted: trusted, builder: b}
	if err := c.read(endpoint); err != nil {
		return err
	}
	if err := c.locate(ctx); err != nil {
		return err
	}
	done, err := c.run(ctx)
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
	w.Result(o.name, done)
	return nil
}

// checkCreate refuses flags that do not go together, and names that are none, before any work.
func checkCreate(o createOptions, endpoint string) error {
	if o.name != "" {
		if err := builder.CheckName(o.name); err != nil {
			return &cli.Usage{Err: err}
		}
	}
	if o.node != "" {
		if err := builder.CheckNode(o.node); err != nil {
			return &cli.Usage{Err: err}
		}
	}
	switch {
	case o.append && o.leave:
		return &cli.Usage{Err: errors.New("--append adds a node and --leave removes one: only one of them can be given")}
	case o.append && o.name == "":
		return &cli.Usage{Err: errors.New("--append needs --name, the builder to add a node to")}
	case o.node != "" && o.name == "":
		return &cli.Usage{Err: errors.New("--node needs --name, the node's builder")}
	case o.leave && (o.name == "" || o.node == ""):
		return &cli.Usage{Err: errors.New("--leave needs --name and --node, the builder and the node that leaves it")}
	case o.leave && (endpoint != "" || o.driver != "" || o.bootstrap || len(o.platforms)+len(o.driverOpts) > 0 || o.flags != "" || o.config != ""):
		return &cli.Usage{Err: errors.New("--leave removes a node: it takes no endpoint, and no settings of a node")}
	}
	return nil
}

// read reads the node as the flags describe it.
func (c *creation) read(endpoint string) (err error) {
	c.given = builder.Endpoint{Node: c.o.node}
	if c.given.Driver, err = c.driver(); err != nil {
		return err
	}
	d, ok := c.w.Drivers[c.given.Driver].(builder.Checker)
	if !ok {
		return fmt.Errorf("the driver %s has no nodes that can be created", c.given.Driver)
	}
	if c.given.Options, err = d.ParseOptions(c.o.driverOpts...); err != nil {
		return &cli.Usage{Err: fmt.Errorf("--driver-opt: %w", err)}
	}
	if c.given.Flags, err = buildkitd.ParseFlags(c.o.flags); err != nil {
		wrong := &cli.Usage{Err: fmt.Errorf("--buildkitd-flags: %w", err)}
		if errors.Is(err, buildkitd.ErrConfigFlag) {
			wrong.Hint = "give the file with --buildkitd-config"
		}
		return wrong
	}
	if c.o.config != "" {
		if c.given.Config, err = buildkitd.LoadConfig(c.o.config); err != nil {
			return &cli.Usage{Err: err}
		}
	}
	var notes []string
	if c.given.Platforms, notes, err = platform.Parse(c.o.platforms...); err != nil {
		return &cli.Usage{Err: fmt.Errorf("--platform: %w", err)}
	}
	for _, n := range notes {
		c.w.Say(n)
	}
	if c.given.Address, err = address(c.w, c.given.Driver, endpoint); err != nil {
		return &cli.Usage{Err: err}
	}
	return nil
}

// driver returns the driver of the node: the one that is given, else that of the node to change, else that of all other nodes of the
// builder.
func (c *creation) driver() (string, error) {
	if name := c.o.driver; name != "" {
		return name, checkDriver(c.w, name)
	}
	found := map[string]bool{}
	for _, n := range c.builder.Nodes {
		if n.Node == c.o.node && n.Node != "" {
			return n.Driver, nil
		}
		found[n.Driver] = true
	}
	if len(found) == 1 {
		return c.builder.Nodes[0].Driver, nil
	}
	return "", &cli.Usage{
		Err:  fmt.Errorf("the nodes of builder %q have several drivers: say which one the new node has", c.o.name),
		Hint: "add --driver with one of " + strings.Join(slices.Sorted(maps.Keys(found)), ", "),
	}
}

// newName returns a name for a builder that the user did not name.
func newName() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return "builder-" + hex.EncodeToString(b[:])
}

// driverName is the driver of builders that are made when they are needed.
const driverName = container.DriverName
