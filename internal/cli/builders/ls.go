package builders

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
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
		Args:    cli.Exactly(0, "no arguments"),
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
		Table: "{{.Name}}\t{{.Driver}}\t{{.Status}}\t{{.Buildkit}}\t{{.Network}}\t{{.Platforms}}",
		Headings: map[string]string{
			"Name": "NAME", "Driver": "DRIVER", "DriverEndpoint": "DRIVER/ENDPOINT", "Endpoint": "ENDPOINT", "Status": "STATUS",
			"Buildkit": "BUILDKIT", "Network": "NETWORK", "Platforms": "PLATFORMS", "Container": "CONTAINER", "Volume": "VOLUME",
			"Image": "IMAGE", "Created": "CREATED", "Current": "CURRENT", "LastActivity": "LAST ACTIVITY", "Error": "ERROR",
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
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	list, err := container.List(ctx, eng)
	if err != nil {
		return err
	}
	_, endpoint := w.Endpoint()
	builders := rowsOf(list, endpoint, current)
	askPlatforms(ctx, eng, list, builders)
	rows := make([]*builderContext, len(builders))
	for i, b := range builders {
		rows[i] = &builderContext{builderRow: b, forTable: cli.IsTable(o.format), whole: o.noTrunc}
		if rows[i].forTable && rows[i].Current {
			rows[i].Name += "*"
		}
	}
	if err := cli.WriteRows(w.Out, o.format, builderColumns(), rows); err != nil {
		return err
	}
	for i, r := range rows {
		if r.forTable && r.Error() != "" {
			w.Say(fmt.Sprintf("Cannot load builder %s: %s", builders[i].Name, r.Error()))
		}
	}
	return nil
}

// askPlatforms asks all running builders at once.
func askPlatforms(ctx context.Context, eng *engine.Engine, list []builder.Status, rows []builderRow) {
	var nodes []*nodeRow // in the order of list
	for _, r := range rows {
		for k := range r.Nodes {
			nodes = append(nodes, &r.Nodes[k])
		}
	}
	var wg sync.WaitGroup
	for i, b := range list {
		if statusName(b.State) != "running" {
			continue
		}
		wg.Go(func() {
			node := nodes[i]
			ps, err := container.Platforms(ctx, eng, b)
			if err != nil {
				node.Err = err.Error()
				return
			}
			for _, p := range ps {
				node.Platforms = append(node.Platforms, platform.Format(p))
			}
		})
	}
	wg.Wait()
}
