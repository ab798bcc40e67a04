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
		filter.Map = node.mapped
		l = &listing{nodes: map[*sharedDirs]bool{}, once: w.nodes == 1, ctx: w.ctx, filtered: sync.OnceValues(func() (fsutil.FS, error) {
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
	once     bool // only one node reads it, once, so that what was read is not kept

	mu      sync.Mutex
	next    func() (*fstypes.Stat, bool) // nil until the first reader
	entries []byte                       // encoded, each after its length, so that they take little memory
	dropped int                          // bytes of entries that are not kept
	ended   time.Time                    // zero while the walk is not at its end
	err     error                        // why it ended before
}

func (l *listing) fresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended.IsZero() || time.Since(l.ended) < fresh
}

// at returns the entry at an offset and the offset of the following one, which is zero at the end.
func (l *listing) at(offset int) (stat *fstypes.Stat, following int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.begin()
	}
	if offset == l.dropped+len(l.entries) && l.ended.IsZero() {
		l.read()
	}
	if offset == l.dropped+len(l.entries) {
		return nil, 0, l.err
	}
	length, n := binary.Uvarint(l.entries[offset-l.dropped:])
	begin, end := offset-l.dropped+n, offset-l.dropped+n+int(length) //nolint:gosec // it was the length of a slice
	stat = &fstypes.Stat{}
	return stat, l.dropped + end, stat.UnmarshalVT(l.entries[begin:end])
}

// read reads the next entry.
func (l *listing) read() {
	stat, ok := l.next()
	if !ok {
		l.ended = time.Now()
		return
	}
	encoded, err := stat.MarshalVT()
	if err != nil {
		l.ended, l.err = time.Now(), err
		return
	}
	if l.once {
		l.dropped, l.entries = l.dropped+len(l.entries), l.entries[:0]
	}
	l.entries = append(binary.AppendUvarint(l.entries, uint64(len(encoded))), encoded...)
}

// begin begins the walk, which ends with the context.
func (l *listing) begin() {
	next, stop := iter.Pull(l.walk)
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

func (l *listing) walk(yield func(*fstypes.Stat) bool) {
	fs, err := l.filtered()
	if err == nil {
		err = fsutil.WithHardlinkReset(fs).Walk(l.ctx, "/", func(_ string, entry gofs.DirEntry, err error) error {
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
	l.err = err
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

// provider returns a server that only reads the request.
func (r *request) provider() filesync.FileSyncServer {
	p := filesync.NewFSSyncProvider(r.dirs, func(name string, filter *fsutil.FilterOpt) (err error) {
		if r.listing, err = r.walks.listing(r.sharedDirs, name, *filter); err == nil {
			r.FS, err = r.listing.filtered()
		}
		return cmp.Or(err, errRead)
	})
	return p.(filesync.FileSyncServer) //nolint:forcetypeassert // it registers itself as one
}

// Walk walks over all of the listing, as fsutil.Send requests it.
func (r *request) Walk(ctx context.Context, _ string, fn gofs.WalkDirFunc) error {
	for offset := 0; ctx.Err() == nil; {
		stat, following, err := r.listing.at(offset)
		if err != nil || following == 0 {
			return err
		}
		if err := fn(stat.Path, entry{&fsutil.StatInfo{Stat: stat}}, nil); err != nil {
			return err
		}
		offset = following
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
