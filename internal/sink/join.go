package sink

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// ErrNotExported is the error of a platform that was built, and whose files are no longer needed because another platform failed.
var ErrNotExported = errors.New("not exported, because another platform failed")

// join makes one archive of the archives of several platforms while they are sent. It writes nothing until all platforms have been built,
// and no data is on the disk twice: each platform's export waits for its turn, in the order of the plan. An optional platform has no turn:
// it is staged separately, and copied into the archive once it is certain to be in it.
type join struct {
	out     *tar.Writer
	buffer  *bufio.Writer // a small file causes three small writes
	folders []string      // by platform, in order; "" puts the files at the top

	mu      sync.Mutex
	arrived map[int]bool
	begun   map[int]bool          // part of the platform is in the archive
	turns   map[int]chan struct{} // closed when the platform may write
	broken  chan struct{}         // closed when a platform has failed
	fail    func()                // releases the platforms that wait; it may be called again
}

// newJoin returns a join with a folder for each platform, and a turn for each that is not staged separately.
func newJoin(w io.Writer, folders []string, optional map[int]string) *join {
	buffer := bufio.NewWriterSize(w, 1<<16)
	j := &join{
		out: tar.NewWriter(buffer), buffer: buffer, folders: folders,
		arrived: map[int]bool{}, begun: map[int]bool{}, turns: map[int]chan struct{}{}, broken: make(chan struct{}),
	}
	j.fail = sync.OnceFunc(func() { close(j.broken) })
	for i := range folders {
		if _, late := optional[i]; !late {
			j.turns[i] = make(chan struct{})
		}
	}
	return j
}

// arrive marks a platform as ready. When all are ready the first gets its turn.
func (j *join) arrive(i int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.arrived)
	j.arrived[i] = true
	if before < len(j.arrived) && len(j.arrived) == len(j.turns) {
		j.next(-1)
	}
}

// next gives the turn to the platform after i.
func (j *join) next(i int) {
	for i++; i < len(j.folders); i++ {
		if turn, ok := j.turns[i]; ok {
			close(turn)
			return
		}
	}
}

// enter waits for a platform's turn. The writer receives its archive; closing it passes the turn on.
func (j *join) enter(ctx context.Context, i int) (io.WriteCloser, error) {
	j.arrive(i)
	select {
	case <-j.turns[i]:
	case <-j.broken:
		return nil, ErrNotExported
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if !j.start(ctx, i) {
		return nil, context.Cause(ctx)
	}
	r, w := io.Pipe()
	t := &turn{PipeWriter: w, done: make(chan error, 1)}
	go func() {
		err := j.copy(r, j.folders[i])
		_ = r.CloseWithError(err)
		if err == nil {
			j.next(i)
		}
		t.done <- err
	}()
	return t, nil
}

// start marks that a platform begins to write, unless its solve has ended: then the next one gets the turn.
func (j *join) start(ctx context.Context, i int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun[i] = ctx.Err() == nil
	return j.begun[i]
}

func (j *join) has(i int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.begun[i]
}

// turn is one platform's archive while it is sent.
type turn struct {
	*io.PipeWriter
	done chan error
}

// Close waits until the archive has been written.
func (t *turn) Close() error {
	_ = t.PipeWriter.Close() // always nil
	err := <-t.done
	t.done <- err // Close may be called again
	return err
}

// copy copies the entries into the platform's folder.
func (j *join) copy(r io.Reader, folder string) error {
	if folder != "" {
		folder += "/"
		if err := j.out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755}); err != nil {
			return err
		}
	}
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the blocks after the end
			return err
		}
		if err != nil {
			return err
		}
		h.Name = folder + strings.TrimPrefix(h.Name, "/")
		if h.Typeflag == tar.TypeLink {
			h.Linkname = folder + strings.TrimPrefix(h.Linkname, "/")
		}
		if err := j.out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(j.out, in); err != nil { //nolint:gosec // the user's own build, to the user's destination
			return err
		}
	}
}

// close ends the archive.
func (j *join) close() error { return errors.Join(j.out.Close(), j.buffer.Flush()) }
