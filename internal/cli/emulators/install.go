package emulators

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// installOptions are the flags as the user wrote them.
type installOptions struct {
	platforms, trust       []string
	source, image, format  string
	builder                string
	force, persist, dryRun bool
}

func newEmulatorsInstallCommand(w *cli.Env) *cobra.Command {
	var o installOptions
	cmd := &cobra.Command{
		Use:   "install [OPTIONS] [PLATFORM...|all]",
		Short: "Install emulators in the engine's kernel",
		Long: "Install emulators for the named platforms, or for all, in the engine's kernel. Platforms that run already stay as they are. The\n" +
			"command tests each installed emulator in another container.\n\n" +
			"Emulators come from QEMU's static binaries on the engine's host, or else from the binfmt image, which the engine has or pulls:\n" +
			emulation.DefaultImage + ".\n\n" +
			"For a builder with several nodes, the command installs on the engine of each node. On a node without an engine it installs nothing:\n" +
			"if a platform does not run there, it names the machine and the command to run on it.\n\n" +
			"Exit status:\n\n" +
			"    0    all requested platforms run\n" +
			"    1    a requested platform does not run\n" +
			"    125  wrong flags or arguments; nothing was done",
		Example: "  docker multiarch emulators install linux/arm64 linux/s390x",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.platforms = args
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return installCommand(ctx, w, o) })
		},
		ValidArgsFunction: completeEmulators,
	}
	f := cmd.Flags()
	f.BoolVar(&o.force, "force", false, "Replace QEMU's handlers that exist (broken, old, or with other flags)")
	f.StringVar(&o.source, "source", "auto", `Source of the emulators ("auto", "host", "image")`)
	f.StringVar(&o.image, "image", "", "Binfmt image to install from (default: a release, by digest)")
	f.BoolVar(&o.dryRun, "print", false, "Print the handlers that would be registered, and change nothing")
	f.BoolVar(&o.persist, "persist", false, "Register the emulators at every start, with binfmt.d (the engine must be on this Linux machine)")
	f.StringVar(&o.builder, "builder", "", "Builder on whose nodes emulators are installed")
	_ = cmd.RegisterFlagCompletionFunc("builder", cli.CompleteBuilders(w))
	cli.AddTrustFlag(f, &o.trust)
	cli.AddFormatFlag(cmd, &o.format)
	_ = cmd.RegisterFlagCompletionFunc("source", cli.OneOf("auto", "host", "image"))
	return cmd
}

func installCommand(ctx context.Context, w *cli.Env, o installOptions) error {
	ps, err := parseInstall(o)
	if err != nil {
		return err
	}
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return err
	}
	nodes, err := nodesOf(ctx, w, o.builder)
	if err != nil {
		return err
	}
	all := make([]outcome, len(nodes))
	for i, n := range nodes { // one after the other: several may be on one kernel
		all[i] = n.install(ctx, w, o, ps, trusted)
	}
	if err := printOutcomes(w.Out, o, all); err != nil {
		return err
	}
	var failures []error
	for i, one := range all {
		err := one.err
		if err == nil && o.persist && !o.dryRun && one.kernel != nil {
			err = persistEmulators(ctx, w, one.kernel, ps)
		}
		if err != nil {
			failures = append(failures, nodes[i].named(err))
		}
	}
	if len(failures) == 1 {
		return failures[0]
	}
	return errors.Join(failures...)
}

// outcome is what an install has done on a node.
type outcome struct {
	planned   []plannedRow
	installed []installedRow
	kernel    *kernel // nil: the node has no engine
	err       error
}

// install installs emulators on the node's engine, or says what would be installed.
func (n node) install(ctx context.Context, w *cli.Env, o installOptions, ps []platform.Platform, trusted []digest.Digest) (done outcome) {
	if n.engine == nil && n.err == nil {
		done.err = n.requireByHand(ctx, w, ps)
		return done
	}
	k, err := n.kernel(ctx, w)
	if err == nil {
		err = k.trustImage(ctx, w, trusted)
	}
	if err != nil {
		return outcome{err: err}
	}
	opt, err := k.installOptions(ctx, w, o, ps)
	if err != nil {
		return outcome{err: err}
	}
	done.kernel = k
	if o.dryRun {
		var planned []emulation.Planned
		planned, done.err = emulation.Preview(ctx, opt)
		done.planned = planRows(planned)
		for i := range done.planned {
			done.planned[i].Node = n.name()
		}
		return done
	}
	report, err := emulation.Install(ctx, opt)
	done.err = err
	if missing, ok := errors.AsType[*emulation.MissingError](err); err != nil && !ok || ok && len(missing.Attempts) == 0 && missing.Refused != nil {
		return done // nothing to show
	}
	done.installed = installedRows(ps, report)
	for i := range done.installed {
		done.installed[i].Node = n.name()
	}
	return done
}

