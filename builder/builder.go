// Package builder has the BuildKits that a build works on, however each is reached.
//
// An [Endpoint] names one node. A [Driver] makes the BuildKit of an endpoint ready and connects to it;
// the result is a [Node]. Its [Abilities] are what a node can do besides building, each of which is
// nil where its driver has no way to do it. [Open] connects to several nodes at once.
//
// The drivers are packages below this one; the program's main function lists them. Package container is
// the first: buildkitd in a privileged container of a Docker Engine. A driver that only connects has
// one method; a driver whose BuildKits this program manages is also a [Manager].
package builder

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// DefaultName is the builder's name when none is given.
const DefaultName = "default"

// MinVersion is the oldest BuildKit that is used. It has everything that this program builds on, as
// read in its source: `local-sessionid:` contexts, source policies in a solve, ResolveSourceMeta in the
// gateway, networkMode "bridge", and a build history that lists running builds and then ends
// (ActiveOnly with EarlyExit). Older versions were not examined.
const MinVersion = "v0.20.0"

// Builder is one name for the nodes that a build may use.
type Builder struct {
	Name  string
	Nodes []Endpoint // at least one, in the order in which they were added
	// DefinedBy is where the builder is defined, for messages: a file, or a variable with an address; "" for
	// a builder on the engine of the current context, which is made when it is needed.
	DefinedBy string
	// KeptBy is the program that keeps the builder, if it is another one: "docker buildx". It is only used.
	KeptBy string
}

// Endpoint is one node as its user named it.
type Endpoint struct {
	Builder   string              // the builder that the node belongs to; "": DefaultName
	Node      string              // the node's own name; "" for the only node of a builder that no file defines
	Index     int                 // another one for each node of a builder, also after nodes have left; in the names of what a driver makes
	Driver    string              // a key of the drivers
	Address   string              // read by the driver: a Docker context, tcp://…; "": the driver's default
	Platforms []platform.Platform // the platforms that the user gave; a probe finds out what the node runs
	Options   map[string]string   // driver options, in the words of docker buildx create --driver-opt
	// Flags and Config are for a buildkitd that the driver starts. If they are set, they take precedence over
	// those of a Spec.
	Flags  []string
	Config buildkitd.UserConfig
}

// Name is the node's name in messages.
func (e Endpoint) Name() string {
	switch {
	case e.Node != "":
		return e.Node
	case e.Builder != "":
		return e.Builder
	}
	return DefaultName
}

// String names the node, with its builder, at the begin of messages.
func (e Endpoint) String() string {
	of := e.Builder
	if of == "" {
		of = DefaultName
	}
	if e.Node == "" || e.Node == of {
		return fmt.Sprintf("builder %q", of)
	}
	return fmt.Sprintf("builder %q, node %q", of, e.Node)
}

// Cause returns an error about the node without the node's names at its begin.
func (e Endpoint) Cause(err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), e.String()+": ") {
		return err
	}
	return unnamed{err, len(e.String() + ": ")}
}

// unnamed is an error whose text begins later.
type unnamed struct {
	error
	from int
}

func (u unnamed) Error() string { return u.error.Error()[u.from:] }
func (u unnamed) Unwrap() error { return u.error }

// Named returns an error about the node, with its names and its address at the begin unless it has them.
func (e Endpoint) Named(err error) error {
	switch {
	case err == nil, strings.HasPrefix(err.Error(), e.String()):
		return err
	case e.Address == "":
		return fmt.Errorf("%s: %w", e, err)
	}
	return fmt.Errorf("%s at %s: %w", e, e.Address, err)
}

// Driver makes the BuildKit of an endpoint ready and connects to it. report gets a line about each step
// that takes time; it is called from one goroutine at a time and not after Connect has returned. Errors
// name the node.
type Driver interface {
	Connect(ctx context.Context, e Endpoint, want Spec, report func(line string)) (*Node, error)
}

// Checker is a Driver whose nodes its users can define.
type Checker interface {
	Driver
	// OptionNames lists the options of its nodes, for messages and completion.
	OptionNames() []string
	// ParseOptions reads driver options, each a CSV list of key=value.
	ParseOptions(lists ...string) (map[string]string, error)
	// Check returns an error if the endpoint cannot be one of this driver. It connects to nothing, but reads the files that the endpoint
	// names.
	Check(e Endpoint) error
}

// Manager is a Driver whose BuildKits this program manages.
type Manager interface {
	Driver
	// Inspect describes the containers or processes that run the endpoint's BuildKit. A node may have several; having none is not an
	// error. An error means that the endpoint does not answer.
	Inspect(ctx context.Context, e Endpoint, depth Depth) ([]Details, error)
	// Reopen connects to those that exist, as they are. One that does not run is started, and closing its node stops it again.
	Reopen(ctx context.Context, e Endpoint, opt ReopenOptions) ([]*Node, error)
	// Stop stops it, even during a build; the next Connect starts it again. found is false when there
	// is none.
	Stop(ctx context.Context, e Endpoint) (found bool, err error)
	// Remove removes it, even during a build. found is false when there was nothing to remove.
	Remove(ctx context.Context, e Endpoint, opt RemoveOptions) (found bool, err error)
}

// ReopenOptions are the options of Reopen. The zero value is valid.
type ReopenOptions struct {
	Wait    time.Duration     // for BuildKit to answer; 0: the driver's choice
	Trusted []digest.Digest   // as in Spec
	Report  func(line string) // as in Driver
}

// RemoveOptions say how a node is removed.
type RemoveOptions struct {
	KeepState bool            // its cache stays, and the next node of its name uses it
	Trusted   []digest.Digest // as in Spec
}

var validName = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// CheckName returns an error unless name can be a builder's: letters, digits, dot, dash and underscore,
// at most 64, not starting with a mark. (The engine allows the same in container names.)
func CheckName(name string) error { return checkName("builder", name) }

// CheckNode returns an error unless name can be a node's, by the same rules.
func CheckNode(name string) error { return checkName("node", name) }

func checkName(what, name string) error {
	if len(name) > 64 || !validName().MatchString(name) {
		return fmt.Errorf("invalid %s name %q: use letters, digits, dots, dashes and underscores, at most 64, starting with a letter or digit", what, name)
	}
	return nil
}
