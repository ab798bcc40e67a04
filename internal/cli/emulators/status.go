package emulators

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// emulatorsStatus is emulators status --format json. Its keys are stable.
type emulatorsStatus struct {
	Node      string           `json:"node,omitempty"` // of a builder that a file defines
	Address   string           `json:"address,omitempty"`
	Err       string           `json:"error,omitempty"` // why the node does not answer
	Engine    string           `json:"engine"`          // name of the engine's host
	Kernel    string           `json:"kernel"`
	Machine   string           `json:"machine"`                   // as in uname -m
	Unknown   string           `json:"handlersUnknown,omitempty"` // why the handlers could not be read
	Platforms []emulatorRow    `json:"platforms"`
	Others    []emulatorHandle `json:"otherHandlers"` // for other platforms

	err error // that of Err
}

type emulatorRow struct {
	Platform        string            `json:"platform"`
	Runs            string            `json:"runs"` // native, emulated, "emulated (builder)" or none
	Verdict         emulation.Verdict `json:"verdict"`
	Reason          string            `json:"reason,omitempty"`
	QEMU            string            `json:"qemu,omitempty"` // version
	Handlers        []emulatorHandle  `json:"handlers"`       // matching its programs; the kernel takes the first enabled one
	BuilderEmulator string            `json:"builderEmulator,omitempty"`
}

type emulatorHandle struct {
	Name         string            `json:"name"`
	Interpreter  string            `json:"interpreter"`
	Flags        string            `json:"flags"`
	Enabled      bool              `json:"enabled"`
	RegisteredBy string            `json:"registeredBy,omitempty"`
	Verdict      emulation.Verdict `json:"verdict,omitempty"`
	Reason       string            `json:"reason,omitempty"`
}

func newEmulatorsStatusCommand(w *cli.Env) *cobra.Command {
	var format, of string
	var quiet bool
	cmd := &cobra.Command{
		Use:     "status [OPTIONS] [PLATFORM...]",
		Aliases: []string{"ls", "list"},
		Short:   "Show which platforms the engine's kernel runs",
		Long: "Show how the engine's kernel runs the programs of each platform: natively, through a handler, or not at all. To find out, the\n" +
			"command runs a small program of each architecture in a container without privileges. For a builder with several nodes it asks each\n" +
			"node; on one without an engine the programs run as the steps of a build.\n\n" +
			"Exit status:\n\n" +
			"    0    the kernel, or that of a node, runs all named platforms\n" +
			"    1    no kernel runs a named platform\n" +
			"    125  wrong flags or arguments",
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				if err := cli.CheckFormat(format); err != nil {
					return err
				}
				ps, err := parseEmulators(args)
				if err != nil {
					return err
				}
				nodes, err := nodesOf(ctx, w, of)
				if err != nil {
					return err
				}
				return showEmulators(ctx, w, nodes, ps, len(args) > 0, printer(format, quiet))
			})
		},
		ValidArgsFunction: completeEmulators,
	}
	cli.AddFormatFlag(cmd, &format)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only print the platforms that run")
	cmd.Flags().StringVar(&of, "builder", "", "Builder whose nodes, and whose own emulators, are shown")
	_ = cmd.RegisterFlagCompletionFunc("builder", cli.CompleteBuilders(w))
	return cmd
}

type printing func(io.Writer, []emulatorsStatus) error

// printer returns the function that prints in the format.
func printer(format string, quiet bool) printing {
	switch {
	case quiet:
		return emulatorsQuiet
	case format == "json":
		return func(out io.Writer, all []emulatorsStatus) error {
			if all[0].Node == "" {
				return cli.WriteJSON(out, all[0])
			}
			return cli.WriteJSON(out, all)
		}
	}
	return emulatorsTable
}

// showEmulators prints the status, and fails if a requested platform does not run.
func showEmulators(ctx context.Context, w *cli.Env, nodes []node, ps []platform.Platform, explicit bool, show printing) error {
	all, found := inspectAll(ctx, w, nodes, ps)
	if !nodes[0].several && all[0].err != nil {
		return all[0].err
	}
	if err := show(w.Out, all); err != nil || !explicit {
		return err
	}
	return requireSomewhere(nodes, found, ps)
}

func statusRows(engine string, ins emulation.Inspection, ps []platform.Platform) emulatorsStatus {
	s := emulatorsStatus{
		Engine: engine, Kernel: ins.Kernel, Machine: ins.Machine, Unknown: ins.HandlersUnknown,
		Platforms: []emulatorRow{}, Others: []emulatorHandle{},
	}
	known := map[string]bool{}
	for _, p := range ps {
		sup, _ := ins.Arch(platform.Normalize(p).Architecture)
		verdict, why := ins.Verdict(p)
		row := emulatorRow{
			Platform: platform.Format(p), Runs: ins.Mode(p).String(), Verdict: verdict, Reason: why, QEMU: sup.Version,
			Handlers: []emulatorHandle{}, BuilderEmulator: sup.BuilderEmulator,
		}
		for _, h := range sup.Handlers {
			known[h.Name] = true
			handle := handleOf(ins, h)
			handle.Verdict, handle.Reason = ins.Judge(sup, h)
			row.Handlers = append(row.Handlers, handle)
		}
		s.Platforms = append(s.Platforms, row)
	}
	for _, h := range ins.Handlers {
		if !known[h.Name] {
			s.Others = append(s.Others, handleOf(ins, h))
		}
	}
	return s
}

