package source

import (
	"context"
	"errors"
	"fmt"
	gofs "io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
)

// counted counts the walks over a whole directory.
type counted struct {
	fsutil.FS
	walks *atomic.Int32
}

func (c counted) Walk(ctx context.Context, target string, fn gofs.WalkDirFunc) error {
	if target == "/" {
		c.walks.Add(1)
	}
	return c.FS.Walk(ctx, target, fn)
}

// nodes returns the servers of as many nodes, which share their walks over a directory, and the number of these walks.
func nodes(t *testing.T, n int, dir string) (all []*sharedDirs, walks *atomic.Int32) {
	t.Helper()
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	walks = &atomic.Int32{}
	shared := NewWalks(t.Context(), n)
	for range n {
		all = append(all, &sharedDirs{filesync.StaticDirSource{"context": counted{fs, walks}}, shared, ""})
	}
	return all, walks
}

// receive returns the folder that a node receives for a request with these patterns. each, if not nil, is called for each entry.
func receive(t *testing.T, from session.Attachable, patterns metadata.MD, each fsutil.FilterFunc) (dir string, ok bool) {
	t.Helper()
	listener, server := bufconn.Listen(1<<16), grpc.NewServer()
	from.Register(server)
	go server.Serve(listener)
	defer server.Stop()
	conn, err := grpc.NewClient("passthrough:///node", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Error(err)
		return "", false
	}
	defer conn.Close()
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Join(metadata.Pairs("dir-name", "context"), patterns))
	stream, err := filesync.NewFileSyncClient(conn).DiffCopy(ctx)
	dir = t.TempDir()
	if err == nil {
		err = fsutil.Receive(ctx, stream, dir, fsutil.ReceiveOpt{Filter: each})
	}
	if err != nil {
		t.Error(err)
	}
	return dir, err == nil
}

