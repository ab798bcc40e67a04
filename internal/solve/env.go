package solve

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/onnode"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Solver is the part of a BuildKit connection that a build needs.
type Solver interface {
	// Build is the method of client.Client: it runs fn as a frontend and exports the result of fn. It closes status.
	Build(ctx context.Context, opt client.SolveOpt, product string, fn gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error)
	// Serve serves a session to the daemon: it calls run with ctx and a dialer.
	Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error
}

// Node is a builder's node as a build needs it.
type Node struct {
	plan.Node
	// ID identifies the node with its cache; "" if it has no ID.
	ID string
	// Address is where the node is, for messages; "" if there is nothing to say.
	Address string
	// Builder is the node's builder, if a command about the node has to name it.
	Builder string
	Solver  Solver
	// OnHost reports whether the node is on the network of the engine's host. HostChosen reports whether the user asked for that
	// explicitly, and not only to reach a registry there, so that Dockerfiles may fetch from the host.
	OnHost, HostChosen bool
	// LocalImages reports whether the node has images of an engine. They are preferred to those of registries, as in docker build.
	LocalImages bool
	// Near reports whether what the node sends does not cross a network. The layers of images are read from such a node, and listed on others.
	Near bool
	// RoundTrip is how long it takes to the node and back, at most; 0: unknown.
	RoundTrip time.Duration
	// Caches are the types of build caches that the node's BuildKit has; nil: all.
	Caches []string
	// Blobs reads the node's own store: the layers of images that were exported to this machine. The caller compares a blob with its
	// descriptor.
	Blobs content.Fetcher
	// Layers reads the same for the outputs: a reader goes on where a broken connection has left it.
	Layers content.Fetcher
	// Sent returns how many bytes the node's BuildKit has written so far, to connections and to files; nil if nobody can tell.
	Sent func(context.Context) (int64, error)
	// Probe finds out how the node's kernel runs programs of the platforms. It is called only if one of them has another architecture than
	// the node.
	Probe func(ctx context.Context, ps ...platform.Platform) (emulation.Status, error)
	// Install makes the node's kernel run programs of the platforms; nil if this program cannot do that. now is what the kernel was just seen to
	// run, nil if that is not known.
	Install func(ctx context.Context, now *emulation.Status, ps []platform.Platform) error
	// HostGateway is the address under which the node's steps reach its host; it is used only if the request has it.
	HostGateway string
	// Engine is the engine beside the node, which runs the tests of its images; nil: that of [Env] runs them.
	Engine *engine.Engine
	// Cluster opens the cluster that the node is in, which runs the tests if the engine of [Env] does not answer; nil: it is in none.
	Cluster imagetest.Opener
	// Container is that of BuildKit on Engine, ContainerImage its image, and BlobsFolder the folder of its blobs there; "" if it has none.
	Container, ContainerImage, BlobsFolder string
	// Why returns why the node was lost, as far as its driver knows; nil knows nothing. The error names the node.
	Why func(context.Context) error
	// Return connects again after the connection broke; nil cannot.
	Return Returner
	// Running counts the builds that run on the node now; nil counts none. It is called only if other nodes are equally good.
	Running func(context.Context) (int, error)
	// Recording reports whether the record of a build, whose reference is given, is still being written; nil if nobody can tell.
	Recording func(ctx context.Context, ref string) (bool, error)
}

// lister lists layers of images on the node; nil if the node is near.
func (n Node) lister() *onnode.Node {
	if n.Near || len(n.Platforms) == 0 {
		return nil
	}
	return &onnode.Node{Builder: n.Solver, Platform: n.Native()}
}

// shortTrip is the longest time to a node and back with which two calls more take less time than BuildKit's record.
const shortTrip = 20 * time.Millisecond

// tellsExports reports whether the node is asked to tell that a solve has exported, before its record is written.
func (n Node) tellsExports() bool { return n.Near || n.RoundTrip > 0 && n.RoundTrip < shortTrip }

// Returner is the connection to a node, as [builder.Returner] has it.
type Returner interface {
	// Away reports whether the connection broke for a reason that may pass.
	Away() bool
	// Return connects again, for all that use the node. It tries up to Limit if BuildKit may still be reached, and only once otherwise.
	Return(context.Context) error
	Limit() time.Duration
	// ID is that of the BuildKit that it is connected to: another one after a return means that the cache is lost.
	ID() string
}

// Progress receives the events of a build. Its methods are called from several goroutines, and must not block for long.
type Progress interface {
	// Status is a message of one platform's solve, in the order of the solve; nil ends it. The zero platform is for messages about work for
	// all platforms.
	Status(platform.Platform, *client.SolveStatus)
	// Cleared receives the plan, once, before anything is built.
	Cleared(plan.Plan)
	// Note is a message for the user.
	Note(diag.Diagnostic)
}

