package cachejoin

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// Folder is a tag of an OCI layout in a folder of this machine, as BuildKit's client makes it for caches of the type local. Each node exports
// to a folder of its own inside it, since BuildKit's client names what it has received at once.
type Folder struct {
	Dir string
	// Tag is the tag there; "" is BuildKit's default.
	Tag string
	// Stage begins the names of the nodes' folders.
	Stage string
}

// defaultTag is that of BuildKit's client.
const defaultTag = "latest"

// String implements Place.
func (f Folder) String() string {
	if f.Tag == "" {
		return f.Dir
	}
	return f.Dir + ":" + f.Tag
}

func (f Folder) layout() *layout.Folder { return layout.NewFolder(filepath.Clean(f.Dir)) }
func (f Folder) tag() string            { return cmp.Or(f.Tag, defaultTag) }

func (f Folder) lookAgain() time.Duration { return 0 } // the tag is compared and moved under a lock

// NewStage makes a folder that a node exports to. It has the layers of the cache, so that the node sends only others. The caller calls remove
// when the cache is joined; the folder of a killed process is removed by the next one.
func (f Folder) NewStage(ctx context.Context) (dir string, remove func(), err error) {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil { //nolint:gosec // as BuildKit's client makes it
		return "", nil, err
	}
	release, err := f.layout().Keep(ctx) // until its layers have a name
	if err != nil {
		return "", nil, err
	}
	inuse.RemoveLeft(f.Dir, f.Stage)
	dir, held, err := inuse.MkdirTemp(f.Dir, f.Stage)
	if err != nil {
		return "", nil, errors.Join(err, release())
	}
	if now, _, err := (Target{Place: f}).read(ctx); err == nil { // otherwise everything is sent
		for _, d := range now.blobs {
			f.layout().Lend(ctx, dir, d)
		}
	}
	return dir, func() {
		_ = os.RemoveAll(dir) // the next process removes what is left
		_, _ = held.Close(), release()
	}, nil
}

func (f Folder) now(context.Context) (ocispecs.Descriptor, error) { return f.layout().Tagged(f.tag()) }

func (f Folder) blobs(_ context.Context, desc ocispecs.Descriptor) (ocispecs.Descriptor, content.ReadOnlyStorage, error) {
	return desc, f.layout(), nil
}

func (f Folder) exported(_ context.Context, e Export) (ocispecs.Descriptor, content.ReadOnlyStorage, error) {
	src := layout.NewFolder(e.Dir)
	desc, err := src.Tagged(defaultTag)
	if err == nil && desc.Digest != e.Manifest {
		err = errors.New("BuildKit's client has not stored it")
	}
	return desc, src, err
}

func (f Folder) take(_ context.Context, e Export, blobs ...ocispecs.Descriptor) error {
	return f.layout().Take(e.Dir, blobs...)
}

func (f Folder) write(ctx context.Context, before digest.Digest, j joined) error {
	if j.desc.Digest == before {
		return nil
	}
	return f.layout().Tag(ctx, f.tag(), j.desc, j.bodies(), func(now digest.Digest) error { return unmoved(now, before) })
}

// Clean removes the blobs that nothing in the folder needs, for the attribute reset=true of BuildKit's client.
func (f Folder) Clean(ctx context.Context) error { return f.layout().Clean(ctx) }
