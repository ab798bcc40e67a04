package solve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	// BuildKit's own encoding of messages takes names of files that are not UTF-8; gRPC's refuses them. It takes the other's place.
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto"
)

// contextSession makes the one session that serves the local directories to all solves of a node.
//
// Its shared key lets BuildKit send only what changed since the last build of the same directory from the same client.
func contextSession(ctx context.Context, src Source, client string) (*session.Session, error) {
	dirs := filesync.StaticDirSource{}
	for name, dir := range src.Dirs {
		fs, err := fsutil.NewFS(dir)
		if err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", dir, err)
		}
		// Ownership on the client means nothing in an image: docker build sends root for all files, and so do we.
		dirs[name], err = fsutil.NewFilterFS(fs, &fsutil.FilterOpt{Map: func(name string, st *fstypes.Stat) fsutil.MapResult {
			if strings.HasPrefix(filepath.Base(name), stagePrefix) {
				return fsutil.MapResultExclude
			}
			st.Uid, st.Gid = 0, 0
			return fsutil.MapResultKeep
		}})
		if err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", dir, err)
		}
	}
	s, err := session.NewSession(ctx, sharedKey(src, client))
	if err != nil {
		return nil, fmt.Errorf("cannot make a session for the build context: %w", err)
	}
	s.Allow(filesync.NewFSSyncProvider(dirs))
	return s, nil
}

// serveContext serves the local directories until stop is called, and gives the ID of their session. It cancels ctx if they cannot
// be served.
func serveContext(ctx context.Context, cancel context.CancelCauseFunc, src Source, env Env) (id string, stop func(), err error) {
	shared, err := contextSession(ctx, src, env.Client)
	if err != nil {
		return "", nil, err
	}
	serveCtx, end := context.WithCancel(context.WithoutCancel(ctx)) // outlives a cancelled build's solves, so that they end in order
	var serving sync.WaitGroup
	serving.Go(func() {
		// What ends a session after its build is of no interest.
		if err := env.Node.Solver.Serve(serveCtx, shared); err != nil && serveCtx.Err() == nil {
			cancel(fmt.Errorf("cannot serve the build context: %w", err))
		}
	})
	return shared.ID(), func() {
		end() // first: closing a session waits until it is connected
		_ = shared.Close()
		serving.Wait()
	}, nil
}

func sharedKey(src Source, client string) string {
	dir := src.ContextDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(client + "\x00" + dir))
	return hex.EncodeToString(sum[:16])
}

// attachables are what one solve's own session offers: secrets, ssh agents, registry credentials, and the spooled context.
func (r Request) attachables(auth session.Attachable) ([]session.Attachable, error) {
	var list []session.Attachable
	if auth != nil {
		list = append(list, auth)
	}
	if len(r.Secrets) > 0 {
		store, err := secretsprovider.NewStore(r.Secrets)
		if err != nil {
			return nil, fmt.Errorf("--secret: %w", err)
		}
		list = append(list, secretsprovider.NewSecretProvider(store))
	}
	if len(r.SSH) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(r.SSH)
		if err != nil {
			return nil, fmt.Errorf("--ssh: %w", err)
		}
		list = append(list, agents)
	}
	if r.Source.Spool != "" {
		list = append(list, spoolServer{file: r.Source.Spool})
	}
	return list, nil
}
