package builders

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/docker/cli/opts"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/moby/client"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

const (
	danglingWarning = "WARNING! This will remove all dangling build cache of builder %q. Are you sure you want to continue?"
	allCacheWarning = "WARNING! This will remove all build cache of builder %q. Are you sure you want to continue?"
)

type pruneOptions struct {
	builder             string
	all, force, verbose bool
	filter              opts.FilterOpt
	reserved, max, free opts.MemBytes // same meaning as in BuildKit's GC
	timeout             time.Duration
	trust               []string
}

func newBuilderPruneCommand(w *cli.Env) *cobra.Command {
	o := pruneOptions{filter: opts.NewFilterOpt()}
	cmd := &cobra.Command{
		Use:   "prune [OPTIONS] [NAME]",
		Short: "Remove build cache",
		Long:  "Remove the unused records of a builder's cache. The command starts a stopped builder, and stops it again.",
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				name, err := named(w, args, o.builder)
				if err != nil {
					return err
				}
				return runPrune(ctx, w, o, name)
			})
		},
		ValidArgsFunction: cli.CompleteOneBuilder(w),
	}
	addBuilderFlag(cmd, w, &o.builder)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Include internal/frontend images")
	f.Var(&o.filter, "filter", "Provide filter values (e.g. \"until=24h\", \"type=exec.cachemount\")")
	_ = cmd.RegisterFlagCompletionFunc("filter", completeCacheFilter)
	f.Var(&o.reserved, "reserved-space", "Amount of disk space always allowed to keep for cache")
	f.Var(&o.free, "min-free-space", "Target amount of free disk space after pruning")
	f.Var(&o.max, "max-used-space", "Maximum amount of disk space allowed to keep for cache")
	f.BoolVar(&o.verbose, "verbose", false, "Provide a more verbose output")
	f.BoolVarP(&o.force, "force", "f", false, "Do not prompt for confirmation")
	f.Var(&o.reserved, "keep-storage", "Amount of disk space to keep for cache")
	_ = f.MarkDeprecated("keep-storage", "keep-storage flag has been changed to reserved-space")
	addTimeoutFlag(cmd, &o.timeout)
	cli.AddTrustFlag(f, &o.trust)
	return cmd
}

// withConfigured adds the filters of the Docker config to those of the command. A label that the command names the other way round is not
// added (docs.docker.com, "docker": pruneFilters).
func withConfigured(given client.Filters, configured []string) client.Filters {
	all := given.Clone()
	opposite := map[string]string{"label": "label!", "label!": "label"}
	for _, f := range configured {
		name, value, ok := strings.Cut(f, "=")
		if ok && !all[opposite[name]][value] {
			all.Add(name, value)
		}
	}
	return all
}

func runPrune(ctx context.Context, w *cli.Env, o pruneOptions, name string) error {
	filter, err := parseCacheFilter(withConfigured(o.filter.Value(), w.Config().PruneFilters))
	if err != nil {
		return &cli.Usage{Err: err}
	}
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return err
	}
	question := danglingWarning
	if o.all {
		question = allCacheWarning
	}
	if ok, err := cli.Confirm(ctx, w, fmt.Sprintf(question, name), o.force); err != nil || !ok {
		return err
	}
	options := []bkclient.PruneOption{
		bkclient.WithKeepOpt(filter.until, o.reserved.Value(), o.max.Value(), o.free.Value()), bkclient.WithFilter(filter.rules),
	}
	if o.all {
		options = append(options, bkclient.PruneAll)
	}
	printed := &prunePrinter{w: w, verbose: o.verbose}
	err = onNodes(ctx, w, opening{name, o.timeout, trusted}, func(ctx context.Context, node string, c *bkclient.Client) error {
		removed := make(chan bkclient.UsageInfo)
		done := make(chan struct{})
		go func() {
			defer close(done)
			printed.print(node, removed)
		}()
		err := c.Prune(ctx, removed, options...)
		close(removed)
		<-done
		return err
	})
	if err == nil || printed.total > 0 {
		cli.Putf(w.Out, "Total:\t%s\n", cli.Size(printed.total))
	}
	return err
}

// prunePrinter prints a line for each record as it is removed, and adds up the sizes.
type prunePrinter struct {
	w       *cli.Env
	verbose bool
	mu      sync.Mutex
	begun   bool
	total   int64
}

func (p *prunePrinter) print(node string, removed <-chan bkclient.UsageInfo) {
	for r := range removed {
		p.one(node, r)
	}
}

func (p *prunePrinter) one(node string, r bkclient.UsageInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += r.Size
	row := recordRows([]*bkclient.UsageInfo{&r}, !p.verbose, time.Now())[0]
	row.Node = node
	if p.verbose {
		_ = cli.WriteRows(p.w.Out, recordPretty, recordColumns(false), []*recordRow{row})
		return
	}
	if !p.begun {
		p.line("ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED", map[bool]string{true: "NODE"}[node != ""])
		p.begun = true
	}
	p.line(row.ID, row.Reclaimable, row.Size, row.LastUsedAt, row.Node)
}

// line prints a line of a table whose columns have fixed widths, since later lines are not known yet.
func (p *prunePrinter) line(id string, reclaimable any, size, used, node string) {
	if node != "" {
		used = fmt.Sprintf("%-20s\t%s", used, node)
	}
	cli.Putf(p.w.Out, "%-40s\t%-11v\t%-10s\t%s\n", id, reclaimable, size, used)
}

// completeCacheFilter completes the filter keys, and the record types.
func completeCacheFilter(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	values := []string{"until=", "id=", "description=", "inuse=", "mutable=", "immutable=", "parents=", "private=", "shared=", "type="}
	for _, t := range []bkclient.UsageRecordType{
		bkclient.UsageRecordTypeInternal, bkclient.UsageRecordTypeFrontend, bkclient.UsageRecordTypeLocalSource,
		bkclient.UsageRecordTypeGitCheckout, bkclient.UsageRecordTypeCacheMount, bkclient.UsageRecordTypeRegular,
	} {
		values = append(values, "type="+string(t))
	}
	return values, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
