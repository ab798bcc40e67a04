package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	bkclient "github.com/moby/buildkit/client"
	bkworker "github.com/moby/buildkit/worker/label"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Node is one BuildKit that answers. Its fields describe it as it was when it
// was connected to; they are the caller's to read. It is safe for concurrent use.
type Node struct {
	Endpoint  builder.Endpoint
	Container string
	Worker    string              // the ID that BuildKit keeps with its cache
	Image     string              // as requested
	ImageID   string              // as the engine shows it; verified (see package trust)
	Version   string              // of BuildKit
	Platforms []platform.Platform // what its worker says it runs, native first; may lag behind the kernel by 20 s
	Network   string              // "host", "" for the engine's default, or a network's name
	// HostChosen reports whether the user has asked for the host's network explicitly, for this build or for
	// the builder, and not only to reach a registry.
	HostChosen bool
	NCPU       int      // CPUs of the engine
	Warnings   []string // what a user should know at each build

	blobs    string // the folder of its blobs in the container
	target   target
	restarts int // how often the engine had restarted it by itself
	link     *link.Link
}

// Client returns the connection to the node's BuildKit. It is one connection, shared by all callers and
// owned by the node: only [Node.Close] closes it. BuildKit multiplexes any number of solves and
// sessions over it.
//
// It goes through `buildctl dial-stdio`, executed in the container, which costs about 60 ms and a copy
// of every byte in the engine. If the container's processes are on this machine and this process is
// root, it goes straight to buildkitd's socket, in a few milliseconds.
func (n *Node) Client() *bkclient.Client { return n.link.Client }

// near reports whether the engine is reached by a socket of this machine, or runs on this kernel.
func (n *Node) near() bool {
	return n.target.eng.Near() || onThisKernel(n.target.id, n.target.pid)
}

// Run runs a shell script in the node's container, which is privileged and on the engine's kernel, and
// returns its standard output. If the script fails, the error has its standard error.
func (n *Node) Run(ctx context.Context, script string) ([]byte, error) {
	res, err := n.target.eng.Exec(ctx, n.target.id, []string{"/bin/sh", "-c", script}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Endpoint, err)
	}
	if res.ExitCode != 0 {
		stderr := strings.TrimSpace(string(res.Stderr))
		return res.Stdout, fmt.Errorf("%s: a script ended with status %d: %w", n.Endpoint, res.ExitCode, errors.New(cmp.Or(stderr, "none")))
	}
	return res.Stdout, nil
}

// Close drops the connection and with it the process that carries it in the
// container. The node's container keeps running. It is idempotent.
func (n *Node) Close() error { return n.link.Close() }

// blobsOf returns the folder of a worker's blobs in its container (cmd/buildkitd/main_oci_worker.go and worker/runc of BuildKit).
func blobsOf(w *bkclient.WorkerInfo) string {
	return path.Join(stateDir, "runc-"+w.Labels[bkworker.Snapshotter], "content", "blobs", "sha256")
}

// Shell runs scripts in a running container, of a builder or not.
type Shell struct {
	Engine    *engine.Engine
	Container string
}

// Run implements emulation.Shell.
func (s Shell) Run(ctx context.Context, script string) ([]byte, error) {
	res, err := s.Engine.Exec(ctx, s.Container, []string{"/bin/sh", "-c", script}, nil)
	if err == nil && res.ExitCode != 0 {
		err = fmt.Errorf("a shell in container %q: exit status %d", s.Container, res.ExitCode)
	}
	return res.Stdout, err
}
