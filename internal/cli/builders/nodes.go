package builders

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/opts"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/remote"
	"github.com/docker-multiarch/docker-multiarch/builder/store"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/typo"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// remoteDriver connects to BuildKits that others run.
const remoteDriver = remote.DriverName

// creation is a run of create that adds or changes a node.
type creation struct {
	w       *cli.Env
	o       createOptions
	builder builder.Builder // of the name; if none is stored, the one that a build would make
	trusted []digest.Digest
	given   builder.Endpoint // the node as the flags describe it
}

// run returns what was done.
func (c *creation) run(ctx context.Context) (done string, err error) {
	exists, err := c.exists(ctx)
	if err != nil {
		return "", err
	}
	stored := c.builder.DefinedBy != ""
	switch {
	case exists && c.o.append && !stored: // from now on, the container is the first of several nodes
		first := builder.Endpoint{Builder: c.o.name, Node: c.o.name + "0", Driver: driverName, Address: c.w.Here()}
		c.builder.Nodes = []builder.Endpoint{first}
		return c.added(), c.keep(ctx, store.Append)
	case exists && c.o.append:
		return c.added(), c.keep(ctx, store.Append)
	case exists && c.o.node == "":
		return "", c.taken()
	case exists && stored:
		return "changed node " + c.o.node + " of builder " + c.o.name, c.keep(ctx, store.Change)
	case exists && !c.onCurrentEngine():
		return "", &cli.Usage{
			Err:  fmt.Errorf("builder %q is a container on the engine of %s: its only node is %q", c.o.name, c.w.Here(), c.o.name+"0"),
			Hint: "add another node with --append",
		}
	}
	if c.o.append {
		c.w.Say(fmt.Sprintf("there is no builder %q yet: it is created with this node", c.o.name))
	}
	done = "created builder " + c.o.name
	if c.inCluster() && c.o.node == "" && !c.o.append {
		return done, c.cluster(ctx)
	}
	if c.onCurrentEngine() {
		return done, c.onEngine(ctx)
	}
	c.builder = builder.Builder{Name: c.o.name}
	return done, c.keep(ctx, store.Append)
}

func (c *creation) added() string { return "added a node to builder " + c.o.name }

func (c *creation) taken() error {
	node := c.o.name + "0"
	if n := c.builder.Nodes[0].Node; n != "" {
		node = n
	}
	return &cli.Hinted{
		Err: fmt.Errorf("builder %q: %w", c.o.name, container.ErrExists),
		Hint: fmt.Sprintf("docker multiarch builder create --name %s --node %s … changes a node, --append adds one;\n"+
			"      docker multiarch builder rm %s removes it", c.o.name, node, c.o.name),
	}
}

// onCurrentEngine reports whether the node is a container that the engine of the current context can describe by itself.
func (c *creation) onCurrentEngine() bool {
	return c.given.Driver == driverName && (c.given.Address == "" || c.given.Address == c.w.Here()) && (c.given.Node == "" || c.given.Node == c.o.name+"0")
}

// exists reports whether there is a builder of the name. An engine that cannot be reached has none for a node that is elsewhere.
func (c *creation) exists(ctx context.Context) (bool, error) {
	_, found, err := c.w.FindBuilder(ctx, c.o.name)
	if errors.Is(err, engine.ErrUnreachable) && !c.onCurrentEngine() {
		return false, nil
	}
	return found, err
}

// onEngine makes or changes a builder whose only node is a container on the engine of the current context.
func (c *creation) onEngine(ctx context.Context) error {
	common, err := c.spec(ctx)
	if err != nil {
		return err
	}
	eng, err := c.w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	spec := container.Spec{Endpoint: c.given, Spec: common}
	spec.Builder, spec.Node, spec.Address = c.o.name, "", ""
	err = container.Create(ctx, eng, spec, container.CreateOptions{Change: c.o.node != "", Start: c.o.bootstrap}, c.w.Say)
	if errors.Is(err, container.ErrExists) {
		return c.taken()
	}
	return err
}

// spec returns the common part of a specification, from the flags and the Docker config.
func (c *creation) spec(ctx context.Context) (builder.Spec, error) {
	_, spec, err := c.w.Spec(ctx, cli.ConnectOptions{Builder: cli.BuilderOptions{Name: c.o.name, Trusted: c.trusted}, Note: c.w.Note})
	return spec, err
}

// edit changes one node of a builder.
type edit = func(builder.Builder, builder.Endpoint) (builder.Builder, builder.Endpoint, error)