// requireByHand returns an error if a node without an engine does not run a platform, with the command to run on its machine.
func (n node) requireByHand(ctx context.Context, w *cli.Env, ps []platform.Platform) error {
	status, err := Probe(ctx, w, n.Endpoint, ps...)
	if err != nil {
		return err
	}
	missing := status.Below(emulation.Emulated, ps...)
	if len(missing) == 0 {
		w.Say(fmt.Sprintf("%s runs %s already", n.Endpoint, cli.OrNone(platform.FormatAll(ps))))
		return nil
	}
	var archs []string
	for _, p := range missing {
		archs = append(archs, p.Architecture)
	}
	return &cli.Hinted{
		Err: fmt.Errorf("it does not run %s, and no engine is known there that could install emulators", cli.OrNone(platform.FormatAll(missing))),
		Hint: fmt.Sprintf("on the machine of %s, run `%s`,\n      or %s",
			cmp.Or(n.Address, n.Name()), emulation.ByHand(emulation.DefaultImage, archs...), emulation.InstallPackage),
	}
}

// printOutcomes prints what was done on all nodes, or would be done.
func printOutcomes(out io.Writer, o installOptions, all []outcome) error {
	var planned []plannedRow
	var installed []installedRow
	for _, one := range all {
		planned, installed = append(planned, one.planned...), append(installed, one.installed...)
	}
	switch {
	case len(planned) > 0 && o.format == "json":
		return cli.WriteJSON(out, planned)
	case len(planned) > 0:
		return printPlanned(out, planned)
	case len(installed) > 0 && o.format == "json":
		return cli.WriteJSON(out, installed)
	case len(installed) > 0:
		return printInstalled(out, installed)
	}
	return nil
}

func parseInstall(o installOptions) ([]platform.Platform, error) {
	if err := cli.CheckFormat(o.format); err != nil {
		return nil, err
	}
	ps, err := parseEmulators(o.platforms)
	if err != nil {
		return nil, err
	}
	if err := checkVariants(ps); err != nil {
		return nil, err
	}
	switch o.source {
	case "auto", "host", "image":
	default:
		return nil, &cli.Usage{Err: fmt.Errorf("--source %q is not one of auto, host, image", o.source)}
	}
	if o.source == "host" && o.image != "" {
		return nil, &cli.Usage{Err: errors.New("--image cannot be used with --source host")}
	}
	return ps, nil
}

// installOptions prepares an install. Its probes run in separate containers.
func (k *kernel) installOptions(ctx context.Context, w *cli.Env, o installOptions, ps []platform.Platform) (emulation.InstallOptions, error) {
	shell, status, err := k.probeShell(ctx, ps)
	if err != nil {
		return emulation.InstallOptions{}, err
	}
	opt := emulation.InstallOptions{
		Shell: shell, Status: status, Runner: k.images, Platforms: ps, Engine: k.info, Kernel: true, Force: o.force,
		Image: o.image, HelperImage: k.image, Labels: HelperLabels,
		Report: w.Say,
	}
	switch o.source {
	case "host":
		opt.Sources = []emulation.Source{emulation.Host}
	case "image":
		opt.Sources = []emulation.Source{emulation.LocalImage, emulation.Registry}
	}
	if opt.Sources == nil && o.image != "" {
		opt.Sources = []emulation.Source{emulation.LocalImage, emulation.Registry} // the user named an image
	}
	image := o.image
	if image == "" {
		image = emulation.DefaultImage
	}
	if opt.RegistryAuth, err = w.Logins().ForPulls(w.Say)(ctx, image); err != nil {
		return opt, &cli.Usage{Err: fmt.Errorf("--image: %w", err)}
	}
	return opt, nil
}

