package source

import (
	"context"
	"fmt"
	"sync"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"

	// BuildKit's own encoding of messages accepts names of files that are not UTF-8; gRPC's refuses them. The import replaces gRPC's.
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto"
)

// Server serves sessions to a builder.
type Server interface {
	// Serve calls run with ctx and a dialer of the builder.
	Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error
}

// ServeOptions say how the local directories are served.
type ServeOptions struct {
	// Client identifies the user's machine: BuildKit transfers only the changes since the last build of the same directory from the same
	// client.
	Client string
	// Omit is the prefix of names of files and directories that are left out of every context.
	Omit string
	// Walks are shared with the sessions of other nodes.
	Walks *Walks
}

// Serve serves the local directories to all solves of a builder until stop is called, and returns the ID of their session. It calls broken
// if the session ends before, with the reason if there is one.
func (s Source) Serve(ctx context.Context, broken func(error), to Server, opt ServeOptions) (id string, stop func(), err error) {
	dirs, err := s.directories(opt)
	if err != nil {
		return "", nil, err
	}
	session := newOffer(s.sharedKey(opt.Client), dirs)
	serveCtx, end := context.WithCancel(context.WithoutCancel(ctx)) // it outlives a cancelled build's solves, so that they end in order
	var serving sync.WaitGroup
	serving.Go(func() {
		// An error that ends a session after its build is ignored.
		if err := to.Serve(serveCtx, session.run); serveCtx.Err() == nil {
			broken(err)
		}
	})
	return session.id, func() {
		end()
		serving.Wait()
	}, nil
}

// directories returns the service of the local directories.
func (s Source) directories(opt ServeOptions) (session.Attachable, error) {
	dirs := filesync.StaticDirSource{}
	for name, dir := range s.Dirs {
		var err error
		if dirs[name], err = fsutil.NewFS(dir); err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", dir, err)
		}
	}
	return &sharedDirs{dirs, opt.Walks, opt.Omit}, nil
}

// Attachables returns the source's services in a solve's own session: the spooled context.
func (s Source) Attachables() []session.Attachable {
	if s.Spool == "" {
		return nil
	}
	return []session.Attachable{spoolServer{file: s.Spool}}
}
