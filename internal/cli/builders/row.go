package builders

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// builderRow is a builder as ls and inspect show it. Its keys in JSON are stable; those that docker buildx ls has as well mean the same here.
type builderRow struct {
	Name    string
	Driver  string
	Current bool
	Created time.Time
	Nodes   []nodeRow
}

// nodeRow is a node of a builder. Only inspect sets the fields after Flags.
type nodeRow struct {
	Name       string
	Endpoint   string // of the engine
	Status     string // running, stopped, paused, starting
	Version    string `json:",omitempty"` // of BuildKit
	Platforms  []string
	Fixed      []string          `json:",omitempty"` // platforms that the user fixed
	DriverOpts map[string]string `json:",omitempty"`
	Flags      []string          `json:",omitempty"` // of buildkitd
	Image      string
	Container  string
	Volume     string
	Network    string
	Err        string `json:",omitempty"` // why a running node's state is unknown

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

// rowsOf returns the builders of a sorted list, each once.
func rowsOf(list []builder.Status, endpoint, current string) (rows []builderRow) {
	for _, b := range list {
		node := nodeOf(b, endpoint)
		if n := len(rows); n > 0 && rows[n-1].Name == b.Builder {
			rows[n-1].Nodes = append(rows[n-1].Nodes, node)
			continue
		}
		rows = append(rows, builderRow{
			Name: b.Builder, Driver: b.Driver, Current: b.Builder == current, Created: b.Created.UTC(), Nodes: []nodeRow{node},
		})
	}
	return rows
}

// nodeOf returns the row of a builder's container. The container for builds on the host's network has that in its name.
func nodeOf(b builder.Status, endpoint string) nodeRow {
	name := fmt.Sprintf("%s%d", b.Builder, b.Node)
	if b.OnHost {
		name += "-host"
	}
	return nodeRow{
		Name: name, Endpoint: endpoint, Status: statusName(b.State), Version: b.BuildKit,
		Platforms: []string{}, Fixed: b.Fixed, DriverOpts: b.Options, Flags: b.Flags,
		Image: b.Image, Container: b.Container, Volume: b.Volume, Network: networkName(b.Network),
	}
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
		out = append(out, p+"*")
	}
	for _, p := range found {
		if !slices.Contains(fixed, p) {
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

// builderContext is a builder for a template. Besides the fields of builderRow it has the fields of the first node, summaries of all
// nodes, and the field names of docker buildx ls.
type builderContext struct {
	formatter.HeaderContext `json:"-"`
	builderRow
	forTable, whole bool
}

func (c *builderContext) node() nodeRow { return c.Nodes[0] }

// DriverEndpoint returns the driver. This and the following methods have the names of docker buildx ls.
func (c *builderContext) DriverEndpoint() string { return c.Driver }

// Endpoint returns the engine's address.
func (c *builderContext) Endpoint() string { return c.node().Endpoint }

// Status returns running if one of the nodes is running, else the first node's status.
func (c *builderContext) Status() string {
	if slices.ContainsFunc(c.Nodes, func(n nodeRow) bool { return n.Status == "running" }) {
		return "running"
	}
	return c.node().Status
}

// Buildkit returns the version of BuildKit.
func (c *builderContext) Buildkit() string { return c.node().Version }

// LastActivity returns "": the last activity is not recorded.
func (c *builderContext) LastActivity() string { return "" }

// Container returns the first node's container.
func (c *builderContext) Container() string { return c.node().Container }

// Volume returns the volume with the first node's cache.
func (c *builderContext) Volume() string { return c.node().Volume }

// Image returns the first node's image.
func (c *builderContext) Image() string { return c.node().Image }

// Network returns the networks of all nodes, each once.
func (c *builderContext) Network() string {
	var names []string
	for _, n := range c.Nodes {
		if !slices.Contains(names, n.Network) {
			names = append(names, n.Network)
		}
	}
	return strings.Join(names, ", ")
}

// Error returns why a running node's state is unknown.
func (c *builderContext) Error() string {
	for _, n := range c.Nodes {
		if n.Err != "" {
			return n.Err
		}
	}
	return ""
}

// Platforms returns the platforms of the first node that has any. A table gets a shortened list.
func (c *builderContext) Platforms() string {
	found := c.node().Platforms
	for _, n := range c.Nodes {
		if len(found) == 0 {
			found = n.Platforms
		}
	}
	all := withFixed(c.node().Fixed, found)
	if c.forTable && !c.whole {
		return shortened(all)
	}
	return strings.Join(all, ", ")
}
