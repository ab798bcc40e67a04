package builders

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

type inspectOptions struct {
	builder, format string
	trust           []string
	bootstrap       bool
	timeout         time.Duration
}

func newBuilderInspectCommand(w *cli.Env) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] [NAME]",
		Short: "Show the settings and the state of a builder",
		Long: "Show a builder's settings, and how the engine's kernel runs the programs of each platform. For this, the command runs small programs\n" +
			"in the builder's container, or in a temporary container of its image if the builder is stopped. A stopped builder stays stopped.\n\n" +
			"A running builder also reports BuildKit's platforms, the number of active builds, the size of its cache, and the garbage collection\n" +
			"rules. --bootstrap starts the builder first, and creates it if it does not exist.",
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				if err := cli.CheckTemplate(o.format); err != nil {
					return err
				}
				name, err := named(w, args, o.builder)
				if err != nil {
					return err
				}
				return runInspect(ctx, w, o, name)
			})
		},
		ValidArgsFunction: cli.CompleteOneBuilder(w),
	}
	addBuilderFlag(cmd, w, &o.builder)
	cmd.Flags().BoolVar(&o.bootstrap, "bootstrap", false, "Ensure builder has booted before inspecting")
	cli.AddTemplateFlag(cmd, &o.format)
	addTimeoutFlag(cmd, &o.timeout)
	cli.AddTrustFlag(cmd.Flags(), &o.trust)
	return cmd
}

func runInspect(ctx context.Context, w *cli.Env, o inspectOptions, name string) error {
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return err
	}
	if o.bootstrap {
		conn, err := w.Connect(ctx, cli.ConnectOptions{Builder: cli.BuilderOptions{Name: name, Trusted: trusted}, Note: w.Note})
		if err != nil {
			return err
		}
		conn.Close()
	}
	ctx, cancel := bounded(ctx, o.timeout)
	defer cancel()
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	m, e, err := managed(w, name)
	if err != nil {
		return err
	}
	all, err := m.Inspect(ctx, e)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return noBuilder(name)
	}
	current, err := w.BuilderFor("")
	if err != nil {
		return err
	}
	_, endpoint := w.Endpoint()
	row := inspectRow(all, endpoint, current)
	if img, _, err := container.ImageOf(ctx, w.Images(eng, trusted), e); err == nil {
		row.Nodes[0].ImageTrust = cli.BasisText(img)
	}
	if status, err := probeAll(ctx, eng, all[0]); err == nil { // all are on one kernel
		for i, n := range row.Nodes {
			row.Nodes[i].Runs = runsOf(status, slices.Concat(n.Platforms, n.Fixed))
		}
	}
	if o.format == "table" {
		return inspectText(w.Out, row)
	}
	return cli.WriteRows(w.Out, o.format, builderColumns(), []*builderContext{{builderRow: row}})
}

// probeAll asks the engine's kernel about all architectures. The probe runs in the builder's container, or in a new container of its image.
func probeAll(ctx context.Context, eng *engine.Engine, d builder.Details) (emulation.Status, error) {
	if statusName(d.State) == "running" {
		return emulation.Probe(ctx, container.Shell{Engine: eng, Container: d.Container})
	}
	return emulation.Probe(ctx, emulation.Observer{Runner: eng, Image: d.Image, Labels: emulators.HelperLabels})
}

// runsOf returns how the kernel runs each of the builder's platforms, and each platform with an emulator.
func runsOf(status emulation.Status, names []string) map[string]string {
	runs := map[string]string{}
	ps, _, _ := platform.Parse(names...) // platform.Format wrote all of them
	for _, p := range append(ps, emulators.Platforms()...) {
		runs[platform.Format(p)] = status.Mode(p).String()
	}
	return runs
}

func inspectRow(all []builder.Details, endpoint, current string) builderRow {
	list := make([]builder.Status, len(all))
	for i, d := range all {
		list[i] = d.Status
	}
	row := rowsOf(list, endpoint, current)[0]
	for i, d := range all {
		n := &row.Nodes[i]
		for _, p := range d.Platforms {
			n.Platforms = append(n.Platforms, platform.Format(p))
		}
		n.nodeDetails = &nodeDetails{
			RunNetwork: d.RunNetwork, ActiveBuilds: d.Builds, Cache: d.Usage, Disk: d.Disk, GCPolicy: d.GCPolicy, Proxies: d.Proxies,
			CertHosts: d.CertHosts, Insecure: d.Insecure, Mirrors: d.Mirrors, AddHosts: d.AddHosts, UserConfig: d.UserConfig, Config: d.Config, Tool: d.Tool,
		}
	}
	return row
}