// received returns what a node receives for a request with these patterns: the content of each file by its path, or what else it is.
func received(t *testing.T, from session.Attachable, patterns metadata.MD) map[string]string {
	t.Helper()
	dir, ok := receive(t, from, patterns, nil)
	if !ok {
		return nil
	}
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e gofs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		text := info.Mode().String()
		if e.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			links := 1
			for other := range found {
				if o, err := os.Stat(filepath.Join(dir, other)); err == nil && os.SameFile(o, info) {
					links++
				}
			}
			text = fmt.Sprintf("%s %q link %d", text, content, links)
		}
		found[path[len(dir)+1:]] = text
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"a/one": "1", "a/two": "22", "b/three": "333", "b/deep/er/four": "4444", "top": "t"} {
		write(t, dir, name, content)
	}
	for _, err := range []error{os.Link(filepath.Join(dir, "a/one"), filepath.Join(dir, "b/one")), os.Symlink("b/deep", filepath.Join(dir, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestNodesShareOneWalkAndReceiveWhatTheyWouldReceiveAlone(t *testing.T) {
	dir := tree(t)
	fs, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, patterns := range map[string]metadata.MD{
		"everything":           {},
		"some files":           metadata.Pairs("include-patterns", "b/**/four", "include-patterns", "top"),
		"without one link":     metadata.Pairs("exclude-patterns", "a/one"),
		"what a link leads to": metadata.Pairs("followpaths", "link/er"),
		"nothing":              metadata.Pairs("include-patterns", "none"),
	} {
		t.Run(name, func(t *testing.T) {
			want := received(t, filesync.NewFSSyncProvider(filesync.StaticDirSource{"context": fs}), patterns)
			all, walks := nodes(t, 3, dir)
			var receiving sync.WaitGroup
			for _, node := range all {
				receiving.Go(func() {
					if diff := cmp.Diff(want, received(t, node, patterns)); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			}
			receiving.Wait()
			if n := walks.Load(); n != 1 {
				t.Errorf("%d walks", n)
			}
		})
	}
}

func TestRequestsWithOtherPatternsAreListedSeparately(t *testing.T) {
	all, walks := nodes(t, 2, tree(t))
	if got := received(t, all[0], metadata.Pairs("include-patterns", "top")); len(got) != 1 {
		t.Error(got)
	}
	if got := received(t, all[1], metadata.Pairs("include-patterns", "a/two")); len(got) != 2 || walks.Load() != 2 {
		t.Errorf("%d walks: %v", walks.Load(), got)
	}
}

func TestWhatIsOmittedIsNotListedAndTheRestBelongsToRoot(t *testing.T) {
	dir := tree(t)
	for _, name := range []string{".stage-1/usr/app", "b/.stage-2"} {
		write(t, dir, name, "")
	}
	_ = os.Chown(filepath.Join(dir, "top"), 7, 8) // fails for a user whose files are not root's anyway
	for _, n := range []int{1, 2} {               // a lone node shares no listing
		all, _ := nodes(t, n, dir)
		all[0].omit = ".stage"
		entries := map[string]bool{}
		receive(t, all[0], nil, func(path string, stat *fstypes.Stat) bool {
			if stat.Uid != 0 || stat.Gid != 0 || strings.Contains(path, "stage") {
				t.Errorf("%s of %d:%d", path, stat.Uid, stat.Gid)
			}
			entries[path] = true
			return true
		})
		if len(entries) != 11 {
			t.Errorf("%d nodes: %v", n, entries)
		}
	}
}

func TestANodeThatRequestsAgainSeesWhatHasChanged(t *testing.T) {
	dir := tree(t)
	all, walks := nodes(t, 2, dir)
	received(t, all[0], nil)
	write(t, dir, "new", "n")
	for i, node := range []*sharedDirs{all[0], all[1]} { // the other node gets the newer listing
		if got := received(t, node, nil); got["new"] == "" || walks.Load() != 2 {
			t.Errorf("request %d, %d walks: %v", i, walks.Load(), got)
		}
	}
	if left := len(all[0].walks.listings); left != 0 {
		t.Errorf("%d listings are kept that no node will request", left)
	}
}

func TestALateNodeGetsAListingOfItsOwn(t *testing.T) {
	all, walks := nodes(t, 2, tree(t))
	received(t, all[0], nil)
	for _, l := range all[0].walks.listings {
		l.ended = l.ended.Add(-fresh)
	}
	if received(t, all[1], nil); walks.Load() != 2 {
		t.Errorf("%d walks", walks.Load())
	}
}

func TestContentIsReadWhenItIsRequested(t *testing.T) {
	dir := tree(t)
	all, _ := nodes(t, 2, dir)
	received(t, all[0], nil)
	write(t, dir, "top", "changed")
	if got := received(t, all[1], nil)["top"]; got != `-rw------- "changed" link 1` {
		t.Error(got)
	}
}

// asked returns a node's request for the whole directory.
func asked(t *testing.T, node *sharedDirs) *request {
	t.Helper()
	l, err := node.walks.listing(node, "context", fsutil.FilterOpt{})
	if err != nil {
		t.Fatal(err)
	}
	r := &request{sharedDirs: node, listing: l}
	return r
}

func TestANodeThatHangsHoldsUpNoOther(t *testing.T) {
	all, _ := nodes(t, 2, tree(t))
	hanging, over := make(chan struct{}), make(chan struct{})
	go asked(t, all[0]).Walk(t.Context(), "/", func(string, gofs.DirEntry, error) error {
		close(hanging)
		<-over
		return errors.New("the node is gone")
	})
	defer close(over)
	<-hanging
	n := 0
	err := asked(t, all[1]).Walk(t.Context(), "/", func(string, gofs.DirEntry, error) error { n++; return nil })
	if err != nil || n != 11 {
		t.Errorf("%d entries: %v", n, err)
	}
}

// failing is a directory whose walk fails.
type failing struct{ fsutil.FS }

var errBroken = errors.New("broken disk")

func (b failing) Walk(ctx context.Context, target string, fn gofs.WalkDirFunc) error {
	n := 0
	return b.FS.Walk(ctx, target, func(path string, e gofs.DirEntry, err error) error {
		if n++; n > 3 {
			return errBroken
		}
		return fn(path, e, err)
	})
}

func TestEveryNodeLearnsWhyAWalkFailed(t *testing.T) {
	all, _ := nodes(t, 2, tree(t))
	for i, node := range all {
		node.dirs["context"] = failing{node.dirs["context"]}
		n := 0
		err := asked(t, node).Walk(t.Context(), "/", func(string, gofs.DirEntry, error) error { n++; return nil })
		if !errors.Is(err, errBroken) || n != 3 {
			t.Errorf("node %d, %d entries: %v", i, n, err)
		}
	}
}

func TestAWalkEndsWithTheBuild(t *testing.T) {
	all, _ := nodes(t, 2, tree(t))
	ctx, cancel := context.WithCancel(t.Context())
	all[0].walks.ctx = ctx
	r := asked(t, all[0])
	if _, err := r.listing.at(&place{}, &fstypes.Stat{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := r.Walk(t.Context(), "/", func(string, gofs.DirEntry, error) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
