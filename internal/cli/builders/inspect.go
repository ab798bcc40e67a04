package builders

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
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
	var notReady error
	if o.bootstrap {
		notReady = bootstrap(ctx, w, cli.BuilderOptions{Name: name, Trusted: trusted})
	}
	ctx, cancel := bounded(ctx, o.timeout)
	defer cancel()
	d, err := describeOne(ctx, w, name, trusted)
	if notReady != nil && !d.stored() {
		return notReady
	}
	if err != nil {
		return errors.Join(notReady, err)
	}
	current, err := w.BuilderFor("")
	if err != nil {
		return err
	}
	_, engine := w.Endpoint()
	row := inspectRow(d, engine, current)
	addKernels(d, row.Nodes)
	if o.format == "table" {
		return errors.Join(inspectText(w.Out, row), notReady)
	}
	return errors.Join(cli.WriteRows(w.Out, o.format, builderColumns(), []*builderLine{lineOf(row)}), notReady)
}

// bootstrap makes all nodes of a builder ready. A node that fails does not stop the others.
func bootstrap(ctx context.Context, w *cli.Env, words cli.BuilderOptions) error {
	b, spec, err := w.Spec(ctx, cli.ConnectOptions{Builder: words, Note: w.Note})
	if err != nil {
		return err
	}
	outcomes, err := builder.Open(ctx, builder.Opening{Drivers: w.Drivers, Endpoints: b.Nodes, Want: spec, Report: w.Say})
	failed := []error{err}
	for i, o := range outcomes {
		if o.Node == nil {
			failed = append(failed, b.Nodes[i].Named(o.Err))
			continue
		}
		for _, warning := range o.Node.Warnings {
			w.Note(diag.Warningf("%s", warning))
		}
		_ = o.Node.Close() // only its readiness counts
	}
	return errors.Join(failed...)
}

// kernel is how a node runs the programs of each platform, and why its image may run with privileges.
type kernel struct {
	status emulation.Status
	basis  string
	err    error // why the status is not known
}

// askKernel asks about all architectures. In a builder's container, or in a new container of its image, the probe is a command; else it is a
// build, whose outcome is remembered for a while.
func askKernel(ctx context.Context, w *cli.Env, n builder.Inspected, trusted []digest.Digest) (k kernel) {
	eng, err := builder.EngineOf(w.Drivers, n.Endpoint)
	if err != nil {
		return kernel{err: err}
	}
	if n.Node != nil {
		k.status, k.err = probed{dir: w.Cached("probes")}.status(ctx, n.Node)
		return k
	}
	if eng == nil {
		return askWithoutEngine(ctx, w, n)
	}
	if img, _, err := container.ImageOf(ctx, w.Images(eng, trusted), n.Endpoint); err == nil {
		k.basis = cli.BasisText(img)
	}
	if d := n.Details[0]; statusName(d.State) == "running" {
		k.status, k.err = emulation.Probe(ctx, container.Shell{Engine: eng, Container: d.Container})
	} else {
		k.status, k.err = emulation.Probe(ctx, emulation.Observer{Runner: eng, Image: d.Image, Labels: emulators.HelperLabels})
	}
	return k
}

// errNotRunning means that a BuildKit would have to be started for an answer.
var errNotRunning = errors.New("it does not run")

// askWithoutEngine asks one of the BuildKits of a node that run, if one does.
func askWithoutEngine(ctx context.Context, w *cli.Env, n builder.Inspected) (k kernel) {
	if !slices.ContainsFunc(n.Details, func(d builder.Details) bool { return statusName(d.State) == "running" && d.Err == nil }) {
		return kernel{err: errNotRunning}
	}
	nodes, err := builder.Reopen(ctx, w.Drivers, n.Endpoint, builder.ReopenOptions{})
	if err != nil || len(nodes) == 0 {
		return kernel{err: cmp.Or(err, errNotRunning)}
	}
	k.status, k.err = probed{dir: w.Cached("probes")}.status(ctx, nodes[0])
	for _, node := range nodes {
		_ = node.Close() // only its answer counts
	}
	return k
}

// addKernels adds to the rows of a builder's nodes what is known of their kernels. Where it is not known nothing is shown.
func addKernels(d described, rows []nodeRow) {
	for i, n := range d.nodes {
		its := rows[:max(1, len(n.Details))] // all are on one kernel
		rows = rows[len(its):]
		if len(n.Details) == 0 {
			continue
		}
		its[0].ImageTrust = d.kernels[i].basis
		for j := range its {
			if r := &its[j]; d.kernels[i].err == nil {
				r.Runs = runsOf(d.kernels[i].status, slices.Concat(r.Platforms, r.Fixed))
			}
		}
	}
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

// inspectRow returns a builder's row with all details.
func inspectRow(d described, engine, current string) builderRow {
	row := rowOf(d, engine, current)
	next := 0
	for _, n := range d.nodes {
		for i, one := range n.Details {
			row.Nodes[next+i].nodeDetails = &nodeDetails{
				RunNetwork: one.RunNetwork, ActiveBuilds: one.Builds, Cache: one.Usage, Disk: one.Disk, GCPolicy: one.GCPolicy, Proxies: one.Proxies,
				CertHosts: one.CertHosts, Insecure: one.Insecure, Mirrors: one.Mirrors, AddHosts: one.AddHosts, UserConfig: one.UserConfig,
				Config: one.Config, Tool: one.Tool,
			}
		}
		next += max(1, len(n.Details))
	}
	return row
}
