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

// builderRow is a builder as ls and inspect show it. Its keys in JSON are a promise; those that docker buildx ls has, too, mean the
// same here.
type builderRow struct {
	Name    string
	Driver  string
	Current bool
	Created time.Time
	Nodes   []nodeRow
}

// nodeRow is a node of a builder. What follows Flags is known to inspect only.
type nodeRow struct {
	Name       string
	Endpoint   string // address of the engine
	Status     string // running, stopped, paused, starting
	Version    string `json:",omitempty"` // of BuildKit
	Platforms  []string
	Fixed      []string          `json:",omitempty"` // platforms that the user said it is for
	DriverOpts map[string]string `json:",omitempty"`
	Flags      []string          `json:",omitempty"` // of buildkitd
	Image      string
	Container  string
	Volume     string
	Network    string
	Err        string `json:",omitempty"` // why nothing can be said of a running node

	*nodeDetails
}

// nodeDetails is what is asked of one builder only.
type nodeDetails struct {
	ImageTrust   string               `json:",omitempty"` // why its image may run with privileges
	Runs         map[string]string    `json:",omitempty"` // platform → native, emulated, "emulated (builder)" or none
	RunNetwork   string               // what RUN steps see
	ActiveBuilds int                  // running builds
	Cache        *builder.Usage       `json:",omitempty"`
	Disk         *builder.Disk        `json:",omitempty"`
	GCPolicy     []bkclient.PruneInfo `json:",omitempty"`
	Proxies      map[string]string    `json:",omitempty"` // without passwords
	CertHosts    []string             `json:",omitempty"`
	Insecure     []string             `json:"InsecureRegistries,omitempty"`
	Mirrors      []string             `json:",omitempty"`
	AddHosts     []string             `json:",omitempty"`
	UserConfig   bool                 // the configuration is the user's, completed
	Config       string               `json:",omitempty"` // buildkitd.toml
	Tool         string               `json:"MadeBy"`
}

// rowsOf are the builders of a list that is sorted, each once.
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

// nodeOf is a container of a builder. That for builds that ask for the host's network has it in its name.
func nodeOf(b builder.Status, endpoint string) nodeRow {
	name := fmt.Sprintf("%s%d", b.Builder, b.Node)
	if b.OnHost {
		name += "-host"
	}
	return nodeRow{
		Name: name, Endpoint: endpoint, Status: statusWord(b.State), Version: b.BuildKit,
		Platforms: []string{}, Fixed: b.Fixed, DriverOpts: b.Options, Flags: b.Flags,
		Image: b.Image, Container: b.Container, Volume: b.Volume, Network: networkWord(b.Network),
	}
}

// statusWord is the peer's word for a container's state.
func statusWord(state string) string {
	switch state {
	case "created", "exited", "dead", "removing":
		return "stopped"
	case "restarting":
		return "starting"
	}
	return state
}

// networkWord: the engine's default network has no name of its own.
func networkWord(network string) string {
	if network == "" {
		return "bridge"
	}
	return network
}

// withFixed puts the platforms that a user has fixed first, with the mark that the peer gives them.
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

// shortened is a list of platforms for a table: variants in one word, and no more than four words.
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

// builderContext is a builder for a template. Besides the fields of builderRow it has those of its first node, what can be said of all
// nodes together, and the names of docker buildx ls.
type builderContext struct {
	formatter.HeaderContext `json:"-"`
	builderRow
	forTable, whole bool
}

func (c *builderContext) node() nodeRow { return c.Nodes[0] }

// DriverEndpoint and the others are named as in docker buildx ls.
func (c *builderContext) DriverEndpoint() string { return c.Driver }

// Endpoint is the engine's address.
func (c *builderContext) Endpoint() string { return c.node().Endpoint }

// Status is running if one of the nodes is, else the first one's.
func (c *builderContext) Status() string {
	if slices.ContainsFunc(c.Nodes, func(n nodeRow) bool { return n.Status == "running" }) {
		return "running"
	}
	return c.node().Status
}

// Buildkit is the version.
func (c *builderContext) Buildkit() string { return c.node().Version }

// LastActivity is nothing that is known here.
func (c *builderContext) LastActivity() string { return "" }

// Container is the node's.
func (c *builderContext) Container() string { return c.node().Container }

// Volume holds the node's cache.
func (c *builderContext) Volume() string { return c.node().Volume }

// Image is the node's.
func (c *builderContext) Image() string { return c.node().Image }

// Network has those of all nodes, each once.
func (c *builderContext) Network() string {
	var names []string
	for _, n := range c.Nodes {
		if !slices.Contains(names, n.Network) {
			names = append(names, n.Network)
		}
	}
	return strings.Join(names, ", ")
}

// Error says why nothing is known of a running node.
func (c *builderContext) Error() string {
	for _, n := range c.Nodes {
		if n.Err != "" {
			return n.Err
		}
	}
	return ""
}

// Platforms are those of the first node that knows any; shortened in a table.
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