// Env has the services that a build uses.
type Env struct {
	// Nodes make the images; there is at least one. See [plan.Assign] for their order.
	Nodes []Node
	// Down are the builder's other nodes, which cannot be used.
	Down []plan.Candidate
	// NodeNames are the names of all nodes of the builder, those that the build does not need among them.
	NodeNames []string
	Registry  *manifest.Client
	// Auth answers the builder's requests for registry credentials; nil means none.
	Auth session.Attachable
	// TokenError returns why Auth had no token for the builder's last push to a registry; nil if it had one. The function may be nil.
	TokenError func(host string) error
	// Client identifies the machine and user of the build context, so that BuildKit asks for differences only.
	Client   string
	Progress Progress
	// PullAuth returns the credentials with which the engine pulls the image of this name; nil means none.
	PullAuth func(ctx context.Context, name string) (string, error)
	// Engine is loaded with images, and runs the tests of nodes without an engine. Stdout receives archives. Each may be nil if the request does not need it.
	Engine *engine.Engine
	Stdout io.Writer
	// Listings is the folder of the cached layer listings, so that no layer is read twice; "" caches nothing.
	Listings string
	// Bases is the folder of the cached facts about base images, so that none is examined twice; "" caches nothing.
	Bases string
	// Pushed remembers earlier pushes.
	Pushed pushed.Memory
	// Placements is the folder with the nodes that have built each context last, and the builds that nobody waited for; "" remembers none.
	Placements string
	// Times is the folder of the recorded times of steps under an emulator; "" records nothing.
	Times string
}

// several reports whether the builder has several nodes, even if this build needs only one: they must not replace one another's caches.
func (e Env) several() bool { return len(e.NodeNames) > 1 }

// timesName is the key of the recorded times. Several programs that write at the same time may lose entries of one another.
const timesName = "emulated"

func (e Env) times() cachedir.Folder {
	const most = 1 << 20
	return cachedir.Folder{Dir: e.Times, Suffix: ".json", Max: most, MaxFile: most}
}

// noticeable is how long the client's own work on the result takes before it is shown. Most of it is done sooner.
const noticeable = time.Second

// during does such work, and shows it as a step of no platform: "loading app:1.0 into the engine".
func (e Env) during(what string, work func() error) error {
	p := phase{progress: e.Progress, name: what, began: time.Now()}
	timer := time.AfterFunc(noticeable, p.show)
	err := work()
	timer.Stop()
	p.end(err)
	return err
}

// moving is during for work that moves blobs, which are shown by their bytes.
func (e Env) moving(what string, work func(*transfer.Meter) error) error {
	p := phase{progress: e.Progress, name: what, began: time.Now(), meter: &transfer.Meter{}}
	ended := make(chan struct{})
	var looks sync.WaitGroup
	looks.Go(func() {
		for look := time.NewTicker(noticeable); ; {
			select {
			case <-look.C:
				p.show()
			case <-ended:
				look.Stop()
				return
			}
		}
	})
	err := work(p.meter)
	close(ended)
	looks.Wait()
	p.end(err)
	return err
}

// phase is work that is shown if it takes long.
type phase struct {
	progress Progress
	name     string
	began    time.Time
	meter    *transfer.Meter // nil if nothing is counted

	mu           sync.Mutex
	shown, ended bool
}

// show begins to show the phase, or how far it is, unless it has ended.
func (p *phase) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.shown = true
		p.tell(nil, "")
	}
}

func (p *phase) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if !p.shown {
		return
	}
	now, failed := time.Now(), ""
	if err != nil {
		failed = err.Error()
	}
	p.tell(&now, failed)
}

func (p *phase) tell(completed *time.Time, failed string) {
	vertex := digest.FromString("docker-multiarch\x00" + p.name)
	status := &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: vertex, Name: p.name, Started: &p.began, Completed: completed, Error: failed,
	}}}
	if done, total := p.meter.Bytes(); total > 0 {
		status.Statuses = []*client.VertexStatus{{
			ID: "layers", Vertex: vertex, Current: done, Total: total, Timestamp: time.Now(), Started: &p.began, Completed: completed,
		}}
	}
	p.progress.Status(platform.Platform{}, status)
}

// task has the fixed inputs of a build: nothing in it changes.
type task struct {
	req     Request
	env     Env
	targets []platform.Platform // in canonical order
	files   *sink.StagedFiles
	testers map[string]*imagetest.Tester // by the names of the nodes; nil if nothing is tested
	layers  string                       // the folder of the layers that exports send; "" if they stay on the nodes
	life    context.Context              //nolint:containedctx // of the calls that outlive their jobs, until the end of the build; nil if nothing is built
}

// dispensable reports whether the result can do without the platform, which failed with err.
func (w task) dispensable(i int, err error) bool {
	return w.req.optional(w.targets[i]) && failure.IsPlatformFailure(err)
}
