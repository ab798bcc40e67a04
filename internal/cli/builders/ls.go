package builders

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
)

type lsOptions struct {
	format  string
	noTrunc bool
	timeout time.Duration
}

func newBuilderLsCommand(w *cli.Env) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:     "ls [OPTIONS]",
		Aliases: []string{"list"},
		Short:   "List builders",
		Long: "List the builders: those of docker multiarch, and those that docker buildx keeps, which are only used. Of two with the same name,\n" +
			"that of docker multiarch is listed, and is the one that the name stands for.",
		Args: cli.Exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runLs(ctx, w, o) })
		},
	}
	cli.AddTemplateFlag(cmd, &o.format)
	cmd.Flags().BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate output")
	addTimeoutFlag(cmd, &o.timeout)
	return cmd
}

func builderColumns() cli.Columns {
	return cli.Columns{
		Table: "{{.Name}}\t{{.DriverEndpoint}}\t{{.Status}}\t{{.Buildkit}}\t{{.Network}}\t{{.Platforms}}",
		Headings: map[string]string{
			"Name": "NAME/NODE", "Driver": "DRIVER", "DriverEndpoint": "DRIVER/ENDPOINT", "Endpoint": "ENDPOINT", "Status": "STATUS",
			"Buildkit": "BUILDKIT", "Network": "NETWORK", "Platforms": "PLATFORMS", "Container": "CONTAINER", "Volume": "VOLUME",
			"Image": "IMAGE", "Created": "CREATED", "Current": "CURRENT", "LastActivity": "LAST ACTIVITY", "Error": "ERROR",
			"KeptBy": "KEPT BY",
		},
	}
}

func runLs(ctx context.Context, w *cli.Env, o lsOptions) error {
	if err := cli.CheckTemplate(o.format); err != nil {
		return err
	}
	current, err := w.BuilderFor("")
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, o.timeout)
	defer cancel()
	peers, unusable := w.PeerBuilders()
	all, engineErr, err := describeAll(ctx, w, peers...)
	if err == nil && len(all) == 0 {
		err = engineErr
	}
	if err != nil {
		return err
	}
	_, engine := w.Endpoint()
	var rows []*builderLine
	for _, d := range all {
		row := rowOf(d, engine, current)
		if template.IsTable(o.format) {
			rows = append(rows, linesOf(row, d.stored(), o.noTrunc)...)
		} else {
			rows = append(rows, lineOf(row))
		}
	}
	if err := cli.WriteRows(w.Out, o.format, builderColumns(), rows); err != nil {
		return err
	}
	if engineErr != nil {
		w.Say(fmt.Sprintf("the builders of the current engine are not listed: %v", engineErr))
	}
	for _, err := range unusable {
		w.Say(fmt.Sprintf("%v: it is not listed", err))
	}
	if template.IsTable(o.format) {
		sayErrors(w, all)
	}
	return nil
}

// sayErrors says why nodes do not answer, a line each.
func sayErrors(w *cli.Env, all []described) {
	for _, d := range all {
		for _, n := range d.nodes {
			err := n.Err
			for _, one := range n.Details {
				if err == nil {
					err = one.Err
				}
			}
			if err != nil {
				w.Say(n.Endpoint.Named(err).Error())
			}
		}
	}
}
