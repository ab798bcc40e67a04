// Package doctor has the command that looks for problems that prevent builds.
package doctor

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// grade is the result of a check.
type grade string

const (
	gradeOK      grade = "ok"
	gradeWarning grade = "warning"
	gradeBroken  grade = "broken"
)

// check is one line of the output. Its keys in JSON are stable.
type check struct {
	Node   string `json:"node,omitempty"` // of a builder that a file defines
	Name   string `json:"name"`
	Grade  grade  `json:"grade"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // a command, or another remedy
}

// diagnosis is doctor --format json.
type diagnosis struct {
	Grade  grade   `json:"grade"` // the worst grade of the checks
	Checks []check `json:"checks"`
}

func (d *diagnosis) add(checks ...check) {
	for _, c := range checks {
		d.Checks = append(d.Checks, c)
		if d.Grade == gradeOK || c.Grade == gradeBroken {
			d.Grade = c.Grade
		}
	}
}

// errBroken is the error of doctor if a check failed.
var errBroken = errors.New("a check found something broken")

// New returns the command that looks for problems that prevent builds.
func New(w *cli.Env) *cobra.Command {
	var format, of string
	cmd := &cobra.Command{
		Use:   "doctor [OPTIONS]",
		Short: "Check the engine, the builders and all else that a build needs",
		Long: "Check the engine, the builders, the kernel and its emulators, the registry settings, the disk and the credential helpers. The\n" +
			"command changes nothing. It shows each problem with a way to fix it. If the builder in use, or that of --builder, has nodes of its\n" +
			"own, the command checks each: whether it answers, its version, native platforms, emulators, disk and TLS.\n\n" +
			"Exit status:\n\n" +
			"    0    all checks are ok, or there are only warnings\n" +
			"    1    a check found something broken",
		Args: cli.Exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				if err := cli.CheckFormat(format); err != nil {
					return err
				}
				name, err := w.BuilderFor(of)
				if err != nil {
					return err
				}
				return runDoctor(ctx, w, format, name)
			})
		},
	}
	cli.AddFormatFlag(cmd, &format)
	cmd.Flags().StringVar(&of, "builder", "", "Builder whose nodes are checked")
	_ = cmd.RegisterFlagCompletionFunc("builder", cli.CompleteBuilders(w))
	return cmd
}

func runDoctor(ctx context.Context, w *cli.Env, format, name string) error {
	b, err := w.Builder(ctx, name)
	if err != nil {
		return err
	}
	d := diagnose(ctx, w, b)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if format == "json" {
		err = cli.WriteJSON(w.Out, d)
	} else {
		err = doctorPage(w.Out, d)
	}
	if err == nil && d.Grade == gradeBroken {
		err = errBroken
	}
	return err
}

// diagnose runs the checks, from the engine outwards, and those of the builder's nodes. Without an engine it still checks the client.
func diagnose(ctx context.Context, w *cli.Env, b builder.Builder) diagnosis {
	d := diagnosis{Grade: gradeOK}
	var nodes []check
	var asked sync.WaitGroup
	if b.DefinedBy != "" {
		asked.Go(func() { nodes = checkNodes(ctx, w, b) })
	}
	diagnoseEngine(ctx, w, b, &d)
	d.add(checkHelpers(w.Config())...)
	asked.Wait()
	d.add(nodes...)
	return d
}

// diagnoseEngine checks the engine of the current context. A builder with nodes elsewhere can do without it.
func diagnoseEngine(ctx context.Context, w *cli.Env, b builder.Builder, d *diagnosis) {
	info, err := w.Engine().Info(ctx)
	if err != nil {
		c := check{Name: "engine", Grade: gradeBroken, Detail: err.Error(), Fix: "start the engine, or choose another with docker context use or DOCKER_HOST"}
		if b.DefinedBy != "" {
			c.Grade, c.Detail = gradeWarning, c.Detail+"; builder "+b.Name+" needs it only for nodes on it, for --load, and for tests unless its nodes are in a cluster"
		}
		d.add(c)
		return
	}
	d.add(checkEngine(w.Engine().Host(), info))
	d.add(checkBuilders(ctx, w)...)
	k, err := emulators.ReachKernel(ctx, w, w.Engine(), "")
	var ins emulation.Inspection
	if err == nil {
		ins, err = k.Inspect(ctx)
	}
	if err != nil {
		d.add(check{Name: "kernel", Grade: gradeBroken, Detail: err.Error(), Fix: explain.Hint(err)})
	} else {
		d.add(check{Name: "kernel", Grade: gradeOK, Detail: kernelText(ins)})
		d.add(checkEmulators(info, ins)...)
		d.add(checkDisk(ins))
	}
	d.add(checkRegistries(info)...)
}

func kernelText(ins emulation.Inspection) string {
	words := ins.Kernel + " on " + ins.Machine
	if ins.Host.OS != "" {
		words += ", " + ins.Host.OS
	}
	return words
}

func doctorPage(out io.Writer, d diagnosis) error {
	t := cli.NewTable(out)
	node := ""
	for _, c := range d.Checks {
		if c.Node != node {
			node = c.Node
			t.Row()
			t.Row("Node " + node)
		}
		t.Row(c.Grade, c.Name, c.Detail)
		if c.Fix != "" {
			t.Row("", "", "→ "+c.Fix)
		}
	}
	return t.Flush()
}
