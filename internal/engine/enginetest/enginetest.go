// Package enginetest is a Docker Engine in a test's own process. It keeps containers, images and volumes in memory, supports as
// much of the Engine API as package engine uses, and calls the test for the commands in containers.
//
// It exists for cases that a real engine cannot show quickly: eight callers in a race, a pull that fails, a container that dies
// at once. The end-to-end tests cover the behaviour of real engines.
package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// Container is one container of the engine. Its fields may be read when nothing uses the engine any more.
type Container struct {
	ID, Name   string
	Config     *container.Config
	HostConfig *container.HostConfig
	Status     container.ContainerState
	ExitCode   int
	Archives   [][]byte // tar archives that were copied in
	Starts     int
	// RestartCount and StartedAt are what the engine says of a container that it has started again by itself.
	RestartCount int
	StartedAt    string

	image          string        // ID
	started, ended chan struct{} // closed at the first start and the end of a one-shot process
}

// Process is a command in a container. It gets the standard input that was sent until its end, writes its output, and returns the
// exit status.
type Process func(c *Container, cmd []string, stdin io.Reader, stdout, stderr io.Writer) int

// Engine is the state of the engine. Its exported fields are set before the
// first request.
type Engine struct {
	Info    system.Info
	Folders []string // folders of its host that may be mounted; others do not exist
	// LateMounts makes the engine report a missing folder when a container is started, and not when it is
	// created.
	LateMounts bool
	Logged     string            // the log of every container; "" for "the last words"
	Images     map[string]string // reference → ID
	// Origins are the repositories that images were pulled from, "docker.io/moby/buildkit", by ID. A pull adds its repository.
	Origins map[string][]string
	// Registries has digests by requested reference; a pull does not need them.
	Registries map[string]digest.Digest
	Store      Store // of loaded images, which are in Images too; changed under the engine's lock
	Pull       func(ref string) error
	Tag        func(ref string) error // an error refuses the name; nil refuses none
	Process    Process                // of both one-shot containers and executed commands

	// Answer, if it is set, may answer a request; then it returns true.
	Answer func(w http.ResponseWriter, r *http.Request) bool
	// BuildKit is served beside a containerd store's content, if it is not nil.
	BuildKit controlapi.ControlServer
	// Dial, if it accepts a command, makes that command a connection.
	Dial func(c *Container, cmd []string) (net.Conn, bool)

	mu         sync.Mutex
	serial     int
	containers map[string]*Container // by ID
	execs      map[string]exec
	volumes    map[string]bool
	calls      []string
}

type exec struct {
	c   *Container
	cmd []string
	rc  *int
}

// Start serves the engine on a socket until the test ends and returns a client.
func (e *Engine) Start(t testing.TB) *client.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return e.serve(t, l, client.WithHost("unix://"+socket))
}

// StartInMemory is Start without a socket, for tests in a bubble of testing/synctest.
func (e *Engine) StartInMemory(t testing.TB) *client.Client {
	t.Helper()
	l := pipes{make(chan net.Conn), make(chan struct{})}
	return e.serve(t, l, client.WithHost("tcp://engine.test:2375"), client.WithDialContext(l.dial))
}

func (e *Engine) serve(t testing.TB, l net.Listener, options ...client.Opt) *client.Client {
	t.Helper()
	if e.Images == nil {
		e.Images = map[string]string{}
	}
	if e.Origins == nil {
		e.Origins = map[string][]string{}
	}
	e.containers, e.execs, e.volumes = map[string]*Container{}, map[string]exec{}, map[string]bool{}
	srv := &http.Server{Handler: e.routes()} //nolint:gosec // in the test's own process
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	c, err := client.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pipes is a listener for connections in memory.
type pipes struct {
	made chan net.Conn
	end  chan struct{}
}

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.made <- far:
		return near, nil
	case <-p.end:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.made:
		return conn, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p pipes) Close() error {
	close(p.end)
	return nil
}

// Addr implements net.Listener.
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "unix"} }

// Containers returns the existing containers, in no order.
func (e *Engine) Containers() []*Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*Container
	for _, c := range e.containers {
		out = append(out, c)
	}
	return out
}

// Named returns the container of that name, or nil.
func (e *Engine) Named(name string) *Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.find(name)
}

// Volumes returns the names of the existing volumes.
func (e *Engine) Volumes() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.volumes))
}

// Set changes a container under the engine's lock.
func (e *Engine) Set(name string, change func(c *Container)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.find(name))
}

// Have gives the engine an image under a name. An id of "" removes it.
func (e *Engine) Have(name, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Images[familiar(name)] = id
}

// Has returns the names of the engine's images, with their IDs.
func (e *Engine) Has() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.Images)
}

// Calls returns the requests so far, "METHOD /path" without the API version.
func (e *Engine) Calls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.calls...)
}

func (e *Engine) find(nameOrID string) *Container {
	if c, ok := e.containers[nameOrID]; ok {
		return c
	}
	for _, c := range e.containers {
		if c.Name == nameOrID {
			return c
		}
	}
	return nil
}

func (e *Engine) routes() http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) { m.HandleFunc(pattern, h) }
	version := "1.44"
	if e.Store.Manifests != nil {
		version = "1.48"
	}
	handle("GET /_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", version) })
	handle("HEAD /_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", version) })
	handle("GET /info", func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, e.Info) })
	handle("GET /images/{ref...}", e.inspectImage)
	handle("POST /images/create", e.pull)
	handle("POST /images/load", e.loadImages)
	handle("POST /images/{ref...}", e.tagImage)
	handle("DELETE /images/{ref...}", e.removeImage)
	handle("POST /grpc", e.serveContent)
	handle("GET /distribution/{ref...}", e.askRegistry)
	handle("POST /containers/create", e.create)
	handle("GET /containers/json", e.list)
	handle("GET /containers/{id}/json", e.with(e.inspect))
	handle("POST /containers/{id}/start", e.with(e.start))
	handle("POST /containers/{id}/stop", e.with(e.setState(container.StateExited)))
	handle("POST /containers/{id}/unpause", e.with(e.setState(container.StateRunning)))
	handle("POST /containers/{id}/rename", e.with(e.rename))
	handle("DELETE /containers/{id}", e.with(e.remove))
	handle("PUT /containers/{id}/archive", e.with(e.copyTo))
	handle("GET /containers/{id}/archive", e.with(e.copyFrom))
	handle("GET /containers/{id}/logs", e.with(e.logs))
	handle("POST /containers/{id}/attach", e.attach)
	handle("POST /containers/{id}/wait", e.wait)
	handle("POST /containers/{id}/exec", e.with(e.execCreate))
	handle("POST /exec/{id}/start", e.execStart)
	handle("GET /exec/{id}/json", e.execInspect)
	handle("DELETE /volumes/{name}", e.removeVolume)
	handle("GET /volumes/{name}", e.inspectVolume)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/v1."); ok {
			_, path, _ := strings.Cut(rest, "/")
			r.URL.Path = "/" + path
		}
		e.mu.Lock()
		e.calls = append(e.calls, r.Method+" "+r.URL.Path)
		e.mu.Unlock()
		if e.Answer == nil || !e.Answer(w, r) {
			m.ServeHTTP(w, r)
		}
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, map[string]string{"message": fmt.Sprintf(format, args...)})
}

// with finds the container of a request and holds the lock meanwhile.
func (e *Engine) with(h func(w http.ResponseWriter, r *http.Request, c *Container)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		c := e.find(r.PathValue("id"))
		if c == nil {
			refuse(w, http.StatusNotFound, "No such container: %s", r.PathValue("id"))
			return
		}
		h(w, r, c)
	}
}
