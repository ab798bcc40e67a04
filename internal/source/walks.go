package source

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	gofs "io/fs"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
)

// Walks lets the sessions of several nodes share the walks over local directories: what the nodes request with the same patterns is listed
// once. Each node reads the listing at its own pace, and a file is opened when a node requests its content.
//
// A node that requests the same again gets a new listing, as a retry may find other files. So does a node whose request comes late.
type Walks struct {
	ctx   context.Context //nolint:containedctx // of the build, for the walks, which outlive the request that began them
	nodes int

	mu       sync.Mutex
	listings map[string]*listing // those that a node may still request, by the request
}

// NewWalks returns the walks of a build on so many nodes. Walks that have not come to their end are ended with ctx.
func NewWalks(ctx context.Context, nodes int) *Walks {
	return &Walks{ctx: ctx, nodes: nodes, listings: map[string]*listing{}}
}

// fresh is how long after its end a walk is shared. Files that are removed in the meantime are empty on the nodes that request them later.
const fresh = 10 * time.Second

// listing returns what a node requests of a directory.
func (w *Walks) listing(node *sharedDirs, name string, filter fsutil.FilterOpt) (*listing, error) {
	request, err := json.Marshal([]any{name, filter.IncludePatterns, filter.ExcludePatterns, filter.FollowPaths})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := string(request)
	l := w.listings[key]
	if l == nil || l.nodes[node] || !l.fresh() {
		l = &listing{nodes: map[*sharedDirs]bool{}, ctx: w.ctx, filtered: sync.OnceValues(func() (fsutil.FS, error) {
			return fsutil.NewFilterFS(node.dirs[name], &filter)
		})}
		w.listings[key] = l
	}
	if l.nodes[node] = true; len(l.nodes) >= w.nodes {
		delete(w.listings, key)
	}
	return l, nil
}

// listing is the result of a walk, as far as it has come. The reader that is ahead of the others moves it on.
type listing struct {
	nodes    map[*sharedDirs]bool // those that have requested it; guarded by Walks
	ctx      context.Context      //nolint:containedctx // see Walks
	filtered func() (fsutil.FS, error)

	mu    sync.Mutex
	next  func() (*fstypes.Stat, bool) // nil until the first reader
	parts [][]byte                     // the entries, encoded, each after its length: they take little memory, and are never moved
	ended time.Time                    // zero while the walk is not at its end
	err   error                        // why it ended before
}

// partSize is what a part of a listing has room for, in bytes, unless one entry is larger.
const partSize = 64 << 10

func (l *listing) fresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended.IsZero() || time.Since(l.ended) < fresh
}

// place is where a reader is in a listing.
type place struct{ part, offset int }

// at decodes the entry at a place into stat, which then shares the listing's memory, and moves the place on. more is false at the end.
func (l *listing) at(p *place, stat *fstypes.Stat) (more bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.begin()
	}
	if l.atEnd(p) && l.ended.IsZero() {
		l.read()
	}
	if l.atEnd(p) {
		return false, l.err
	}
	rest := l.parts[p.part][p.offset:]
	length, n := binary.Uvarint(rest)
	end := n + int(length) //nolint:gosec // it was the length of a slice
	p.offset += end
	stat.Reset()
	return true, stat.UnmarshalVTUnsafe(rest[n:end:end])
}

// atEnd reports whether there is no entry at a place. It moves a place at the end of a part to the next part.
func (l *listing) atEnd(p *place) bool {
	if p.part+1 < len(l.parts) && p.offset == len(l.parts[p.part]) {
		*p = place{part: p.part + 1}
	}
	return p.part >= len(l.parts) || p.offset == len(l.parts[p.part])
}

// read reads the next entry.
func (l *listing) read() {
	stat, ok := l.next()
	if !ok {
		l.ended = time.Now()
		return
	}
	size := stat.SizeVT()
	if last := len(l.parts) - 1; last < 0 || cap(l.parts[last])-len(l.parts[last]) < size+binary.MaxVarintLen64 {
		l.parts = append(l.parts, make([]byte, 0, max(partSize, size+binary.MaxVarintLen64)))
	}
	last := &l.parts[len(l.parts)-1]
	*last = binary.AppendUvarint(*last, uint64(size)) //nolint:gosec // a size
	begin := len(*last)
	*last = (*last)[:begin+size]
	if _, err := stat.MarshalToSizedBufferVT((*last)[begin:]); err != nil {
		l.ended, l.err = time.Now(), err
	}
}

