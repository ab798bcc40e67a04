package builders

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// inspectText prints a builder for people. Facts that docker buildx inspect shows have the same labels.
func inspectText(out io.Writer, row builderRow) error {
	t := cli.NewTable(out)
	line := func(key string, value any) {
		if s := fmt.Sprint(value); s != "" {
			t.Row(key+":", s)
		}
	}
	line("Name", row.Name)
	line("Driver", row.Driver)
	line("Kept by", row.KeptBy)
	line("Current", map[bool]string{true: "yes", false: "no"}[row.Current])
	if !row.Created.IsZero() {
		line("Created", row.Created.Format(time.RFC3339))
	}
	t.Row()
	t.Row("Nodes:")
	for i, n := range row.Nodes {
		if i > 0 {
			t.Row()
		}
		nodeText(t, n, strings.Contains(row.Driver, ","), line)
	}
	return t.Flush()
}

func nodeText(t cli.Table, n nodeRow, mixed bool, line func(key string, value any)) {
	line("Name", n.Name)
	if mixed {
		line("Driver", n.Driver)
	}
	line("Endpoint", n.Endpoint)
	line("Driver Options", quotedValues(n.DriverOpts))
	line("Status", n.Status)
	line("Error", n.Err)
	line("BuildKit daemon flags", strings.Join(n.Flags, " "))
	line("BuildKit version", n.Version)
	line("Image", n.Image)
	if n.nodeDetails != nil {
		line("Image trust", n.ImageTrust)
	}
	line("Container", n.Container)
	line("Volume", n.Volume)
	line("Network", n.Network)
	if n.nodeDetails != nil {
		line("RUN network", n.RunNetwork)
	}
	line("Platforms", strings.Join(withFixed(n.Fixed, n.Platforms), ", "))
	if n.nodeDetails != nil {
		detailsText(t, *n.nodeDetails, line)
	}
}

func detailsText(t cli.Table, n nodeDetails, line func(key string, value any)) {
	for _, mode := range []emulation.Mode{emulation.Native, emulation.Emulated, emulation.Builder, emulation.None} {
		line("  "+mode.String(), platformsThat(n.Runs, mode))
	}
	line("Active builds", n.ActiveBuilds)
	line("Registry certificates", strings.Join(n.CertHosts, ", "))
	line("Insecure registries", strings.Join(n.Insecure, ", "))
	line("Mirrors", strings.Join(n.Mirrors, ", "))
	line("Extra hosts", strings.Join(n.AddHosts, ", "))
	line("Proxies", quotedValues(n.Proxies))
	if n.Cache != nil {
		line("Cache", fmt.Sprintf("%s (%s reclaimable)", cli.Size(n.Cache.Total), cli.Size(n.Cache.Reclaimable)))
	}
	if n.Disk != nil {
		line("Disk", fmt.Sprintf("%s of %s free", cli.Size(n.Disk.Free), cli.Size(n.Disk.Total)))
	}
	for i, rule := range n.GCPolicy {
		writeRule(t, i, rule)
	}
	writeConfig(t, n.Config)
}

func writeConfig(t cli.Table, toml string) {
	if toml != "" {
		t.Row("File#buildkitd.toml:")
	}
	for l := range strings.Lines(toml) {
		t.Row("  > " + strings.TrimRight(l, "\n"))
	}
}

func writeRule(t cli.Table, i int, rule bkclient.PruneInfo) {
	t.Row(fmt.Sprintf("GC Policy rule#%d:", i))
	line := func(key, value string) { t.Row("  "+key+":", value) }
	line("All", fmt.Sprint(rule.All))
	if len(rule.Filter) > 0 {
		line("Filters", strings.Join(rule.Filter, " "))
	}
	if rule.KeepDuration > 0 {
		line("Keep Duration", rule.KeepDuration.String())
	}
	for _, limit := range []struct {
		name  string
		bytes int64
	}{{"Reserved Space", rule.ReservedSpace}, {"Max Used Space", rule.MaxUsedSpace}, {"Min Free Space", rule.MinFreeSpace}} {
		if limit.bytes > 0 {
			line(limit.name, units.BytesSize(float64(limit.bytes)))
		}
	}
}

// platformsThat returns the platforms that run in the mode, in the canonical order.
func platformsThat(runs map[string]string, mode emulation.Mode) string {
	var names []string
	for name, how := range runs {
		if how == mode.String() {
			names = append(names, name)
		}
	}
	ps, _, _ := platform.Parse(names...)
	slices.SortFunc(ps, platform.Compare)
	return strings.Join(platform.FormatAll(ps), ", ")
}

func quotedValues(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s=%q", k, m[k]))
	}
	return strings.Join(list, " ")
}
