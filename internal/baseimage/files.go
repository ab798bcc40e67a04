package baseimage

import (
	"context"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/stepfiles"
)

const (
	// maxRead is the largest size of a base image's file that is read.
	maxRead = 64 << 10
	// maxWalked is how many entries are listed at most to find out that none of them is a file.
	maxWalked = 2000
)

// content reads a file. A file that is too long, or is not a regular file, exists and has no content.
func content(ctx context.Context, f stepfiles.Files, name string) (recipe.File, error) {
	e, ok, err := f.Stat(ctx, name)
	if err != nil || !ok || !e.Mode.IsRegular() || e.Size > maxRead {
		return recipe.File{Exists: ok}, err
	}
	data, err := f.Ref.ReadFile(ctx, gateway.ReadRequest{Filename: name})
	return recipe.File{Exists: true, Data: data}, err
}

// holds reports whether a path, which may have wildcards of COPY, leads to anything but empty directories. It reports true if there are too
// many entries to list.
func holds(ctx context.Context, f stepfiles.Files, name string) (recipe.File, error) {
	found, more, err := f.Match(ctx, name, maxWalked)
	if err != nil || more {
		return recipe.File{Exists: more, Holds: more}, err
	}
	if len(found) == 0 {
		link, err := f.Dangles(ctx, name)
		return recipe.File{Holds: link}, err
	}
	file := recipe.File{Exists: true}
	left := maxWalked
	for _, e := range found {
		if file.Holds = file.Holds || !e.Mode.IsDir(); file.Holds {
			break
		}
		err := f.Walk(ctx, e.Path, 0, func(e stepfiles.Entry) bool {
			left--
			file.Holds = left <= 0 || !e.Mode.IsDir()
			return !file.Holds
		})
		if err != nil {
			return recipe.File{}, err
		}
	}
	return file, nil
}