// begin begins the walk, which ends with the context.
func (l *listing) begin() {
	next, stop := iter.Pull(func(yield func(*fstypes.Stat) bool) { l.err = l.walk(yield) })
	over := context.AfterFunc(l.ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		stop()
	})
	l.next = func() (*fstypes.Stat, bool) {
		stat, ok := next()
		if !ok {
			over()
		}
		return stat, ok
	}
}

// walk yields the entries, which are the caller's.
func (l *listing) walk(yield func(*fstypes.Stat) bool) error {
	fs, err := l.filtered()
	if err != nil {
		return err
	}
	return fsutil.WithHardlinkReset(fs).Walk(l.ctx, "/", func(_ string, entry gofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !yield(info.Sys().(*fstypes.Stat)) { //nolint:forcetypeassert // fsutil's entries have no other
			return context.Cause(l.ctx)
		}
		return nil
	})
}

// sharedDirs serves local directories to one node, like the provider of package filesync, with listings that the nodes share.
type sharedDirs struct {
	dirs  filesync.StaticDirSource
	walks *Walks
	omit  string // see ServeOptions
}

// mapped leaves out what is to be omitted, and changes the owner of the rest. Ownership on the client has no meaning in an image: docker
// build sends root for all files, and so does this package.
func (d *sharedDirs) mapped(path string, stat *fstypes.Stat) fsutil.MapResult {
	if d.omit != "" && strings.HasPrefix(filepath.Base(path), d.omit) {
		if gofs.FileMode(stat.Mode).IsDir() {
			return fsutil.MapResultSkipDir
		}
		return fsutil.MapResultExclude
	}
	stat.Uid, stat.Gid = 0, 0
	return fsutil.MapResultKeep
}

// Register implements session.Attachable.
func (d *sharedDirs) Register(server *grpc.Server) { filesync.RegisterFileSyncServer(server, d) }

// DiffCopy implements filesync.FileSyncServer.
func (d *sharedDirs) DiffCopy(stream filesync.FileSync_DiffCopyServer) error {
	r := &request{sharedDirs: d}
	if err := r.provider().DiffCopy(stream); !errors.Is(err, errRead) {
		return err
	}
	return fsutil.Send(stream.Context(), stream, r, nil)
}

// TarStream implements filesync.FileSyncServer.
func (d *sharedDirs) TarStream(stream filesync.FileSync_TarStreamServer) error {
	return (&request{sharedDirs: d}).provider().TarStream(stream)
}

// request is one request of a node. It is also the directory that the request is for.
type request struct {
	*sharedDirs
	fsutil.FS // without the files that are not requested
	listing   *listing
}

// errRead says that a request was read and not answered.
var errRead = errors.New("the request was read")

// provider returns a server that answers the request of a lone node, and only reads that of another.
func (r *request) provider() filesync.FileSyncServer {
	p := filesync.NewFSSyncProvider(r.dirs, func(name string, filter *fsutil.FilterOpt) (err error) {
		if filter.Map = r.mapped; r.walks.nodes == 1 {
			return nil
		}
		if r.listing, err = r.walks.listing(r.sharedDirs, name, *filter); err == nil {
			r.FS, err = r.listing.filtered()
		}
		return cmp.Or(err, errRead)
	})
	return p.(filesync.FileSyncServer) //nolint:forcetypeassert // it registers itself as one
}

// Walk walks over all of the listing, as fsutil.Send requests it, which keeps nothing of an entry but its path.
func (r *request) Walk(ctx context.Context, _ string, fn gofs.WalkDirFunc) error {
	stat := &fstypes.Stat{}
	for e, p := (entry{&fsutil.StatInfo{Stat: stat}}), (place{}); ctx.Err() == nil; {
		more, err := r.listing.at(&p, stat)
		if err != nil || !more {
			return err
		}
		if err := fn(stat.Path, e, nil); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// entry is an entry of a listing. fsutil.Send takes what it sends from Sys. Before, it keeps the path of everything that is neither a
// directory nor a symbolic link, to correct hard links. The listing's links are correct, so all of its entries call themselves links.
type entry struct{ *fsutil.StatInfo }

// Mode implements fs.FileInfo.
func (e entry) Mode() gofs.FileMode { return e.StatInfo.Mode() | gofs.ModeSymlink }

// Type implements fs.DirEntry.
func (e entry) Type() gofs.FileMode { return e.Mode().Type() }

// Info implements fs.DirEntry.
func (e entry) Info() (gofs.FileInfo, error) { return e, nil }
