package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

type inspectOptions struct {
	builder, format string
	trust           []string
	bootstrap       bool
	timeout         time.Duration
}

func newBuilderInspectCommand(w *world) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] [NAME]",
		Short: "Show what is known about a builder",
		Long: "Show what is known about a builder: its settings, and if it runs also its platforms, how the engine's kernel runs them, the size\n" +
			"of its cache and the rules that bound it. With --bootstrap it is started first, or made if it does not exist.",
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, w, func(ctx context.Context) error {
				if err := checkTemplate(o.format); err != nil {
					return err
				}
				name, err := named(w, args, o.builder)
				if err != nil {
					return err
				}
				return runInspect(ctx, w, o, name)
			})
		},
		ValidArgsFunction:     completeOneBuilder(w),
		DisableFlagsInUseLine: true,
	}
	addBuilderFlag(cmd, w, &o.builder)
	cmd.Flags().BoolVar(&o.bootstrap, "bootstrap", false, "Ensure builder has booted before inspecting")
	addTemplateFlag(cmd, &o.format)
	addTimeoutFlag(cmd, &o.timeout)
	addTrustFlag(cmd.Flags(), &o.trust)
	return cmd
}

func runInspect(ctx context.Context, w *world, o inspectOptions, name string) error {
	trusted, err := w.trusted(o.trust)
	if err != nil {
		return err
	}
	if o.bootstrap {
		conn, err := w.connect(ctx, connectOptions{builder: builderOptions{name: name, trusted: trusted}, note: w.say})
		if err != nil {
			return err
		}
		conn.close()
	}
	ctx, cancel := bounded(ctx, o.timeout)
	defer cancel()
	eng, err := w.answering(ctx)
	if err != nil {
		return err
	}
	all, err := container.Inspect(ctx, eng, name)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return noBuilder(name)
	}
	current, err := w.builderFor("")
	if err != nil {
		return err
	}
	_, endpoint := w.endpoint()
	row := inspectRow(all, endpoint, current)
	if img, _, err := container.ImageOf(ctx, w.images(eng, trusted), name); err == nil {
		row.Nodes[0].ImageTrust = basisWords(img)
	}
	if status, err := probeAll(ctx, eng, all[0]); err == nil { // all are on one kernel
		for i, n := range row.Nodes {
			row.Nodes[i].Runs = runsOf(status, slices.Concat(n.Platforms, n.Fixed))
		}
	}
	if o.format == "table" {
		return inspectText(w.out, row)
	}
	return writeRows(w.out, o.format, builderColumns(), []*builderContext{{builderRow: row}})
}

// probeAll asks the kernel behind the engine about all architectures: in the builder's container, or in one of its image.
func probeAll(ctx context.Context, eng *engine.Engine, d builder.Details) (emulation.Status, error) {
	if statusWord(d.State) == "running" {
		return emulation.Probe(ctx, container.Shell{Engine: eng, Container: d.Container})
	}
	return emulation.Probe(ctx, emulation.Observer{Runner: eng, Image: d.Image, Labels: partHelper})
}

// runsOf says how the kernel runs each of the builder's platforms, and each that there is an emulator for.
func runsOf(status emulation.Status, names []string) map[string]string {
	runs := map[string]string{}
	ps, _, _ := platform.Parse(names...) // all of them were written by platform.Format
	for _, p := range append(ps, allEmulators()...) {
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
