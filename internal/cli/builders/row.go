package builders

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// builderRow is a builder as ls and inspect show it. Its keys in JSON are stable; those that docker buildx ls has as well mean the same here.
type builderRow struct {
	Name    string
	Driver  string // several with commas, in the order of the nodes
	Current bool
	Created time.Time `json:",omitzero"`  // of the oldest node; zero: none is made, or they are not ours
	KeptBy  string    `json:",omitempty"` // the program that keeps the builder, if it is another one
	Nodes   []nodeRow
}

// nodeRow is a node of a builder. Only inspect sets the fields after Flags.
type nodeRow struct {
	Name       string
	Driver     string
	Endpoint   string // address; of the engine if the node runs on one
	Status     string // running, stopped, paused, starting; inactive: not made yet; error: it does not answer
	Version    string `json:",omitempty"` // of BuildKit
	Platforms  []string
	Fixed      []string          `json:",omitempty"` // platforms that the user fixed
	DriverOpts map[string]string `json:",omitempty"`
	Flags      []string          `json:",omitempty"` // of buildkitd
	Image      string
	Container  string
	Volume     string
	Network    string
	Err        string `json:",omitempty"` // why the node's state is unknown

	created time.Time
	*nodeDetails
}

// nodeDetails are facts that only inspect asks for.
type nodeDetails struct {
	ImageTrust   string               `json:",omitempty"` // why the image may run with privileges
	Runs         map[string]string    `json:",omitempty"` // platform → native, emulated, "emulated (builder)" or none
	RunNetwork   string               // seen by RUN steps
	ActiveBuilds int                  // running builds
	Cache        *builder.Usage       `json:",omitempty"`
	Disk         *builder.Disk        `json:",omitempty"`
	GCPolicy     []bkclient.PruneInfo `json:",omitempty"`
	Proxies      map[string]string    `json:",omitempty"` // without passwords
	CertHosts    []string             `json:",omitempty"`
	Insecure     []string             `json:"InsecureRegistries,omitempty"`
	Mirrors      []string             `json:",omitempty"`
	AddHosts     []string             `json:",omitempty"`
	UserConfig   bool                 // the user's configuration was completed
	Config       string               `json:",omitempty"` // buildkitd.toml
	Tool         string               `json:"MadeBy"`
}

// rowOf returns a builder's row. engine is the address of the current engine, and current the name of the builder in use.
func rowOf(d described, engine, current string) builderRow {
	row := builderRow{Name: d.Name, Current: d.Name == current, KeptBy: d.KeptBy, Nodes: []nodeRow{}}
	var drivers []string
	for _, n := range d.nodes {
		if name := shownDriver(n.Endpoint); !slices.Contains(drivers, name) {
			drivers = append(drivers, name)
		}
		for _, node := range nodeRows(n, engine) {
			row.Nodes = append(row.Nodes, node)
			if made := node.created; !made.IsZero() && (row.Created.IsZero() || made.Before(row.Created)) {
				row.Created = made.UTC()
			}
		}
	}
	row.Driver = strings.Join(drivers, ", ")
	return row
}

// shownDriver returns the name of a node's driver for users.
func shownDriver(e builder.Endpoint) string {
	if e.Driver == container.PeerDriverName {
		return driverName
	}
	return e.Driver
}

// nodeRows returns a row for each BuildKit of a node; one row if there is none, or if the node does not answer.
func nodeRows(n builder.Inspected, engine string) (rows []nodeRow) {
	node := nodeRow{
		Name: n.Endpoint.Node, Driver: shownDriver(n.Endpoint), Endpoint: cmp.Or(n.Endpoint.Address, engine), Status: "inactive", Platforms: []string{},
		Fixed: platform.FormatAll(n.Endpoint.Platforms), DriverOpts: map[string]string{}, Flags: n.Endpoint.Flags,
	}
	if node.Name == "" {
		node.Name = n.Endpoint.Name() + strconv.Itoa(n.Endpoint.Index)
	}
	for k, v := range n.Endpoint.Options {
		node.DriverOpts[k] = builder.MaskOption(k, v)
	}
	if n.Err != nil {
		node.Status, node.Err = statusError, n.Endpoint.Cause(n.Err).Error()
	}
	for _, d := range n.Details {
		rows = append(rows, detailed(node, d, n.Managed))
	}
	if len(rows) == 0 {
		return []nodeRow{node}
	}
	return rows
}

// statusError is the status of a node that does not answer, as in docker buildx.
const statusError = "error"

// detailed completes a node's row with what is known of one of its BuildKits. The container for builds on the host's network has that
// in its name.
func detailed(n nodeRow, d builder.Details, managed bool) nodeRow {
	if d.OnHost && managed {
		n.Name += "-host"
	}
	n.Status, n.Version, n.created = statusName(d.State), d.BuildKit, d.Created
	n.Image, n.Container, n.Volume = d.Image, d.Container, d.Volume
	if managed {
		n.Fixed, n.DriverOpts, n.Flags, n.Network = d.Fixed, d.Options, d.Flags, networkName(d.Network)
	}
	for _, p := range d.Platforms {
		n.Platforms = append(n.Platforms, platform.Format(p))
	}
	if d.Err != nil {
		n.Status, n.Err = statusError, d.Err.Error()
	}
	return n
}