// keep stores the builder with its node added or changed. A node that cannot be used is not stored.
func (c *creation) keep(ctx context.Context, edit edit) error {
	if edited := &c.given; edited.Address == "" && len(c.builder.Nodes) == 0 || c.o.append && edited.Address == "" {
		edited.Address = c.w.Here()
	}
	b, e, err := edit(c.builder, c.given)
	if err != nil {
		return hintedEdit(err, c.o)
	}
	if d, ok := c.w.Drivers[e.Driver].(builder.Checker); ok {
		if err := d.Check(e); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	if c.o.bootstrap {
		if err := c.boot(ctx, e); err != nil {
			return err
		}
	}
	err = c.w.Builders().Change(ctx, func(f *store.File) (bool, error) {
		now, stored, err := f.Builder(c.o.name) // another command may have changed it
		if err == nil && !stored {
			now = c.builder
		}
		if err == nil {
			now, _, err = edit(now, c.given)
		}
		f.Put(now)
		return true, err
	})
	if shared, nodes := store.Sharing(b, e); err == nil && len(shared) > 0 {
		c.w.Say(fmt.Sprintf("%s: given to the nodes %s, %s; each build uses one of them, first a native one, then the least busy one",
			strings.Join(platform.FormatAll(shared), ", "), strings.Join(nodes, ", "), e.Node))
	}
	return err
}

// boot starts the node, or only connects to it. If that fails, what was made for it is removed.
func (c *creation) boot(ctx context.Context, e builder.Endpoint) error {
	spec, err := c.spec(ctx)
	if err != nil {
		return err
	}
	d := c.w.Drivers[e.Driver]
	m, managed := d.(builder.Manager)
	before := []builder.Details(nil)
	if managed {
		if before, err = m.Inspect(ctx, e, builder.Brief); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	n, err := d.Connect(ctx, e, spec, c.w.Say)
	if err == nil {
		return n.Close()
	}
	if managed && len(before) == 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
		defer cancel()
		_, rerr := m.Remove(ctx, e, builder.RemoveOptions{Trusted: spec.Trusted})
		err = errors.Join(err, rerr)
	}
	return err
}

// leaveTimeout is how long a node that leaves may take to remove what was made for it.
const leaveTimeout = 30 * time.Second

// runLeave removes a node from a builder, with its container and cache.
func runLeave(ctx context.Context, w *cli.Env, o createOptions) error {
	b, found, err := w.FindBuilder(ctx, o.name)
	if err != nil {
		return err
	}
	if !found {
		return noBuilder(o.name)
	}
	if b.DefinedBy == "" {
		b.Nodes[0].Node = o.name + "0"
	}
	_, e, err := store.Leave(b, o.node)
	if err == nil {
		err = w.Builders().Change(ctx, func(f *store.File) (bool, error) {
			now, stored, err := f.Builder(o.name)
			if err != nil || !stored {
				return false, err
			}
			now, e, err = store.Leave(now, o.node)
			f.Put(now)
			return true, err
		})
	}
	if err != nil {
		return hintedEdit(err, o)
	}
	trusted, err := w.Trusted(nil)
	if err != nil {
		return err
	}
	if m, ok := w.Drivers[e.Driver].(builder.Manager); ok {
		ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
		defer cancel()
		if _, err := m.Remove(ctx, e, builder.RemoveOptions{Trusted: trusted}); err != nil {
			w.Say(fmt.Sprintf("the node has left, but what it has on %s was not removed: %v", e.Address, err))
		}
	}
	w.Result(o.name, "removed node "+o.node+" from builder "+o.name)
	return nil
}

// hintedEdit adds to the error of an edit what to do.
func hintedEdit(err error, o createOptions) error {
	var none *store.NoNodeError
	var same *store.SameNodeError
	switch {
	case errors.Is(err, store.ErrLastNode):
		return &cli.Hinted{Err: err, Hint: "docker multiarch builder rm " + o.name + " removes the builder"}
	case errors.Is(err, store.ErrNodeExists):
		return &cli.Hinted{Err: err, Hint: "leave out --append to change it, or give the new node another name with --node"}
	case errors.As(err, &none) && !o.leave:
		return &cli.Hinted{Err: err, Hint: "add --append if it is a new node"}
	case errors.As(err, &same):
		return &cli.Hinted{Err: err, Hint: "give the new node another endpoint, other options or other platforms"}
	}
	return err
}

// driverNames returns the drivers that a node can have.
func driverNames(w *cli.Env) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(w.Drivers)) {
		if _, ok := w.Drivers[name].(builder.Checker); ok && name != container.PeerDriverName {
			names = append(names, name)
		}
	}
	return names
}

func checkDriver(w *cli.Env, name string) error {
	known := driverNames(w)
	if slices.Contains(known, name) {
		return nil
	}
	wrong := &cli.Usage{Err: fmt.Errorf("--driver: unknown driver %q: known are %s", name, strings.Join(known, ", "))}
	if i, ok := typo.Nearest(name, known); ok {
		wrong.Err = fmt.Errorf("--driver: unknown driver %q: did you mean %q?", name, known[i])
	}
	return wrong
}

// address returns the endpoint of a node as it is stored: a BuildKit's address, or else an engine's or a Docker context. Without an
// endpoint it is "" for an engine, which stands for the current one where there is none yet.
func address(w *cli.Env, driver, endpoint string) (string, error) {
	if driver == remoteDriver {
		if endpoint == "" {
			endpoint, _ = w.LookupEnv(cli.BuildKitVariable)
		}
		if endpoint == "" {
			return "", fmt.Errorf("the driver %s needs the address of a BuildKit, as tcp://host:1234: it is the argument, or the value of %s",
				driver, cli.BuildKitVariable)
		}
		return endpoint, nil
	}
	if driver == kubernetes.DriverName {
		_, err := kubernetes.ParseAddress(endpoint)
		return endpoint, err
	}
	context, host := w.Endpoint()
	switch {
	case endpoint == "":
		return "", nil
	case endpoint == context || endpoint == host:
		return w.Here(), nil
	case strings.Contains(endpoint, "://"):
		return opts.ParseHost(false, endpoint)
	}
	eng, err := w.EngineAt(endpoint)
	if err != nil || endpoint != "default" {
		return endpoint, err
	}
	return eng.Host(), nil // what the default context stands for depends on the environment
}
