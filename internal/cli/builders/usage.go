package builders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/cli/opts"
	"github.com/docker/go-units"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
)

// recordTable and recordPretty are the formats of docker buildx du.
const recordTable = "{{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsedAt}}"

// recordColumns are the columns of records, with that of the node if there are several.
func recordColumns(nodes bool) cli.Columns {
	table := recordTable
	if nodes {
		table += "\t{{.Node}}"
	}
	return cli.Columns{Table: table, Pretty: recordPretty, Headings: map[string]string{
		"ID": "ID", "Parents": "PARENTS", "CreatedAt": "CREATED AT", "Mutable": "MUTABLE", "Reclaimable": "RECLAIMABLE", "Shared": "SHARED",
		"Size": "SIZE", "Description": "DESCRIPTION", "UsageCount": "USAGE COUNT", "LastUsedAt": "LAST ACCESSED", "Type": "TYPE", "Node": "NODE",
	}}
}

// recordRow is a record of a cache, with the fields of docker buildx du. Its keys in JSON are stable.
type recordRow struct {
	ID          string
	Parents     []string
	CreatedAt   string
	Mutable     bool
	Reclaimable bool
	Shared      bool
	Size        string
	Description string
	UsageCount  int
	LastUsedAt  string
	Type        string
	Node        string `json:",omitempty"` // of a builder that a file defines
}

// recordRows returns the rows for the records. In a table, marks show which records are mutable or shared.
func recordRows(records []*bkclient.UsageInfo, forTable bool, now time.Time) []*recordRow {
	rows := make([]*recordRow, len(records))
	for i, r := range records {
		row := &recordRow{
			ID: r.ID, Parents: r.Parents, CreatedAt: r.CreatedAt.String(), Mutable: r.Mutable, Reclaimable: !r.InUse, Shared: r.Shared,
			Size: cli.Size(r.Size), Description: r.Description, UsageCount: r.UsageCount, Type: string(r.RecordType),
		}
		if r.LastUsedAt != nil {
			row.LastUsedAt = units.HumanDuration(now.Sub(*r.LastUsedAt)) + " ago"
		}
		if forTable && r.Mutable {
			row.ID += "*"
		}
		if forTable && r.Shared {
			row.Size += "*"
		}
		rows[i] = row
	}
	return rows
}

// writeTotals prints the totals below a list of records, in the columns of docker buildx du.
func writeTotals(out io.Writer, records []*bkclient.UsageInfo) {
	sum, shared := builder.Sum(records), int64(0)
	for _, r := range records {
		if r.Shared {
			shared += r.Size
		}
	}
	if shared > 0 {
		cli.Putf(out, "Shared:\t\t%s\nPrivate:\t%s\n", cli.Size(shared), cli.Size(sum.Total-shared))
	}
	cli.Putf(out, "Reclaimable:\t%s\nTotal:\t\t%s\n", cli.Size(sum.Reclaimable), cli.Size(sum.Total))
}

// cacheFilter is --filter in BuildKit's terms.
type cacheFilter struct {
	rules []string
	until time.Duration // records used more recently are excluded
}

// parseCacheFilter parses --filter. "until" and its old name are an age. All other filters match a field of a record by "key=value",
// "key!=value" or "key~=value" (a regular expression). A record must match all of them.
func parseCacheFilter(given client.Filters) (cacheFilter, error) {
	var f cacheFilter
	if len(given["until"]) > 0 && len(given["unused-for"]) > 0 {
		return f, errors.New(`conflicting filters "until" and "unused-for"`)
	}
	var rules []string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		values := slices.Collect(maps.Keys(given[key]))
		if len(values) != 1 {
			return f, fmt.Errorf("%q filter expects only one value", key)
		}
		value := values[0]
		switch {
		case key == "until" || key == "unused-for":
			var err error
			if f.until, err = time.ParseDuration(value); err != nil {
				return f, fmt.Errorf("%q filter expects a duration (e.g., '24h'): %w", key, err)
			}
		case key == "id":
			rules = append(rules, key+"~="+value)
		case strings.HasSuffix(key, "!"), strings.HasSuffix(key, "~"):
			rules = append(rules, key+"="+value)
		default:
			rules = append(rules, key+"=="+value)
		}
	}
	f.rules = []string{strings.Join(rules, ",")}
	return f, nil
}

type duOptions struct {
	builder, format string
	verbose         bool
	filter          opts.FilterOpt
	timeout         time.Duration
	trust           []string
}

