package solve

import (
	"context"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

const (
	// maxAsked is how much of a base image's file is read.
	maxAsked = 64 << 10
	// maxWalked is how many entries are looked at to find out that there is no file among them.
	maxWalked = 2000
)

// content is a file's. What is too long or no regular file exists and has none.
func (f files) content(ctx context.Context, name string) (recipe.File, error) {
	e, ok, err := f.stat(ctx, name)
	if err != nil || !ok || !e.mode.IsRegular() || e.size > maxAsked {
		return recipe.File{Exists: ok}, err
	}
	data, err := f.ref.ReadFile(ctx, gateway.ReadRequest{Filename: name})
	return recipe.File{Exists: true, Data: data}, err
}

// holds tells whether a path, which may have wildcards of COPY, leads to anything but empty directories. It does if there is more than can
// be looked at.
func (f files) holds(ctx context.Context, name string) (recipe.File, error) {
	found, more, err := f.match(ctx, name, maxWalked)
	if err != nil || more {
		return recipe.File{Exists: more, Holds: more}, err
	}
	if len(found) == 0 {
		link, err := f.dangles(ctx, name)
		return recipe.File{Holds: link}, err
	}
	file := recipe.File{Exists: true}
	left := maxWalked
	for _, e := range found {
		if file.Holds = file.Holds || !e.mode.IsDir(); file.Holds {
			break
		}
		err := f.walk(ctx, e.path, 0, func(e dirEntry) bool {
			left--
			file.Holds = left <= 0 || !e.mode.IsDir()
			return !file.Holds
		})
		if err != nil {
			return recipe.File{}, err
		}
	}
	return file, nil
}
