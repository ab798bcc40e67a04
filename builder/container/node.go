package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	bkclient "github.com/moby/buildkit/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Node is one BuildKit that answers. Its fields describe it as it was when
// Ensure returned; they are the caller's to read. It is safe for concurrent use.
type Node struct {
	Builder   string
	Container string
	Image     string              // as it was asked for
	ImageID   string              // as the engine shows it; verified (see package trust)
	Version   string              // of BuildKit
	Platforms []ocispecs.Platform // what its worker says it runs, native first; may lag behind the kernel by 20 s
	Network   string              // "host", "" for the engine's default, or a network's name
	// HostChosen: the host's network is what the user has asked for by itself, for this build or for the builder, and not only to reach a
	// registry.
	HostChosen bool
	NCPU       int      // CPUs of the engine
	Warnings   []string // what a user should know at each build

	target target

	mu     sync.Mutex
	client *bkclient.Client
	closed bool
}

// Client returns a connection to the node's BuildKit. It is one connection,
// shared by all callers and owned by the node: nobody but [Node.Close] closes it.
// BuildKit multiplexes any number of solves and sessions over it.
//
// It goes through `buildctl dial-stdio`, executed in the container, which costs
// about 60 ms and a copy of every byte in the engine. Where the container's
// processes are on this machine and this is root, it goes straight to buildkitd's
// socket, in a few milliseconds.
func (n *Node) Client(ctx context.Context) (*bkclient.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fmt.Errorf("builder %q: the connection has been closed", n.Builder)
	}
	if n.client == nil {
		c, err := n.target.buildKit(ctx)
		if err != nil {
			return nil, fmt.Errorf("builder %q: %w", n.Builder, err)
		}
		n.client = c
	}
	return n.client, nil
}

// Run runs a shell script in the node's container, which is privileged and on
// the engine's kernel, and returns its standard output. A script that fails is an
// error with what it wrote to its standard error.
func (n *Node) Run(ctx context.Context, script string) ([]byte, error) {
	res, err := n.target.eng.Exec(ctx, n.target.id, []string{"/bin/sh", "-c", script}, nil)
	if err != nil {
		return nil, fmt.Errorf("builder %q: %w", n.Builder, err)
	}
	if res.ExitCode != 0 {
		said := strings.TrimSpace(string(res.Stderr))
		return res.Stdout, fmt.Errorf("builder %q: a script ended with status %d: %w", n.Builder, res.ExitCode, errors.New(cmp.Or(said, "none")))
	}
	return res.Stdout, nil
}

// Close drops the connection and with it the process that carries it in the
// container. The node's container keeps running. It is idempotent.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.client == nil {
		return nil
	}
	err := n.client.Close()
	n.client = nil
	return err
}