func handleOf(ins emulation.Inspection, h emulation.Handler) emulatorHandle {
	return emulatorHandle{
		Name: h.Name, Interpreter: h.Interpreter, Flags: h.Flags, Enabled: h.Enabled, RegisteredBy: ins.Host.Origin(h),
	}
}

func emulatorsQuiet(out io.Writer, all []emulatorsStatus) error {
	var names []string
	for _, s := range all {
		for _, r := range s.Platforms {
			if r.Runs != emulation.None.String() && r.Runs != emulation.Builder.String() && !slices.Contains(names, r.Platform) {
				names = append(names, r.Platform)
			}
		}
	}
	for _, name := range names {
		cli.Putf(out, "%s\n", name)
	}
	return nil
}

// emulatorsTable prints a line for each platform and its first handler, more lines for more handlers, and remarks about those that are not
// ok. If the nodes have names, the first column has them.
func emulatorsTable(out io.Writer, all []emulatorsStatus) error {
	headings := []any{"PLATFORM", "RUNS", "HANDLER", "FLAGS", "INTERPRETER", "QEMU", "VERDICT"}
	if all[0].Node != "" {
		headings = append([]any{"NODE"}, headings...)
	}
	for _, s := range all {
		cli.Putf(out, "%s\n", machineText(s))
	}
	fmt.Fprintln(out)
	t := cli.NewTable(out, headings...)
	var notes []string
	for _, s := range all {
		for _, note := range emulatorLines(t, s) {
			notes = append(notes, nodePrefix(s)+note)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(notes) > 0 {
		fmt.Fprintln(out)
	}
	for _, note := range notes {
		cli.Putf(out, "%s\n", note)
	}
	return nil
}

func nodePrefix(s emulatorsStatus) string {
	if s.Node == "" {
		return ""
	}
	return "node " + s.Node + ": "
}

// machineText describes the machine that a status is about.
func machineText(s emulatorsStatus) string {
	var words []string
	if s.Node != "" {
		words = append(words, "Node "+s.Node)
	}
	switch {
	case s.Err != "" && s.Address != "":
		return words[0] + " at " + s.Address + ": " + s.Err
	case s.Err != "":
		return words[0] + ": " + s.Err
	case s.Engine != "":
		words = append(words, map[bool]string{true: "engine ", false: "Engine "}[s.Node != ""]+s.Engine)
	case s.Address != "":
		words[0] += " at " + s.Address
	}
	if s.Kernel != "" {
		words = append(words, "kernel "+s.Kernel+" on "+s.Machine)
	}
	return strings.Join(words, ", ")
}

// emulatorLines adds the lines of one machine to the table, and returns the remarks.
func emulatorLines(t cli.Table, s emulatorsStatus) (notes []string) {
	row := func(cells ...any) {
		if s.Node != "" {
			cells = append([]any{s.Node}, cells...)
		}
		t.Row(cells...)
	}
	for _, r := range s.Platforms {
		first := emulatorHandle{Name: "-", Flags: "-", Interpreter: "-"}
		if len(r.Handlers) > 0 {
			first = r.Handlers[0]
		}
		if r.BuilderEmulator != "" && len(r.Handlers) == 0 {
			first.Interpreter = r.BuilderEmulator
		}
		row(r.Platform, r.Runs, first.Name, cli.OrDash(first.Flags), first.Interpreter, cli.OrDash(r.QEMU), r.Verdict)
		for _, h := range r.Handlers[min(1, len(r.Handlers)):] {
			row("", "", h.Name, cli.OrDash(h.Flags), h.Interpreter, "", h.Verdict)
		}
		if r.Verdict != emulation.OK && r.Verdict != emulation.Missing {
			notes = append(notes, r.Platform+": "+r.Reason)
		}
		for _, h := range r.Handlers {
			if h.RegisteredBy != "" {
				notes = append(notes, fmt.Sprintf("%s was registered by %s", h.Name, h.RegisteredBy))
			}
		}
	}
	return append(notes, otherNotes(s)...)
}

func otherNotes(s emulatorsStatus) []string {
	var notes []string
	if len(s.Others) > 0 {
		names := make([]string, len(s.Others))
		for i, h := range s.Others {
			names[i] = h.Name
		}
		notes = append(notes, "other handlers: "+strings.Join(names, ", "))
	}
	if s.Unknown != "" {
		notes = append(notes, "the handlers could not be read: "+s.Unknown)
	}
	return notes
}
