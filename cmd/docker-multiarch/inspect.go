package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// builderRow is a builder in --format json. Its keys are a promise.
type builderRow struct {
	Name      string    `json:"name"`
	Node      int       `json:"node"`
	Driver    string    `json:"driver"`
	Container string    `json:"container"`
	Volume    string    `json:"volume"`
	State     string    `json:"state"`
	Image     string    `json:"image"`
	BuildKit  string    `json:"buildkit"`
	Network   string    `json:"network"`
	Created   time.Time `json:"created"`
}

// inspectedRow is a builder with all that is known about it.
type inspectedRow struct {
	builderRow
	Platforms  []string          `json:"platforms"`
	RunNetwork string            `json:"runNetwork"`
	Builds     int               `json:"activeBuilds"`
	Proxies    map[string]string `json:"proxies"`
	DriverOpts map[string]string `json:"driverOpts"`
	CertHosts  []string          `json:"certHosts"`
	Insecure   []string          `json:"insecureRegistries"`
	Mirrors    []string          `json:"mirrors"`
	AddHosts   []string          `json:"addHosts"`
	UserConfig bool              `json:"builderConfig"`
	Tool       string            `json:"madeBy"`
}

func builderRows(list []builder.Status) []builderRow {
	rows := make([]builderRow, len(list))
	for i, b := range list {
		rows[i] = rowOf(b)
	}
	return rows
}

func rowOf(b builder.Status) builderRow {
	return builderRow{
		Name: b.Builder, Node: b.Node, Driver: b.Driver, Container: b.Container, Volume: b.Volume,
		State: b.State, Image: b.Image, BuildKit: b.BuildKit, Network: networkWord(b.Network), Created: b.Created.UTC(),
	}
}

func inspectRow(d builder.Details) inspectedRow {
	row := inspectedRow{
		builderRow: rowOf(d.Status), Platforms: []string{}, RunNetwork: d.RunNetwork, Builds: d.Builds, Proxies: d.Proxies,
		DriverOpts: d.Options, CertHosts: orEmpty(d.CertHosts), Insecure: orEmpty(d.Insecure), Mirrors: orEmpty(d.Mirrors), AddHosts: orEmpty(d.AddHosts),
		UserConfig: d.UserConfig, Tool: d.Tool,
	}
	for _, p := range d.Platforms {
		row.Platforms = append(row.Platforms, platform.Format(p))
	}
	return row
}

func inspectText(out io.Writer, d builder.Details) error {
	row := inspectRow(d)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s:\t%s\n", key, value)
		}
	}
	line("Name", row.Name)
	line("Driver", row.Driver)
	line("Status", row.State)
	line("Active builds", fmt.Sprint(row.Builds))
	line("BuildKit", row.BuildKit)
	line("Image", row.Image)
	line("Container", row.Container)
	line("Volume", row.Volume)
	line("Network", row.Network)
	line("Network of RUN", row.RunNetwork)
	line("Platforms", strings.Join(row.Platforms, ", "))
	line("Certificates for", strings.Join(row.CertHosts, ", "))
	line("Insecure registries", strings.Join(row.Insecure, ", "))
	line("Mirrors", strings.Join(row.Mirrors, ", "))
	line("Extra hosts", strings.Join(row.AddHosts, ", "))
	line("Proxies", keyValues(row.Proxies))
	line("Driver options", keyValues(row.DriverOpts))
	line("Created", row.Created.Format(time.RFC3339))
	return t.Flush()
}

func keyValues(m map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k+"="+m[k])
	}
	return strings.Join(list, ", ")
}

// orEmpty makes no values an empty list in JSON, and not null.
func orEmpty(list []string) []string { return append([]string{}, list...) }