// statusName returns docker buildx's status for a container's state.
func statusName(state string) string {
	switch state {
	case "created", "exited", "dead", "removing":
		return "stopped"
	case "restarting":
		return "starting"
	}
	return state
}

// networkName returns the name of a network, with a word for the engine's default network, which has none.
func networkName(network string) string {
	if network == "" {
		return "bridge"
	}
	return network
}

// withFixed puts the platforms that the user fixed first, marked as docker buildx marks them.
func withFixed(fixed, found []string) []string {
	var out []string
	for _, p := range fixed {
		if !slices.Contains(out, p+"*") {
			out = append(out, p+"*")
		}
	}
	for _, p := range found {
		if !slices.Contains(fixed, p) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// shortened returns at most four platforms for a table. Variants share one word.
func shortened(platforms []string) string {
	var words []string
	count := map[string]int{}
	marked := map[string]bool{}
	for _, p := range platforms {
		name := strings.TrimSuffix(p, "*")
		if ps, _, err := platform.Parse(name); err == nil && len(ps) == 1 {
			name = ps[0].OS + "/" + ps[0].Architecture
		}
		if count[name]++; count[name] == 1 {
			words = append(words, name)
		}
		marked[name] = marked[name] || strings.HasSuffix(p, "*")
	}
	left := 0
	for i, name := range words {
		if i >= 4 {
			left += count[name]
			continue
		}
		if marked[name] {
			words[i] += "*"
		}
		if n := count[name] - 1; n > 0 {
			words[i] += fmt.Sprintf(" (+%d)", n)
		}
	}
	if left > 0 {
		words = append(words[:4], fmt.Sprintf("(%d more)", left))
	}
	return strings.Join(words, ", ")
}

// builderLine is a builder for a template. Besides the fields of builderRow it has the fields of the first node, summaries of all nodes,
// and the field names of docker buildx ls. In a table it may also be the line of one node: then it is the only one of Nodes.
type builderLine struct {
	builderRow

	DriverEndpoint string `json:"-"` // the driver, or a node's address in the line of a node
	Endpoint       string `json:"-"` // the first node's address, which is that of its engine if it has one
	Status         string `json:"-"` // running if one of the nodes is running, else the first node's
	Buildkit       string `json:"-"` // the version on the first node whose version is known
	LastActivity   string `json:"-"` // empty: it is not recorded
	Container      string `json:"-"` // the first node's
	Volume         string `json:"-"` // with the first node's cache
	Image          string `json:"-"` // the first node's
	Network        string `json:"-"` // the networks of all nodes, each once
	Error          string `json:"-"` // why the first node that does not answer does not
	Platforms      string `json:"-"` // of all nodes, each once, first those that the user fixed
}

// lineOf returns the line of a builder.
func lineOf(row builderRow) *builderLine {
	line := &builderLine{
		builderRow: row, DriverEndpoint: row.Driver, Network: networks(row.Nodes), Platforms: strings.Join(platformsOf(row.Nodes), ", "),
		Buildkit: firstOf(row.Nodes, func(n nodeRow) string { return n.Version }),
		Error:    firstOf(row.Nodes, func(n nodeRow) string { return n.Err }),
	}
	if row.KeptBy != "" {
		line.DriverEndpoint = fmt.Sprintf("%s (%s)", row.Driver, row.KeptBy)
	}
	if len(row.Nodes) > 0 {
		n := row.Nodes[0]
		line.Endpoint, line.Status, line.Container, line.Volume, line.Image = n.Endpoint, n.Status, n.Container, n.Volume, n.Image
	}
	if slices.ContainsFunc(row.Nodes, func(n nodeRow) bool { return n.Status == "running" }) {
		line.Status = "running"
	}
	return line
}

// linesOf returns the lines of a table for a builder: one, or if a file defines it, one for the builder and one for each node.
func linesOf(row builderRow, stored, whole bool) []*builderLine {
	if row.Current {
		row.Name += "*"
	}
	nodes := row.Nodes
	if stored {
		row.Nodes = nil
	}
	lines := []*builderLine{lineOf(row)}
	if stored {
		for _, n := range nodes {
			line := lineOf(builderRow{Name: nodeMark + n.Name, Driver: n.Driver, Nodes: []nodeRow{n}})
			line.DriverEndpoint = nodeMark + n.Endpoint
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		if !whole {
			line.Platforms = shortened(platformsOf(line.Nodes))
		}
	}
	return lines
}

// nodeMark begins the line of a node in a table, as in docker buildx ls.
const nodeMark = ` \_ `

// networks returns the networks of all nodes, each once.
func networks(nodes []nodeRow) string {
	var names []string
	for _, n := range nodes {
		if n.Network != "" && !slices.Contains(names, n.Network) {
			names = append(names, n.Network)
		}
	}
	return strings.Join(names, ", ")
}

// firstOf returns the first value of a node that is not empty.
func firstOf(nodes []nodeRow, value func(nodeRow) string) string {
	for _, n := range nodes {
		if v := value(n); v != "" {
			return v
		}
	}
	return ""
}

// platformsOf returns the platforms of all nodes, each once, first those that the user fixed.
func platformsOf(nodes []nodeRow) []string {
	var fixed, found []string
	for _, n := range nodes {
		fixed, found = append(fixed, n.Fixed...), append(found, n.Platforms...)
	}
	return withFixed(fixed, found)
}