// plannedRow is emulators install --print --format json.
type plannedRow struct {
	Node         string   `json:"node,omitempty"` // of a builder that a file defines
	Platform     string   `json:"platform"`
	Runs         string   `json:"runs"`
	Source       string   `json:"source,omitempty"`
	Image        string   `json:"image,omitempty"`
	Registration string   `json:"registration,omitempty"` // the line for the kernel's register file
	Replaces     []string `json:"replaces,omitempty"`
	Reason       string   `json:"reason,omitempty"`
}

func planRows(planned []emulation.Planned) []plannedRow {
	rows := make([]plannedRow, len(planned))
	for i, p := range planned {
		rows[i] = plannedRow{
			Platform: linuxName(p.Arch), Runs: p.Mode.String(), Source: string(p.Source), Image: p.Image, Registration: p.Line, Reason: p.Reason,
		}
		for _, h := range p.Replace {
			rows[i].Replaces = append(rows[i].Replaces, h.String())
		}
	}
	return rows
}

func linuxName(arch string) string {
	return platform.Format(platform.Normalize(platform.Platform{OS: "linux", Architecture: arch}))
}

func printPlanned(out io.Writer, planned []plannedRow) error {
	var failed error
	node := ""
	for _, p := range planned {
		if p.Node != node {
			node = p.Node
			cli.Putf(out, "node %s:\n", node)
		}
		for _, old := range p.Replaces {
			cli.Putf(out, "%s: would remove %s\n", p.Platform, old)
		}
		switch {
		case p.Registration != "":
			cli.Putf(out, "%s: would register, from the engine's host:\n  %s\n", p.Platform, p.Registration)
		case p.Source != "":
			cli.Putf(out, "%s: would let image %s (%s) register its own emulator:\n  docker run --privileged --rm %s --install %s\n",
				p.Platform, p.Image, p.Source, p.Image, strings.Split(p.Platform, "/")[1])
		case p.Reason != "":
			cli.Putf(out, "%s: cannot be installed: %s\n", p.Platform, p.Reason)
			failed = errors.New("some of the requested emulators cannot be installed")
		default:
			cli.Putf(out, "%s: runs already (%s)\n", p.Platform, p.Runs)
		}
	}
	return failed
}

// installedRow is emulators install --format json.
type installedRow struct {
	Node     string `json:"node,omitempty"` // of a builder that a file defines
	Platform string `json:"platform"`
	Result   string `json:"result"` // installed, replaced, "runs already" or FAILED
	Runs     string `json:"runs"`
	Handler  string `json:"handler,omitempty"`
	OldFlags string `json:"oldFlags,omitempty"`
	Flags    string `json:"flags,omitempty"`
	Source   string `json:"source,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

func installedRows(ps []platform.Platform, report emulation.Report) []installedRow {
	rows := make([]installedRow, len(ps))
	for i, p := range ps {
		row := installedRow{Platform: platform.Format(p), Result: "runs already", Runs: report.Status.Mode(p).String()}
		if sup, ok := report.Status.Arch(p.Architecture); ok {
			if h, ok := sup.Handler(); ok {
				row.Handler, row.Flags, row.OldFlags = h.Name, h.Flags, h.Flags
			}
		}
		for _, in := range report.Installed {
			if in.Arch != p.Architecture {
				continue
			}
			row.Result, row.OldFlags, row.Source = "installed", "", string(in.Source)
			if len(in.Old) > 0 {
				row.Result, row.OldFlags = "replaced", in.Old[0].Flags
			}
		}
		if report.Status.Mode(p) < emulation.Emulated {
			row.Result, row.Reason = "FAILED", report.Status.Why(p)
		}
		rows[i] = row
	}
	return rows
}

func printInstalled(out io.Writer, rows []installedRow) error {
	headings := []any{"PLATFORM", "RESULT", "RUNS", "HANDLER", "OLD FLAGS", "FLAGS", "SOURCE"}
	if rows[0].Node != "" {
		headings = append([]any{"NODE"}, headings...)
	}
	t := cli.NewTable(out, headings...)
	for _, r := range rows {
		cells := []any{r.Platform, r.Result, r.Runs, cli.OrDash(r.Handler), cli.OrDash(r.OldFlags), cli.OrDash(r.Flags), cli.OrDash(r.Source)}
		if r.Node != "" {
			cells = append([]any{r.Node}, cells...)
		}
		t.Row(cells...)
	}
	return t.Flush()
}