func newBuilderDuCommand(w *cli.Env) *cobra.Command {
	o := duOptions{filter: opts.NewFilterOpt()}
	cmd := &cobra.Command{
		Use:   "du [OPTIONS] [NAME]",
		Short: "Show the disk usage of a builder's cache",
		Long:  "Show the records of a builder's cache and their sizes. The command starts a stopped builder, and stops it again.",
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				if o.verbose && cmd.Flags().Changed("format") {
					return &cli.Usage{Err: errors.New("--format and --verbose cannot be used together")}
				}
				name, err := named(w, args, o.builder)
				if err != nil {
					return err
				}
				return runDu(ctx, w, o, name)
			})
		},
		ValidArgsFunction: cli.CompleteOneBuilder(w),
	}
	addBuilderFlag(cmd, w, &o.builder)
	cmd.Flags().Var(&o.filter, "filter", "Provide filter values (e.g. \"until=24h\", \"type=exec.cachemount\")")
	_ = cmd.RegisterFlagCompletionFunc("filter", completeCacheFilter)
	cmd.Flags().BoolVar(&o.verbose, "verbose", false, `Shorthand for "--format=pretty"`)
	cli.AddTemplateFlag(cmd, &o.format, template.Pretty)
	addTimeoutFlag(cmd, &o.timeout)
	cli.AddTrustFlag(cmd.Flags(), &o.trust)
	return cmd
}

func runDu(ctx context.Context, w *cli.Env, o duOptions, name string) error {
	if o.verbose || o.format == template.Pretty {
		o.format = recordPretty
	}
	if err := cli.CheckTemplate(o.format); err != nil {
		return err
	}
	filter, err := parseCacheFilter(o.filter.Value())
	if err != nil {
		return &cli.Usage{Err: err}
	}
	trusted, err := w.Trusted(o.trust)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	found := map[string][]*bkclient.UsageInfo{}
	err = onNodes(ctx, w, opening{name, o.timeout, trusted}, func(ctx context.Context, node string, c *bkclient.Client) error {
		records, err := c.DiskUsage(ctx, bkclient.WithFilter(filter.rules), bkclient.WithAgeLimit(filter.until))
		mu.Lock()
		defer mu.Unlock()
		found[node] = append(found[node], records...)
		return err
	})
	if err != nil && len(found) == 0 {
		return err
	}
	return errors.Join(printUsage(w, o, found), err)
}

// printUsage prints the records of each node.
func printUsage(w *cli.Env, o duOptions, found map[string][]*bkclient.UsageInfo) error {
	var records []*bkclient.UsageInfo
	var rows []*recordRow
	for _, node := range slices.Sorted(maps.Keys(found)) {
		records = append(records, found[node]...)
		for _, row := range recordRows(found[node], template.IsTable(o.format), time.Now()) {
			row.Node = node
			rows = append(rows, row)
		}
	}
	if err := cli.WriteRows(w.Out, o.format, recordColumns(len(found) > 1), rows); err != nil {
		return err
	}
	if (o.format == template.Table || o.format == recordPretty) && len(o.filter.Value()) == 0 {
		writeTotals(w.Out, records)
	}
	return nil
}

// opening selects a builder to work with.
type opening struct {
	name    string
	timeout time.Duration
	trusted []digest.Digest
}

// onNodes calls work for each existing BuildKit of a builder, on all nodes at once. A stopped one is started, and stopped again
// afterwards. A node that fails does not stop the others. node is the node's name if a file defines the builder.
func onNodes(ctx context.Context, w *cli.Env, o opening, work func(ctx context.Context, node string, c *bkclient.Client) error) error {
	b, err := w.Builder(ctx, o.name)
	if err != nil {
		return err
	}
	if o.timeout == statusTimeout {
		o.timeout = 0 // the default is too short to start a builder, and the user set none
	}
	var some atomic.Bool
	err = eachNode(b, func(_ int, e builder.Endpoint) error {
		nodes, err := builder.Reopen(ctx, w.Drivers, e, builder.ReopenOptions{Wait: o.timeout, Trusted: o.trusted, Report: w.Say})
		for _, n := range nodes {
			some.Store(true)
			err = errors.Join(err, work(ctx, e.Node, n.Client))
			err = errors.Join(err, n.Close())
		}
		return err
	})
	switch {
	case err != nil || some.Load():
		return err
	case b.DefinedBy == "":
		return noBuilder(b.Name)
	}
	return &cli.Hinted{
		Err:  fmt.Errorf("builder %q has no cache yet: none of its nodes has been used", b.Name),
		Hint: "docker multiarch builder inspect --bootstrap " + b.Name + " makes them ready, and so does a build",
	}
}

const recordPretty = `ID:           {{.ID}}
{{- if .Parents}}
Parents:
{{- range .Parents}}
 - {{.}}
{{- end}}
{{- end}}
Created at:   {{.CreatedAt}}
Mutable:      {{.Mutable}}
Reclaimable:  {{.Reclaimable}}
Shared:       {{.Shared}}
Size:         {{.Size}}
{{- if .Description}}
Description:  {{.Description}}
{{- end}}
Usage count:  {{.UsageCount}}
{{- if .LastUsedAt}}
Last used:    {{.LastUsedAt}}
{{- end}}
{{- if .Type}}
Type:         {{.Type}}
{{- end}}
{{- if .Node}}
Node:         {{.Node}}
{{- end}}
`
